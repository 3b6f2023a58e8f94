"""When TLC publishes: which month can exist on a given day.

Belongs here: the lag of publication and what follows from it for schedules and sensors. Not here: asking a source.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from taxi_assets.datasets.columns import Dataset
from taxi_assets.orchestration.partitions import TIMEZONE

SHORTEST_LAG = timedelta(days=47)
"""From the last day of a month to the date of its file: 47 to 62 days for the files of 2023-01 to 2024-05, 93 for one
of fhv."""


def today_in_new_york() -> date:
    """The publisher's date, by which partitions begin too."""
    return datetime.now(ZoneInfo(TIMEZONE)).date()


def newest_published(today: date) -> str:
    """The newest month, ``YYYY-MM``, whose file can exist on that day: the last that ended ``SHORTEST_LAG`` before.

    >>> newest_published(date(2024, 4, 1))
    '2024-01'
    """
    day_after_month = (today - SHORTEST_LAG + timedelta(days=1)).replace(day=1)
    return f"{day_after_month - timedelta(days=1):%Y-%m}"


def newest_months(dataset: Dataset, today: date, count: int) -> list[str]:
    """The ``count`` newest months that can exist of a dataset, newest first."""
    newest = newest_published(today)
    year, month = int(newest[:4]), int(newest[5:])
    ordinals = range(year * 12 + month - 1, year * 12 + month - 1 - count, -1)
    months = [f"{ordinal // 12:04d}-{ordinal % 12 + 1:02d}" for ordinal in ordinals]
    return [each for each in months if each >= dataset.first_month]
