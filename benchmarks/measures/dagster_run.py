"""Work of the orchestration section: the months of a dataset through all assets and checks, in one Dagster run.

The run is executed in this process, as a run worker does once it is up, and recorded where DAGSTER_HOME says.
"""

from __future__ import annotations

from benchmarks.measures import graph_calls
from benchmarks.rig.cost import stopwatch
from benchmarks.rig.job import Job


def prepare() -> None:
    """Loads the definitions and Dagster's records."""
    from dagster import DagsterInstance

    graph_calls.definitions()
    with DagsterInstance.get() as instance:
        instance.get_runs_count()


def run(job: Job, parts: dict[str, float]) -> None:
    """One run.

    Raises:
        RuntimeError: It failed.
    """
    from dagster import DagsterInstance

    from taxi_assets.orchestration.dagster_internals.runs import (
        ASSET_PARTITION_RANGE_END_TAG,
        ASSET_PARTITION_RANGE_START_TAG,
    )

    defs = graph_calls.definitions()
    months = job.month_keys
    with DagsterInstance.get() as instance:
        result = defs.resolve_job_def(f"load_{job.dataset}").execute_in_process(
            instance=instance,
            tags={ASSET_PARTITION_RANGE_START_TAG: months[0], ASSET_PARTITION_RANGE_END_TAG: months[-1]},
            raise_on_error=False,
        )
        with stopwatch(parts, "count steps"):
            steps = sum(event.is_step_start for event in result.all_events)
    if not result.success:
        raise RuntimeError("the run failed")
    parts["steps"] = float(steps)
