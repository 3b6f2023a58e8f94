"""Runs of the real graph in this process: production definitions, folders of the test's own, a real Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from dagster import AssetCheckKey, AssetKey, DagsterInstance, ExecuteInProcessResult, RetryPolicy
from dagster._core.event_api import PartitionKeyFilter

from taxi_assets.datasets.registry import DATASETS
from taxi_assets.definitions import build_defs
from taxi_assets.orchestration.assets import failures, materialize, trip_asset
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.orchestration.records import latest_metadata
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.settings import load_settings

LAYERS = ("raw", "clean", "postgres")


def no_second_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps fail the first time, instead of half a minute later; for tests of what happens after that."""
    for module in (failures, materialize, trip_asset):
        monkeypatch.setattr(module, "RETRY_PASSING", RetryPolicy(max_retries=0), raising=False)


class Graph:
    """The project's definitions over a data folder and a database of the test's own."""

    def __init__(self, data: Path, conninfo: str, **settings: Any) -> None:
        self.settings = load_settings(
            **{"taxi_source": "sample", "taxi_sample_rows": 500, **settings, "taxi_data_dir": data}
        )
        self.conninfo = conninfo
        self.instance = DagsterInstance.ephemeral()
        self.defs = build_defs(self.settings, postgres=Postgres(url=conninfo, data_root=str(data)))

    def run(
        self,
        dataset: str,
        first: str,
        last: str | None = None,
        layers: Sequence[str] = LAYERS,
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> ExecuteInProcessResult:
        """Materializes the layers of these months, with their checks, in one run."""
        keys = [AssetKey([layer, f"{dataset}_tripdata"]) for layer in layers]
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=keys,
            tags={ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last or first, **tags},
            instance=self.instance,
            raise_on_error=False,
        )

    def metadata(self, layer: str, dataset: str, month: str) -> dict[str, Any]:
        """The metadata of the latest materialization of a partition; empty when there is none."""
        return latest_metadata(self.instance, AssetKey([layer, f"{dataset}_tripdata"]), month)

    def check(self, layer: str, dataset: str, name: str, month: str | None = None) -> Any:
        """The latest verdict of a check on a month, or on all months where it was executed by itself; or None."""
        key = AssetCheckKey(AssetKey([layer, f"{dataset}_tripdata"]), name)
        records = self.instance.event_log_storage.get_asset_check_execution_history(
            key, limit=1, partition_filter=PartitionKeyFilter(key=month)
        )
        event = records[0].event if records else None
        return event.dagster_event.asset_check_evaluation_data if event and event.dagster_event else None

    def verdicts(self, layer: str, dataset: str, name: str) -> dict[str, str]:
        """For each month that has one: ``SUCCEEDED``, ``FAILED``, … as the UI colours it."""
        key = AssetCheckKey(AssetKey([layer, f"{dataset}_tripdata"]), name)
        months = months_of(DATASETS[dataset])
        state = self.instance.event_log_storage.get_asset_check_state([(key, months)])[key]
        return {
            month: status.value
            for status, subset in state.subsets.items()
            for month in subset.subset_value.get_partition_keys()
        }
