"""The run launcher, against a real code server that is stopped, killed and started again under a real run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus
from dagster._core.test_utils import create_run_for_test, instance_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget

from taxi_assets.orchestration import names
from taxi_assets.orchestration.instance import launcher as launcher_module
from taxi_assets.orchestration.instance.dead_runs import (
    end_runs_that_never_began,
    worker_lives,
    worker_of,
)
from taxi_assets.orchestration.instance.launcher import CodeServerRunLauncher
from taxi_assets_tests.support.dagster_processes import PROJECT_ROOT, DagsterProcess, wait_until

LAUNCHER = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())["run_launcher"]
SECONDS = 60


@dataclass
class LaunchedRun:
    """A run in a process of ``server`` that lasts until ``release`` is touched."""

    instance: DagsterInstance
    launcher: CodeServerRunLauncher
    server: DagsterProcess
    run_id: str
    release: Path

    @property
    def record(self) -> DagsterRun:
        run = self.instance.get_run_by_id(self.run_id)
        assert run is not None
        return run

    def health(self) -> WorkerStatus:
        return self.launcher.check_run_worker_health(self.record).status


@pytest.fixture(params=[False])
def launched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LaunchedRun]:
    """A run; with True as its parameter it has named its process, as runs of the project do with their first step."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with instance_for_test(overrides={"run_launcher": LAUNCHER}, temp_dir=str(tmp_path)) as instance:
        server = DagsterProcess(
            "code-server",
            ["dagster", "api", "grpc", "-m", waiting_job_module(), "-h", "127.0.0.1", "-p", str(port)],
            {**os.environ, "DAGSTER_HOME": str(tmp_path)},
            tmp_path,
        )
        server.start()
        try:
            wait_until(lambda: answers(port), "the code server on its port", SECONDS)
            run = launch(instance, server, port, tmp_path / "release", named=request.param)
            yield run
            if not run.record.is_finished:
                # Dagster waits for its runs when an instance goes.
                instance.report_run_failed(run.record)
        finally:
            server.kill()


def waiting_job_module() -> str:
    from taxi_assets_tests.support import waiting_job

    return waiting_job.__name__


def launch(instance: DagsterInstance, server: DagsterProcess, port: int, release: Path, *, named: bool) -> LaunchedRun:
    target = GrpcServerTarget(host="127.0.0.1", port=port, socket=None, location_name="waiting")
    with WorkspaceProcessContext(instance, target) as process:
        workspace = process.create_request_context()
        job = workspace.get_code_location("waiting").get_repository("__repository__").get_full_job("waiting")
        run = create_run_for_test(
            instance,
            job_name="waiting",
            run_config={"ops": {"wait": {"config": {"until": str(release), "named": named}}}},
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
        )
        instance.launch_run(run.run_id, workspace)
    launcher = instance.run_launcher
    assert isinstance(launcher, CodeServerRunLauncher)
    launched = LaunchedRun(instance, launcher, server, run.run_id, release)
    wait_until(lambda: launched.record.status is DagsterRunStatus.STARTED, "the run to start", SECONDS)
    wait_until(lambda: not named or worker_of(launched.record), "the run to name its process", SECONDS)
    return launched


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_run_monitoring_may_ask_the_projects_launcher() -> None:
    with instance_for_test(overrides={"run_launcher": LAUNCHER}) as instance:
        assert instance.run_launcher.supports_check_run_worker_health


