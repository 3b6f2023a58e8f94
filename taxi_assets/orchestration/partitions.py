"""Which months exist: one monthly partitions definition a dataset, and the newest that TLC can have published.

Belongs here: partitions, how many of them one run takes, and the lag of publication. Not here: when runs are asked
for, and asking a source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from dagster import BackfillPolicy, MonthlyPartitionsDefinition

from taxi_assets.datasets.columns import TLC_LAG_DAYS, Dataset
from taxi_assets.datasets.months import months_between, shift_month
from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.orchestration.layers import MARTS

TIMEZONE = "America/New_York"
"""TLC's own clock: partitions begin and schedules fire by it."""


class HasMonths(Protocol):
    """What months are of: a dataset, or the marts."""

    @property
    def name(self) -> str:
        """Stands before the month in what people read, and in the run's tag ``dataset``."""
        ...

    @property
    def table(self) -> str:
        """Last part of the keys of its assets."""
        ...


@dataclass(frozen=True)
class MartMonths:
    """The months of a mart, as loops and checks take them."""

    table: str
    name: str = MARTS.name


def months_of(dataset: Dataset) -> MonthlyPartitionsDefinition:
    """Every complete month since the dataset's first published one, with keys like ``2019-01``."""
    return MonthlyPartitionsDefinition(start_date=dataset.first_month, fmt="%Y-%m", timezone=TIMEZONE)


def months_of_all() -> MonthlyPartitionsDefinition:
    """Every complete month since the first that any dataset has: of what is made over all of them."""
    return MonthlyPartitionsDefinition(
        start_date=min(dataset.first_month for dataset in TLC_DATASETS.values()), fmt="%Y-%m", timezone=TIMEZONE
    )


def batches_of(months_per_run: int) -> BackfillPolicy:
    """A backfill takes this many months a run: starting a run costs more than a small month does."""
    return BackfillPolicy.multi_run(max_partitions_per_run=months_per_run)


def today_in_new_york() -> date:
    """The publisher's date, by which partitions begin too."""
    return datetime.now(ZoneInfo(TIMEZONE)).date()


def newest_published(today: date, lag_days: int = TLC_LAG_DAYS) -> str:
    """The newest month, ``YYYY-MM``, whose file can exist on that day: the last that ended ``lag_days`` before.

    >>> newest_published(date(2024, 4, 1)), newest_published(date(2024, 4, 1), lag_days=0)
    ('2024-01', '2024-03')
    """
    day_after_month = (today - timedelta(days=lag_days - 1)).replace(day=1)
    return f"{day_after_month - timedelta(days=1):%Y-%m}"


def newest_months(dataset: Dataset, today: date, count: int) -> list[str]:
    """The ``count`` newest months that can exist of a dataset, newest first."""
    newest = newest_published(today, dataset.lag_days)
    months = months_between(shift_month(newest, 1 - count), newest)
    return [month for month in reversed(months) if month >= dataset.first_month]
