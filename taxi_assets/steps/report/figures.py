"""What the page tells, as numbers: sums of trips by month, zone and hour, and what became of each published file.

Belongs here: the figures, how they add up, and the averages that may be taken of them. Not here: where they are read
(``read.py``) and how they are drawn (``charts.py``, ``places.py``, ``page.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from taxi_assets.datasets.months import months_between
from taxi_assets.datasets.registry import TLC_DATASETS

FEW = 10
"""An average of fewer trips than that says more about them than about a place, and is not shown."""

HOURS_A_WEEK = 7 * 24

TWO_YEARS = 24
"""In months."""

Key = tuple[str, str]
"""A service and a month of its files: ``("yellow", "2019-01")``."""


class Sums(NamedTuple):
    """Sums over trips. Every average has the number of trips beside it that publish what it is taken of.

    Attributes:
        trips: All trips.
        priced: Trips that have a fare.
        fare: US dollars, of those.
        tipped: Trips whose payment records tips: by card, through an app. Cash tips are not recorded.
        tipped_fare: US dollars, fares of those.
        tip: US dollars, tips of those.
        moving: Trips with a distance and a time that a speed can be taken of.
        miles: Of those.
        seconds: Of those.
    """

    trips: int = 0
    priced: int = 0
    fare: float = 0.0
    tipped: int = 0
    tipped_fare: float = 0.0
    tip: float = 0.0
    moving: int = 0
    miles: float = 0.0
    seconds: float = 0.0

    @property
    def mean_fare(self) -> float | None:
        """US dollars a trip; None where hardly any trip has one."""
        return self.fare / self.priced if self.priced >= FEW else None

    @property
    def tip_share(self) -> float | None:
        """Tips in percent of the fares, of the trips whose payment records tips."""
        return 100 * self.tip / self.tipped_fare if self.tipped >= FEW and self.tipped_fare > 0 else None

    @property
    def speed(self) -> float | None:
        """Miles an hour, from pickup to dropoff."""
        return 3600 * self.miles / self.seconds if self.moving >= FEW and self.seconds > 0 else None


def total(parts: Iterable[Sums]) -> Sums:
    """The sum of sums."""
    columns = zip(*parts, strict=True)
    return Sums(*(sum(column) for column in columns))


@dataclass(frozen=True)
class PublishedMonth:
    """One published file and what became of its lines.

    Attributes:
        service: The dataset.
        month: Of the file, ``YYYY-MM``.
        file: Its name as published.
        format: csv, csv.gz or parquet.
        version: Which contents: the clean file's content id, hexadecimal.
        synthetic: Made by the sample source.
        published: Lines with data.
        clean: Trips that were kept.
        rejected: Lines that were not; with the kept ones they are all that was published.
        unreadable: Optional values that could not be read and are empty.
        odd: Trips that were kept although something in them is odd, such as a clock years off.
    """

    service: str
    month: str
    file: str
    format: str
    version: str
    synthetic: bool
    published: int
    clean: int
    rejected: int
    unreadable: int
    odd: int

    @property
    def key(self) -> Key:
        """Of this month's sums."""
        return self.service, self.month

    @property
    def adds_up(self) -> bool:
        """Whether every published line is among the kept or the rejected ones."""
        return self.published == self.clean + self.rejected


@dataclass(frozen=True)
class Zone:
    """A taxi zone as the lookup names it."""

    number: int
    name: str
    borough: str


@dataclass(frozen=True)
class Figures:
    """All that the page is made of.

    Attributes:
        files: One entry for each month that is loaded, no more for those that are not.
        sums: Of all trips in a month's file.
        zones: The same by the zone of the pickup; key None: no zone.
        hours: Trips by hour of the week, Monday 0 o'clock first, :data:`HOURS_A_WEEK` numbers; only trips whose clock
            says a day of the file's month.
        names: The zones, by number.
    """

    files: tuple[PublishedMonth, ...]
    sums: Mapping[Key, Sums]
    zones: Mapping[Key, Mapping[int | None, Sums]]
    hours: Mapping[Key, tuple[int, ...]]
    names: Mapping[int, Zone] = field(default_factory=dict[int, Zone])

    @cached_property
    def by_key(self) -> Mapping[Key, PublishedMonth]:
        """The files by service and month."""
        return {file.key: file for file in self.files}

    @cached_property
    def services(self) -> list[str]:
        """The services that have a month loaded, in the registry's order."""
        loaded = {file.service for file in self.files}
        return [name for name in TLC_DATASETS if name in loaded]

    @cached_property
    def first(self) -> str | None:
        """The first month that is loaded, of any service."""
        return min((file.month for file in self.files), default=None)

    @cached_property
    def last(self) -> str | None:
        """The last month that is loaded, of any service: what came out later is not known here."""
        return max((file.month for file in self.files), default=None)

    @cached_property
    def axis(self) -> list[str]:
        """The months from the first to the last that is loaded, in whole years where they are more than two years."""
        if self.first is None or self.last is None:
            return []
        months = months_between(self.first, self.last)
        return months if len(months) <= TWO_YEARS else months_between(f"{self.first[:4]}-01", f"{self.last[:4]}-12")

    def expected(self, service: str) -> list[str]:
        """The months of a service that are loaded or missing: from its first one to the last month that is loaded."""
        return [] if self.last is None else months_between(TLC_DATASETS[service].first_month, self.last)

    def state(self, service: str, month: str) -> str | None:
        """Of a month: ``loaded``, ``missing``, or None where nothing was published, or nobody knows."""
        if (service, month) in self.by_key:
            return "loaded"
        is_expected = self.last is not None and TLC_DATASETS[service].first_month <= month <= self.last
        return "missing" if is_expected else None

    def missing(self) -> list[Key]:
        """The months that are published and not loaded."""
        return [
            (service, month) for service in TLC_DATASETS for month in self.expected(service)
            if (service, month) not in self.by_key
        ]  # fmt: skip

    @property
    def synthetic(self) -> int:
        """How many of the months are synthetic."""
        return sum(file.synthetic for file in self.files)
