"""What failed in passing is made up for: real runs of assets that fail, in an instance in memory."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, PassingError, PermanentError, StoreUnavailableError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.assets.materialize import materialize_months
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.automation.outages import (
    TRIES,
    after_outages,
    requests_after_outages,
    wait_before,
    will_be_made_up,
)
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.orchestration.layers import CLEAN, LAKE, MARTS, POSTGRES, RAW, WAREHOUSE, Layer
from taxi_assets.orchestration.partitions import MartMonths, batches_of, months_of_all
from taxi_assets_tests.support.graph_runs import no_second_tries

YELLOW = DATASETS["yellow"]
AWAY = StoreUnavailableError("away")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    no_second_tries(monkeypatch)


def run(
    instance: dg.DagsterInstance, errors: dict[tuple[Layer, str], Exception], first: str, last: str, **tags: str
) -> str:
    """Runs all layers of these months, with these errors; returns the run's id."""

    def asset_of(layer: Layer) -> dg.AssetsDefinition:
        @trip_asset(layer, YELLOW, 12, description="", kinds=set())
        def layer_(context: dg.AssetExecutionContext) -> None:
            def step(month: object, _: object) -> dict[str, object]:
                error = errors.get((layer, str(month).split()[-1]))
                if error:
                    raise error
                return {}

            materialize_months(context, YELLOW, step)

        return layer_

    job = dg.Definitions(
        assets=[asset_of(layer) for layer in (RAW, CLEAN, POSTGRES, LAKE, WAREHOUSE)],
        jobs=[
            dg.define_asset_job(
                "load_yellow", [layer.key(YELLOW.table) for layer in (RAW, CLEAN, POSTGRES, LAKE, WAREHOUSE)]
            )
        ],
    ).resolve_job_def("load_yellow")
    ended = job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last, **tags},
    )
    return ended.run_id


