"""Runs that go on in this process, seen at a terminal: what `demo` and `load` share.

Belongs here: a run on the project's own instance, its progress bar, and the reasons of a failure. The UI shows these
runs like those that it launched itself. Not here: which jobs, which months, and what is said at the end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NoReturn
from uuid import uuid4

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from taxi_assets.cli import INTERRUPTED, STOPPED
from taxi_assets.cli.processes import LOCATION
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.orchestration.records import failure_reasons


def terminal() -> Console:
    """A console on a copy of stdout: while a step goes on, Dagster sends the process's own to the log of the run."""
    stdout = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding)
    return Console(file=stdout, markup=False, highlight=False, soft_wrap=True)


class RunBar:
    """A progress bar that counts what is materialized: each month of each asset is one.

    Beside it stands the run's last message, which is how a long step shows that it goes on.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=total)
        self._there: set[tuple[dg.AssetKey, str | None]] = set()

    @property
    def console(self) -> Console:
        """What the bar is shown on."""
        return self._progress.console

    def stop(self) -> None:
        """Leaves the terminal as it was."""
        self._progress.stop()

    def see(self, entry: dg.EventLogEntry) -> None:
        """Takes an event of a run; Dagster calls it for each."""
        event = entry.dagster_event
        if event is None:
            self._progress.update(self._task, description=entry.user_message.partition("\n")[0])
        elif event.is_step_start and event.step_key:
            self._progress.update(self._task, description=_asset(event.step_key))
        elif event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            # A batch that is tried again without its bad month makes some of them twice.
            self._there.add((materialization.asset_key, materialization.partition))
            self._progress.update(self._task, completed=len(self._there))


@contextmanager
def run_bar(console: Console, total: int) -> Generator[RunBar]:
    """Shows the bar while the block goes on."""
    columns = (SpinnerColumn(), TextColumn("{task.description:<42.42}", markup=False), BarColumn())
    with Progress(*columns, MofNCompleteColumn(), TimeElapsedColumn(), console=console) as progress:
        yield RunBar(progress, total)


def execute(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    bar: RunBar,
    *,
    months: Sequence[str] = (),
    assets: Sequence[dg.AssetKey] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Runs a job to its end.

    Args:
        job: Of the code location, so that the UI knows it.
        instance: Where the run is recorded.
        bar: Sees the run's events.
        months: Partition keys that follow one another; none for assets without months.
        assets: What to take of the job; None for all.
        tags: Put on the run.
    """
    run_id = str(uuid4())
    instance.add_event_listener(run_id, bar.see)
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
            _end(run_id, instance, bar)
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


def _end(run_id: str, instance: dg.DagsterInstance, bar: RunBar) -> NoReturn:
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
        bar.stop()
        bar.console.print(STOPPED)
        bar.console.file.flush()
        os._exit(INTERRUPTED)


def failures_of(result: dg.ExecuteInProcessResult) -> Sequence[dg.DagsterEvent]:
    """The events that say why a run failed; none when it did not."""
    steps = result.filter_events(lambda event: event.is_step_failure)
    return steps or result.filter_events(lambda event: event.is_run_failure)


def say_failures(result: dg.ExecuteInProcessResult, console: Console) -> None:
    """Prints what a person should read of each failure, a line for each month."""
    for failure in failures_of(result):
        where = _asset(failure.step_key or failure.job_name or "run")
        for reason in failure_reasons(failure):
            console.print(Text(f"{where}:", "red"), reason)


def _asset(step_key: str) -> str:
    """Steps are called as their assets, but for the slash: ``raw__yellow_tripdata``."""
    return step_key.replace("__", "/")
