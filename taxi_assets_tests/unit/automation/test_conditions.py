"""What follows by itself, decided by the production conditions over real run records on an ephemeral instance.

The assets are stand-ins whose steps fail when told to; their keys, partitions, conditions, tags and the way that months
fail are the project's own.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
import pytest

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.marts import ZONE_PAIRS
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES
from taxi_assets.errors import BrokenFileError, CheckFailedError, LayoutError, SourceUnavailableError, TaxiAssetsError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.assets.marts import mart_asset
from taxi_assets.orchestration.assets.materialize import materialize_months
from taxi_assets.orchestration.assets.report import report_asset
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.automation.conditions import SENSOR
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    SENSOR_NAME_TAG,
)
from taxi_assets.orchestration.layers import LAYERS, MARTS, RAW, WAREHOUSE
from taxi_assets.orchestration.partitions import months_of

pytestmark = pytest.mark.slow

YELLOW = DATASETS["yellow"]
ALL = tuple(LAYERS)
AFTER_RAW = ALL[1:]


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Graph:
    """Stand-ins for the assets of yellow, a job over all of them, and the automation that watches them."""

    def __init__(self) -> None:
        self.errors: dict[tuple[str, str], TaxiAssetsError] = {}
        self.defs = dg.Definitions(
            assets=[self._asset(layer) for layer in LAYERS],
            jobs=[dg.define_asset_job("load_yellow", dg.AssetSelection.groups("yellow"))],
            executor=dg.in_process_executor,
        )

    def on(self, instance: dg.DagsterInstance) -> "Graph":
        """The same definitions, which take a second to make, over the records of another test."""
        self.instance = instance
        self._cursor = None
        self.errors.clear()
        return self

    def _asset(self, layer: str) -> dg.AssetsDefinition:
        @trip_asset(LAYERS[layer], YELLOW, 12, description="", kinds=set())
        def stand_in(context: dg.AssetExecutionContext) -> None:
            def step(month, progress) -> dict:
                error = self.errors.get((layer, month.month))
                if error is not None:
                    raise error
                return {}

            materialize_months(context, YELLOW, step)

        return stand_in

    def run(
        self, months: Sequence[str], layers: Sequence[str] | None = None, *, by_sensor: bool = False
    ) -> dg.DagsterRun:
        """One run of these months: of the layers as the UI launches them, or of the whole job."""
        job = self.defs.resolve_implicit_global_asset_job_def() if layers else self.defs.resolve_job_def("load_yellow")
        span = {ASSET_PARTITION_RANGE_START_TAG: months[0], ASSET_PARTITION_RANGE_END_TAG: months[-1]}
        job.execute_in_process(
            instance=self.instance,
            asset_selection=[LAYERS[layer].key(YELLOW.table) for layer in layers] if layers else None,
            tags={
                **(span if len(months) > 1 else {PARTITION_NAME_TAG: months[0]}),
                **({SENSOR_NAME_TAG: SENSOR} if by_sensor else {}),
            },
            run_config=QUIET,
            raise_on_error=False,
        )
        return self.instance.get_runs(limit=1)[0]

    def started(self, months: Sequence[str], layers: Sequence[str]) -> dg.DagsterRun:
        """A run that has begun and not come to any of its months yet."""
        return self.instance.create_run_for_job(
            self.defs.resolve_implicit_global_asset_job_def(),
            status=dg.DagsterRunStatus.STARTED,
            tags={PARTITION_NAME_TAG: months[0]},
            asset_selection=frozenset(LAYERS[layer].key(YELLOW.table) for layer in layers),
        )

    def tick(self) -> dict[str, list[str]]:
        """What the sensor would ask for now: months by layer."""
        result = dg.evaluate_automation_conditions(defs=self.defs, instance=self.instance, cursor=self._cursor)
        self._cursor = result.cursor
        asked = {layer: sorted(result.get_requested_partitions(LAYERS[layer].key(YELLOW.table))) for layer in ALL}
        return {layer: months for layer, months in asked.items() if months}


@pytest.fixture(scope="module")
def definitions() -> Graph:
    return Graph()


@pytest.fixture
def graph(definitions: Graph) -> Iterator[Graph]:
    with dg.DagsterInstance.ephemeral() as instance:
        graph = definitions.on(instance)
        assert graph.tick() == {}
        # The first tick of an instance without a single event cannot tell what is new; see conditions.py.
        graph.run(["2018-01"])
        assert graph.tick() == {}
        yield graph


def all_layers(*months: str) -> dict[str, list[str]]:
    return {layer: list(months) for layer in ALL}


def after_raw(*months: str) -> dict[str, list[str]]:
    return {layer: list(months) for layer in AFTER_RAW}


def test_the_first_run_ever_of_a_job_is_not_run_twice(definitions: Graph) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        graph = definitions.on(instance)
        graph.tick()
        graph.run(["2019-01"])
        assert graph.tick() == {}
        assert graph.tick() == {}


def test_a_run_of_the_whole_job_leaves_nothing_to_follow(graph: Graph) -> None:
    graph.run(["2019-01", "2019-02"])
    assert graph.tick() == {}
    assert graph.tick() == {}


def test_a_selection_of_all_layers_leaves_nothing_to_follow(graph: Graph) -> None:
    graph.run(["2019-01", "2019-02", "2019-03"], ALL)
    assert graph.tick() == {}


def test_raw_alone_is_carried_through_every_layer_in_one_request(graph: Graph) -> None:
    graph.run(["2019-02"], ["raw"])
    assert graph.tick() == all_layers("2019-02")
    graph.run(["2019-02"], ALL, by_sensor=True)
    assert graph.tick() == {}


def test_months_long_ago_are_carried_on_as_well_as_the_latest(graph: Graph) -> None:
    graph.run(["2009-01", "2009-02", "2009-03"], ["raw"])
    assert graph.tick() == all_layers("2009-01", "2009-02", "2009-03")


def test_a_raw_file_that_changes_again_is_carried_on_again(graph: Graph) -> None:
    graph.run(["2019-02"], ["raw"])
    graph.tick()
    graph.run(["2019-02"], ALL, by_sensor=True)
    graph.tick()
    graph.run(["2019-02"], ["raw"])
    assert graph.tick() == all_layers("2019-02")


def test_clean_alone_is_run_again_with_its_checks_before_what_follows(graph: Graph) -> None:
    graph.run(["2019-02"], ["raw", "clean"])
    assert graph.tick() == after_raw("2019-02")


def test_a_lake_alone_is_followed_by_the_warehouse_and_nothing_else(graph: Graph) -> None:
    graph.run(["2019-02"])
    assert graph.tick() == {}
    graph.run(["2019-02"], ["lake"])
    assert graph.tick() == {"lake": ["2019-02"], "warehouse": ["2019-02"]}


def test_the_last_layers_alone_are_followed_by_nothing(graph: Graph) -> None:
    graph.run(["2019-02"])
    graph.run(["2019-02"], ["postgres"])
    graph.run(["2019-02"], ["warehouse"])
    assert graph.tick() == {}


def test_of_a_batch_with_one_bad_raw_file_exactly_the_others_go_on(graph: Graph) -> None:
    graph.errors["raw", "2019-04"] = BrokenFileError("cut off")
    run = graph.run(["2019-03", "2019-04", "2019-05"], ALL)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert graph.tick() == all_layers("2019-03", "2019-05")
    graph.run(["2019-03"], ALL, by_sensor=True)
    graph.run(["2019-05"], ALL, by_sensor=True)
    assert graph.tick() == {}
    assert graph.tick() == {}


def test_of_a_failing_batch_of_the_whole_job_exactly_the_others_go_on(graph: Graph) -> None:
    graph.errors["raw", "2019-04"] = BrokenFileError("cut off")
    graph.run(["2019-03", "2019-04", "2019-05"])
    assert graph.tick() == all_layers("2019-03", "2019-05")


def test_when_a_carried_on_batch_fails_for_a_month_the_rest_goes_on_once_more(graph: Graph) -> None:
    graph.errors["raw", "2019-04"] = BrokenFileError("cut off")
    graph.run(["2019-03", "2019-04", "2019-05", "2019-06"], ALL)
    graph.tick()
    graph.errors["clean", "2019-06"] = LayoutError("a column nobody knows")
    graph.run(["2019-05", "2019-06"], ALL, by_sensor=True)
    assert graph.tick() == after_raw("2019-05")
    graph.run(["2019-05"], AFTER_RAW, by_sensor=True)
    assert graph.tick() == {}


@pytest.mark.parametrize("layer", ["clean", "lake"])
def test_of_a_batch_that_fails_in_a_later_layer_the_others_go_on_from_there(graph: Graph, layer: str) -> None:
    graph.errors[layer, "2019-07"] = LayoutError("a column nobody knows")
    graph.run(["2019-06", "2019-07", "2019-08"], ALL)
    following = AFTER_RAW if layer == "clean" else ("lake", "warehouse")
    assert graph.tick() == {layer: ["2019-06", "2019-08"] for layer in following}
    graph.run(["2019-06"], following)
    graph.run(["2019-08"], following)
    assert graph.tick() == {}


def test_a_repaired_month_that_is_run_again_leaves_nothing_to_follow(graph: Graph) -> None:
    graph.errors["raw", "2019-04"] = BrokenFileError("cut off")
    graph.run(["2019-03", "2019-04"], ALL)
    graph.tick()
    graph.run(["2019-03"], ALL, by_sensor=True)
    graph.errors.clear()
    graph.run(["2019-04"], ALL)
    assert graph.tick() == {}


def test_a_month_whose_step_failed_for_good_is_not_asked_for_again(graph: Graph) -> None:
    graph.errors["clean", "2019-07"] = LayoutError("a column nobody knows")
    graph.run(["2019-07"])
    assert graph.tick() == {}
    assert graph.tick() == {}


def test_a_failed_month_is_asked_for_once_when_its_raw_file_changes(graph: Graph) -> None:
    graph.errors["clean", "2019-07"] = LayoutError("a column nobody knows")
    graph.run(["2019-07"])
    graph.tick()
    graph.run(["2019-07"], ["raw"])
    assert graph.tick() == all_layers("2019-07")
    graph.run(["2019-07"], ALL, by_sensor=True)
    assert graph.tick() == {}
    assert graph.tick() == {}


def test_a_month_that_a_check_holds_back_stays_back_and_the_others_of_its_batch_go_on(graph: Graph) -> None:
    graph.errors["clean", "2019-09"] = CheckFailedError("the check losses: too many")
    run = graph.run(["2019-08", "2019-09"])
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert graph.tick() == after_raw("2019-08")
    graph.run(["2019-08"], AFTER_RAW, by_sensor=True)
    assert graph.tick() == {}
    assert "2019-09" not in graph.instance.get_materialized_partitions(LAYERS["postgres"].key(YELLOW.table))


def test_nothing_is_asked_for_while_a_run_that_will_do_it_is_in_progress(graph: Graph) -> None:
    graph.run(["2019-02"], ["raw"])
    running = graph.started(["2019-02"], ALL)
    assert graph.tick() == {}
    graph.instance.report_run_canceled(running)
    assert graph.tick() == all_layers("2019-02")


def test_a_layer_is_carried_on_no_more_than_once_while_those_that_follow_are_in_progress(graph: Graph) -> None:
    """Somebody materializes raw, and by hand right away what follows; half a minute later the sensor looks."""
    graph.run(["2019-02"], ["raw"])
    graph.started(["2019-02"], AFTER_RAW)
    assert graph.tick() == {"raw": ["2019-02"]}
    graph.run(["2019-02"], ["raw"], by_sensor=True)
    assert graph.tick() == {}
    assert graph.tick() == {}


def test_runs_are_tagged_with_their_dataset_and_layers_however_they_are_launched(graph: Graph) -> None:
    whole, some = graph.run(["2019-01"]), graph.run(["2019-01"], ["raw", "clean"])
    assert whole.tags[names.DATASET] == some.tags[names.DATASET] == "yellow"
    assert {layer for layer in ALL if names.takes_along(layer) in whole.tags} == set(ALL)
    assert {layer for layer in ALL if names.takes_along(layer) in some.tags} == {"raw", "clean"}


def test_what_runs_say_to_automation_is_hidden_from_the_list_of_runs(graph: Graph) -> None:
    graph.errors["clean", "2019-02"] = BrokenFileError("broken")
    tags = graph.run(["2019-01", "2019-02"]).tags
    assert names.partly_failed("clean") in tags
    shown = {name for name in tags if not name.startswith(("dagster/", ".dagster/"))}
    assert shown == {names.DATASET, names.FAILURE}


def test_runs_that_went_on_through_an_upgrade_are_understood_by_their_former_tags(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before_the_upgrade:
        for name in ("takes_along", "partly_failed"):
            now = getattr(names, name)
            before_the_upgrade.setattr(names, name, lambda layer, now=now: names.formerly(now(layer)))
        old = graph.run(["2019-01"])
        assert "layer/clean" in old.tags
        assert graph.tick() == {}
        graph.errors["clean", "2019-02"] = BrokenFileError("broken")
        graph.run(["2019-02", "2019-03"])
    assert graph.tick() == {layer: ["2019-03"] for layer in ALL if layer != "raw"}


def test_months_are_left_to_the_step_s_own_retry_while_it_has_one(graph: Graph) -> None:
    """A passing fault is retried within the step; recording the good months before would have them run twice."""
    tries = []

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["2019-01", "2019-02"]), retry_policy=dg.RetryPolicy(3))
    def flaky(context: dg.AssetExecutionContext) -> None:
        def step(month, progress) -> dict:
            tries.append(month.month)
            if month.month == "2019-02" and tries.count("2019-02") == 1:
                raise SourceUnavailableError("dropped")
            return {}

        materialize_months(context, YELLOW, step)

    result = dg.materialize(
        [flaky.with_attributes(backfill_policy=dg.BackfillPolicy.single_run())],
        instance=graph.instance,
        tags={ASSET_PARTITION_RANGE_START_TAG: "2019-01", ASSET_PARTITION_RANGE_END_TAG: "2019-02"},
    )
    assert result.success
    assert tries == ["2019-01", "2019-02", "2019-01", "2019-02"]
    assert names.partly_failed("flaky") not in graph.instance.get_runs(limit=1)[0].tags


class Marts:
    """Stand-ins for the warehouse of all services, and a mart that follows them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.failing: set[str] = set()
        self._cursor = None
        self.defs = dg.Definitions([*map(self._warehouse, DATASETS.values()), self._mart()])

    def _warehouse(self, dataset: Dataset) -> dg.AssetsDefinition:
        @dg.asset(key=WAREHOUSE.key(dataset.table), partitions_def=months_of(dataset))
        def stand_in() -> None:
            if dataset.name in self.failing:
                raise dg.Failure("this service fails")

        return stand_in

    def _mart(self) -> dg.AssetsDefinition:
        made = mart_asset(ZONE_PAIRS, 12, "duckdb")

        @dg.asset(
            key=made.key,
            deps=list(made.get_asset_spec().deps),
            partitions_def=made.partitions_def,
            automation_condition=made.get_asset_spec().automation_condition,
        )
        def stand_in() -> None:
            if MARTS.name in self.failing:
                raise dg.Failure("the mart fails")

        return stand_in

    def run(self, key: dg.AssetKey, month: str) -> None:
        self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[key],
            partition_key=month,
            instance=self.instance,
            run_config=QUIET,
            raise_on_error=False,
        )

    def load(self, dataset: str, month: str) -> None:
        self.run(WAREHOUSE.key(DATASETS[dataset].table), month)

    def make(self, month: str) -> None:
        self.run(MARTS.key(ZONE_PAIRS.name), month)

    def tick(self) -> set[str]:
        result = dg.evaluate_automation_conditions(defs=self.defs, instance=self.instance, cursor=self._cursor)
        self._cursor = result.cursor
        return set(result.get_requested_partitions(MARTS.key(ZONE_PAIRS.name)))


