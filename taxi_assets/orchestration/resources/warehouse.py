"""The warehouse, as a Dagster resource: what assets ask for, and the DuckDB catalogue of the ``local`` target.

Not here: the BigQuery dataset of the ``gcp`` target (``gcp.py``), which only that target imports.
"""

from abc import ABC, abstractmethod
from pathlib import Path

from pydantic import Field

from taxi_assets.orchestration.resources.resource import Resource
from taxi_assets.steps.marts.marts import MartStore
from taxi_assets.steps.warehouse.warehouse import Warehouse


class WarehouseResource(Resource, ABC):
    """What assets ask for; each target gives one of its own."""

    @abstractmethod
    def open(self) -> Warehouse:
        """The warehouse to work with."""

    @abstractmethod
    def marts(self) -> MartStore:
        """The marts in it."""


class DuckDbResource(WarehouseResource):
    """The warehouse: a DuckDB file whose tables are views over the lake's Parquet."""

    catalogue: str = Field(description="The DuckDB file: warehouse.duckdb in TAXI_DATA_DIR.")
    lake_root: str = Field(description="The lake that its views read: lake in TAXI_DATA_DIR.")

    def open(self) -> Warehouse:
        """The catalogue."""
        from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse

        return DuckDbWarehouse(Path(self.catalogue), Path(self.lake_root))

    def marts(self) -> MartStore:
        """The marts that the catalogue shows."""
        from taxi_assets.steps.marts.duckdb_marts import DuckDbMarts
        from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse

        lake = Path(self.lake_root)
        return DuckDbMarts(DuckDbWarehouse(Path(self.catalogue), lake), lake)
