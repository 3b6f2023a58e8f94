"""What can be picked in the UI, what runs unasked, and what a request for many months becomes."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from taxi_assets.datasets.registry import DATASETS
from taxi_assets.definitions import build_defs
from taxi_assets.errors import ArgumentError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.automation import conditions
from taxi_assets.orchestration.automation.backfills import request_backfill
from taxi_assets.orchestration.automation.jobs import MonthsOfEverything
from taxi_assets.orchestration.instance.in_words import described
from taxi_assets.settings import load_settings

LAYERS = {"raw", "clean", "postgres", "lake", "warehouse"}
DEFS = build_defs(load_settings(taxi_source="sample"))
REPOSITORY = DEFS.get_repository_def()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as instance:
        yield instance


def test_jobs_are_named_for_what_they_load_or_remove() -> None:
    assert {name for name in REPOSITORY.job_names if not name.startswith("__")} == {
        "load_yellow", "load_green", "load_fhv", "load_fhvhv", "load_everything", "load_taxi_zones", "build_marts",
        "make_report", "purge_raw_files", "prune_run_history", "report_failed_months",
    }  # fmt: skip


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_dataset_s_job_takes_all_of_its_layers_and_nothing_else(dataset: str) -> None:
    job = DEFS.resolve_job_def(f"load_{dataset}")
    assert job.asset_layer.executable_asset_keys == {dg.AssetKey([layer, f"{dataset}_tripdata"]) for layer in LAYERS}
    assert job.partitions_def is not None
    assert job.tags["dataset"] == dataset


def test_only_what_goes_on_with_something_begun_is_on_by_default() -> None:
    sensors = {sensor.name: sensor.default_status.value for sensor in REPOSITORY.sensor_defs}
    assert sensors == {
        "follow_upstream": "RUNNING",
        "after_outages": "RUNNING",
        "landing": "RUNNING",
        "alert_on_failure": "RUNNING",
        "new_months": "STOPPED",
        "new_zone_shapes": "RUNNING",
    }
    schedules = {
        schedule.name: (schedule.cron_schedule, schedule.execution_timezone, schedule.default_status.value)
        for schedule in REPOSITORY.schedule_defs
    }
    assert schedules == {
        "green_monthly": ("0 9 1 * *", "America/New_York", "STOPPED"),
        "yellow_monthly": ("0 10 1 * *", "America/New_York", "STOPPED"),
        "fhv_monthly": ("0 11 1 * *", "America/New_York", "STOPPED"),
        "fhvhv_monthly": ("0 12 1 * *", "America/New_York", "STOPPED"),
        "report_failed_months_daily": ("0 8 * * *", "America/New_York", "RUNNING"),
        "prune_run_history_weekly": ("30 3 * * 0", "America/New_York", "STOPPED"),
    }


def test_every_layer_writes_through_the_pool_of_its_store() -> None:
    pools = {
        key.path[0]: REPOSITORY.asset_graph.get(key).pools
        for key in REPOSITORY.asset_graph.materializable_asset_keys
        if key.path[-1] == "yellow_tripdata"
    }
    assert pools == {
        "raw": {"source"}, "clean": set(), "postgres": {"postgres"}, "lake": {"lake"}, "warehouse": {"warehouse"},
    }  # fmt: skip


def asked_for(backfill: PartitionBackfill) -> dict[str, set[str]]:
    """Months by asset; an empty set for assets without months."""
    assert backfill.asset_backfill_data is not None
    target = backfill.asset_backfill_data.target_subset
    months: dict[str, set[str]] = {key.to_user_string(): set() for key in target.non_partitioned_asset_keys}
    for key, subset in target.partitions_subsets_by_asset_key.items():
        months[key.to_user_string()] = set(subset.get_partition_keys())
    return months


def test_a_backfill_is_every_layer_of_the_months_that_each_dataset_has(instance: dg.DagsterInstance) -> None:
    requested = request_backfill(instance, REPOSITORY, ["yellow", "fhvhv"], "2019-01", "2019-03")
    assert requested.months == {"yellow": ("2019-01", "2019-03"), "fhvhv": ("2019-02", "2019-03")}
    assert requested.describe() == "yellow 2019-01 to 2019-03, fhvhv 2019-02 to 2019-03"
    backfill = instance.get_backfill(requested.backfill_id)
    assert backfill is not None
    assert backfill.status is BulkActionStatus.REQUESTED
    assert backfill.tags["backfill"] == "true"
    assert asked_for(backfill) == {
        **{f"{layer}/yellow_tripdata": {"2019-01", "2019-02", "2019-03"} for layer in LAYERS},
        **{f"{layer}/fhvhv_tripdata": {"2019-02", "2019-03"} for layer in LAYERS},
    }


def test_a_backfill_says_what_it_takes_and_why(instance: dg.DagsterInstance) -> None:
    requested = request_backfill(instance, REPOSITORY, ["yellow"], "2019-01", "2019-03")
    by_hand = instance.get_backfill(requested.backfill_id)
    assert by_hand is not None
    by_hand = described(by_hand._replace(title=None))
    assert by_hand.title == "yellow 2019-01 to 2019-03, raw, clean, postgres, lake, warehouse"
    assert by_hand.tags == {"backfill": "true", "dataset": "yellow", "months": "2019-01 to 2019-03"}

    by_sensor = described(by_hand._replace(title="Run for …", tags={names.REASON: conditions.REASON}))
    assert by_sensor.title is not None
    assert by_sensor.title.startswith("follow-up of a change or a failed batch: yellow 2019-01 to 2019-03, raw")


@pytest.mark.parametrize(
    ("datasets", "first", "last", "said"),
    [
        (["blue"], "2019-01", "2019-02", "'blue' is not a dataset; choose from yellow, green, fhv, fhvhv"),
        (["yellow"], "2019-1", "2019-02", "'2019-1' is not a month; write it as YYYY-MM"),
        (["yellow"], "2019-03", "2019-02", "yellow has no month from 2019-03 to 2019-02"),
        (["fhvhv"], "2018-01", "2018-12", "fhvhv has no month from 2018-01 to 2018-12; its first is 2019-02"),
    ],
)
def test_a_request_that_makes_no_sense_leaves_nothing_behind(
    instance: dg.DagsterInstance, datasets: list[str], first: str, last: str, said: str
) -> None:
    with pytest.raises(ArgumentError, match=said):
        request_backfill(instance, REPOSITORY, datasets, first, last)
    assert list(instance.get_backfills()) == []


def test_load_everything_asks_for_one_backfill_of_all_datasets_and_the_zones(instance: dg.DagsterInstance) -> None:
    months = MonthsOfEverything(first_month="2019-01", last_month="2019-02")
    location = ReconstructableRepository.for_module("taxi_assets.definitions", "defs")
    result = dg.execute_job(
        location.get_reconstructable_job("load_everything"),
        instance=instance,
        run_config=dg.RunConfig(ops={"request_months": months}).to_config_dict(),
    )
    assert result.success
    [backfill] = instance.get_backfills()
    asked = asked_for(backfill)
    assert {asset for asset, keys in asked.items() if keys} == {
        f"{layer}/{dataset}_tripdata" for layer in LAYERS for dataset in DATASETS
    }
    assert {asset for asset, keys in asked.items() if not keys} == {
        "raw/taxi_zones", "postgres/taxi_zones", "warehouse/taxi_zones", "raw/taxi_zone_shapes",
    }  # fmt: skip


def test_load_everything_has_no_default_months() -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="first_month"):
        DEFS.resolve_job_def("load_everything").execute_in_process()