@pytest.fixture
def marts() -> Iterator[Marts]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Marts(instance)


def test_marts_of_a_month_follow_every_service_and_only_once(marts: Marts) -> None:
    assert marts.tick() == set()
    marts.load("yellow", "2012-05")
    assert marts.tick() == {"2012-05"}
    assert marts.tick() == set()
    marts.make("2012-05")
    assert marts.tick() == set()
    marts.load("yellow", "2019-03")
    marts.load("fhvhv", "2019-03")
    assert marts.tick() == {"2019-03"}
    marts.make("2019-03")
    marts.load("fhvhv", "2019-03")
    assert marts.tick() == {"2019-03"}


def test_a_service_that_fails_does_not_hold_the_marts_of_the_others(marts: Marts) -> None:
    marts.tick()
    marts.failing.add("green")
    marts.load("yellow", "2019-03")
    marts.load("green", "2019-03")
    assert marts.tick() == {"2019-03"}


def test_a_mart_that_failed_waits_for_the_warehouse_to_change(marts: Marts) -> None:
    marts.tick()
    marts.failing.add("marts")
    marts.load("yellow", "2019-03")
    assert marts.tick() == {"2019-03"}
    marts.make("2019-03")
    assert marts.tick() == set()
    assert marts.tick() == set()
    marts.load("yellow", "2019-03")
    assert marts.tick() == {"2019-03"}


