"""Cancelling cancels: a run worker of a real code server is told to stop in the middle of every layer."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from dagster import AssetKey, DagsterEventType, DagsterInstance, DagsterRunStatus, EventLogEntry
from dagster._core.test_utils import create_run_for_test, instance_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.steps.files.clean_file import clean_rows
from taxi_assets.steps.postgres.load import count_month
from taxi_assets.steps.sample.write import write_sample_month
from taxi_assets_tests.support.dagster_processes import PROJECT_ROOT, DagsterProcess, wait_until

LAYERS = ("raw", "clean", "postgres", "warehouse")
MONTHS = [TripMonth("yellow", f"2019-{number:02}") for number in (1, 2, 3)]
OLD_ROWS, NEW_ROWS = 500, 1_500_000
SECONDS = 120

pytestmark = pytest.mark.slow


@dataclass
class Installation:
    """A code server with the project, a folder of files that is its source, and the records of its runs."""

    instance: DagsterInstance
    port: int
    source: Path
    data_dir: DataDir
    server: EmbeddedPostgres
    old_rows: int = 0

    def publish(self, rows: int) -> None:
        first = self.source / f"{MONTHS[0].stem}.csv.gz"
        write_sample_month(MONTHS[0], first, rows)
        for month in MONTHS[1:]:
            (self.source / f"{month.stem}.csv.gz").write_bytes(first.read_bytes())

    def launch(self) -> str:
        """Asks for all months in all layers; the id of the run."""
        target = GrpcServerTarget(host="127.0.0.1", port=self.port, socket=None, location_name="taxi_assets")
        with WorkspaceProcessContext(self.instance, target) as process:
            workspace = process.create_request_context()
            repository = workspace.get_code_location("taxi_assets").get_repository("__repository__")
            job = repository.get_full_job("load_yellow")
            run = create_run_for_test(
                self.instance,
                job_name="load_yellow",
                remote_job_origin=job.get_remote_origin(),
                job_code_origin=job.get_python_origin(),
                tags={
                    ASSET_PARTITION_RANGE_START_TAG: MONTHS[0].month,
                    ASSET_PARTITION_RANGE_END_TAG: MONTHS[-1].month,
                },
            )
            self.instance.launch_run(run.run_id, workspace)
        return run.run_id

    def status(self, run_id: str) -> DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def ended(self, run_id: str) -> bool:
        return self.status(run_id) in (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)

    def events(self, run_id: str, kind: DagsterEventType) -> list[EventLogEntry]:
        return self.instance.all_logs(run_id, of_type=kind)

    def is_in(self, run_id: str, layer: str) -> bool:
        steps = {entry.step_key for entry in self.events(run_id, DagsterEventType.STEP_START)}
        assert not self.ended(run_id) or f"{layer}__yellow_tripdata" in steps, "the run ended before"
        return f"{layer}__yellow_tripdata" in steps

    def contents(self) -> dict[str, object]:
        """What the data folder and Postgres hold, hidden files apart."""
        files = {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in self.data_dir.root.rglob("*")
                 if path.is_file() and "postgres" not in path.parts and not path.name.startswith(".")}  # fmt: skip
        return {**{str(path): facts for path, facts in files.items()}, "rows": self.rows_in_postgres()}

    def rows_in_postgres(self) -> list[int]:
        return [count_month(self.server.conninfo(), month) for month in MONTHS]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    root = tmp_path_factory.mktemp("cancel")
    data_dir, source, home = DataDir(root / "data"), root / "source" / "yellow", root / "home"
    source.mkdir(parents=True)
    home.mkdir()
    server = EmbeddedPostgres(data_dir.postgres)
    server.start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    launcher = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8"))["run_launcher"]
    with instance_for_test(overrides={"run_launcher": launcher}, temp_dir=str(home)) as instance:
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "TAXI_DATA_DIR": str(data_dir.root),
            "TAXI_SOURCE": str(source.parent),
        }
        words = ["dagster", "api", "grpc", "-m", "taxi_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
        code_server = DagsterProcess("code-server", words, environment, home)
        code_server.start()
        try:
            wait_until(lambda: answers(port), "the code server on its port", SECONDS)
            installation = Installation(instance, port, source, data_dir, server)
            installation.publish(OLD_ROWS)
            run_id = installation.launch()
            wait_until(lambda: installation.ended(run_id), "the first run", SECONDS)
            assert installation.status(run_id) is DagsterRunStatus.SUCCESS
            [installation.old_rows] = set(installation.rows_in_postgres())
            installation.publish(NEW_ROWS)
            yield installation
        finally:
            code_server.kill()
            server.remove()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("layer", LAYERS)
def test_a_run_that_is_cancelled_in_a_layer_ends_at_once_and_stays_ended(
    installation: Installation, layer: str
) -> None:
    run_id = installation.launch()
    wait_until(lambda: installation.is_in(run_id, layer), f"the step of {layer}", SECONDS, every=0.05)
    assert installation.instance.run_launcher.terminate(run_id)
    told = time.monotonic()
    wait_until(lambda: installation.ended(run_id), "the end of the run", 30, every=0.05)
    seconds = time.monotonic() - told
    there = installation.contents()

    assert installation.status(run_id) is DagsterRunStatus.CANCELED
    print(f"{layer}: {seconds:.2f} s")
    assert seconds < 10, "two seconds where nobody else uses the machine"
    assert installation.events(run_id, DagsterEventType.STEP_UP_FOR_RETRY) == []
    materialized = {
        entry.dagster_event.asset_key
        for entry in installation.events(run_id, DagsterEventType.ASSET_MATERIALIZATION)
        if entry.dagster_event
    }
    assert AssetKey([layer, "yellow_tripdata"]) not in materialized
    time.sleep(1)
    assert installation.contents() == there, "something was written after the end"
    for month, rows in zip(MONTHS, installation.rows_in_postgres(), strict=True):
        assert rows in (installation.old_rows, clean_rows(month, installation.data_dir)), "the month is not whole"
