"""What a warehouse is: where trips are asked for in SQL, loaded from the lake a month at a time.

Belongs here: what both warehouses share. Not here: the DuckDB catalogue (``duckdb_views.py``), BigQuery
(``bigquery.py``), and how a month gets there (``load.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.zones import TAXI_ZONES

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