def test_a_run_that_died_with_its_code_server_is_found_out(
    launched: LaunchedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert launched.health() is WorkerStatus.RUNNING
    launched.server.kill()
    assert launched.health() is WorkerStatus.RUNNING, "a code server that is silent for a moment may be starting again"
    with monkeypatch.context() as patience_is_over:
        patience_is_over.setattr(launcher_module, "SILENCE_SECONDS", 0.0)
        answer = launched.launcher.check_run_worker_health(launched.record)
    assert answer.status is WorkerStatus.NOT_FOUND
    assert "has not answered" in str(answer.msg)

    launched.server.start()
    wait_until(
        lambda: launched.health() is WorkerStatus.NOT_FOUND, "the new code server to say that it has no run", SECONDS
    )


def test_a_run_in_a_process_of_its_own_is_not_judged() -> None:
    with instance_for_test(overrides={"run_launcher": LAUNCHER}) as instance:
        run = create_run_for_test(instance, job_name="demo", status=DagsterRunStatus.STARTED)
        assert instance.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_code_server_that_is_told_to_stop_lets_its_run_finish(launched: LaunchedRun) -> None:
    process = launched.server.process
    assert process is not None
    # To the code server alone, as Docker and Kubernetes send it.
    os.kill(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(3)
    assert process.poll() is None, "the code server ended with a run in it"
    assert launched.health() is WorkerStatus.RUNNING
    launched.release.touch()
    wait_until(lambda: process.poll() is not None, "the code server to end", SECONDS)
    assert launched.record.status is DagsterRunStatus.SUCCESS


@pytest.mark.parametrize("launched", [True], indirect=True)
def test_a_run_that_outlives_its_code_server_is_alive_and_can_be_cancelled(launched: LaunchedRun) -> None:
    process = launched.server.process
    assert process is not None
    # The code server alone, and not the worker in its process group.
    process.kill()
    process.wait()
    launched.server.start()
    wait_until(lambda: launched.health() is WorkerStatus.RUNNING, "the worker is there", SECONDS)
    # The new one has been asked, and does not know the run.
    worker = worker_of(launched.record)
    assert worker is not None
    wait_until(lambda: launched.launcher.terminate(launched.run_id), "somebody to be told", SECONDS)
    assert launched.record.status in (DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED)
    wait_until(lambda: launched.record.status is DagsterRunStatus.CANCELED, "the end of the run", SECONDS)
    wait_until(lambda: launched.health() is WorkerStatus.NOT_FOUND, "the end of its process", SECONDS)


@pytest.mark.parametrize("launched", [True], indirect=True)
def test_a_run_whose_process_is_gone_is_known_as_dead_at_once(launched: LaunchedRun) -> None:
    worker = worker_of(launched.record)
    assert worker is not None
    launched.server.kill()
    os.kill(worker, signal.SIGKILL) if worker_lives(launched.record) else None
    answer = wait_until(
        lambda: (
            launched.health() is WorkerStatus.NOT_FOUND and launched.launcher.check_run_worker_health(launched.record)
        ),
        "the truth",
        5,
    )
    assert answer.msg == f"process {worker} of this machine, which executes the run, is gone"


def test_a_process_that_was_given_the_number_of_a_worker_is_not_taken_for_it() -> None:
    ours = f"{socket.gethostname()}:{os.getpid()}"
    with instance_for_test() as instance:
        other = create_run_for_test(instance, tags={names.PROCESS: ours, names.PROCESS_BEGUN: "1"})
        old = create_run_for_test(instance, tags={names.PROCESS: ours})
        elsewhere = create_run_for_test(instance, tags={names.PROCESS: f"not-{ours}"})
        assert [worker_lives(run) for run in (other, old, elsewhere)] == [False, True, None]


def test_a_process_of_which_only_the_exit_code_is_left_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended, instance_for_test() as instance:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        run = create_run_for_test(instance, tags={names.PROCESS: f"{socket.gethostname()}:{ended.pid}"})
        assert worker_lives(run) is False


def test_a_run_whose_start_was_killed_is_ended_when_nobody_can_be_starting_it(tmp_path: Path) -> None:
    gone, listening = tmp_path / "gone.sock", tmp_path / "there.sock"
    with subprocess.Popen([sys.executable, "-c", ""]) as ended, socket.socket(socket.AF_UNIX) as server:
        ended.wait()
        server.bind(str(listening))
        server.listen()

        def starting(address: dict[str, object], pid: int | None = None) -> str:
            run = create_run_for_test(
                instance, status=DagsterRunStatus.STARTING, tags={".dagster/grpc_info": json.dumps(address)}
            )
            if pid is not None:
                instance.report_engine_event("Started process for run", run, EngineEventData.in_process(pid))
            return run.run_id

        with instance_for_test() as instance:
            dead = {starting({"socket": str(gone)}), starting({"socket": str(gone)}, ended.pid)}
            starting({"socket": str(gone)}, os.getpid())
            starting({"socket": str(listening)})
            starting({"host": "code", "port": 4000})
            assert set(end_runs_that_never_began(instance)) == dead
            failed = {run.run_id for run in instance.get_runs() if run.status is DagsterRunStatus.FAILURE}
            assert failed == dead
