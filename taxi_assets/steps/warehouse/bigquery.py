"""The warehouse of the ``gcp`` target: BigQuery tables, one partition a month.

Belongs here: how a month's partition is replaced. Not here: the tables (``bigquery_tables.py``) and the running of
jobs (``bigquery_jobs.py``).

A load job from the lake fills a staging table; what arrived is counted; then one MERGE statement deletes the month's
rows and inserts the staged ones. A statement is atomic in BigQuery: readers see the old month or the new one, and
whatever fails before or in it leaves the old one. The MERGE names the month as a literal, so that BigQuery reads and
writes this one partition and other months can be loaded at the same time.

What a partition holds is written down in the table ``loaded_months``: before the MERGE that the month is being
replaced, after it what it was replaced with. A crash in between leaves "being replaced", and the next run loads
again, which is harmless. When two runs load different content for the same month at once, the one that ends writes
down that the content is unknown, unless nobody else began meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from taxi_assets.datasets.columns import FILE_MONTH, Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import BrokenFileError, CountMismatchError, TaxiAssetsError
from taxi_assets.steps.gcp.clients import DATA_ROLE, JOB_ROLE, MANAGED_BY, OBJECT_ROLE, RETRY_SECONDS, explained, quoted
from taxi_assets.steps.views.beside import ZOOMCAMP, ZOOMCAMP_COMMENT, zoomcamp_sql
from taxi_assets.steps.warehouse.bigquery_jobs import GRACE_SECONDS, JOB_SECONDS, JobContext, JobRunner, label
from taxi_assets.steps.warehouse.bigquery_tables import LOADED_MONTHS, BigQueryTables, schema_of
from taxi_assets.steps.warehouse.warehouse import CleanObject, WarehouseMonth

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, ScalarQueryParameter

logger = logging.getLogger(__name__)

ORPHAN_AGE = timedelta(hours=1)
"""No load of a month takes this long; a staging table that old was left by a killed run."""

_ROLES = f"{JOB_ROLE} and {DATA_ROLE}"


class BigQueryWarehouse:
    """Tables in one BigQuery dataset; implements :class:`taxi_assets.steps.warehouse.warehouse.Warehouse`.

    Args:
        client: See :func:`taxi_assets.steps.gcp.clients.bigquery_client`.
        dataset_id: ``project.dataset``.
        maximum_bytes_billed: A query that would bill more is refused before it runs.
        require_partition_filter: See :class:`BigQueryTables`.
        retry_seconds: How long one call is tried again on passing errors.
        first_wait: Seconds before a failed job is started again.
        job_seconds: See :data:`taxi_assets.steps.warehouse.bigquery_jobs.JOB_SECONDS`.
        grace_seconds: See :data:`taxi_assets.steps.warehouse.bigquery_jobs.GRACE_SECONDS`.
        orphan_age: See ``ORPHAN_AGE``.
    """

    def __init__(
        self,
        client: Client,
        dataset_id: str,
        *,
        maximum_bytes_billed: int,
        require_partition_filter: bool = False,
        retry_seconds: float = RETRY_SECONDS,
        first_wait: float = 1.0,
        job_seconds: float = JOB_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        orphan_age: timedelta = ORPHAN_AGE,
    ) -> None:
        self._jobs = JobRunner(
            client,
            maximum_bytes_billed=maximum_bytes_billed,
            retry_seconds=retry_seconds,
            first_wait=first_wait,
            job_seconds=job_seconds,
            grace_seconds=grace_seconds,
        )
        self._tables = BigQueryTables(
            client,
            self._jobs,
            dataset_id,
            require_partition_filter=require_partition_filter,
            retry_seconds=retry_seconds,
        )
        self._dataset_id = dataset_id
        self._course = BigQueryTables(client, self._jobs, f"{dataset_id}_{ZOOMCAMP}", retry_seconds=retry_seconds)
        self._orphan_age = orphan_age

    def load(self, month: TripMonth, clean: CleanObject, *, run_id: str = "") -> WarehouseMonth:
        """Replaces the month's partition with the rows of ``clean``, unless it holds them already.

        Raises:
            BrokenFileError: BigQuery refuses the file.
            CountMismatchError: Another number of rows arrived, or rows of another month.
            LayoutError: See :meth:`BigQueryTables.ensure_trips`.
            StoreAccessError: A role is missing.
            StoreUnavailableError: BigQuery cannot be reached or is over quota. After each of these errors the month
                in the warehouse is whole: the previous one, or the new one.
        """
        begun = time.monotonic()
        dataset = DATASETS[month.dataset]
        context = _context(month, run_id)
        self._tables.ensure_trips(dataset, f"{clean.uri.rpartition('/')[0]}/*.parquet", context)
        course = zoomcamp_sql(dataset, "bigquery", self._quoted(month.table))
        if course is not None:
            self._course.ensure_beside(self._dataset_id)
            self._course.ensure_view(month.table, course, ZOOMCAMP_COMMENT)
        unchanged = self._present(month, context) == (clean.content, clean.rows)
        if unchanged:
            logger.info("%s: %s holds this content already", month, self._tables.id_of(month.table))
        else:
            self._replace(month, dataset, clean, run_id, context)
        return WarehouseMonth(
            table=self._tables.id_of(month.table),
            rows=clean.rows,
            unchanged=unchanged,
            bytes_billed=context.tally.bytes_billed,
            slot_ms=context.tally.slot_ms,
            seconds=time.monotonic() - begun,
        )

    def load_zones(self, zones: CleanObject, *, run_id: str = "") -> WarehouseMonth:
        """Replaces the lookup by one load job, which is atomic; 265 rows are not worth asking whether they changed."""
        begun = time.monotonic()
        context = JobContext(uuid4().hex, {**MANAGED_BY, "dataset": TAXI_ZONES.name, "run": label(run_id)})
        self._tables.ensure_zones(context)
        table_id = self._tables.id_of(TAXI_ZONES.name)
        rows = self._load_job(TAXI_ZONES.name, zones, table_id, schema_of(TAXI_ZONES.columns), context)
        if rows != zones.rows:
            raise CountMismatchError(
                f"{table_id}: {rows:,} rows arrived, {zones.uri} has {zones.rows:,}; materialize it again"
            )
        return WarehouseMonth(
            table_id, rows, False, context.tally.bytes_billed, context.tally.slot_ms, time.monotonic() - begun
        )

    def count(self, month: TripMonth) -> int:
        """Rows of the month's partition, 0 without a table; BigQuery reads its 8 bytes of ``file_month`` a row."""
        if not self._tables.exists(month.table):
            return 0
        return self._count(month, _context(month, ""))

    def total(self, month: TripMonth, column: str) -> float | None:
        """Sum of a column over the month's partition; None where there is no table yet."""
        if not self._tables.exists(month.table):
            return None
        name = quoted(DATASETS[month.dataset].column(column).name)
        sql = f"SELECT SUM({name}) FROM {self._quoted(month.table)} WHERE {FILE_MONTH.name} = @file_month"
        [[total]] = self._query("total", month, sql, _context(month, ""), [_date_parameter(month)])
        return None if total is None else float(total)

    def _count(self, month: TripMonth, context: JobContext) -> int:
        sql = f"SELECT COUNT(*) FROM {self._quoted(month.table)} WHERE {FILE_MONTH.name} = @file_month"
        [[count]] = self._query("count", month, sql, context, [_date_parameter(month)])
        return int(count)

    def _replace(
        self, month: TripMonth, dataset: Dataset, clean: CleanObject, run_id: str, context: JobContext
    ) -> None:
        prefix = f"{month.table}_staging_{month.month.replace('-', '_')}_"
        self._tables.drop_orphans(prefix, self._orphan_age)
        staging = self._tables.create_staging(dataset, f"{prefix}{context.load_id}")
        try:
            self._load_job(month.stem, clean, staging, schema_of(dataset.table_columns), context)
            self._check_staged(month, staging, clean, context)
            self._record(month, None, None, run_id, context)
            merge = merge_sql(self._tables.id_of(month.table), staging, dataset, month)
            self._query("merge", month, merge, context)
        finally:
            self._drop_quietly(staging)
        found = self._count(month, context)
        if found != clean.rows:
            raise CountMismatchError(
                f"{self._tables.id_of(month.table)}: the partition {month.month} has {found:,} rows, {clean.uri} has "
                f"{clean.rows:,}. Another run replaced it meanwhile; run again"
            )
        self._record(month, clean.content, clean.rows, run_id, context)

    def _load_job(
        self, what: str, clean: CleanObject, table_id: str, schema: Sequence[Any], context: JobContext
    ) -> int:
        from google.api_core.exceptions import BadRequest

        kept = "the warehouse is as it was"
        role = f"{JOB_ROLE}, {DATA_ROLE} and {OBJECT_ROLE}"
        with explained(f"{clean.uri}: loading into {table_id}", role=role, kept=kept):
            try:
                return self._jobs.load_parquet(f"load_{what}", clean.uri, table_id, schema, context)
            except BadRequest as error:
                raise BrokenFileError(
                    f"{clean.uri}: BigQuery refuses the file; {kept}. Materialize its lake asset again. "
                    f"Google says: {error.message}"
                ) from error

    def _check_staged(self, month: TripMonth, staging: str, clean: CleanObject, context: JobContext) -> None:
        sql = (
            f"SELECT COUNT(*), COUNTIF({FILE_MONTH.name} IS NULL OR {FILE_MONTH.name} != @file_month) "
            f"FROM {quoted(staging)}"
        )
        [[rows, strangers]] = self._query("check", month, sql, context, [_date_parameter(month)])
        if (rows, strangers) != (clean.rows, 0):
            raise CountMismatchError(
                f"{clean.uri}: {rows:,} rows arrived in BigQuery, {strangers:,} of another month; the file has "
                f"{clean.rows:,}. {self._tables.id_of(month.table)} is as it was. Materialize lake/{month.table} "
                f"{month.month} again"
            )

    def _present(self, month: TripMonth, context: JobContext) -> tuple[str | None, int]:
        """What the partition holds: the content by the month's latest record, and its rows."""
        from google.cloud.bigquery import ScalarQueryParameter

        sql = (
            f"SELECT (SELECT content FROM {self._quoted(LOADED_MONTHS)} WHERE dataset = @dataset "
            f"AND {FILE_MONTH.name} = @file_month ORDER BY recorded_at DESC LIMIT 1), "
            f"(SELECT COUNT(*) FROM {self._quoted(month.table)} WHERE {FILE_MONTH.name} = @file_month)"
        )
        parameters = [_date_parameter(month), ScalarQueryParameter("dataset", "STRING", month.dataset)]
        [[content, rows]] = self._query("present", month, sql, context, parameters)
        return content, int(rows)

    def _record(
        self, month: TripMonth, content: str | None, trips: int | None, run_id: str, context: JobContext
    ) -> None:
        """Adds a row to ``loaded_months``: that a load begins (no content), or what it has loaded.

        The content counts only when the month's latest row is the beginning of this same load.
        """
        from google.cloud.bigquery import ScalarQueryParameter

        months = self._quoted(LOADED_MONTHS)
        sql = (
            f"INSERT INTO {months} (dataset, {FILE_MONTH.name}, load_id, content, trips, run_id, recorded_at) "
            f"SELECT @dataset, @file_month, @load_id, IF((SELECT load_id FROM {months} WHERE dataset = @dataset "
            f"AND {FILE_MONTH.name} = @file_month ORDER BY recorded_at DESC LIMIT 1) = @load_id, @content, NULL), "
            "@trips, @run_id, CURRENT_TIMESTAMP()"
        )
        parameters = [
            _date_parameter(month),
            ScalarQueryParameter("dataset", "STRING", month.dataset),
            ScalarQueryParameter("load_id", "STRING", context.load_id),
            ScalarQueryParameter("content", "STRING", content),
            ScalarQueryParameter("trips", "INT64", trips),
            ScalarQueryParameter("run_id", "STRING", run_id),
        ]
        self._query("begin" if content is None else "end", month, sql, context, parameters)

    def _query(
        self,
        what: str,
        month: TripMonth,
        sql: str,
        context: JobContext,
        parameters: Sequence[ScalarQueryParameter] = (),
    ) -> list[tuple[Any, ...]]:
        doing = f"{self._tables.id_of(month.table)}, {month.month}: {what}"
        kept = "the month in the warehouse is whole: the previous one, or the new one"
        with explained(doing, role=_ROLES, kept=kept):
            return self._jobs.query(f"{what}_{month.stem}", sql, context, parameters)

    def _drop_quietly(self, staging: str) -> None:
        """Removes the staging table; when that fails, it expires, and the load's own outcome is what counts."""
        try:
            self._tables.drop(staging)
        except TaxiAssetsError as error:
            logger.warning("%s could not be removed now and expires by itself: %s", staging, error)

    def _quoted(self, table: str) -> str:
        return quoted(self._tables.id_of(table))