def test_months_that_were_there_before_there_were_marts_get_theirs(marts: Marts) -> None:
    marts.load("yellow", "2010-01")
    marts.load("green", "2019-03")
    assert marts.tick() == {"2010-01", "2019-03"}
    assert marts.tick() == set()


class Pages:
    """Stand-ins for the marts and for the page that follows them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._cursor = None
        made = report_asset()
        self.key = made.key

        def stand_in(key: dg.AssetKey) -> dg.AssetsDefinition:
            @dg.asset(key=key, partitions_def=months_of(YELLOW) if key.path[0] == MARTS.name else None)
            def _stand_in() -> None: ...

            return _stand_in

        @dg.asset(
            key=made.key,
            deps=list(made.get_asset_spec().deps),
            automation_condition=made.get_asset_spec().automation_condition,
        )
        def page() -> None: ...

        self.defs = dg.Definitions([*(stand_in(dep.asset_key) for dep in made.get_asset_spec().deps), page])

    def make(self, key: dg.AssetKey, month: str | None = None) -> None:
        self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[key], partition_key=month, instance=self.instance, run_config=QUIET
        )

    def begin(self, key: dg.AssetKey, month: str) -> dg.DagsterRun:
        """A run of a mart that has begun and not ended."""
        return self.instance.create_run_for_job(
            self.defs.resolve_implicit_global_asset_job_def(),
            status=dg.DagsterRunStatus.STARTED,
            tags={PARTITION_NAME_TAG: month},
            asset_selection=frozenset({key}),
        )

    def tick(self) -> int:
        result = dg.evaluate_automation_conditions(defs=self.defs, instance=self.instance, cursor=self._cursor)
        self._cursor = result.cursor
        return result.total_requested


@pytest.fixture
def pages() -> Iterator[Pages]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Pages(instance)


def test_the_page_follows_marts_of_any_month_and_shapes_once(pages: Pages) -> None:
    assert pages.tick() == 0
    pages.make(MARTS.key("zone_hours"), "2012-05")
    pages.make(MARTS.key("months"), "2019-03")
    assert pages.tick() == 1
    assert pages.tick() == 0
    pages.make(pages.key)
    assert pages.tick() == 0
    pages.make(RAW.key(TAXI_ZONE_SHAPES))
    assert pages.tick() == 1


def test_marts_that_were_there_before_there_was_a_page_get_one(pages: Pages) -> None:
    pages.make(MARTS.key("months"), "2019-03")
    assert pages.tick() == 1
    assert pages.tick() == 0


def test_the_page_waits_while_a_mart_is_on_its_way(pages: Pages) -> None:
    pages.tick()
    run = pages.begin(MARTS.key("zone_pairs"), "2019-04")
    pages.make(MARTS.key("zone_hours"), "2019-04")
    assert pages.tick() == 0
    pages.instance.report_run_failed(run)
    assert pages.tick() == 1
