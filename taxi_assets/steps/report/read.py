"""From the marts to figures: four questions, in SQL that every warehouse reads alike.

Belongs here: what is asked, and how answers become figures. Not here: how marts are made (``taxi_assets/steps/marts``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.steps.marts.marts import MartStore
from taxi_assets.steps.report.figures import HOURS_A_WEEK, Figures, Key, PublishedMonth, Sums, Zone, total

if TYPE_CHECKING:
    from taxi_assets.steps.files.zone_shapes import ZoneShapes

FILES = """
SELECT service, CAST(file_month AS STRING), file, format, version, synthetic,
    published, clean, rejected, unreadable, odd
FROM {months}
"""

ZONES = """
SELECT service, CAST(file_month AS STRING), pickup_zone, SUM(trips),
    SUM(priced_trips), SUM(fare),
    SUM(tipped_trips), SUM(tipped_fare), SUM(tipped_tip),
    SUM(moving_trips), SUM(moving_miles), SUM(moving_seconds)
FROM {zone_hours}
GROUP BY service, file_month, pickup_zone
"""

# Days of the week are counted from a Monday: engines number them from 0 or from 1, and all begin on a Sunday.
HOURS = """
SELECT service, CAST(file_month AS STRING),
    MOD(EXTRACT(DAYOFWEEK FROM pickup_date) - EXTRACT(DAYOFWEEK FROM DATE '2001-01-01') + 7, 7) AS weekday,
    pickup_hour, SUM(trips)
FROM {zone_hours}
WHERE in_file_month
GROUP BY service, file_month, weekday, pickup_hour
"""

NAMES = "SELECT locationid, zone, borough FROM {taxi_zones}"


def read_figures(marts: MartStore, shapes: ZoneShapes | None = None) -> Figures:
    """All that is in the marts.

    Args:
        marts: Where they are.
        shapes: Names zones that the lookup does not, as where it was not loaded.
    """
    zones: defaultdict[Key, dict[int | None, Sums]] = defaultdict(dict)
    for service, month, zone, *sums in marts.ask(ZONES):
        zones[service, month[:7]][zone] = Sums(*(value or 0 for value in sums))
    hours: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * HOURS_A_WEEK)
    for service, month, weekday, hour, trips in marts.ask(HOURS):
        hours[service, month[:7]][24 * int(weekday) + int(hour)] += int(trips)
    files = [_file(row) for row in marts.ask(FILES)]
    return Figures(
        files=tuple(sorted((file for file in files if file.service in TLC_DATASETS), key=lambda file: file.key)),
        # In one order, whatever the engine's: equal marts make an equal page.
        sums={key: total(zones[key].values()) for key in sorted(zones)},
        zones={key: zones[key] for key in sorted(zones)},
        hours={key: tuple(hours[key]) for key in sorted(hours)},
        names=_names(marts, shapes),
    )


def _file(row: Sequence[Any]) -> PublishedMonth:
    service, month, file, file_format, version, synthetic, *counts = row
    return PublishedMonth(
        service,
        month[:7],
        file or "",
        file_format or "",
        version or "",
        bool(synthetic),
        *(int(n or 0) for n in counts),
    )


def _names(marts: MartStore, shapes: ZoneShapes | None) -> dict[int, Zone]:
    drawn = (
        {}
        if shapes is None
        else {shape.locationid: Zone(shape.locationid, shape.zone, shape.borough) for shape in shapes.zones}
    )
    looked_up = {
        int(number): Zone(int(number), zone or "", borough or "") for number, zone, borough in marts.ask(NAMES)
    }
    return drawn | looked_up
