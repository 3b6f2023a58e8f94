"""The numbers behind the map and the week, for every service, month and year: packed, for the page's script.

Belongs here: which choices a reader has, and the bytes that say what each shows. Not here: the drawing, which the
script does when somebody has chosen (``template/page.js`` reads what is written here).

All history has some 900 choices of 265 zones and 168 hours. As JSON they would take ten times the page's size.
"""

from __future__ import annotations

import base64
import calendar
import gzip
import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from taxi_assets.steps.report.figures import HOURS_A_WEEK, Figures, Key, Sums, total

ALL = "all"
"""All services that are loaded, together."""

NO_VALUE = 0xFFFF
"""In place of an average that cannot be taken."""

_HIGHEST = NO_VALUE - 1


@dataclass(frozen=True)
class Slices:
    """What a reader can choose.

    Attributes:
        zones: Zone numbers in the order of every slice's values; 0 stands for trips without a zone.
        choices: Service, period (``2019`` or ``2019-01``) and how many months of it are loaded, in the order of the
            slices.
        data: Base64 of gzip of the slices one after the other, little endian. A slice is, for every zone, the trips
            (uint32); then tips in tenths of a percent of the fares (uint16); then speeds in tenths of a mile an hour
            (uint16), :data:`NO_VALUE` for none; then the trips of the week's 168 hours (uint32), Monday 0 o'clock
            first; then how many Mondays to Sundays the months have (uint32).
    """

    zones: list[int]
    choices: list[tuple[str, str, int]]
    data: str


def pack(figures: Figures) -> Slices:
    """All slices of the figures."""
    zones = sorted({zone or 0 for month in figures.zones.values() for zone in month})
    choices: list[tuple[str, str, int]] = []
    packed: list[bytes] = []
    for (service, period), keys in _choices(figures).items():
        choices.append((service, period, len({month for _, month in keys})))
        packed.append(_packed_zones(figures, keys, zones) + _packed_hours(figures, keys))
    # No time in the header: equal figures make an equal page.
    data = gzip.compress(b"".join(packed), compresslevel=9, mtime=0)
    return Slices(zones, choices, base64.b64encode(data).decode())


def _choices(figures: Figures) -> dict[Key, list[Key]]:
    """For each service and period the months that it is made of; all services first, and years before months."""
    found: defaultdict[Key, list[Key]] = defaultdict(list)
    services = [ALL, *figures.services] if len(figures.services) > 1 else figures.services
    months = sorted(figures.zones, key=lambda key: key[1])
    for service in services:
        keys = [key for key in months if service in (ALL, key[0])]
        for key in keys:
            found[service, key[1][:4]].append(key)
        for key in keys:
            found[service, key[1]].append(key)
    return found


def _packed_zones(figures: Figures, keys: Sequence[Key], zones: Sequence[int]) -> bytes:
    parts: defaultdict[int, list[Sums]] = defaultdict(list)
    for key in keys:
        for zone, sums in figures.zones[key].items():
            parts[zone or 0].append(sums)
    sums = [total(parts[zone]) if parts[zone] else Sums() for zone in zones]
    return b"".join(
        (
            _integers("I", (each.trips for each in sums)),
            _integers("H", (_tenths(each.tip_share) for each in sums)),
            _integers("H", (_tenths(each.speed) for each in sums)),
        )
    )


def _tenths(value: float | None) -> int:
    return NO_VALUE if value is None or value < 0 else min(round(10 * value), _HIGHEST)


def _packed_hours(figures: Figures, keys: Sequence[Key]) -> bytes:
    hours = [figures.hours[key] for key in keys if key in figures.hours]
    trips = [sum(column) for column in zip(*hours, strict=True)] if hours else [0] * HOURS_A_WEEK
    days = [0] * 7
    for month in {month for _, month in keys}:
        for weekday, count in enumerate(weekdays(month)):
            days[weekday] += count
    return _integers("I", (*trips, *days))


def weekdays(month: str) -> list[int]:
    """How many Mondays, Tuesdays … Sundays a month has.

    >>> weekdays("2019-02"), weekdays("2019-03")
    ([4, 4, 4, 4, 4, 4, 4], [4, 4, 4, 4, 5, 5, 5])
    """
    first_weekday, days = calendar.monthrange(int(month[:4]), int(month[5:]))
    return [4 + ((weekday - first_weekday) % 7 < days - 28) for weekday in range(7)]


def _integers(kind: str, values: Iterable[int]) -> bytes:
    numbers = list(values)
    return struct.pack(f"<{len(numbers)}{kind}", *numbers)