def in_minutes(minutes: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(minutes=minutes)


def asked(request: dg.RunRequest) -> tuple[list[str], str, str]:
    layers = [key.path[0] for key in request.asset_selection or []]
    return layers, request.tags[ASSET_PARTITION_RANGE_START_TAG], request.tags[ASSET_PARTITION_RANGE_END_TAG]


def test_the_failed_layer_and_what_follows_it_are_asked_for_when_their_time_has_come(
    instance: dg.DagsterInstance,
) -> None:
    run_id = run(instance, {(LAKE, month): AWAY for month in ("2019-01", "2019-02")}, "2019-01", "2019-02")
    assert requests_after_outages(instance, in_minutes(0.5)) == []
    [request] = requests_after_outages(instance, in_minutes(1.5))
    assert asked(request) == (["lake", "warehouse"], "2019-01", "2019-02")
    assert request.job_name == "load_yellow"
    assert (request.tags[names.MAKES_UP], request.tags[names.TRY]) == (run_id, "1")


def test_only_the_months_that_failed_are_asked_for(instance: dg.DagsterInstance) -> None:
    bad = ("2019-02", "2019-04", "2019-05")
    run(instance, {(POSTGRES, month): AWAY for month in bad}, "2019-01", "2019-05")
    requests = requests_after_outages(instance, in_minutes(2))
    assert [asked(request) for request in requests] == [
        (["postgres"], "2019-02", "2019-02"),
        (["postgres"], "2019-04", "2019-05"),
    ]


def test_every_try_waits_longer_and_there_is_a_last_one(instance: dg.DagsterInstance) -> None:
    first = run(instance, {(LAKE, "2019-01"): AWAY}, "2019-01", "2019-01")
    tags = {names.MAKES_UP: first, names.TRY: "3"}
    third = run(instance, {(LAKE, "2019-01"): AWAY}, "2019-01", "2019-01", **tags)
    # The first is made up for already; the fourth try comes eight minutes after the third.
    assert requests_after_outages(instance, in_minutes(7)) == []
    [request] = requests_after_outages(instance, in_minutes(9))
    assert (request.tags[names.MAKES_UP], request.tags[names.TRY]) == (third, "4")
    assert wait_before(TRIES) == timedelta(hours=1)

    last = run(instance, {(LAKE, "2019-01"): AWAY}, "2019-01", "2019-01", **{**tags, names.TRY: str(TRIES)})
    assert last not in {each.tags[names.MAKES_UP] for each in requests_after_outages(instance, in_minutes(120))}
    told = {run_id: not will_be_made_up(instance.get_run_by_id(run_id)) for run_id in (first, third, last)}  # type: ignore[arg-type]
    assert told == {first: True, third: False, last: True}


def test_tries_of_before_an_upgrade_are_counted(instance: dg.DagsterInstance) -> None:
    first = run(instance, {(LAKE, "2019-01"): AWAY}, "2019-01", "2019-01")
    tags = {names.formerly(names.MAKES_UP): first, names.formerly(names.TRY): "3"}
    third = run(instance, {(LAKE, "2019-01"): AWAY}, "2019-01", "2019-01", **tags)
    [request] = requests_after_outages(instance, in_minutes(9))
    assert (request.tags[names.MAKES_UP], request.tags[names.TRY]) == (third, "4")
    assert request.tags[names.REASON] == f"try 4 after the outage that run {third[:8]} met"


@pytest.mark.parametrize(
    ("error", "tags"),
    [
        (BrokenFileError("broken"), {}),
        (AWAY, {names.VERSION: "yellow/2019-01/etag/new"}),  # new_months asks for it again itself
    ],
    ids=["for good", "of new_months"],
)
def test_what_failed_for_good_or_is_made_up_elsewhere_is_left(
    instance: dg.DagsterInstance, error: PermanentError | PassingError, tags: dict[str, str]
) -> None:
    run(instance, {(LAKE, "2019-01"): error}, "2019-01", "2019-01", **tags)
    assert requests_after_outages(instance, in_minutes(10)) == []


def test_a_mart_that_failed_is_asked_for_without_those_that_are_done(instance: dg.DagsterInstance) -> None:
    def mart_of(name: str) -> dg.AssetsDefinition:
        @dg.asset(key=MARTS.key(name), partitions_def=months_of_all(), backfill_policy=batches_of(12))
        def mart(context: dg.AssetExecutionContext) -> None:
            def step(month: object, _: object) -> dict[str, object]:
                if name == "zone_hours" and str(month).endswith("2019-02"):
                    raise AWAY
                return {}

            materialize_months(context, MartMonths(name), step)

        return mart

    # As when the marts follow the warehouse: Dagster's own job of all assets.
    everything = dg.Definitions(
        assets=[mart_of("zone_hours"), mart_of("months")]
    ).resolve_implicit_global_asset_job_def()
    tags = {ASSET_PARTITION_RANGE_START_TAG: "2019-01", ASSET_PARTITION_RANGE_END_TAG: "2019-03"}
    failed = everything.execute_in_process(instance=instance, raise_on_error=False, tags=tags).run_id
    [request] = requests_after_outages(instance, in_minutes(2))
    assert (request.job_name, request.asset_selection) == ("build_marts", [MARTS.key("zone_hours")])
    assert asked(request)[1:] == ("2019-02", "2019-02")
    assert (request.tags[names.DATASET], request.tags[names.MAKES_UP]) == ("marts", failed)


def test_what_a_person_has_done_meanwhile_is_left(instance: dg.DagsterInstance) -> None:
    run(instance, {(LAKE, "2019-01"): AWAY}, "2019-01", "2019-01")
    run(instance, {}, "2019-01", "2019-01")
    assert requests_after_outages(instance, in_minutes(10)) == []


def test_the_sensor_is_on_and_says_when_there_is_nothing(instance: dg.DagsterInstance) -> None:
    assert after_outages.default_status is dg.DefaultSensorStatus.RUNNING
    ticked = after_outages(dg.build_sensor_context(instance=instance))
    assert isinstance(ticked, dg.SensorResult)
    assert "Nothing" in str(ticked.skip_reason)
