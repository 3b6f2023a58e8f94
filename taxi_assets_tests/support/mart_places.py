"""One clean month in a folder lake and in a bucket, so that both targets can be asked the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.marts import MARTS
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets.steps.files.sql import literal
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.lake.lake import Lake, clean_name, raw_name
from taxi_assets.steps.marts.build import MartMonth, build_mart
from taxi_assets.steps.marts.duckdb_marts import DuckDbMarts
from taxi_assets.steps.marts.marts import MartStore
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse
from taxi_assets_tests.support.clean_months import write_clean


@dataclass(frozen=True)
class LocalPlace:
    """A lake into which months are put as the steps before would, its warehouse and marts."""

    data_dir: DataDir

    @property
    def lake(self) -> FolderLake:
        return FolderLake(self.data_dir.lake)

    @property
    def warehouse(self) -> DuckDbWarehouse:
        return DuckDbWarehouse(self.data_dir.warehouse, self.data_dir.lake)

    @property
    def marts(self) -> DuckDbMarts:
        return DuckDbMarts(self.warehouse, self.data_dir.lake)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What the catalogue under this name says now (an open connection of this process may know an older one)."""
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {literal(str(self.data_dir.warehouse))} AS catalogue (READ_ONLY)")
            connection.execute("USE catalogue")
            return connection.execute(sql).fetchall()


def write_month(folder: Path, month: TripMonth, table: pa.Table) -> CleanFile:
    """A clean file as `put` takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_clean(folder, month, table)


def put(lake: Lake, clean: CleanFile) -> None:
    """A clean file and some published file into a lake."""
    facts = {"rows": str(clean.rows), "content_id": clean.content_id}
    lake.put(clean.path, clean_name(clean.month), metadata=facts)
    raw = clean.path.with_name(f"{clean.month.stem}.csv.gz")
    raw.write_bytes(clean.content_id.encode())
    lake.put(raw, raw_name(clean.month.dataset, raw.name), metadata={})


def build(store: MartStore, month: str) -> dict[str, MartMonth]:
    """All marts of a month."""
    return {mart.name: build_mart(mart, month, store) for mart in MARTS.values()}
