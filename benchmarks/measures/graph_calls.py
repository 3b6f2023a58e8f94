"""The project's assets and checks of one dataset, carried out twice over: by Dagster, and as plain functions.

Belongs here: finding the functions behind the definitions and calling them in the graph's order with a stand-in for
Dagster's context, so that both do literally the same work and differ by the orchestrator alone.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from benchmarks.rig.job import Job

LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")


def environment(job: Job) -> dict[str, str]:
    """What the definitions of a job read when they are imported."""
    return {
        "TAXI_SOURCE": job.source,
        "TAXI_DATA_DIR": job.folder,
        "TAXI_POSTGRES_URL": job.url,
        "TAXI_SAMPLE_ROWS": str(job.rows),
    }


def definitions() -> Any:
    """The code location, loaded as a run worker loads it."""
    from taxi_assets.definitions import defs

    # The repository is made at first use; a run worker has it before its first step.
    defs.get_repository_def()
    return defs


def functions(dataset: str) -> list[tuple[str, Callable[..., Any]]]:
    """The functions of a dataset's assets and checks, each check after its asset, layer by layer."""
    from dagster import AssetChecksDefinition

    found: dict[str, list[tuple[str, Callable[..., Any]]]] = {layer: [] for layer in LAYERS}
    defs = definitions()
    for one in [*(defs.assets or []), *(defs.asset_checks or [])]:
        is_check = isinstance(one, AssetChecksDefinition)
        layer, *name = next(iter(one.check_keys)).asset_key.path if is_check else one.key.path
        if layer in found and name == [f"{dataset}_tripdata"]:
            place = len(found[layer]) if is_check else 0
            found[layer].insert(place, (one.node_def.name, one.node_def.compute_fn.decorated_fn))
    return [one for layer in LAYERS for one in found[layer]]


def call_plainly(job: Job) -> None:
    """All assets and checks of the job's months without Dagster.

    Raises:
        RuntimeError: A check did not pass that blocks.
    """
    from dagster import AssetCheckResult, AssetCheckSeverity

    resources = _resources()
    for name, function in functions(job.dataset):
        wanted = [parameter for parameter in inspect.signature(function).parameters if parameter != "context"]
        returned = function(_StandIn(job), **{parameter: resources[parameter] for parameter in wanted})
        results = list(returned) if isinstance(returned, Iterator) else [returned]
        for result in results:
            failed = isinstance(result, AssetCheckResult) and not result.passed
            if failed and result.severity is AssetCheckSeverity.ERROR:
                raise RuntimeError(f"{name}: {result.description or result.metadata}")


def _resources() -> dict[str, Any]:
    from taxi_assets.orchestration.resources.targets import resources_for
    from taxi_assets.settings import load_settings

    settings = load_settings()
    resources: dict[str, Any] = resources_for(settings)
    # Its EnvVar is read by Dagster alone.
    resources["postgres"] = resources["postgres"].model_copy(update={"url": os.environ["TAXI_POSTGRES_URL"]})
    return resources


class _Everything:
    """All checks are selected."""

    def __iter__(self) -> Iterator[Any]:
        from taxi_assets.definitions import defs

        for one in defs.asset_checks or []:
            yield from one.check_keys


class _Log(logging.LoggerAdapter):
    """Takes names of levels too, as Dagster's log does: what went wrong would hide behind a TypeError."""

    def log(self, level: int | str, *message: Any, **options: Any) -> None:
        super().log(logging.getLevelName(level) if isinstance(level, str) else level, *message, **options)


class _StandIn:
    """As much of an execution context as the functions use; what they tell it is dropped."""

    def __init__(self, job: Job) -> None:
        from dagster import AssetKey

        from taxi_assets.orchestration import names
        from taxi_assets.orchestration.dagster_internals.runs import ASSET_PARTITION_RANGE_START_TAG

        self.partition_keys = job.month_keys
        self.has_partition_key, self.has_partition_key_range = False, True
        # Tagged already, and with a selection that leads to no more tags: there are no records to keep them in.
        self.run = SimpleNamespace(
            run_id="plain-calls",
            tags={ASSET_PARTITION_RANGE_START_TAG: job.month, names.DATASET: job.dataset},
            asset_selection=frozenset({AssetKey("none")}),
        )
        self.log = _Log(logging.getLogger("plain calls"), {})
        self.op_execution_context = self
        self.selected_asset_check_keys = _Everything()

        self.asset_key = AssetKey("none")
        self.instance = SimpleNamespace(fetch_materializations=lambda *_, **__: SimpleNamespace(records=[]))

    def add_asset_metadata(self, *_: object, **__: object) -> None:
        """Dagster would record it."""

    def log_event(self, _: object) -> None:
        """Dagster would record it."""
