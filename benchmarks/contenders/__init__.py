"""One module a contender: ours, what people would use instead, and the floors that nobody can go below.

Belongs here: the work itself, written as well as its authors would have it. Each module has ``prepare()`` for imports
and the like, which is not measured, and ``run(job, parts)``, which is.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, cast


@dataclass(frozen=True)
class Job:
    """What a contender is asked to do: one month into one database.

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


class Contender(Protocol):
    """What each module of this package provides."""

    TABLE: str | None
    """Where the rows are afterwards; None: not in Postgres."""

    def prepare(self) -> None:
        """Imports what the work needs."""
        ...

    def run(self, job: Job, parts: dict[str, float]) -> None:
        """Does the work; may put seconds of its parts into ``parts``."""
        ...


def load_modules(*names: str) -> None:
    """Imports them, so that the work finds them loaded."""
    for name in names:
        importlib.import_module(name)


def contender(name: str) -> Contender:
    """The module of that name."""
    return cast("Contender", importlib.import_module(f"benchmarks.contenders.{name}"))
