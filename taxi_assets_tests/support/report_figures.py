"""Figures of the page as if much more were loaded than a test can load: any months, made from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from taxi_assets.datasets.months import months_between
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.report.figures import HOURS_A_WEEK, Figures, Key, PublishedMonth, Sums, Zone, total

ALL_ZONES = range(1, 264)


def made_figures(
    keys: Iterable[Key], zones: Iterable[int] = ALL_ZONES, *, synthetic: bool = False, name: str = "Zone {}"
) -> Figures:
    """Figures of these months: digits as random as those of real ones, so that they do not pack better."""
    random = Random(1)
    numbers = list(zones)
    places: dict[Key, dict[int | None, Sums]] = {}
    for key in keys:
        places[key] = {zone: _sums(random, has_money=key[0] != "fhv") for zone in numbers}
    sums = {key: total(month.values()) for key, month in places.items()}
    return Figures(
        files=tuple(_file(key, sums[key].trips, random, synthetic) for key in places),
        sums=sums,
        zones=places,
        hours={key: tuple(random.randrange(1, 20_000) for _ in range(HOURS_A_WEEK)) for key in places},
        names={zone: Zone(zone, name.format(zone), "Queens") for zone in numbers},
    )


def all_history(last: str = "2026-06") -> Figures:
    """Every month of every dataset."""
    return made_figures(every_month(last))


def every_month(last: str, where: Callable[[Key], bool] = lambda _: True) -> list[Key]:
    """The months of every dataset until ``last``."""
    keys = ((name, month) for name, dataset in DATASETS.items() for month in months_between(dataset.first_month, last))
    return [key for key in keys if where(key)]


def _sums(random: Random, *, has_money: bool) -> Sums:
    trips = random.randrange(1, 60_000)
    seconds = trips * random.uniform(500, 1500)
    moving = (trips, seconds / 3600 * random.uniform(6, 22), seconds)
    if not has_money:
        return Sums(trips, 0, 0.0, 0, 0.0, 0.0, *moving)
    fare = trips * random.uniform(8, 40)
    return Sums(trips, trips, fare, trips // 2, fare / 2, fare / 2 * random.uniform(0.1, 0.3), *moving)


def _file(key: Key, clean: int, random: Random, synthetic: bool) -> PublishedMonth:
    service, month = key
    rejected = random.choice((0, 0, 7))
    file = f"{service}_tripdata_{month}.parquet"
    content_id = f"{random.getrandbits(256):064x}"
    return PublishedMonth(
        service, month, file, "parquet", content_id, synthetic, clean + rejected, clean, rejected, 3, clean // 250
    )
