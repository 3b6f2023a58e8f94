"""The warehouse, as a Dagster resource: a DuckDB catalogue in the ``local`` target, BigQuery in the ``gcp`` target."""

from abc import ABC, abstractmethod
from pathlib import Path

from dagster import ConfigurableResource

from taxi_assets.orchestration.resources.gcp import GcpAccess
from taxi_assets.steps.warehouse.warehouse import Warehouse


class WarehouseResource(ConfigurableResource, ABC):  # pyright: ignore[reportMissingTypeArgument]  # it yields no value
    """What assets ask for; each target gives one of the two below."""

    @abstractmethod
    def open(self) -> Warehouse:
        """The warehouse to work with; Google's clients are imported here and not before."""


class DuckDbResource(WarehouseResource):
    """A catalogue of views over the folder lake.

    Attributes:
        catalogue: Absolute path, ``TAXI_DATA_DIR/warehouse.duckdb``.
        lake_root: Absolute path, ``TAXI_DATA_DIR/lake``.
    """

    catalogue: str
    lake_root: str

    def open(self) -> Warehouse:
        """The catalogue."""
        from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse

        return DuckDbWarehouse(Path(self.catalogue), Path(self.lake_root))


class BigQueryDatasetResource(GcpAccess, WarehouseResource):
    """A BigQuery dataset.

    Attributes:
        maximum_bytes_billed: ``TAXI_MAXIMUM_BYTES_BILLED``: a query that would bill more is refused.
    """

    maximum_bytes_billed: int

    def open(self) -> Warehouse:
        """The dataset."""
        from taxi_assets.steps.gcp.clients import bigquery_client
        from taxi_assets.steps.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse(
            bigquery_client(self.settings()),
            f"{self.project}.{self.dataset}",
            maximum_bytes_billed=self.maximum_bytes_billed,
        )
