"""A real code server, webserver and daemon on a home of their own: what tests of the orchestration talk to.

The topology is that of the containers, so each part can be killed by itself: the code server loads the project and
starts run workers, the webserver answers GraphQL and serves the UI, the daemon ticks. All three use the project's
dagster.yaml, with the run history in the Postgres database that the caller names.

A test module that wants them takes the fixture: ``from taxi_assets_tests.support.dagster_processes import dagster_ui``.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

PROJECT_ROOT = Path(__file__).resolve().parents[2]
LOCATION = "taxi_assets"
REPOSITORY = "__repository__"
START_SECONDS = 120
_Found = TypeVar("_Found")

WORKSPACE = """\
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: taxi_assets}}
"""


def wait_until(find: Callable[[], _Found], what: str, seconds: float, every: float = 0.5) -> _Found:
    """Asks ``find`` until it gives something true, and returns that.

    Raises:
        AssertionError: It did not within ``seconds``; the message says what was awaited and what came last.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; last answer: {found!r}")
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
        self._end(signal.SIGINT, seconds=15)

    def kill(self) -> None:
        """Ends it with SIGKILL: no clean-up of its own, as after a crash or a power cut."""
        self._end(signal.SIGKILL, seconds=15)

    def _end(self, first: signal.Signals, seconds: float) -> None:
        if self.process is None:
            return
        _signal_group(self.process.pid, first)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait(15)
        self.process = None


