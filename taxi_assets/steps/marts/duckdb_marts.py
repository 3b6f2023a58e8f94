"""The marts of the ``local`` target: a Parquet file for each mart, service and month, in the lake.

Belongs here: making a part from the lake's clean file, and showing it. Not here: the SQL (``sql/``), the views over the
parts (``taxi_assets/steps/warehouse/lake_views.py``).

A part is made beside its place and renamed there; readers see it with the next catalogue, which names versions of
files as it does for trips, so that a reader has whole months only. A part's footer says which clean file it was made
from, and by which SQL: what is there already is not made again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

from taxi_assets.data_dir import published_atomically, remove_leftovers
from taxi_assets.datasets.marts import MARTS, SCHEMA, Mart
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import CountMismatchError, NotMaterializedError
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.duckdb_connection import errors_explained, working_connection
from taxi_assets.steps.files.same_file import pinned
from taxi_assets.steps.files.sql import identifier, literal
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.marts.facts import MonthFacts, facts_of, month_facts
from taxi_assets.steps.marts.marts import MartPart
from taxi_assets.steps.marts.texts import mart_query
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse
from taxi_assets.steps.warehouse.lake_views import mart_part_name, projection, typed

FOOTER_KEY = "taxi_assets_mart"
"""What the part's origin is kept under in its Parquet footer."""

ROWS_A_GROUP = 32_768
"""A month has some 100,000 zone hours; in order of zones, a question about one zone reads a quarter of them."""

_ADVICE = "The mart is as it was; materialize the lake asset of that month again, then the mart"


class DuckDbMarts:
    """Parts in a folder lake; implements :class:`taxi_assets.steps.marts.marts.MartStore`.

    Args:
        warehouse: Whose catalogue shows the marts.
        lake_root: The folder of the lake.
    """

    def __init__(self, warehouse: DuckDbWarehouse, lake_root: Path) -> None:
        self._warehouse = warehouse
        self._lake = FolderLake(lake_root)

    def replace(self, mart: Mart, month: TripMonth, *, run_id: str = "") -> MartPart | None:
        """Makes the part of a month, unless it was made from the same trips by the same SQL already.

        Raises:
            BrokenFileError: The lake's clean file cannot be read.
            CountMismatchError: The mart counts other trips than the file has; the old part is still there.
            FileChangedError: The month was replaced in the lake meanwhile.
            StorageFullError: There is no room for it.
        """
        del run_id
        path = self._lake.root / mart_part_name(mart, month)
        facts = month_facts(month, self._lake)
        if facts is None:
            path.unlink(missing_ok=True)
            return None
        clean = self._lake.root / clean_name(month)
        with disk_errors_explained(str(path), self._lake.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(path)
            # DuckDB opens a file by its name several times, and another run may replace the month meanwhile.
            with pinned(clean) as pin:
                with pin.open("rb") as file:
                    facts = facts_of(month, file, facts.file)
                return self._made(mart, facts, pin, path)

    def publish(self) -> None:
        """Makes the catalogue show the parts as they are; errors as :meth:`DuckDbWarehouse.refresh`."""
        self._warehouse.refresh()

    def total(self, mart: Mart, month: TripMonth, column: str) -> float | None:
        """Sum of a column over the rows of a month, as readers of the warehouse see them.

        Raises:
            NotMaterializedError: The catalogue does not have the mart.
        """
        if column not in {known.name for known in mart.columns}:
            raise NotMaterializedError(f"{SCHEMA}.{mart.name} has no column {column!r}; materialize the mart again")
        table = f"{SCHEMA}.{identifier(mart.name)}"
        sql = f"SELECT sum({identifier(column)}) FROM {table} WHERE service = ? AND file_month = ?"
        return self._warehouse.value(mart_part_name(mart, month), sql, [month.dataset, month.first_day])

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query over whole marts, as readers of the warehouse see them.

        Raises:
            BrokenFileError: A part cannot be read.
            StoreUnavailableError: Somebody has the catalogue open for writing, or removed files meanwhile.
        """
        tables = {name: f"{SCHEMA}.{identifier(name)}" for name in MARTS}
        return self._warehouse.rows(SCHEMA, sql.format(**tables, **{TAXI_ZONES.name: identifier(TAXI_ZONES.name)}))

    def _made(self, mart: Mart, facts: MonthFacts, clean: Path, path: Path) -> MartPart:
        with errors_explained(clean, path.parent, advice=_ADVICE), working_connection(path) as connection:
            dataset = DATASETS[facts.month.dataset]
            source = f"(\n{projection(connection, dataset.table_columns, [clean])}\n) AS published"
            query = mart_query(mart, facts, "duckdb", source)
            origin = _origin(mart, facts)
            there = _read_origin(path)
            if there is not None and there.items() >= origin.items():
                return MartPart(facts.month, facts.version, there["rows"], facts.rows, True)
            connection.execute(f"CREATE TEMP TABLE part AS {typed(mart.columns, query.sql)}", query.values or None)
            [[rows, trips]] = connection.execute(f"SELECT count(*), sum({mart.counted}) FROM part").fetchall()
            if trips != facts.rows:
                raise CountMismatchError(
                    f"{SCHEMA}/{mart.name}, {facts.month}: it counts {trips or 0:,} trips, the clean file has "
                    f"{facts.rows:,}. The mart is as it was; run again, and report it if that does not help"
                )
            _write(connection, mart, path, {**origin, "rows": rows})
        return MartPart(facts.month, facts.version, rows, facts.rows, False)


def _write(connection: Any, mart: Mart, path: Path, origin: dict[str, Any]) -> None:
    order = f"ORDER BY {', '.join(map(identifier, mart.order))}" if mart.order else ""
    with published_atomically(path) as partial:
        connection.execute(
            f"COPY (FROM part {order}) TO {literal(str(partial))} (FORMAT parquet, COMPRESSION zstd, "
            f"ROW_GROUP_SIZE {ROWS_A_GROUP}, KV_METADATA {{{FOOTER_KEY}: {literal(json.dumps(origin))}}})"
        )


def _origin(mart: Mart, facts: MonthFacts) -> dict[str, Any]:
    """What a part is made from: equal origins, equal parts."""
    query = mart_query(mart, facts, "duckdb", "published")
    text = f"{query.sql} {sorted(query.values.items())}"
    return {"version": facts.version, "query": hashlib.sha256(text.encode()).hexdigest()}


def _read_origin(path: Path) -> dict[str, Any] | None:
    """What a part's footer says; None when there is no such part or it cannot be read."""
    from pyarrow import parquet

    try:
        metadata = cast("Any", parquet.read_metadata(path)).metadata
        return json.loads(metadata[FOOTER_KEY.encode()])
    except (OSError, KeyError, TypeError, ValueError):
        return None
