"""What one partition is: a dataset and the month of the file that TLC publishes for it.

Belongs here: the value type that every step takes, and the names that follow from it. Not here: which datasets
exist (``registry.py``) and where files lie on a disk (``taxi_assets/data_dir.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
_FILE_NAME = re.compile(rf"(?P<dataset>[a-z][a-z0-9_]*)_tripdata_(?P<month>{_MONTH.pattern})(?:\..*)?")


@dataclass(frozen=True, order=True)
class TripMonth:
    """One published file: ``TripMonth("yellow", "2019-01")``.

    Attributes:
        dataset: The dataset's name in the registry: yellow, green, fhv, fhvhv, or one of your own.
        month: The month in a file's name, ``YYYY-MM``; also Dagster's partition key.

    Raises:
        ValueError: The month is not written ``YYYY-MM``.
    """

    dataset: str
    month: str

    def __post_init__(self) -> None:
        if not _MONTH.fullmatch(self.month):
            raise ValueError(f"{self.month!r} is not a month; write it as YYYY-MM, for example 2019-01")

    @classmethod
    def from_file_name(cls, name: str) -> TripMonth:
        """The month that a file of ours is named after: the inverse of :attr:`stem`, whatever ends the name.

        >>> TripMonth.from_file_name("fhvhv_tripdata_2019-02.manifest.json")
        TripMonth(dataset='fhvhv', month='2019-02')

        Raises:
            ValueError: The name is not ``<dataset>_tripdata_YYYY-MM``, with or without an ending.
        """
        found = _FILE_NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"{name!r} is not named <dataset>_tripdata_YYYY-MM")
        return cls(found["dataset"], found["month"])

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
        return date.fromisoformat(f"{shift_month(self.month, 1)}-01")

    def __str__(self) -> str:
        return f"{self.dataset} {self.month}"


def file_of_month(pattern: str, month: str) -> str:
    """The file of a month, by the pattern of a dataset's files.

    >>> file_of_month("https://example.org/{year}/bikes-{year}{mm}.csv", "2024-01")
    'https://example.org/2024/bikes-202401.csv'

    Raises:
        KeyError: The pattern asks for something else than ``{month}``, ``{year}`` and ``{mm}``.
    """
    return pattern.format_map({"month": month, "year": month[:4], "mm": month[5:]})


def shift_month(month: str, by: int) -> str:
    """The month that lies ``by`` months after ``month``, or before it when ``by`` is negative.

    >>> shift_month("2019-12", 1), shift_month("2019-01", -2)
    ('2020-01', '2018-11')
    """
    return _written(_number(month) + by)


def months_between(first: str, last: str) -> list[str]:
    """All months from ``first`` to ``last``, both included; none when the last lies before the first.

    >>> months_between("2019-11", "2020-01")
    ['2019-11', '2019-12', '2020-01']
    """
    return [_written(number) for number in range(_number(first), _number(last) + 1)]


def stretches(months: Iterable[str]) -> list[tuple[str, str]]:
    """The first and last of the months that follow one another.

    >>> stretches(["2019-02", "2019-04", "2019-05"])
    [('2019-02', '2019-02'), ('2019-04', '2019-05')]
    """
    found: list[tuple[str, str]] = []
    for month in sorted(months):
        if found and shift_month(found[-1][1], 1) == month:
            found[-1] = (found[-1][0], month)
        else:
            found.append((month, month))
    return found


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _written(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
