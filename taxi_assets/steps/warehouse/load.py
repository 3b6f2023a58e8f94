"""lake -> warehouse: a month of the lake made visible to SQL.

Belongs here: what a warehouse is, and how a month and the zone lookup get there from a lake. Not here: the two
warehouses themselves, a DuckDB catalogue of views (``warehouse_duckdb.py``) and BigQuery tables
(``warehouse_bigquery.py``).
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Column
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import NotMaterializedError
from taxi_assets.steps.clean.zones import clean_zones
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.lake.copy import Lake, ObjectInfo, clean_name, lake_rows, parquet_rows

log = logging.getLogger(__name__)

ZONES_NAME = f"clean/{TAXI_ZONES.name}/taxi_zone_lookup.parquet"
"""The zone lookup's object in the lake, from which warehouses take it."""


@dataclass(frozen=True)
class CleanObject:
    """A clean Parquet in the lake, as a warehouse needs to know it.

    Attributes:
        uri: Where it lies.
        rows: Its rows, by its own footer.
        content: Equal for equal bytes: the SHA-256 that the lake keeps, else the object's version.
    """

    uri: str
    rows: int
    content: str


@dataclass(frozen=True)
class WarehouseMonth:
    """What a load left in the warehouse.

    Attributes:
        table: Where it is: ``project.dataset.yellow_tripdata``, or the catalogue and the view.
        rows: Rows of this month (of the whole table for the zone lookup), counted there.
        unchanged: The same content was there already; nothing was written.
        bytes_billed: What BigQuery charges for; None where nothing is charged or nothing is said.
        slot_ms: BigQuery's work, in milliseconds of one slot; None as above.
        seconds: Time of this call.
    """

    table: str
    rows: int
    unchanged: bool
    bytes_billed: int | None
    slot_ms: int | None
    seconds: float


class Warehouse(Protocol):
    """Where trips are asked for in SQL. All methods raise ``StoreUnavailableError`` when it cannot be reached."""

    def load(self, month: TripMonth, clean: CleanObject, *, run_id: str = "") -> WarehouseMonth:
        """Makes the warehouse's rows of ``month`` those of ``clean``, in one step for its readers.

        Args:
            month: Which rows are replaced: those with its ``file_month``, and no others.
            clean: What replaces them.
            run_id: Of the orchestrator's run, to find a job by; may be empty.
        """
        ...

    def load_zones(self, zones: CleanObject, *, run_id: str = "") -> WarehouseMonth:
        """Makes ``taxi_zones`` hold the lookup."""
        ...

    def count(self, month: TripMonth) -> int:
        """Rows with this month's ``file_month``."""
        ...

    def total(self, month: TripMonth, column: str) -> float | None:
        """Sum of a column over the month's rows; None when there are no values."""
        ...


def load_month(month: TripMonth, lake: Lake, warehouse: Warehouse, *, run_id: str = "") -> WarehouseMonth:
    """Loads a month from the lake.

    Raises:
        NotMaterializedError: The month is not in the lake.
        BrokenFileError: Its object is not a Parquet file, or the warehouse refuses it. The month that was there
            before is still there, whole.
        CountMismatchError: Rows went missing on the way; as above.
        StoreUnavailableError: The warehouse cannot be reached; as above.
    """
    info = lake.stat(clean_name(month))
    if info is None:
        raise NotMaterializedError(
            f"{month}: {clean_name(month)} is not in the lake; materialize lake/{month.table} of this month"
        )
    return warehouse.load(month, _clean_object(info, lake_rows(lake, month)), run_id=run_id)


def load_zones(raw: RawFile, lake: Lake, warehouse: Warehouse, *, run_id: str = "") -> WarehouseMonth:
    """Loads the zone lookup: its clean Parquet goes to the lake, and the warehouse takes it from there.

    Raises:
        LayoutError: The CSV does not have the lookup's columns.
        BrokenFileError: A zone is missing, comes twice or has no number.
        StoreUnavailableError: The lake or the warehouse cannot be reached.
    """
    with tempfile.TemporaryDirectory(prefix="taxi-zones-") as folder:
        parquet = clean_zones(raw, DataDir(Path(folder)))
        put = lake.put(parquet, ZONES_NAME, metadata={"source": raw.source, "rows": str(raw.published_rows)})
        rows = parquet_rows(parquet)
    return warehouse.load_zones(_clean_object(put.info, rows), run_id=run_id)


def full_description(column: Column) -> str:
    """A column's description with its unit, for the comment fields of stores."""
    unit = f" [{column.unit}]" if column.unit else ""
    return f"{column.description}{unit}"


def _clean_object(info: ObjectInfo, rows: int) -> CleanObject:
    return CleanObject(info.uri, rows, info.metadata.get("sha256") or f"version {info.version}")
