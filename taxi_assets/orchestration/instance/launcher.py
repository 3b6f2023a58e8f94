"""Starting runs: each is a process of the code server, and this tells whether it is still there.

Belongs here: what Dagster's default launcher lacks: the health check of run monitoring, and reaching a worker that has
outlived its code server. Not here: when a run is started, or how often one is tried again (dagster.yaml).

Dagster's default launcher cannot say whether a run is alive. The code server reports runs of its own that crash, but
when it is killed itself, its runs may die with it and stay "started" for ever, or live on, in which case none of them
may be started a second time. The worker knows: its process is there or not. Only where it has not named itself yet, or
is on another machine, the code server is asked which runs it has.
"""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from typing import Any

from dagster import DagsterRun, DefaultRunLauncher, deserialize_value

from taxi_assets.orchestration.dagster_internals.launcher import (
    CheckRunHealthResult,
    ConfigurableClassData,
    DagsterGrpcClient,
    DagsterUserCodeUnreachableError,
    GetCurrentRunsResult,
    WorkerStatus,
)
from taxi_assets.orchestration.dagster_internals.runs import GRPC_INFO_TAG
from taxi_assets.orchestration.instance.dead_runs import worker_lives, worker_of

SILENCE_SECONDS = 120.0
"""How long a code server may be silent before its runs count as dead: time to be started again and to load the project,
after which its own answer decides. One that is told to stop goes on answering until its last run is done."""


class CodeServerRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, with the health check that run monitoring needs."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._silent_since: dict[str, float] = {}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes; dagster.yaml's run_monitoring asks :meth:`check_run_worker_health` every few seconds."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Looks for the run's process; where that cannot be told from here, asks the code server that it was given to.

        Returns:
            RUNNING: The process is there. NOT_FOUND: It is gone. Where that cannot be told, RUNNING: The code server
            has the run, or has been silent for less than ``SILENCE_SECONDS``, or the run was never given to one.
            NOT_FOUND: It does not know the run, so it was started after the run was lost, or it has been silent for
            longer.
        """
        lives = worker_lives(run)
        if lives is not None:
            process = f"process {worker_of(run)} of this machine, which executes the run"
            if lives:
                return CheckRunHealthResult(WorkerStatus.RUNNING, f"{process}, is there")
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"{process}, is gone")
        address = run.tags.get(GRPC_INFO_TAG)
        if address is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not a run of a code server")
        try:
            known = _runs_of(json.loads(address))
        except DagsterUserCodeUnreachableError:
            return self._silence(run.run_id)
        self._silent_since.pop(run.run_id, None)
        if run.run_id in known:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND,
            "the code server was started anew and does not have this run: it died with the one before",
        )

    def terminate(self, run_id: str) -> bool:
        """Cancels a run: through its code server as Dagster does, else by telling the worker itself.

        Returns:
            Whether somebody was told.
        """
        with suppress(DagsterUserCodeUnreachableError):
            if super().terminate(run_id):
                return True
        run = self._instance.get_run_by_id(run_id)
        pid = worker_of(run) if run and not run.is_finished and worker_lives(run) else None
        if pid is None:
            return False
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGINT)
            return True
        return False

    def _silence(self, run_id: str) -> CheckRunHealthResult:
        now = time.monotonic()
        silent = now - self._silent_since.setdefault(run_id, now)
        if silent < SILENCE_SECONDS:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"the code server has not answered for {silent:.0f} s")
        del self._silent_since[run_id]
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"the code server has not answered for {silent:.0f} s")


def _runs_of(address: dict[str, Any]) -> list[str]:
    """Ids of the runs that the code server at ``address`` has.

    Raises:
        DagsterUserCodeUnreachableError: It does not answer.
    """
    client = DagsterGrpcClient(
        host=address["host"],
        port=address.get("port"),
        socket=address.get("socket"),
        use_ssl=bool(address.get("use_ssl", False)),
    )
    answer = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
    return list(answer.current_runs)
