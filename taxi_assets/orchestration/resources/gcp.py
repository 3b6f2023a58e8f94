"""The lake and the warehouse of the ``gcp`` target: ``dagster_gcp``'s ``GCSResource`` and ``BigQueryResource``.

Belongs here: what these two lack. Not here: what is done with their clients (``steps/``). Only the ``gcp`` target
imports this module: Google's packages take seconds, which a run of the ``local`` target need not wait for.

``get_client()`` is replaced in both. ``GCSResource`` takes no credentials but the machine's. ``BigQueryResource`` puts
the key into a temporary file and names that in the environment of the whole process, which two months that are loaded
side by side cannot both do. Neither takes the address of an emulator. The IO managers beside them are not used: a month
is a file that is streamed, and one load job; it is never an object in memory.

Dagster sets up the resources of all steps of a run before its first step, also those that no step gets to. So nothing
here asks Google before ``open()``: while Google is away, raw, clean and Postgres go on, and what needs it fails with an
error that is retried.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

from dagster_gcp import BigQueryResource, GCSResource
from google.cloud import bigquery, storage
from pydantic import Field

from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.resource import Resource
from taxi_assets.orchestration.resources.warehouse import WarehouseResource
from taxi_assets.steps.gcp.clients import bigquery_client, storage_client
from taxi_assets.steps.gcp.connection import GcpConnection
from taxi_assets.steps.gcp.preflight import check_gcp, check_lake
from taxi_assets.steps.lake.gcs import GcsLake
from taxi_assets.steps.marts.marts import MartStore
from taxi_assets.steps.warehouse.bigquery import BigQueryWarehouse


class GcpResource(Resource):
    """What both are told; the names that ``dagster_gcp`` has are kept."""

    project: str = Field(description="The Google Cloud project: GCP_PROJECT_ID.")
    location: str = Field(description="Where bucket and dataset are: GCP_LOCATION.")
    bucket: str = Field(description="The bucket of the lake: GCP_BUCKET_NAME.")
    dataset: str = Field(description="The BigQuery dataset of the warehouse: GCP_DATASET.")
    # Given as an EnvVar, so that the UI shows the variable's name and not the key; in a run its value stands here.
    gcp_credentials: str | None = Field(
        default=None,
        repr=False,
        description="The service account's key, by the variable SECRET_GCP_SERVICE_ACCOUNT; empty: Application Default "
        "Credentials.",
    )
    storage_emulator: str | None = Field(
        default=None, description="An emulator in place of Cloud Storage: STORAGE_EMULATOR_HOST; empty: the real one."
    )
    bigquery_emulator: str | None = Field(
        default=None, description="An emulator in place of BigQuery: BIGQUERY_EMULATOR_HOST; empty: the real one."
    )

    @property
    def connection(self) -> GcpConnection:
        """The same as the steps take it.

        Raises:
            SettingsError: Names that Google would not take, or one emulator alone.
        """
        return GcpConnection(
            project=self.project,
            location=self.location,
            bucket=self.bucket,
            dataset=self.dataset,
            credentials=self.gcp_credentials,
            storage_emulator=self.storage_emulator,
            bigquery_emulator=self.bigquery_emulator,
        )

    def get_object_to_set_on_execution_context(self) -> GcpResource:
        """This resource, and not a client: Dagster asks before every run, also of runs that need no client."""
        return self


# dagster_gcp lets the clients guess project and location (None); here they are always known.
class GcsLakeResource(GcpResource, GCSResource, LakeResource):  # pyright: ignore[reportIncompatibleVariableOverride]
    """The lake: copies of the published files and of the clean Parquet, in a Google Cloud Storage bucket."""

    def get_client(self) -> storage.Client:
        """Cloud Storage's client, with these credentials or on the emulator."""
        return storage_client(self.connection)

    def open(self) -> GcsLake:
        """The bucket, after the preflight, which a process makes once; one that failed is made again.

        Raises:
            TaxiAssetsError: See :func:`taxi_assets.steps.gcp.preflight.check_lake`.
        """
        _check_lake(self.connection)
        return GcsLake(_storage(self.connection), self.connection.bucket)


class BigQueryDatasetResource(GcpResource, BigQueryResource, WarehouseResource):  # pyright: ignore[reportIncompatibleVariableOverride]
    """The warehouse: tables in a BigQuery dataset, one partition a month."""

    maximum_bytes_billed: int = Field(
        description="A query that would bill more bytes is refused: TAXI_MAXIMUM_BYTES_BILLED."
    )
    require_partition_filter: bool = Field(
        description="Whether queries that name no month are refused: TAXI_REQUIRE_PARTITION_FILTER."
    )

    @contextmanager
    def get_client(self) -> Generator[bigquery.Client]:
        """BigQuery's client, with these credentials or on the emulator; it is closed afterwards."""
        with bigquery_client(self.connection) as client:
            yield client

    def open(self) -> BigQueryWarehouse:
        """The dataset, after the preflight, which a process makes once; one that failed is made again.

        Raises:
            TaxiAssetsError: See :func:`taxi_assets.steps.gcp.preflight.check_gcp`.
        """
        _check(self.connection)
        return BigQueryWarehouse(
            _bigquery(self.connection),
            self.connection.dataset_id,
            maximum_bytes_billed=self.maximum_bytes_billed,
            require_partition_filter=self.require_partition_filter,
        )

    def marts(self) -> MartStore:
        """The marts beside the dataset; errors as :meth:`open`."""
        from taxi_assets.steps.marts.bigquery_marts import BigQueryMarts

        gcp, warehouse = self.connection, self.open()
        lake = GcsLake(_storage(gcp), gcp.bucket)
        limit = self.maximum_bytes_billed
        return BigQueryMarts(_bigquery(gcp), warehouse, lake, gcp.dataset_id, maximum_bytes_billed=limit)


# `cache` does not remember errors: whoever opens next asks again.
_check_lake, _check = cache(check_lake), cache(check_gcp)
_storage, _bigquery = cache(storage_client), cache(bigquery_client)
