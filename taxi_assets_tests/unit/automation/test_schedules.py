"""When schedules fire and which month they ask for, on real ticks, summer and winter."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from taxi_assets.datasets.columns import TLC_LAG_DAYS
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.definitions import build_defs
from taxi_assets.orchestration.partitions import months_of, newest_months, newest_published
from taxi_assets.orchestration.resources.source import Source
from taxi_assets.settings import load_settings
from taxi_assets_tests.support.http_source import Answer, HttpSource

NEW_YORK = ZoneInfo("America/New_York")
HOURS = {"green": 9, "yellow": 10, "fhv": 11, "fhvhv": 12}


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build_defs(load_settings(taxi_source="sample")).get_repository_def()


@pytest.mark.parametrize("dataset", HOURS)
def test_a_year_of_ticks_is_at_the_same_wall_clock_hour_summer_and_winter(
    repository: dg.RepositoryDefinition, dataset: str
) -> None:
    schedule = repository.get_schedule_def(f"{dataset}_monthly")
    ticks = []
    for tick in schedule_execution_time_iterator(
        datetime(2024, 1, 1, tzinfo=NEW_YORK).timestamp(), schedule.cron_schedule, schedule.execution_timezone
    ):
        ticks.append(tick.astimezone(NEW_YORK))
        if len(ticks) == 12:
            break
    assert [(tick.month, tick.day, tick.hour, tick.minute) for tick in ticks] == [
        (month, 1, HOURS[dataset], 0) for month in range(1, 13)
    ]
    # Clocks changed on 10 March and 3 November 2024: four hours behind UTC in between, five otherwise.
    assert {tick.month: tick.utcoffset() for tick in ticks} == {
        month: timedelta(hours=-4 if 4 <= month <= 11 else -5) for month in range(1, 13)
    }


def scheduled(
    repository: dg.RepositoryDefinition, dataset: str, moment: datetime, source: str
) -> dg.ScheduleExecutionData:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=moment,
            repository_def=repository,
            resources={"source": Source(source=source, sample_rows=10)},
        )
        return repository.get_schedule_def(f"{dataset}_monthly").evaluate_tick(context)


@pytest.mark.parametrize(
    ("day", "month"),
    [
        (date(2024, 1, 1), "2023-10"),
        (date(2024, 3, 1), "2023-12"),
        (date(2024, 4, 1), "2024-01"),
        (date(2024, 11, 1), "2024-08"),
        (date(2024, 12, 1), "2024-09"),
    ],
)
def test_the_newest_month_that_can_exist_is_asked_for_with_its_tags(
    repository: dg.RepositoryDefinition, day: date, month: str
) -> None:
    moment = datetime(day.year, day.month, 1, 10, tzinfo=NEW_YORK)
    [request] = scheduled(repository, "yellow", moment, "sample").run_requests
    assert request.partition_key == month
    assert request.tags["dataset"] == "yellow"
    assert request.run_key == f"yellow/{month}/scheduled {day}"


def test_a_tick_late_on_the_last_evening_in_utc_terms_still_counts_new_york_s_day(
    repository: dg.RepositoryDefinition,
) -> None:
    """The scheduler hands the moment over in UTC; 1 December in New York begins at 05:00 there."""
    moment = datetime(2024, 12, 1, 15, tzinfo=ZoneInfo("UTC"))
    [request] = scheduled(repository, "yellow", moment, "sample").run_requests
    assert request.partition_key == "2024-09"


def test_a_month_that_is_not_published_yet_is_skipped_with_a_reason(
    repository: dg.RepositoryDefinition, http_source: HttpSource
) -> None:
    moment = datetime(2024, 4, 1, 10, tzinfo=NEW_YORK)
    tick = scheduled(repository, "yellow", moment, http_source.url)
    assert not tick.run_requests
    assert tick.skip_message == (
        "yellow 2024-01 is not published yet; the sensor new_months, when it is on, looks again"
    )


def test_a_source_that_is_down_is_left_to_the_run_which_tries_for_longer(
    repository: dg.RepositoryDefinition, http_source: HttpSource
) -> None:
    http_source.misbehave(Answer(503), method="", times=100)
    moment = datetime(2024, 4, 1, 10, tzinfo=NEW_YORK)
    [request] = scheduled(repository, "yellow", moment, http_source.url).run_requests
    assert request.partition_key == "2024-01"


def test_a_month_is_newest_from_the_day_on_which_its_shortest_lag_is_over() -> None:
    lag = timedelta(days=TLC_LAG_DAYS)
    for offset in range(800):
        day = date(2023, 12, 1) + timedelta(days=offset)
        newest = newest_published(day)
        year, month = int(newest[:4]), int(newest[5:])
        last_day = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        next_last_day = (last_day + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        assert last_day + lag <= day < next_last_day + lag, day


def test_a_month_is_newest_on_its_last_day_when_it_is_published_without_a_lag() -> None:
    assert newest_published(date(2024, 4, 29), lag_days=0) == "2024-03"
    assert newest_published(date(2024, 4, 30), lag_days=0) == "2024-04"


def test_a_dataset_has_no_newest_months_before_its_first() -> None:
    assert newest_months(DATASETS["fhvhv"], date(2019, 6, 20), 12) == ["2019-04", "2019-03", "2019-02"]


def test_partitions_are_months_by_new_york_s_clock_across_the_changes_of_2024() -> None:
    months = months_of(DATASETS["yellow"])
    before, after = datetime(2024, 11, 30, 23, 59, tzinfo=NEW_YORK), datetime(2024, 12, 1, 0, 1, tzinfo=NEW_YORK)
    assert months.get_partition_keys(before)[-1] == "2024-10"
    assert months.get_partition_keys(after)[-1] == "2024-11"
    window = months.time_window_for_partition_key("2024-03")
    # March 2024 is an hour short: clocks went forward on the 10th.
    assert window.end.timestamp() - window.start.timestamp() == (31 * 24 - 1) * 3600
