"""What is asked of a running webserver: the GraphQL that the UI sends for its buttons and pages.

Belongs here: launching and following runs and backfills. Not here: starting a webserver (``dagster_processes.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

LOCATION = "taxi_assets"
REPOSITORY = "__repository__"
_ANSWER_SECONDS = 60


@dataclass
class DagsterUi:
    """A webserver that serves the project.

    Attributes:
        url: Base URL of the UI.
    """

    url: str

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Sends what the UI would send; returns ``data``.

        Raises:
            RuntimeError: The answer holds errors.
        """
        question = {"query": query, "variables": dict(variables or {})}
        body = requests.post(f"{self.url}/graphql", json=question, timeout=_ANSWER_SECONDS).json()
        if body.get("errors"):
            raise RuntimeError(f"{self.url} answered with errors: {body['errors']}")
        return body["data"]

    def backfill(self, assets: list[str], months: list[str]) -> str:
        """Launches a backfill as the UI's dialog does; ``assets`` are keys like ``raw/yellow_tripdata``."""
        launched = self.graphql(
            """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
                 __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            {"params": {"assetSelection": [_path(key) for key in assets], "partitionNames": months, "tags": []}},
        )["launchPartitionBackfill"]
        return _expected("LaunchBackfillSuccess", launched)["backfillId"]

    def backfill_status(self, backfill_id: str) -> str:
        return self.graphql(
            "query($id: String!) { partitionBackfillOrError(backfillId: $id) {"
            " ... on PartitionBackfill { status } ... on PythonError { message } } }",
            {"id": backfill_id},
        )["partitionBackfillOrError"]["status"]

    def materialize(self, assets: list[str], month: str) -> str:
        """Launches one run of these assets for one month, as the button on an asset's page does."""
        selector = {
            "repositoryLocationName": LOCATION,
            "repositoryName": REPOSITORY,
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [_path(key) for key in assets],
        }
        launched = self.graphql(
            """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
                 __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
            {
                "params": {
                    "selector": selector,
                    "runConfigData": {},
                    "executionMetadata": {"tags": [{"key": "dagster/partition", "value": month}]},
                    "mode": "default",
                }
            },
        )["launchPipelineExecution"]
        return _expected("LaunchRunSuccess", launched)["run"]["runId"]

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

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """What a run has logged so far: ``eventType``, ``timestamp`` (milliseconds since 1970) and ``message``."""
        return self.graphql(
            "query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {"
            " ... on MessageEvent { eventType timestamp message } } } ... on PythonError { message } } }",
            {"id": run_id},
        )["logsForRun"]["events"]

    def running_sensors(self) -> list[str]:
        """Names of the sensors that are on."""
        found = self.graphql(
            "query($s: RepositorySelector!) { sensorsOrError(repositorySelector: $s) {"
            " ... on Sensors { results { name sensorState { status } } } } }",
            {"s": {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}},
        )["sensorsOrError"]["results"]
        return [sensor["name"] for sensor in found if sensor["sensorState"]["status"] == "RUNNING"]

    def stop_sensor(self, name: str) -> None:
        """Switches a sensor off."""
        sensor_id = self.graphql(
            "query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor { id } } }",
            {"s": sensor_selector(name)},
        )["sensorOrError"]["id"]
        answer = self.graphql("mutation($id: String!) { stopSensor(id: $id) { __typename } }", {"id": sensor_id})
        _expected("StopSensorMutationResult", answer["stopSensor"])


def sensor_selector(name: str) -> dict[str, str]:
    """How GraphQL names a sensor of the project."""
    return {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "sensorName": name}


def _path(key: str) -> dict[str, list[str]]:
    return {"path": key.split("/")}


def _expected(kind: str, answer: dict[str, Any]) -> dict[str, Any]:
    if answer["__typename"] != kind:
        raise RuntimeError(f"Dagster answered {answer} instead of {kind}")
    return answer
