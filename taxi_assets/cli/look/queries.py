"""One query of a person's on one of the stores: columns, and rows as they come; nothing can be written.

Belongs here: what makes a store read-only, and its errors as ours. Not here: how rows are shown (``sql.py``). Does not
import Dagster, which a query need not wait for.

DuckDB opens the catalogue for reading and takes a SELECT alone; Postgres gets a cursor, which is declared for a query
and nothing else, in a session whose transactions are read-only; BigQuery is asked what a statement is before it runs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import NotMaterializedError, StoreRejectedError, StoreUnavailableError
from taxi_assets.installation import command
from taxi_assets.settings import Settings
from taxi_assets.text import plain

BATCH_ROWS = 10_000

ONLY_QUERIES = "this command only reads: write one SELECT (WITH, VALUES), DESCRIBE or EXPLAIN. Nothing was changed"


@dataclass(frozen=True)
class Answer:
    """What a query gives.

    Attributes:
        arrow: Arrow's schema by the store's own types.
        batches: Arrow batches as they come.
        tuples: Rows as the store's own driver gives them, where it gives no Arrow; they and the batches are the same
            rows, which are read once.
    """

    arrow: Any
    batches: Iterator[Any]
    tuples: Iterator[tuple[Any, ...]] | None = None

    @property
    def columns(self) -> list[str]:
        """Their names."""
        return list(self.arrow.names)

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """One by one, as Python has their values."""
        if self.tuples is not None:
            yield from self.tuples
            return
        for batch in self.batches:
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


@contextmanager
def asked(store: str, query: str, settings: Settings) -> Generator[Answer]:
    """Asks ``duckdb``, ``postgres`` or ``bigquery``.

    Raises:
        StoreRejectedError: The store does not understand the query, or it would change something.
        NotMaterializedError: There is no store yet.
        StoreUnavailableError: It is away.
    """
    ask = {"duckdb": _duckdb, "postgres": _postgres, "bigquery": _bigquery}[store]
    with ask(query, settings) as answer:
        yield answer


@contextmanager
def _duckdb(query: str, settings: Settings) -> Generator[Answer]:
    import duckdb

    catalogue = settings.data_dir.warehouse
    if not catalogue.is_file():
        load = command("load", "yellow", "2019-01", data_dir=settings.taxi_data_dir)
        raise NotMaterializedError(f"{catalogue}: there is no warehouse yet. Load a month first: {load}")
    try:
        connection = duckdb.connect(str(catalogue), read_only=True)
    except duckdb.Error as error:
        raise StoreUnavailableError(
            f"{catalogue}: cannot be opened ({_first_line(error)}). If somebody has it open for writing, they should "
            "use `duckdb -readonly`; if it is damaged, the next load makes it anew"
        ) from error
    with connection:
        try:
            statements = connection.extract_statements(query)
            kinds = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
            if len(statements) != 1 or statements[0].type not in kinds:
                raise StoreRejectedError(f"{catalogue.name}: {ONLY_QUERIES}")
            reader: Any = connection.sql(query).to_arrow_reader(BATCH_ROWS)
            yield Answer(reader.schema, reader)
        except duckdb.Error as error:
            raise StoreRejectedError(f"{catalogue.name}: {plain(str(error).strip())}") from error


@contextmanager
def _postgres(query: str, settings: Settings) -> Generator[Answer]:
    import psycopg
    from psycopg import sql

    from taxi_assets.steps.postgres.connection import connection

    url = settings.taxi_postgres_url
    if url is not None:
        conninfo = url.get_secret_value()
    else:
        server = EmbeddedPostgres(settings.data_dir.postgres)
        server.start()
        conninfo = server.conninfo()
    try:
        with connection(conninfo, application_name="taxi sql") as opened:
            # Names alone mean the trips' tables, wherever they are.
            schemas = sql.SQL(", ").join(map(sql.Identifier, dict.fromkeys((settings.taxi_postgres_schema, "public"))))
            opened.execute(sql.SQL("SET search_path = {}").format(schemas))
            opened.read_only, opened.autocommit = True, False
            with _cursor(opened, query.strip().rstrip(";")) as cursor:
                described: list[Any] = cursor.description or []
                schema = _schema_of((column.name, column.type_code) for column in described)
                batches = iter(lambda: cursor.fetchmany(BATCH_ROWS), [])
                rows = (row for batch in batches for row in batch)
                yield Answer(schema, (_record_batch(batch, schema) for batch in batches), rows)
    except psycopg.errors.SyntaxError as error:
        only = f"\nIf it is right as it is: {ONLY_QUERIES}" if "at or near" in str(error) else ""
        raise StoreRejectedError(f"Postgres: {plain(str(error).strip())}{only}") from error
    except psycopg.Error as error:
        raise StoreRejectedError(f"Postgres: {plain(str(error).strip())}") from error


def _cursor(opened: Any, query: str) -> Any:
    """Either way the extended protocol is spoken, which takes one statement; DECLARE takes nothing but a query."""
    if query.partition(" ")[0].upper() in ("EXPLAIN", "SHOW"):
        return opened.execute(query, prepare=True)
    cursor = opened.cursor(name="taxi_sql")
    cursor.execute(query)
    return cursor


def _record_batch(rows: Sequence[tuple[Any, ...]], schema: Any) -> Any:
    import pyarrow

    pa = cast("Any", pyarrow)
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array([_fitting(value, field.type) for value in column], field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)


def _fitting(value: Any, kind: Any) -> Any:
    """What Postgres has and Arrow has not: numeric becomes a float, and what is in no list text."""
    import pyarrow as pa

    if value is None:
        return None
    if pa.types.is_floating(kind):
        return float(value)
    return str(value) if pa.types.is_string(kind) and not isinstance(value, str) else value


def _schema_of(columns: Iterator[tuple[str, int]]) -> Any:
    """Postgres' types as Arrow has them; what is not listed is written as text."""
    import pyarrow

    pa = cast("Any", pyarrow)
    kinds: dict[int, Any] = {
        16: pa.bool_(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32(), 700: pa.float32(), 701: pa.float64(),
        1082: pa.date32(), 1114: pa.timestamp("us"), 1184: pa.timestamp("us", tz="UTC"), 1700: pa.float64(),
    }  # fmt: skip
    fields: list[Any] = [pa.field(name, kinds.get(kind, pa.string())) for name, kind in columns]
    return pa.schema(fields)


@contextmanager
def _bigquery(query: str, settings: Settings) -> Generator[Answer]:
    from google.cloud import bigquery

    from taxi_assets.orchestration.resources.targets import gcp_place
    from taxi_assets.steps.gcp.clients import JOB_ROLE, bigquery_client, explained

    gcp = gcp_place(settings)
    limits = {"maximum_bytes_billed": settings.taxi_maximum_bytes_billed}

    def config(**more: Any) -> bigquery.QueryJobConfig:
        return bigquery.QueryJobConfig(default_dataset=gcp.dataset_id, labels={"managed_by": "taxi_assets"}, **more)

    with (
        explained(f"{gcp.dataset_id}: asking", role=JOB_ROLE, kept="nothing was changed"),
        bigquery_client(gcp) as client,
    ):
        # Free, and done by no emulator: those say nothing of the kind of a statement.
        kind = cast("str | None", client.query(query, job_config=config(dry_run=True)).statement_type)
        if kind is None and query.lstrip(" (\n\t").split(maxsplit=1)[0].upper() in ("SELECT", "WITH"):
            kind = "SELECT"
        if kind != "SELECT":
            raise StoreRejectedError(f"BigQuery: {ONLY_QUERIES}")
        found: Any = client.query(query, job_config=config(**limits)).result(page_size=BATCH_ROWS)
        table = found.to_arrow(create_bqstorage_client=False)
        yield Answer(table.schema, iter(table.to_batches(BATCH_ROWS)))


def _first_line(error: Exception) -> str:
    return plain(str(error).partition("\n")[0])
