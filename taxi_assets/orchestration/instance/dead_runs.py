"""Whether the process of a run lives, and what becomes of runs whose process is gone.

Belongs here: asking the worker itself, which is the one that knows, and runs that nobody watches. Not here: asking a
code server for its runs (``launcher.py``).

The daemon's run monitoring looks after runs, where there is a daemon. Without one nobody does: when ``make demo`` or
``dagster asset materialize`` is killed, Dagster would let the run hold its pool slots for ever, and the next run of the
same kind would wait without a word. So each run, when it begins, ends those that are gone.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from taxi_assets.orchestration import names
from taxi_assets.orchestration.dagster_internals.runs import GRPC_INFO_TAG

_FORMERLY = {names.PROCESS: "taxi/process", names.PROCESS_BEGUN: "taxi/process_begun"}
"""How runs of older versions have them."""


def name_process(instance: DagsterInstance, run_id: str) -> None:
    """Notes in the run's tags which process executes it."""
    pid = os.getpid()
    instance.add_run_tags(
        run_id, {names.PROCESS: f"{socket.gethostname()}:{pid}", names.PROCESS_BEGUN: _begun(pid) or ""}
    )


def worker_of(run: DagsterRun) -> int | None:
    """The process that executes a run, when the run has named it and it is one of this machine; it may be gone."""
    host, _, pid = (_named(run, names.PROCESS) or "").rpartition(":")
    return int(pid) if host == socket.gethostname() and pid.isdigit() else None


def worker_lives(run: DagsterRun) -> bool | None:
    """Whether the process that executes a run is there; None when that cannot be told from here."""
    pid = worker_of(run)
    if pid is None:
        return None
    begun, named = _begun(pid), _named(run, names.PROCESS_BEGUN)
    return begun is not None and (not named or begun == named)


def _named(run: DagsterRun, tag: str) -> str | None:
    return run.tags.get(tag, run.tags.get(_FORMERLY[tag]))


def end_dead_runs(instance: DagsterInstance) -> list[str]:
    """Reports runs that hold or await a pool slot, and whose process on this machine is gone, as failed.

    Returns:
        The ids of those runs.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return []
    pools = [storage.get_concurrency_info(name) for name in storage.get_concurrency_keys()]
    waiting_or_running = {step.run_id for pool in pools for step in (*pool.claimed_slots, *pool.pending_steps)}
    dead: list[str] = []
    for run_id in sorted(waiting_or_running):
        run = instance.get_run_by_id(run_id)
        if run is None or worker_lives(run) is not False:
            continue
        dead.append(run_id)
        if not run.is_finished:
            instance.report_run_failed(
                run, "The process that executed this run is gone. Nothing is half done: run again"
            )
        storage.free_concurrency_slots_for_run(run_id)
    return dead


def end_runs_that_never_began(instance: DagsterInstance) -> list[str]:
    """Reports runs that were being started by processes of this machine that are gone, as failed.

    Dagster's run monitoring leaves a run that has not begun alone for five minutes, as starting may take that long.
    When nothing is up that could be starting one, as before a UI comes up, there is nothing to wait for.

    Returns:
        The ids of those runs.
    """
    dead: list[str] = []
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTING])):
        if _is_being_started(instance, run):
            continue
        dead.append(run.run_id)
        instance.report_run_failed(run, "The process that was starting this run is gone. Nothing was done: run again")
    return dead


def _is_being_started(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Whether a process is there that executes the run or answers for it; also where that cannot be told from here."""
    address = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    place = address.get("socket")
    if place is None:
        # A code server that is reached over the network knows its runs itself.
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(place) == 0:
            return True
    events = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.ENGINE_EVENT).records
    started = [
        value.value
        for record in events
        if record.event_log_entry.dagster_event
        for name, value in record.event_log_entry.dagster_event.engine_event_data.metadata.items()
        if name == "pid"
    ]
    return any(_begun(int(str(pid))) is not None for pid in started)


def _begun(pid: int) -> str | None:
    """When a process of this machine began; None when there is none, or nothing but its exit code is left of it."""
    try:
        # Linux. After the name, which may hold anything but its end: the state, and 19 fields later the start.
        state, *fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
        begun = fields[18]
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        asked = subprocess.run(
            ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        state, _, begun = asked.stdout.strip().partition(" ")
    return None if not state or state[0] in "ZX" else begun.strip()


if __name__ == "__main__":
    with DagsterInstance.get() as opened:
        end_runs_that_never_began(opened)
