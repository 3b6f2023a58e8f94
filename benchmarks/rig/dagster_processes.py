"""A real code server, webserver and daemon on a home of their own, for the benchmark and for the tests.

The topology is that of the containers, so each part can be killed by itself: the code server loads the project and
starts run workers, the webserver answers GraphQL and serves the UI, the daemon ticks. All three use the project's
dagster.yaml, with the run history in the Postgres database that the caller names.

Belongs here: starting and ending them. Not here: what is asked of them (``dagster_ui.py``).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.rig.dagster_ui import LOCATION, DagsterUi
from benchmarks.rig.plan import PROJECT_ROOT
from benchmarks.rig.worker import neutral_environment

START_SECONDS = 120
_END_SECONDS = 15
_LOG_TAIL = 3000
_Found = TypeVar("_Found")

_WORKSPACE = """\
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {location}}}
"""


def wait_until(find: Callable[[], _Found], what: str, seconds: float, every: float = 0.5) -> _Found:
    """Asks ``find`` until it gives something true, and returns that.

    Raises:
        TimeoutError: It did not within ``seconds``; the message says what was awaited and what came last.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}; last answer: {found!r}")
        time.sleep(every)


@dataclass
class DagsterProcess:
    """One of the three processes, with its output in ``<name>.log`` of the home."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    home: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.home / f"{self.name}.log").read_text(encoding="utf-8", errors="replace")

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        assert not self.alive, f"{self.name} runs already"
        with (self.home / f"{self.name}.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(self.environment),
                cwd=PROJECT_ROOT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ends it as Ctrl-C does, with all of its children, and in any case."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends it with SIGKILL: no clean-up of its own, as after a crash or a power cut."""
        self._end(signal.SIGKILL)

    def _end(self, first: signal.Signals) -> None:
        if self.process is None:
            return
        _signal_group(self.process.pid, first)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_END_SECONDS)
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait(_END_SECONDS)
        self.process = None


@dataclass
class RunningDagster(DagsterUi):
    """The three processes, and the webserver to talk to.

    Attributes:
        home: DAGSTER_HOME; logs of the processes lie here.
        environment: What the processes run with; also what a command of the project needs to share their records.
    """

    home: Path
    environment: dict[str, str]
    code_server: DagsterProcess
    webserver: DagsterProcess
    daemon: DagsterProcess


@contextmanager
def running_dagster(home: Path, environment: Mapping[str, str]) -> Generator[RunningDagster]:
    """Starts code server, webserver and daemon, and stops them however the block ends.

    Args:
        home: An empty folder to become DAGSTER_HOME.
        environment: The project's variables; needs DAGSTER_POSTGRES_URL. Those of the caller's own environment that
            would change the project are not passed on.
    """
    make_home(home)
    code_port, web_port = _free_ports(2)
    dagster = _three_processes(home, {**neutral_environment(), **environment}, code_port, web_port)
    try:
        dagster.code_server.start()
        _wait_for_port(code_port, dagster.code_server)
        dagster.webserver.start()
        dagster.daemon.start()
        _wait_for_port(web_port, dagster.webserver)
        wait_until(lambda: _location_loaded(dagster), "the code location in the webserver", START_SECONDS)
        yield dagster
    finally:
        for part in (dagster.daemon, dagster.webserver, dagster.code_server):
            part.stop()


def make_home(home: Path) -> None:
    """A DAGSTER_HOME with the project's dagster.yaml, unless it is one already."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.symlink_to(PROJECT_ROOT / "dagster.yaml")


def _three_processes(home: Path, environment: dict[str, str], code_port: int, web_port: int) -> RunningDagster:
    workspace = home / "workspace.yaml"
    workspace.write_text(_WORKSPACE.format(port=code_port, location=LOCATION), encoding="utf-8")
    complete = {**environment, "DAGSTER_HOME": str(home)}

    def process(name: str, *command: str) -> DagsterProcess:
        return DagsterProcess(name, list(command), complete, home)

    code, local = ("-m", "taxi_assets.definitions"), ("-h", "127.0.0.1")
    return RunningDagster(
        url=f"http://127.0.0.1:{web_port}",
        home=home,
        environment=complete,
        code_server=process("code-server", "dagster", "api", "grpc", *code, *local, "-p", str(code_port)),
        webserver=process(
            "webserver", "taxi_assets.orchestration.webserver", "-w", str(workspace), *local, "-p", str(web_port)
        ),
        daemon=process("daemon", "dagster._daemon", "run", "-w", str(workspace)),
    )


def _location_loaded(dagster: RunningDagster) -> bool:
    entry = dagster.graphql(
        "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {"
        " __typename ... on PythonError { message } } } } } }"
    )["workspaceOrError"]["locationEntries"][0]["locationOrLoadError"]
    if entry is not None and entry["__typename"] == "PythonError":
        raise RuntimeError(f"the code location does not load: {entry['message']}")
    return entry is not None


def _wait_for_port(port: int, process: DagsterProcess) -> None:
    def answers() -> bool:
        if not process.alive:
            raise RuntimeError(f"{process.name} ended while it started:\n{process.log[-_LOG_TAIL:]}")
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers, f"{process.name} on its port", START_SECONDS)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all held until the last is found, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _signal_group(pid: int, number: signal.Signals) -> None:
    """To the process and its children, run workers included. It leads a group of its own, so nobody else is hit."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