def merge_sql(table_id: str, staging_id: str, dataset: Dataset, month: TripMonth) -> str:
    """The statement that replaces a month's partition with the rows of a staging table.

    For green 2019-01::

        MERGE `p.d.green_tripdata` AS trips
        USING `p.d.green_tripdata_staging_2019_01_…` AS staged
        ON FALSE
        WHEN NOT MATCHED BY SOURCE AND trips.file_month = DATE '2019-01-01' THEN DELETE
        WHEN NOT MATCHED BY TARGET THEN INSERT (`vendorid`, …) VALUES (`vendorid`, …)
    """
    columns = ", ".join(quoted(column.name) for column in dataset.table_columns)
    return (
        f"MERGE {quoted(table_id)} AS trips\n"
        f"USING {quoted(staging_id)} AS staged\n"
        "ON FALSE\n"
        f"WHEN NOT MATCHED BY SOURCE AND trips.{FILE_MONTH.name} = DATE '{month.first_day.isoformat()}' THEN DELETE\n"
        f"WHEN NOT MATCHED BY TARGET THEN INSERT ({columns}) VALUES ({columns})"
    )


def _context(month: TripMonth, run_id: str) -> JobContext:
    labels = {**MANAGED_BY, "dataset": month.dataset, "partition": month.month}
    if run_id:
        labels["run"] = label(run_id)
    return JobContext(uuid4().hex, labels)


def _date_parameter(month: TripMonth) -> ScalarQueryParameter:
    from google.cloud.bigquery import ScalarQueryParameter

    return ScalarQueryParameter("file_month", "DATE", month.first_day)
