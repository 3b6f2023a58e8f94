"""The tables of the BigQuery warehouse: what they are, and how existing ones are brought up to date.

Belongs here: schemas from the registry, partitioning, clustering, descriptions, labels. Not here: rows
(``bigquery.py``).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

from taxi_assets.datasets.columns import FILE_MONTH, Column, Dataset
from taxi_assets.datasets.marts import TRIPS_DESCRIPTION, Mart
from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import LayoutError
from taxi_assets.steps.gcp.clients import DATA_ROLE, MANAGED_BY, RETRY_SECONDS, bigquery_retry, explained, quoted
from taxi_assets.steps.views.render import HERE as VIEWS
from taxi_assets.steps.views.render import rendered
from taxi_assets.steps.warehouse.bigquery_jobs import JobContext, JobRunner

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, SchemaField, Table

logger = logging.getLogger(__name__)

LOADED_MONTHS = "loaded_months"
STAGING_LIFE = timedelta(hours=6)
"""BigQuery itself removes a staging table after this time, should the run that made it be killed."""

_KEPT = "the warehouse is as it was"
_MAX_DESCRIPTION = 1024


class BigQueryTables:
    """The tables of one BigQuery dataset.

    Args:
        client: See :func:`taxi_assets.steps.gcp.clients.bigquery_client`.
        jobs: Runs the statements that change tables.
        dataset_id: ``project.dataset``.
        require_partition_filter: Whether BigQuery refuses queries of trips that name no month; tables that exist are
            brought to it.
        retry_seconds: How long one call is tried again on passing errors.
    """

    def __init__(
        self,
        client: Client,
        jobs: JobRunner,
        dataset_id: str,
        *,
        require_partition_filter: bool = False,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._dataset_id = dataset_id
        self._require_partition_filter = require_partition_filter
        self._retry = bigquery_retry(retry_seconds)

    def id_of(self, table: str) -> str:
        """``project.dataset.table``."""
        return f"{self._dataset_id}.{table}"

    def ensure_trips(self, dataset: Dataset, lake_uris: str, context: JobContext) -> None:
        """Makes sure that the dataset's table, its external twin and the list of loaded months are there.

        Args:
            dataset: Whose table.
            lake_uris: The lake's clean Parquet, ``gs://bucket/clean/yellow/*.parquet``.
            context: Labels for the statements that change tables.

        Raises:
            LayoutError: A table or view of that name exists and is not one of ours, or has a column of another type.
        """
        self._ensure(self._trips_table(dataset), context)
        self._ensure(self._months_table(), context)
        self._ensure(self._external_table(dataset, lake_uris), context)

    def ensure_zones(self, context: JobContext) -> None:
        """Makes sure that the table of the zone lookup is there.

        Raises:
            LayoutError: As :meth:`ensure_trips`.
        """
        table = self._table(TAXI_ZONES.name, TAXI_ZONES.columns)
        table.description = TAXI_ZONES.description
        self._ensure(table, context)

    def ensure_mart(self, mart: Mart, context: JobContext) -> None:
        """Makes sure that a mart's table is there, with the columns that it has now.

        Raises:
            LayoutError: As :meth:`ensure_trips`.
        """
        from google.cloud.bigquery import TimePartitioning, TimePartitioningType

        table = self._table(mart.name, mart.columns)
        table.description = mart.description
        table.time_partitioning = TimePartitioning(type_=TimePartitioningType.MONTH, field=FILE_MONTH.name)
        names = {column.name for column in mart.columns}
        table.clustering_fields = [name for name in ("service", "pickup_zone") if name in names]
        self._ensure(table, context)

    def ensure_beside(self, dataset_id: str) -> None:
        """Makes this dataset where another one is, unless it is there."""
        from google.api_core.exceptions import NotFound
        from google.cloud.bigquery import Dataset as BigQueryDataset

        with explained(f"{self._dataset_id}: looking", role=DATA_ROLE, kept=_KEPT):
            try:
                self._client.get_dataset(self._dataset_id, retry=self._retry)
            except NotFound:
                logger.info("warehouse: making the dataset %s", self._dataset_id)
                wanted = BigQueryDataset(self._dataset_id)
                wanted.location = self._client.get_dataset(dataset_id, retry=self._retry).location
                wanted.labels = dict(MANAGED_BY)
                self._client.create_dataset(wanted, exists_ok=True, retry=self._retry)

    def ensure_trips_view(self, dataset_id: str) -> None:
        """Makes ``trips`` one view over those tables of trips that another dataset has."""
        with explained(f"{dataset_id}: listing tables", role=DATA_ROLE, kept=_KEPT):
            tables: list[Any] = list(self._client.list_tables(dataset_id, retry=self._retry))
        there = {table.table_id for table in tables}
        parts = [
            rendered(VIEWS / "marts" / f"{dataset.name}.sql", "bigquery", trips=quoted(f"{dataset_id}.{dataset.table}"))
            for dataset in TLC_DATASETS.values()
            if dataset.table in there
        ]
        if parts:
            self.ensure_view("trips", "\nUNION ALL\n".join(parts), TRIPS_DESCRIPTION)

    def ensure_view(self, name: str, select: str, description: str) -> None:
        """Makes a view, or brings ours of that name up to date.

        Raises:
            LayoutError: Something of that name is there that is not ours.
        """
        from google.cloud.bigquery import Table

        table_id = self.id_of(name)
        present = self._get(table_id)
        if present is not None and not _is_ours(present):
            raise LayoutError(
                f"{table_id} exists without the label managed-by:taxi_assets: something else made it. It was left as "
                "it is. Rename it, or set GCP_DATASET to a dataset of its own"
            )
        # What a store gives back need not be the text that it was given.
        labels = {**MANAGED_BY, "definition": hashlib.sha256(select.encode()).hexdigest()[:12]}
        with explained(f"{table_id}: creating", role=DATA_ROLE, kept=_KEPT):
            if present is None:
                view = Table(table_id)
                view.view_query, view.description, view.labels = select, description, labels
                self._client.create_table(view, exists_ok=True, retry=self._retry)
            elif present.labels != labels:
                present.view_query, present.labels = select, labels
                self._client.update_table(present, ["view_query", "labels"], retry=self._retry)

    def create_staging(self, dataset: Dataset, name: str) -> str:
        """Makes an empty table for one load, with the columns of the dataset's table; returns its id.

        It is made first, with its schema, so that the Parquet is read as these types and not as its own.
        """
        table = self._table(name, dataset.table_columns)
        table.labels = {**MANAGED_BY, "role": "staging"}
        table.description = "A month on its way into its table; removed when the load ends, however it ends."
        table.expires = datetime.now(timezone.utc) + STAGING_LIFE
        with explained(f"{self.id_of(name)}: creating", role=DATA_ROLE, kept=_KEPT):
            self._client.create_table(table, exists_ok=True, retry=self._retry)
        return self.id_of(name)

    def drop(self, table_id: str) -> None:
        """Removes a table; one that is gone already is no error."""
        with explained(f"{table_id}: removing", role=DATA_ROLE, kept=_KEPT):
            self._client.delete_table(table_id, not_found_ok=True, retry=self._retry)

    def drop_orphans(self, prefix: str, older_than: timedelta) -> None:
        """Removes staging tables whose name starts with ``prefix`` and that are older than any load takes."""
        limit = datetime.now(timezone.utc) - older_than
        with explained(f"{self._dataset_id}: listing tables", role=DATA_ROLE, kept=_KEPT):
            tables: list[Any] = list(self._client.list_tables(self._dataset_id, retry=self._retry))
        old = [table for table in tables if table.created is not None and table.created < limit]
        for table_id in [self.id_of(table.table_id) for table in old if table.table_id.startswith(prefix)]:
            present = self._get(table_id)
            if present is not None and _is_ours(present):
                logger.info("removing %s, which a killed run left", table_id)
                self.drop(table_id)

    def _trips_table(self, dataset: Dataset) -> Table:
        from google.cloud.bigquery import TimePartitioning, TimePartitioningType

        table = self._table(dataset.table, dataset.table_columns)
        table.description = dataset.description
        table.labels = {**MANAGED_BY, "dataset": dataset.name}
        table.time_partitioning = TimePartitioning(type_=TimePartitioningType.MONTH, field=FILE_MONTH.name)
        table.require_partition_filter = self._require_partition_filter
        table.clustering_fields = [dataset.pickup, *_pickup_zone(dataset)]
        return table

    def _external_table(self, dataset: Dataset, lake_uris: str) -> Table:
        from google.cloud.bigquery import ExternalConfig

        # With the schema said: else it is that of one of the files, without descriptions, and stays so.
        table = self._table(f"{dataset.table}_external", dataset.table_columns)
        config = ExternalConfig("PARQUET")
        config.source_uris = [lake_uris]
        config.autodetect = False
        table.external_data_configuration = config
        table.description = f"{dataset.description} Reads the lake's Parquet at each query; nothing is loaded."
        table.labels = {**MANAGED_BY, "dataset": dataset.name}
        return table

    def _months_table(self) -> Table:
        table = self._table(LOADED_MONTHS, ())
        table.schema = [
            _field("dataset", "STRING", "yellow, green, fhv or fhvhv."),
            _field(FILE_MONTH.name, "DATE", FILE_MONTH.description),
            _field("load_id", "STRING", "One load: a row when it begins, a row when it ends."),
            _field("content", "STRING", "SHA-256 of the Parquet that was loaded; NULL while a load is under way."),
            _field("trips", "INT64", "Rows that were loaded; NULL while a load is under way."),
            _field("run_id", "STRING", "The orchestrator's run."),
            _field("recorded_at", "TIMESTAMP", "When this row was written; a month's latest row counts."),
        ]
        table.description = "What each month's partition holds. Rows are only ever added."
        return table

    def _table(self, name: str, columns: Iterable[Column]) -> Table:
        from google.cloud.bigquery import Table

        table = Table(self.id_of(name), schema=schema_of(columns))
        table.labels = dict(MANAGED_BY)
        return table

    def _ensure(self, wanted: Table, context: JobContext) -> None:
        """Makes the table, or brings the one that is there up to date when it is ours."""
        table_id = wanted_id(wanted)
        present = self._get(table_id)
        if present is None:
            logger.info("warehouse: creating %s", table_id)
            with explained(f"{table_id}: creating", role=DATA_ROLE, kept=_KEPT):
                # exists_ok: another run may create it between our look and this; then it is that one.
                present = self._client.create_table(wanted, exists_ok=True, retry=self._retry)
        _check_is_ours(present, wanted)
        if wanted.external_data_configuration is None:
            present = self._add_columns(present, wanted, context)
        self._describe(present, wanted)

    def exists(self, name: str) -> bool:
        """Whether there is a table or view of that name."""
        return self._get(self.id_of(name)) is not None

    def _get(self, table_id: str) -> Table | None:
        from google.api_core.exceptions import NotFound

        with explained(f"{table_id}: looking", role=DATA_ROLE, kept=_KEPT):
            try:
                return self._client.get_table(table_id, retry=self._retry)
            except NotFound:
                return None

    def _add_columns(self, present: Table, wanted: Table, context: JobContext) -> Table:
        """Adds columns that the registry has gained; returns the table as it is then."""
        table_id = wanted_id(wanted)
        have = {column.name for column in _schema(present)}
        added = [column for column in _schema(wanted) if column.name not in have]
        if not added:
            return present
        logger.info("warehouse: adding %s to %s", ", ".join(column.name for column in added), table_id)
        clauses = ", ".join(f"ADD COLUMN IF NOT EXISTS {quoted(c.name)} {_sql_type(c)}" for c in added)
        with explained(f"{table_id}: adding columns", role=DATA_ROLE, kept=_KEPT):
            self._jobs.query(f"alter_{present.table_id}", f"ALTER TABLE {quoted(table_id)} {clauses}", context)
            # Looked at again: an update must name the table's ETag, and that is another one now.
            return self._client.get_table(table_id, retry=self._retry)

    def _describe(self, present: Table, wanted: Table) -> None:
        """Corrects what does not touch rows: descriptions, labels, the partition filter, where the lake is."""
        from google.api_core.exceptions import BadRequest, PreconditionFailed

        want = {column.name: column for column in _schema(wanted)}
        if wanted.external_data_configuration is None:
            # Columns that a person has added stay.
            have = _schema(present)
            schema = [_described_as(column, want.pop(column.name, None)) for column in have] + list(want.values())
        else:
            schema = _schema(wanted)
        labels = {**cast("dict[str, str]", present.labels), **cast("dict[str, str]", wanted.labels)}
        # Tables may be changed a few times in ten seconds only, so they are changed when there is a reason.
        fields = [
            name
            for name, same in {
                "schema": _comparable(schema) == _comparable(_schema(present)),
                "labels": labels == present.labels,
                "description": wanted.description == present.description,
                "require_partition_filter": bool(wanted.require_partition_filter)
                == bool(present.require_partition_filter),
                "external_data_configuration": _uris(wanted) == _uris(present),
            }.items()
            if not same
        ]
        if not fields:
            return
        table_id = wanted_id(wanted)
        logger.info("warehouse: bringing %s of %s up to date", ", ".join(fields), table_id)
        present.schema, present.labels, present.description = schema, labels, wanted.description
        present.require_partition_filter = wanted.require_partition_filter
        present.external_data_configuration = wanted.external_data_configuration
        with explained(f"{table_id}: describing", role=DATA_ROLE, kept=_KEPT):
            try:
                self._client.update_table(present, fields, retry=self._retry)
            except PreconditionFailed:
                # Another run was faster, most likely with the same.
                logger.info("warehouse: %s was changed meanwhile; the next load looks at it again", table_id)
            except BadRequest:
                if wanted.external_data_configuration is None:
                    raise
                logger.info("warehouse: making %s anew, which holds nothing by itself", table_id)
                self._client.delete_table(table_id, not_found_ok=True, retry=self._retry)
                self._client.create_table(wanted, exists_ok=True, retry=self._retry)


def schema_of(columns: Iterable[Column]) -> list[SchemaField]:
    """The registry's columns as BigQuery's. All may be NULL: Parquet says the same of its columns."""
    return [_field(column.name, column.type.bigquery, column.full_description) for column in columns]


def wanted_id(table: Table) -> str:
    """``project.dataset.table`` of a table object."""
    return f"{table.project}.{table.dataset_id}.{table.table_id}"


def _field(name: str, kind: str, description: str) -> SchemaField:
    from google.cloud.bigquery import SchemaField

    return SchemaField(name, kind, description=description[:_MAX_DESCRIPTION])


def _described_as(column: Any, wanted: Any | None) -> Any:
    """The column as it is (its type's spelling, tags that a person gave it), with the registry's description."""
    from google.cloud.bigquery import SchemaField

    if wanted is None or column.description == wanted.description:
        return column
    return SchemaField.from_api_repr({**column.to_api_repr(), "description": wanted.description})


def _schema(table: Table) -> list[Any]:
    return list(cast("Iterable[Any]", table.schema))


def _comparable(schema: Iterable[Any]) -> list[tuple[str, str, str, str]]:
    return [(c.name, _sql_type(c), c.mode, c.description or "") for c in schema]


def _uris(table: Table) -> list[str] | None:
    config: Any = table.external_data_configuration
    return None if config is None else list(config.source_uris)


def _pickup_zone(dataset: Dataset) -> list[str]:
    return [column.name for column in dataset.columns if column.name == "pulocationid"]


_LEGACY_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
"""BigQuery's API answers with the names of its first dialect."""


def _sql_type(column: SchemaField) -> str:
    return _LEGACY_NAMES.get(column.field_type, column.field_type)


def _is_ours(table: Table) -> bool:
    """Every table that this project has ever made says so."""
    return MANAGED_BY.items() <= cast("dict[str, str]", table.labels).items()


def _check_is_ours(present: Table, wanted: Table) -> None:
    """A table or view of the same name that something else made, such as the course's flows, is left alone."""
    table_id = wanted_id(wanted)
    partitioning, wanted_partitioning = present.time_partitioning, wanted.time_partitioning
    field = partitioning.field if partitioning else None
    if wanted_partitioning is not None and field != wanted_partitioning.field:
        raise LayoutError(
            f"{table_id} exists and is partitioned by {field or 'nothing'}, not by {wanted_partitioning.field}: "
            "something else made it. It was left as it is. Set GCP_DATASET to a dataset of its own, or rename the table"
        )
    if not _is_ours(present):
        raise LayoutError(
            f"{table_id} exists as a {str(present.table_type).lower()} without the label managed-by:taxi_assets: "
            "something else made it. It was left as it is. Set GCP_DATASET to a dataset of its own, or rename it; if "
            f"taxi_assets may replace what it holds: bq update --set_label managed-by:taxi_assets {present.project}:"
            f"{present.dataset_id}.{present.table_id}"
        )
    if wanted.external_data_configuration is not None:
        return  # It holds nothing: another type is corrected, not lost.
    types = {column.name: _sql_type(column) for column in _schema(present)}
    for column in _schema(wanted):
        found = types.get(column.name)
        if found is not None and found != _sql_type(column):
            raise LayoutError(
                f"{table_id}: column {column.name} is {found}, this project stores it as {_sql_type(column)}. The "
                "table was left as it is. Rename or remove it, then materialize its months again"
            )
