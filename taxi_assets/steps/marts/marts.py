"""What a store of marts is, and what a mart of a month says.

Belongs here: what both stores share. Not here: the stores (``duckdb_marts.py``), the loop over
services (``build.py``), columns (``taxi_assets/datasets/marts.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from taxi_assets.datasets.marts import Mart
from taxi_assets.datasets.months import TripMonth


@dataclass(frozen=True)
class MartPart:
    """A month of one service in a mart.

    Attributes:
        month: Which.
        version: Content id of the clean file that it was made from.
        rows: Rows of the mart.
        trips: Trips that they count.
        unchanged: It was there already; nothing was written.
    """

    month: TripMonth
    version: str
    rows: int
    trips: int
    unchanged: bool


class MartStore(Protocol):
    """Where marts are. All methods raise ``StoreUnavailableError`` when it cannot be reached."""

    def replace(self, mart: Mart, month: TripMonth, *, run_id: str = "") -> MartPart | None:
        """Makes the part of a month say what the warehouse's trips of that month say; None when it has none.

        A month that the warehouse has no more leaves nothing behind.
        """
        ...

    def publish(self) -> None:
        """Shows readers what was replaced, where that does not happen by itself."""
        ...

    def total(self, mart: Mart, month: TripMonth, column: str) -> float | None:
        """Sum of a column over the rows of a month; None when there are no values."""
        ...

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query over whole marts.

        Args:
            sql: In words that every store reads alike. In braces stand the marts, and the lookup of zones:
                ``SELECT SUM(trips) FROM {zone_hours}``, ``{taxi_zones}``.
        """
        ...
