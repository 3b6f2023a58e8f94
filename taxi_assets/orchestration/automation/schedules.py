"""Schedules: on the 1st of each month, each dataset's newest month that can exist.

Belongs here: clock times. Not here: which months are published (``partitions.py``).

The hours of green and yellow are those of the course. Its schedule asks for the month that has just begun, whose file
comes out two months later; these ask for the month whose file can be there.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import dagster as dg

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import TaxiAssetsError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.automation.jobs import LOAD_JOBS
from taxi_assets.orchestration.partitions import TIMEZONE, newest_published
from taxi_assets.orchestration.resources.source import Source

HOURS = {"green": 9, "yellow": 10, "fhv": 11, "fhvhv": 12}
"""New York wall-clock time, summer and winter."""

HOUR_OF_YOURS = 13
"""Of the datasets that people declare."""


def monthly_schedule(dataset: Dataset) -> dg.ScheduleDefinition:
    """``yellow_monthly``. Off until someone switches it on: it downloads."""
    hour = HOURS.get(dataset.name, HOUR_OF_YOURS)

    @dg.schedule(
        name=f"{dataset.name}_monthly",
        job=LOAD_JOBS[dataset.name],
        cron_schedule=f"0 {hour} 1 * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"On the 1st at {hour}:00 in New York: loads the newest month of {dataset.title} that can be "
        f"published by then, {dataset.lag_days} days after its end. When it is not there yet, the sensor new_months "
        "takes it later.",
    )
    def monthly(context: dg.ScheduleEvaluationContext, source: Source) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.astimezone(ZoneInfo(TIMEZONE)).date()
        month = TripMonth(dataset.name, newest_published(day, dataset.lag_days))
        try:
            published = source.probe(month).published
        except TaxiAssetsError as error:
            # The run tries for longer than a tick may, and its failure is alerted.
            context.log.warning(f"{month}: {error}; the run will ask again")
            published = True
        if not published:
            return dg.SkipReason(f"{month} is not published yet; the sensor new_months, when it is on, looks again")
        return dg.RunRequest(
            run_key=f"{month.dataset}/{month.month}/scheduled {day}",
            partition_key=month.month,
            tags={names.DATASET: dataset.name},
        )

    return monthly
