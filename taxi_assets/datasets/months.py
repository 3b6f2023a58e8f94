"""What one partition is: a dataset and the month of the file that TLC publishes for it.

Belongs here: the value type that every step takes, and the names that follow from it. Not here: which datasets
exist (``registry.py``) and where files lie on a disk (``taxi_assets/data_dir.py``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


@dataclass(frozen=True, order=True)
class TripMonth:
    """One published file: ``TripMonth("yellow", "2019-01")``.

    Attributes:
        dataset: The dataset's name in the registry: yellow, green, fhv or fhvhv.
        month: The month in a file's name, ``YYYY-MM``; also Dagster's partition key.

    Raises:
        ValueError: The month is not written ``YYYY-MM``.
    """

    dataset: str
    month: str

    def __post_init__(self) -> None:
        if not _MONTH.fullmatch(self.month):
            raise ValueError(f"{self.month!r} is not a month; write it as YYYY-MM, for example 2019-01")

    @property
    def table(self) -> str:
        """The table, asset and file-name stem of the dataset: ``yellow_tripdata``."""
        return f"{self.dataset}_tripdata"

    @property
    def stem(self) -> str:
        """The published file's name without its format: ``yellow_tripdata_2019-01``."""
        return f"{self.table}_{self.month}"

    @property
    def first_day(self) -> date:
        """The value of ``file_month`` for every trip of this file."""
        return date.fromisoformat(f"{self.month}-01")

    @property
    def next_month_first_day(self) -> date:
        """The first day after the month, for half-open ranges of pickup times."""
        year, month = int(self.month[:4]), int(self.month[5:])
        return date(year + month // 12, month % 12 + 1, 1)

    def __str__(self) -> str:
        return f"{self.dataset} {self.month}"
