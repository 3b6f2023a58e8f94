"""The processes of Dagster that tests of the orchestration talk to, and what only tests ask of them.

They are those of the benchmark's rig (``benchmarks/rig/``), which does without the tests; tests take them from here.

A test module that wants them takes the fixture: ``from taxi_assets_tests.support.dagster_processes import dagster_ui``.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rig import dagster_processes as rig
from benchmarks.rig.dagster_processes import DagsterProcess, wait_until
from benchmarks.rig.dagster_ui import sensor_selector
from taxi_assets.settings import PROJECT_ROOT

__all__ = ["PROJECT_ROOT", "DagsterProcess", "RunningDagster", "dagster_ui", "running_dagster", "wait_until"]


class RunningDagster(rig.RunningDagster):
    """The three processes, with the questions of tests."""

    def messages(self, run_id: str) -> list[str]:
        """What a run has logged so far."""
        return [event.get("message", "") for event in self.events(run_id)]

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
        if not running:
            self.stop_sensor(name)
            return
        answer = self.graphql(
            "mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) {"
            " __typename ... on PythonError { message } } }",
            {"s": sensor_selector(name)},
        )["startSensor"]
        assert answer["__typename"] == "Sensor", answer

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        """The last ticks of a sensor, newest first."""
        return self.graphql(
            """query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor { sensorState {
                 ticks(limit: 50) { status skipReason runIds error { message } timestamp } } } } }""",
            {"s": sensor_selector(sensor)},
        )["sensorOrError"]["sensorState"]["ticks"]


@contextmanager
def running_dagster(home: Path, environment: Mapping[str, str]) -> Generator[RunningDagster]:
    """Starts the three processes and stops them however the block ends; see the rig's function of that name."""
    with rig.running_dagster(home, environment) as running:
        yield RunningDagster(**vars(running))


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
