"""The marts of the ``gcp`` target: BigQuery tables beside the warehouse, a partition a month.

Belongs here: replacing a service's month in a mart. Not here: the SQL (``sql/``), tables and views as BigQuery knows
them (``taxi_assets/steps/warehouse/bigquery_tables.py``).

One MERGE computes a month from the warehouse's table and replaces it: a statement is atomic in BigQuery, so that
readers see the old month or the new one. It names month and service as literals, so that other months can be made at
the same time.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from taxi_assets.datasets.columns import FILE_MONTH
from taxi_assets.datasets.marts import MARTS, Mart
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import CountMismatchError
from taxi_assets.steps.gcp.clients import DATA_ROLE, JOB_ROLE, MANAGED_BY, RETRY_SECONDS, explained, quoted
from taxi_assets.steps.lake.lake import Lake
from taxi_assets.steps.marts.facts import month_facts
from taxi_assets.steps.marts.marts import MartPart
from taxi_assets.steps.marts.texts import MartQuery, mart_query
from taxi_assets.steps.warehouse.bigquery import BigQueryWarehouse
from taxi_assets.steps.warehouse.bigquery_jobs import JobContext, JobRunner, label
from taxi_assets.steps.warehouse.bigquery_tables import BigQueryTables

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, ScalarQueryParameter

_KEPT = "the month in the mart is whole: the previous one, or the new one"


class BigQueryMarts:
    """Tables in a BigQuery dataset; implements :class:`taxi_assets.steps.marts.marts.MartStore`.

    Args:
        client: See :func:`taxi_assets.steps.gcp.clients.bigquery_client`.
        warehouse: Whose trips they are made of.
        lake: Knows the file that each month came from.
        dataset_id: The warehouse's, ``project.dataset``; the marts' own ends in ``_marts``.
        maximum_bytes_billed: A query that would bill more is refused before it runs.
        retry_seconds: How long one call is tried again on passing errors.
        first_wait: Seconds before a failed job is started again.
    """

    def __init__(
        self,
        client: Client,
        warehouse: BigQueryWarehouse,
        lake: Lake,
        dataset_id: str,
        *,
        maximum_bytes_billed: int,
        retry_seconds: float = RETRY_SECONDS,
        first_wait: float = 1.0,
    ) -> None:
        self._jobs = JobRunner(
            client, maximum_bytes_billed=maximum_bytes_billed, retry_seconds=retry_seconds, first_wait=first_wait
        )
        self._warehouse, self._lake, self._trips_id = warehouse, lake, dataset_id
        self._tables = BigQueryTables(client, self._jobs, f"{dataset_id}_marts", retry_seconds=retry_seconds)

    def replace(self, mart: Mart, month: TripMonth, *, run_id: str = "") -> MartPart | None:
        """Computes a service's month and replaces it in the mart.

        Raises:
            CountMismatchError: The warehouse has other trips than the lake, or the mart counts other ones.
            LayoutError: A table of the mart's name is there that something else made.
            StoreAccessError: A role is missing.
            StoreUnavailableError: BigQuery cannot be reached or is over quota.
        """
        labels = {**MANAGED_BY, "dataset": month.dataset, "partition": month.month, "mart": mart.name}
        context = JobContext(uuid4().hex, {**labels, **({"run": label(run_id)} if run_id else {})})
        self._tables.ensure_beside(self._trips_id)
        self._tables.ensure_mart(mart, context)
        facts = month_facts(month, self._lake)
        if facts is None:
            self._query("delete", mart, month, f"DELETE FROM {self._id(mart)} WHERE {_where(month)}", context)
            return None
        there = self._warehouse.count(month)
        if there != facts.rows:
            raise CountMismatchError(
                f"{mart.name}, {month}: the warehouse has {there:,} trips, the lake {facts.rows:,}. The mart is as it "
                f"was; materialize warehouse/{month.table} {month.month} first"
            )
        source = f"(SELECT * FROM {quoted(f'{self._trips_id}.{month.table}')} WHERE {_month(month)}) AS published"
        query = mart_query(mart, facts, "bigquery", source)
        self._query("merge", mart, month, self._merge_sql(mart, month, query), context, _parameters(query))
        count = f"SELECT COUNT(*), SUM({mart.counted}) FROM {self._id(mart)} WHERE {_where(month)}"
        [[rows, trips]] = self._query("count", mart, month, count, context)
        if trips != facts.rows:
            raise CountMismatchError(
                f"{mart.name}, {month}: it counts {trips or 0:,} trips, the warehouse has {facts.rows:,}. Another run "
                "replaced one of them meanwhile; run again"
            )
        return MartPart(month, facts.version, int(rows), int(trips), False)

    def publish(self) -> None:
        """Makes the view ``trips`` show the tables of trips that are there by now."""
        self._tables.ensure_trips_view(self._trips_id)

    def total(self, mart: Mart, month: TripMonth, column: str) -> float | None:
        """Sum of a column over the rows of a month."""
        context = JobContext(uuid4().hex, {**MANAGED_BY, "dataset": month.dataset, "mart": mart.name})
        sql = f"SELECT SUM({quoted(column)}) FROM {self._id(mart)} WHERE {_where(month)}"
        [[total]] = self._query("total", mart, month, sql, context)
        return None if total is None else float(total)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query over whole marts, and the lookup of zones."""
        tables = {mart.name: self._id(mart) for mart in MARTS.values()}
        zones = {TAXI_ZONES.name: quoted(f"{self._trips_id}.{TAXI_ZONES.name}")}
        context = JobContext(uuid4().hex, dict(MANAGED_BY))
        with explained(f"{self._trips_id}: asking the marts", role=f"{JOB_ROLE} and {DATA_ROLE}", kept=_KEPT):
            return self._jobs.query("ask_marts", sql.format(**tables, **zones), context)

    def _merge_sql(self, mart: Mart, month: TripMonth, query: MartQuery) -> str:
        columns = ", ".join(quoted(column.name) for column in mart.columns)
        return (
            f"MERGE {self._id(mart)} AS mart\nUSING (SELECT {columns} FROM (\n{query.sql}\n)) AS made\nON FALSE\n"
            f"WHEN NOT MATCHED BY SOURCE AND {_where(month, 'mart.')} THEN DELETE\n"
            f"WHEN NOT MATCHED BY TARGET THEN INSERT ({columns}) VALUES ({columns})"
        )

    def _query(
        self,
        what: str,
        mart: Mart,
        month: TripMonth,
        sql: str,
        context: JobContext,
        parameters: list[ScalarQueryParameter] | None = None,
    ) -> list[tuple[Any, ...]]:
        doing = f"{self._tables.id_of(mart.name)}, {month}: {what}"
        with explained(doing, role=f"{JOB_ROLE} and {DATA_ROLE}", kept=_KEPT):
            return self._jobs.query(f"{what}_{mart.name}_{month.stem}", sql, context, parameters or [])

    def _id(self, mart: Mart) -> str:
        return quoted(self._tables.id_of(mart.name))


def _month(month: TripMonth, prefix: str = "") -> str:
    return f"{prefix}{FILE_MONTH.name} = DATE '{month.first_day.isoformat()}'"


def _where(month: TripMonth, prefix: str = "") -> str:
    return f"{_month(month, prefix)} AND {prefix}service = '{month.dataset}'"


def _parameters(query: MartQuery) -> list[ScalarQueryParameter]:
    from google.cloud.bigquery import ScalarQueryParameter

    kinds = {str: "STRING", bool: "BOOL", int: "INT64", date: "DATE"}
    bound = [ScalarQueryParameter(name, kinds[type(value)], value) for name, value in query.values.items()]
    # The pickup's clock is compared with these two.
    bounds = {"first_day", "next_month"}
    return [each for each in bound if each.name not in bounds] + [
        ScalarQueryParameter(name, "DATETIME", datetime.combine(value, time()))
        for name, value in query.values.items()
        if name in bounds and isinstance(value, date)
    ]