@dataclass
class RunningDagster:
    """The three processes and how to talk to them.

    Attributes:
        url: Base URL of the UI.
        home: DAGSTER_HOME; logs of the processes lie here.
        environment: What the processes run with; also what a command of the project needs to share their records.
    """

    url: str
    home: Path
    environment: dict[str, str]
    code_server: DagsterProcess
    webserver: DagsterProcess
    daemon: DagsterProcess
    _session: requests.Session = field(default_factory=requests.Session)

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Sends what the UI would send; returns ``data``.

        Raises:
            AssertionError: The answer holds errors.
        """
        answer = self._session.post(
            f"{self.url}/graphql", json={"query": query, "variables": dict(variables or {})}, timeout=60
        )
        body = answer.json()
        assert not body.get("errors"), body["errors"]
        return body["data"]

    def backfill(self, assets: list[str], months: list[str], tags: Mapping[str, str] | None = None) -> str:
        """Launches a backfill as the UI's dialog does; ``assets`` are keys like ``raw/yellow_tripdata``."""
        launched = self.graphql(
            """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
                 __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            {
                "params": {
                    "assetSelection": [{"path": key.split("/")} for key in assets],
                    "partitionNames": months,
                    "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
                }
            },
        )["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return launched["backfillId"]

    def backfill_status(self, backfill_id: str) -> str:
        return self.graphql(
            "query($id: String!) { partitionBackfillOrError(backfillId: $id) {"
            " ... on PartitionBackfill { status } ... on PythonError { message } } }",
            {"id": backfill_id},
        )["partitionBackfillOrError"]["status"]

    def materialize(self, assets: list[str], month: str) -> str:
        """Launches one run of these assets for one month, as the button on an asset's page does."""
        launched = self.graphql(
            """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
                 __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
            {
                "params": {
                    "selector": {
                        "repositoryLocationName": LOCATION,
                        "repositoryName": REPOSITORY,
                        "pipelineName": "__ASSET_JOB",
                        "assetSelection": [{"path": key.split("/")} for key in assets],
                    },
                    "runConfigData": {},
                    "executionMetadata": {"tags": [{"key": "dagster/partition", "value": month}]},
                    "mode": "default",
                }
            },
        )["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def run(self, run_id: str) -> dict[str, Any]:
        return self.graphql(
            "query($id: ID!) { runOrError(runId: $id) { ... on Run { runId status tags { key value } } } }",
            {"id": run_id},
        )["runOrError"]

    def runs(self, filter: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:  # noqa: A002  # GraphQL's name
        """Runs, newest first, with ``tags`` as a dict."""
        found = self.graphql(
            "query($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs { results {"
            " runId status jobName creationTime startTime endTime assetSelection { path } tags { key value }"
            " stepStats { stepKey startTime endTime } } } } }",
            {"filter": dict(filter or {})},
        )["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def messages(self, run_id: str) -> list[str]:
        """What a run has logged so far."""
        events = self.graphql(
            "query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {"
            " ... on MessageEvent { message } } } ... on PythonError { message } } }",
            {"id": run_id},
        )["logsForRun"]["events"]
        return [event.get("message", "") for event in events]

    def partitions(self, asset: str) -> dict[str, set[str]]:
        """The months of an asset by what the UI shows of them: materialized, failed, materializing."""
        node = self.graphql(
            """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
                 partitionKeysByDimension { partitionKeys }
                 assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } } } } }""",
            {"key": {"path": asset.split("/")}},
        )["assetNodeOrError"]
        keys = node["partitionKeysByDimension"][0]["partitionKeys"]
        months: dict[str, set[str]] = {"MATERIALIZED": set(), "FAILED": set(), "MATERIALIZING": set()}
        for part in node["assetPartitionStatuses"]["ranges"]:
            first, last = keys.index(part["startKey"]), keys.index(part["endKey"])
            months[part["status"]] |= set(keys[first : last + 1])
        return months

    def sensor(self, name: str, *, running: bool) -> None:
        """Switches a sensor on or off."""
        selector = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "sensorName": name}
        if running:
            answer = self.graphql(
                "mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) {"
                " __typename ... on PythonError { message } } }",
                {"s": selector},
            )["startSensor"]
            assert answer["__typename"] == "Sensor", answer
            return
        sensor_id = self.graphql(
            "query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor { id } } }", {"s": selector}
        )["sensorOrError"]["id"]
        answer = self.graphql("mutation($id: String!) { stopSensor(id: $id) { __typename } }", {"id": sensor_id})
        assert answer["stopSensor"]["__typename"] == "StopSensorMutationResult", answer

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        """The last ticks of a sensor, newest first."""
        return self.graphql(
            """query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor { sensorState {
                 ticks(limit: 50) { status skipReason runIds error { message } timestamp } } } } }""",
            {"s": {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "sensorName": sensor}},
        )["sensorOrError"]["sensorState"]["ticks"]


@pytest.fixture(scope="module")
def dagster_ui(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningDagster]:
    """The project on small synthetic months, with a data folder and an embedded server of its own, for one module."""
    from taxi_assets.embedded_postgres.server import EmbeddedPostgres
    from taxi_assets.settings import load_settings

    root = tmp_path_factory.mktemp("dagster-ui")
    settings = load_settings(taxi_data_dir=root / "data")
    server = EmbeddedPostgres(settings.data_dir.postgres)
    server.start()
    server.ensure_database("dagster")
    environment = {
        "DAGSTER_POSTGRES_URL": server.url("dagster"),
        "TAXI_DATA_DIR": str(root / "data"),
        "TAXI_SOURCE": "sample",
        "TAXI_SAMPLE_ROWS": "200",
    }
    try:
        with running_dagster(root / "home", environment) as dagster:
            yield dagster
    finally:
        server.remove()


@contextmanager
def running_dagster(
    home: Path, environment: Mapping[str, str], *, module: str = "taxi_assets.definitions", daemon: bool = True
) -> Generator[RunningDagster]:
    """Starts code server, webserver and daemon, and stops them however the block ends.

    Args:
        home: An empty folder to become DAGSTER_HOME.
        environment: The project's variables; needs DAGSTER_POSTGRES_URL. Those of the caller's own environment that
            would change the project are not passed on.
        module: The code location.
        daemon: Start the daemon too; else the test does.
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").symlink_to(PROJECT_ROOT / "dagster.yaml")
    code_port, web_port = _free_ports(2)
    workspace = home / "workspace.yaml"
    workspace.write_text(WORKSPACE.format(port=code_port))
    complete = {**_neutral_environment(), **environment, "DAGSTER_HOME": str(home)}

    def process(name: str, *command: str) -> DagsterProcess:
        return DagsterProcess(name, list(command), complete, home)

    local = ("-h", "127.0.0.1")
    dagster = RunningDagster(
        url=f"http://127.0.0.1:{web_port}",
        home=home,
        environment=complete,
        code_server=process("code-server", "dagster", "api", "grpc", "-m", module, *local, "-p", str(code_port)),
        webserver=process("webserver", "dagster_webserver", "-w", str(workspace), *local, "-p", str(web_port)),
        daemon=process("daemon", "dagster._daemon", "run", "-w", str(workspace)),
    )
    processes = (dagster.code_server, dagster.webserver, dagster.daemon)
    try:
        dagster.code_server.start()
        _wait_for_port(code_port, dagster.code_server)
        dagster.webserver.start()
        if daemon:
            dagster.daemon.start()
        _wait_for_port(web_port, dagster.webserver)
        wait_until(lambda: _location_loaded(dagster), "the code location in the webserver", START_SECONDS)
        yield dagster
    finally:
        for part in reversed(processes):
            part.stop()


def _location_loaded(dagster: RunningDagster) -> bool:
    entry = dagster.graphql(
        "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {"
        " __typename ... on PythonError { message } } } } } }"
    )["workspaceOrError"]["locationEntries"][0]["locationOrLoadError"]
    assert entry is None or entry["__typename"] != "PythonError", entry["message"]
    return entry is not None


def _wait_for_port(port: int, process: DagsterProcess) -> None:
    def answers() -> bool:
        assert process.alive, f"{process.name} ended while it started:\n{process.log[-3000:]}"
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


def _neutral_environment() -> dict[str, str]:
    ours = ("TAXI_", "GCP_", "DAGSTER_", "SECRET_GCP", "STORAGE_EMULATOR", "BIGQUERY_EMULATOR")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _signal_group(pid: int, number: signal.Signals) -> None:
    """To the process and its children, run workers included. It leads a group of its own, so nobody else is hit."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
