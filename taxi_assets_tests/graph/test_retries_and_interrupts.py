"""What Dagster tries again: steps with passing errors, and nothing that was interrupted. Real runs of small assets."""

import signal
from collections.abc import Callable
from contextlib import suppress

import dagster as dg
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, SourceUnavailableError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.assets import failures
from taxi_assets.orchestration.assets.failures import failures_as_ours
from taxi_assets.orchestration.assets.materialize import materialize_months
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.orchestration.layers import RAW
from taxi_assets.orchestration.partitions import months_of

MONTHS = ("2019-01", "2019-02", "2019-03")
YELLOW = DATASETS["yellow"]


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "RETRY_PASSING", dg.RetryPolicy(max_retries=3, delay=0))


def run_months(instance: dg.DagsterInstance, step: Callable[[TripMonth], None]) -> dg.ExecuteInProcessResult:
    @dg.asset(
        key=["raw", YELLOW.table], partitions_def=months_of(YELLOW), backfill_policy=dg.BackfillPolicy.single_run()
    )
    def months(context: dg.AssetExecutionContext) -> None:
        def with_metadata(month: TripMonth, _: object) -> dict[str, object]:
            step(month)
            return {}

        materialize_months(context, YELLOW, with_metadata)

    return run(months, instance)


def run(months: dg.AssetsDefinition, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [months],
        instance=instance,
        tags={ASSET_PARTITION_RANGE_START_TAG: MONTHS[0], ASSET_PARTITION_RANGE_END_TAG: MONTHS[-1]},
        raise_on_error=False,
    )


def retries(result: dg.ExecuteInProcessResult) -> int:
    return len([event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"])


@pytest.mark.parametrize(("failing", "tried_again", "succeeds"), [(2, 2, True), (9, 3, False)])
def test_a_passing_error_is_tried_again_three_times(failing: int, tried_again: int, succeeds: bool) -> None:
    done: list[str] = []

    def step(month: TripMonth) -> None:
        done.append(month.month)
        if month.month == "2019-02" and done.count("2019-02") <= failing:
            raise SourceUnavailableError("the source is down")

    with dg.DagsterInstance.ephemeral() as instance:
        result = run_months(instance, step)
        run = instance.get_run_by_id(result.run_id)
    assert (result.success, retries(result)) == (succeeds, tried_again)
    assert run is not None
    assert run.tags.get(names.FAILURE) == (None if succeeds else "passing")
    if not succeeds:
        [failed] = result.filter_events(lambda event: event.is_step_failure)
        assert failed.step_failure_data.user_failure_data is not None
        assert list(failed.step_failure_data.user_failure_data.metadata) == ["2019-02"]


def test_a_permanent_error_beside_a_passing_one_is_not_tried_again() -> None:
    def step(month: TripMonth) -> None:
        if month.month == "2019-01":
            raise SourceUnavailableError("the source is down")
        if month.month == "2019-02":
            raise BrokenFileError("cut off")

    with dg.DagsterInstance.ephemeral() as instance:
        result = run_months(instance, step)
    assert (result.success, retries(result)) == (False, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_a_batch_in_the_month_where_it_comes(number: signal.Signals) -> None:
    begun: list[str] = []

    def step(month: TripMonth) -> None:
        begun.append(month.month)
        if month.month == "2019-02":
            try:
                signal.raise_signal(number)
            finally:
                # As a connection does that is closed in the middle of a statement.
                raise SourceUnavailableError("another command is already in progress")

    with dg.DagsterInstance.ephemeral() as instance:
        before = signal.getsignal(signal.SIGINT)
        result = run_months(instance, step)
        assert signal.getsignal(signal.SIGINT) is before
        months = instance.get_materialized_partitions(dg.AssetKey(["raw", YELLOW.table]))
    assert begun == ["2019-01", "2019-02"]
    assert (result.success, retries(result), months) == (False, 0, set())


def test_an_interrupt_before_the_first_month_ends_the_run_also_when_it_is_swallowed() -> None:
    """As by an import that tries another module then."""
    begun: list[str] = []

    @trip_asset(RAW, YELLOW, 12, description="", kinds=set())
    def months(context: dg.AssetExecutionContext) -> None:
        with suppress(BaseException):
            signal.raise_signal(signal.SIGTERM)
        materialize_months(context, YELLOW, lambda month, _: {"nothing": begun.append(month.month)})

    with dg.DagsterInstance.ephemeral() as instance:
        result = run(months, instance)
    assert (result.success, begun) == (False, [])


def test_an_asset_without_months_follows_the_same_rules() -> None:
    tries: list[int] = []

    @dg.asset
    def lookup(context: dg.AssetExecutionContext) -> None:
        with failures_as_ours(context, "taxi_zones"):
            tries.append(context.retry_number)
            if len(tries) < 3:
                raise SourceUnavailableError("the source is down")
            raise BrokenFileError("cut off")

    result = dg.materialize([lookup], raise_on_error=False)
    assert (result.success, retries(result), tries) == (False, 2, [0, 1, 2])


def test_no_asset_of_the_project_has_a_retry_policy() -> None:
    """Dagster tries a step with one again when its run is cancelled."""
    from taxi_assets.definitions import build_defs
    from taxi_assets.settings import load_settings

    defs = build_defs(load_settings(taxi_source="sample"))
    job = defs.resolve_implicit_global_asset_job_def()
    assert [node.name for node in job.graph.nodes if node.retry_policy or node.definition.retry_policy] == []
