"""Runs whose process is gone: ended in the records, and their pool slots given back.

Belongs here: runs that nobody watches. The daemon's run monitoring looks after the runs of the code server; a run of
`make demo` or `dagster asset materialize` has no one, and when it is killed, Dagster would let it hold its pool slots
for ever: the next run of the same kind would wait without a word.
"""

from __future__ import annotations

import os
import socket

from dagster import DagsterInstance

from taxi_assets.data_dir import process_is_alive

PROCESS_TAG = "taxi/process"
"""``host:pid`` of the process that executes a run."""


def name_process(instance: DagsterInstance, run_id: str) -> None:
    """Notes in the run's tags which process executes it."""
    instance.add_run_tags(run_id, {PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}"})


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
    dead = sorted(run_id for run_id in waiting_or_running if _is_dead(instance, run_id))
    for run_id in dead:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(
                run, "The process that executed this run is gone. Nothing is half done: run again"
            )
        storage.free_concurrency_slots_for_run(run_id)
    return dead


def _is_dead(instance: DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    host, _, pid = (run.tags.get(PROCESS_TAG, "") if run else "").rpartition(":")
    return host == socket.gethostname() and pid.isdigit() and not process_is_alive(int(pid))
