"""Runs that go on in this process, seen at a terminal: what `demo` and `load` share.

Belongs here: a run on the project's own instance, its bars, and the reasons of a failure. The UI shows these
runs like those that it launched itself. Not here: which jobs, which months, and what is said at the end.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn
from uuid import uuid4

import dagster as dg
from rich.console import Console
from rich.text import Text

from taxi_assets.cli.carry.bars import MonthBars
from taxi_assets.cli.serve.processes import LOCATION
from taxi_assets.cli.shared.codes import INTERRUPTED, STOPPED
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.orchestration.records import failure_reasons


def execute(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    bars: MonthBars,
    *,
    months: Sequence[str] = (),
    assets: Sequence[dg.AssetKey] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Runs a job to its end.

    Args:
        job: Of the code location, so that the UI knows it.
        instance: Where the run is recorded.
        bars: See the run's events.
        months: Partition keys that follow one another; none for assets without months.
        assets: What to take of the job; None for all.
        tags: Put on the run.
    """
    run_id = str(uuid4())
    keys = assets or sorted(job.asset_layer.executable_asset_keys)
    tables = {key.path[-1]: [each.path[0] for each in keys if each.path[-1] == key.path[-1]] for key in keys}
    bars.expect(
        {
            label: layers
            for table, layers in tables.items()
            for name in [table.removesuffix("_tripdata")]
            for label in ([f"{name} {month}" for month in months] or [name])
        }
    )
    instance.add_event_listener(run_id, bars.see)
    range_tags = (
        {ASSET_PARTITION_RANGE_START_TAG: months[0], ASSET_PARTITION_RANGE_END_TAG: months[-1]} if months else {}
    )
    with ThreadPoolExecutor(1, initializer=_leave_ctrl_c_to_the_main_thread) as thread:
        run = thread.submit(
            job.execute_in_process,
            instance=instance,
            run_id=run_id,
            asset_selection=assets,
            tags={**range_tags, **(tags or {})},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        try:
            result = run.result()
        except KeyboardInterrupt:
            _end(run_id, instance, bars)
    _belongs_to_the_location(run_id, instance)
    return result


def _belongs_to_the_location(run_id: str, instance: dg.DagsterInstance) -> None:
    """Says which code location a run is of, so that the UI's overview and the page of its job show it.

    At its end: a run that was killed must not be started again by the daemon, whose settings may be others.
    """
    from taxi_assets.orchestration.dagster_internals.origins import (
        REPOSITORY_LABEL_TAG,
        SINGLETON_REPOSITORY_NAME,
        RegisteredCodeLocationOrigin,
        RemoteJobOrigin,
        RemoteRepositoryOrigin,
    )

    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), SINGLETON_REPOSITORY_NAME)
    instance.add_run_tags(run_id, {REPOSITORY_LABEL_TAG: repository.get_label()})
    run = instance.get_run_by_id(run_id)
    if run is not None:
        instance.run_storage.replace_job_origin(run, RemoteJobOrigin(repository, run.job_name))


def _leave_ctrl_c_to_the_main_thread() -> None:
    """A run in the main thread would take Ctrl-C for a failure of its step, and try that again.

    The processes that Dagster starts for the run's logs have it from here that Ctrl-C is not for them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _end(run_id: str, instance: dg.DagsterInstance, bars: MonthBars) -> NoReturn:
    """Records that a run was cancelled, and leaves at once: every step bears to be killed."""
    # A second Ctrl-C ends it whatever the database does.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_canceled(run)
            if instance.event_log_storage.supports_global_concurrency_limits:
                instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    finally:
        bars.stop()
        bars.console.print(STOPPED)
        bars.console.file.flush()
        os._exit(INTERRUPTED)


def failures_of(result: dg.ExecuteInProcessResult) -> Sequence[dg.DagsterEvent]:
    """The events that say why a run failed; none when it did not."""
    steps = result.filter_events(lambda event: event.is_step_failure)
    return steps or result.filter_events(lambda event: event.is_run_failure)


def said_of(failure: dg.DagsterEvent) -> list[tuple[str, str]]:
    """The asset, and what a person should read of its failure: one for each month."""
    # Steps are called as their assets, but for the slash: ``raw__yellow_tripdata``.
    where = (failure.step_key or failure.job_name or "run").replace("__", "/")
    return [(where, reason) for reason in failure_reasons(failure)]


def say_failures(result: dg.ExecuteInProcessResult, console: Console) -> None:
    """Prints what a person should read of each failure, a line for each month."""
    for failure in failures_of(result):
        for where, reason in said_of(failure):
            console.print(Text(f"{where}:", "red"), reason)
