"""What the sensor new_months asks the source and what it asks for: real ticks, a real server, real run records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.definitions import build_defs
from taxi_assets.errors import NotPublishedError, SourceUnavailableError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.assets.materialize import Progress, materialize_months
from taxi_assets.orchestration.automation import new_months
from taxi_assets.orchestration.automation.new_months import (
    Cursor,
    MaterializedVersion,
    missing_months,
    months_to_ask,
    new_months_sensor,
    poll,
)
from taxi_assets.orchestration.names import LANDED, VALIDATOR
from taxi_assets.orchestration.partitions import newest_months, today_in_new_york
from taxi_assets.orchestration.resources.source import Source
from taxi_assets.settings import load_settings
from taxi_assets.steps.raw.fetch import Probe
from taxi_assets_tests.support.http_source import Answer, HttpSource

pytestmark = pytest.mark.slow

YELLOW = DATASETS["yellow"]
RAW = dg.AssetKey(["raw", YELLOW.table])
REPOSITORY = build_defs(load_settings(taxi_source="sample")).get_repository_def()
NEWEST = newest_months(YELLOW, today_in_new_york(), 3)


def path_of(month: str) -> str:
    return f"yellow/yellow_tripdata_{month}.csv.gz"


class Ticks:
    """The sensor over an instance and a source, its cursor kept from tick to tick."""

    def __init__(self, instance: dg.DagsterInstance, source: str) -> None:
        self.instance = instance
        self.source = Source(source=source, sample_rows=10)
        self.cursor: str | None = None
        self.sensor = new_months_sensor(60)

    def materialized(self, month: str, validator: str, **extra: object) -> None:
        """Records what a run of raw records."""
        event = dg.AssetMaterialization(RAW, partition=month, metadata={VALIDATOR: validator, **extra})
        self.instance.report_runless_asset_event(event)

    def tick(self) -> dg.SensorResult:
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=REPOSITORY,
            resources={"source": self.source},
        ) as context:
            result = self.sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result


@pytest.fixture
def ticks(http_source: HttpSource) -> Iterator[Ticks]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(instance, http_source.url)


def months(result: dg.SensorResult) -> list[str]:
    return [request.partition_key or "" for request in result.run_requests or []]


def test_nothing_is_looked_for_of_a_dataset_that_nobody_has_begun_with(ticks: Ticks, http_source: HttpSource) -> None:
    http_source.publish(path_of(NEWEST[0]), b"there")
    result = ticks.tick()
    assert not result.run_requests
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message == "Nothing new: no month to ask about"
    assert http_source.log == []


def test_a_month_that_appears_is_asked_for_once_with_partition_tags_and_a_key_of_its_version(
    ticks: Ticks, http_source: HttpSource
) -> None:
    ticks.materialized("2019-01", "an old file")
    assert months(ticks.tick()) == []
    http_source.publish(path_of(NEWEST[0]), b"the new month")
    [request] = ticks.tick().run_requests or []
    etag = http_source.published(f"/{path_of(NEWEST[0])}").etag
    assert request.job_name == "load_yellow"
    assert request.partition_key == NEWEST[0]
    assert request.run_key == f"yellow/{NEWEST[0]}/{etag} size 13/new"
    assert request.tags["dataset"] == "yellow"
    assert request.tags["reason"] == "new month"


def test_of_several_new_months_the_newest_come_first_and_the_others_in_later_ticks(
    ticks: Ticks, http_source: HttpSource
) -> None:
    ticks.materialized("2019-01", "an old file")
    newest = newest_months(YELLOW, today_in_new_york(), 7)
    for month in newest:
        http_source.publish(path_of(month), month.encode())
    for expected in (newest[:3], newest[3:6], newest[6:]):
        assert months(ticks.tick()) == expected
        for month in expected:
            ticks.materialized(month, ticks.source.probe(TripMonth("yellow", month)).validator or "")
    assert months(ticks.tick()) == []


def test_a_file_that_stays_the_same_is_never_asked_for_again(ticks: Ticks, http_source: HttpSource) -> None:
    http_source.publish(path_of("2019-01"), b"as it was")
    validator = ticks.source.probe(TripMonth("yellow", "2019-01")).validator
    assert validator is not None
    ticks.materialized("2019-01", validator)
    for _ in range(3):
        assert months(ticks.tick()) == []


def test_a_re_issued_month_is_asked_for_under_the_key_of_the_new_version(ticks: Ticks, http_source: HttpSource) -> None:
    http_source.publish(path_of("2019-01"), b"as it was")
    old = ticks.source.probe(TripMonth("yellow", "2019-01")).validator
    ticks.materialized("2019-01", old)
    http_source.publish(path_of("2019-01"), b"corrected", modified=1_700_000_000.0)
    new = ticks.source.probe(TripMonth("yellow", "2019-01")).validator
    [request] = ticks.tick().run_requests or []
    assert request.run_key == f"yellow/2019-01/{new}/{old}"
    assert request.tags["reason"] == "re-issued"


def test_a_re_issue_that_is_taken_back_is_asked_for_too(ticks: Ticks, http_source: HttpSource) -> None:
    keys = []
    for content, modified in ((b"first", 1.0), (b"second", 2.0), (b"first", 1.0)):
        ticks.materialized("2019-01", ticks.source.probe(TripMonth("yellow", "2019-01")).validator or "none yet")
        http_source.publish(path_of("2019-01"), content, modified=modified)
        keys += [request.run_key for request in ticks.tick().run_requests or []]
    assert len(keys) == len(set(keys)) == 3


class Asked:
    """A version that has been asked for, and what became of its runs."""

    def __init__(self, ticks: Ticks, http_source: HttpSource) -> None:
        ticks.materialized("2019-01", "an old file")
        http_source.publish(path_of(NEWEST[0]), b"the new month")
        self.ticks = ticks
        self.requests = ticks.tick().run_requests or []

    def run(self, *, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED, **run_tags: str) -> dg.DagsterRun:
        """The run that Dagster makes of the last request, as far as it has come."""
        request = self.requests[-1]
        return self.ticks.instance.create_run_for_job(
            REPOSITORY.get_job(request.job_name or ""),
            status=status,
            tags={**request.tags, "dagster/run_key": request.run_key or "", **run_tags},
        )

    def again(self) -> list[str | None]:
        """Run keys that further ticks ask for."""
        asked = [request for _ in range(2) for request in self.ticks.tick().run_requests or []]
        self.requests += asked
        return [request.run_key for request in asked][:1]

    def skipped(self) -> str:
        reasons = [self.ticks.tick().skip_reason for _ in range(2)]
        return " ".join(reason.skip_message or "" for reason in reasons if reason)


@pytest.fixture
def asked(ticks: Ticks, http_source: HttpSource) -> Asked:
    return Asked(ticks, http_source)


FAILED = dg.DagsterRunStatus.FAILURE
STEP = {"dagster/failure_reason": "STEP_FAILURE"}


def test_a_version_whose_run_is_under_way_is_not_asked_for_again(asked: Asked) -> None:
    asked.run()
    assert asked.again() == []
    assert "under way" in asked.skipped()


def test_a_version_that_failed_for_good_is_not_asked_for_again(asked: Asked) -> None:
    asked.run(status=FAILED, failure="permanent", **STEP)
    assert asked.again() == []
    assert f"1 failed for good, so another version is waited for (yellow {NEWEST[0]})" in asked.skipped()


def test_a_version_that_failed_in_passing_is_asked_for_again_without_anyone(asked: Asked) -> None:
    """The source was up for the probe and down for the download."""
    asked.run(status=FAILED, failure="passing", **STEP)
    [key] = asked.again()
    assert key == f"{asked.requests[0].run_key}/again 1"
    asked.run(status=FAILED, failure="passing", **STEP)
    [key] = asked.again()
    assert key == f"{asked.requests[0].run_key}/again 2"


def test_a_version_that_keeps_failing_in_passing_is_given_up_after_a_day_of_ticks(asked: Asked) -> None:
    for _ in range(new_months.TRIES):
        asked.run(status=FAILED, failure="passing", **STEP)
    assert asked.again() == []
    assert "tried 24 times" in asked.skipped()


def test_a_run_that_crashed_is_left_to_dagster_and_asked_for_again_when_dagster_has_given_up(asked: Asked) -> None:
    run = asked.run(status=FAILED, **{"dagster/will_retry": "true"})
    assert asked.again() == []
    retry = asked.run(status=FAILED, **{"dagster/will_retry": "false"})
    asked.ticks.instance.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": retry.run_id})
    [key] = asked.again()
    assert key == f"{asked.requests[0].run_key}/again 1"


def test_a_run_that_a_person_cancelled_is_not_asked_for_again(asked: Asked) -> None:
    asked.run(status=dg.DagsterRunStatus.CANCELED)
    assert asked.again() == []
    assert "cancelled by a person" in asked.skipped()


def test_a_version_that_comes_back_a_second_time_is_loaded_a_second_time(asked: Asked) -> None:
    asked.run(status=dg.DagsterRunStatus.SUCCESS)
    # Loaded once; then the old file was put back and loaded; and now the new one is there again.
    assert asked.again() == [f"{asked.requests[0].run_key}/again 1"]


def test_runs_say_whether_their_failure_may_pass(ticks: Ticks) -> None:
    def fails_with(error: Exception) -> str:
        @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["2019-01"]), retry_policy=dg.RetryPolicy(3, delay=0))
        def raw(context) -> None:
            def step(month: TripMonth, progress: Progress) -> dict:
                raise error

            materialize_months(context, YELLOW, step)

        dg.materialize([raw], instance=ticks.instance, partition_key="2019-01", raise_on_error=False)
        return ticks.instance.get_runs(limit=1)[0].tags[names.FAILURE]

    assert fails_with(SourceUnavailableError("dropped")) == "passing"
    assert fails_with(NotPublishedError("403")) == "permanent"


def test_a_landed_month_is_not_replaced_by_the_source_s_file(ticks: Ticks, http_source: HttpSource) -> None:
    http_source.publish(path_of("2019-01"), b"what the source has")
    ticks.materialized("2019-01", "mtime-1 size 5", **{LANDED: True})
    assert months(ticks.tick()) == []
    assert not any(path_of("2019-01") in asked.path for asked in http_source.log)


def test_a_source_that_is_down_skips_the_tick_with_a_reason_and_loses_no_turn(
    ticks: Ticks, http_source: HttpSource
) -> None:
    ticks.materialized("2019-01", "an old file")
    http_source.publish(path_of(NEWEST[0]), b"the new month")
    http_source.misbehave(Answer(503), method="", times=1000)
    result = ticks.tick()
    assert not result.run_requests
    assert result.skip_reason is not None
    assert "the source is down" in (result.skip_reason.skip_message or "")
    # It gave up after the first month: twelve times the patience would outlast the tick.
    assert {asked.path for asked in http_source.log} == {f"/{path_of(NEWEST[0])}"}
    http_source._faults.clear()
    assert months(ticks.tick()) == [NEWEST[0]]


def test_a_server_that_nobody_listens_on_any_more_skips_the_tick(ticks: Ticks) -> None:
    ticks.materialized("2019-01", "an old file")
    ticks.source = Source(source="http://127.0.0.1:9", sample_rows=10)
    assert "the source is down" in (ticks.tick().skip_reason.skip_message or "")


def test_a_cursor_that_somebody_edited_beyond_reading_only_forgets_whose_turn_it_is(ticks: Ticks) -> None:
    for cursor in ("", "not JSON", "[]", '{"tick": "x", "asked": {}}', '{"asked": 3}'):
        ticks.cursor = cursor
        ticks.materialized("2019-01", "an old file")
        ticks.tick()
        assert json.loads(ticks.cursor or "")["tick"] == 1


def test_a_dataset_s_newest_twelve_months_are_looked_for_and_older_gaps_left_to_backfills() -> None:
    today = date(2024, 4, 1)
    found = missing_months(YELLOW, {"2019-01", "2023-11"}, today)
    assert [month.month for month in found] == [
        "2024-01", "2023-12", "2023-10", "2023-09", "2023-08", "2023-07", "2023-06", "2023-05", "2023-04", "2023-03",
        "2023-02",
    ]  # fmt: skip


def test_every_month_has_its_turn_however_many_there_are() -> None:
    there = [TripMonth(name, f"{year}-{month:02d}") for name in ("yellow", "green") for year in range(2014, 2020)
            for month in range(1, 13)]  # fmt: skip
    missing = [TripMonth("yellow", f"2024-{month:02d}") for month in range(1, 13)]
    cursor = Cursor()
    asked: list[TripMonth] = []
    for _ in range(len(there) // new_months.MATERIALIZED_PER_TICK):
        chosen = months_to_ask(missing, there, cursor)
        assert len(chosen) <= new_months.MISSING_PER_TICK + new_months.MATERIALIZED_PER_TICK
        asked += chosen
        poll(chosen, {month: MaterializedVersion("v", landed=False) for month in there}, unchanged, cursor)
    assert set(asked) == {*there, *missing}
    assert sorted(month for month in asked if month in set(there)) == sorted(there)


def unchanged(month: TripMonth) -> Probe:
    return Probe("url", published=month.month < "2024", validator="v")


def test_a_tick_that_runs_out_of_time_goes_on_in_the_next() -> None:
    cursor = Cursor()
    there = {TripMonth("yellow", f"2019-{month:02d}"): MaterializedVersion("v", landed=False) for month in range(1, 7)}
    clock = iter([False, False, True])
    poll(months_to_ask([], list(there), cursor), there, unchanged, cursor, out_of_time=lambda: next(clock))
    assert sorted(cursor.asked) == ["yellow 2019-05", "yellow 2019-06"]
    poll(months_to_ask([], list(there), cursor), there, unchanged, cursor)
    assert len(cursor.asked) == 6


def test_what_a_raw_run_records_is_what_the_source_says(tmp_path: Path) -> None:
    """The two halves meet: the validator in the metadata of a real run equals the probe's."""
    settings = load_settings(taxi_source="sample", taxi_sample_rows=10, taxi_data_dir=tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        defs = build_defs(settings)
        job = defs.resolve_implicit_global_asset_job_def()
        job.execute_in_process(asset_selection=[RAW], partition_key="2019-01", instance=instance)
        there = new_months.materialized_version(instance, TripMonth("yellow", "2019-01"))
    probe = Source(source="sample", sample_rows=10).probe(TripMonth("yellow", "2019-01"))
    assert there == MaterializedVersion(probe.validator or "", landed=False)
