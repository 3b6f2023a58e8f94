"""What a worker process is asked to do.

Belongs here: months, a source and a database, as values that go through a pipe. Not here: the work.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One month into one database, or several.

    Attributes:
        source: A folder laid out like a source: ``yellow/yellow_tripdata_YYYY-MM.csv.gz``.
        month: ``YYYY-MM``; the first, where there are several.
        rows: Trips to load; fewer than the file has only for a contender that gets a fraction.
        conninfo: Of the database, for libpq.
        url: The same as a URL.
        url_with_password: The same for those who do not take a password file.
        folder: For whatever the contender writes besides; empty unless earlier work for the same tables left something.
        dataset: Which dataset.
        months: How many months, from ``month`` on, for work that takes several.
    """

    source: str
    month: str
    rows: int
    conninfo: str = ""
    url: str = ""
    url_with_password: str = ""
    folder: str = ""
    dataset: str = "yellow"
    months: int = 1

    @property
    def csv(self) -> Path:
        """The published file."""
        return Path(self.source) / self.dataset / f"{self.dataset}_tripdata_{self.month}.csv.gz"

    @property
    def month_keys(self) -> list[str]:
        """All of its months."""
        first = int(self.month[:4]) * 12 + int(self.month[5:]) - 1
        return [f"{number // 12}-{number % 12 + 1:02}" for number in range(first, first + self.months)]

    @property
    def scratch(self) -> Path:
        """``folder``, there."""
        path = Path(self.folder)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def as_json(self) -> dict[str, Any]:
        """What the worker is handed."""
        return asdict(self)
