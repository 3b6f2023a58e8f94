"""Who is told what about failures: real failed runs, a real sensor evaluation, a real webhook on 127.0.0.1."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._utils.error import SerializableErrorInfo

from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError
from taxi_assets.orchestration.assets.materialize import materialize_months
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.automation import alerts
from taxi_assets.orchestration.automation.alerts import (
    Alerts,
    alert_on_failure,
    failed_months,
    report_failed_months,
    summary_text,
)
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from taxi_assets.orchestration.instance.in_words import months_of_run
from taxi_assets.orchestration.layers import MARTS, RAW
from taxi_assets.orchestration.partitions import MartMonths, months_of_all
from taxi_assets.orchestration.resources.local_files import LocalFiles

YELLOW = DATASETS["yellow"]
UI = "https://dagster.example.org"


class Webhook:
    """Takes what is posted; answers with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.posted: list[dict] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.posted.append(json.loads(body))
                assert self.headers["Content-Type"] == "application/json"
                self.send_response(webhook.status)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/services/a-secret"

    @contextmanager
    def serving(self) -> Iterator["Webhook"]:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook().serving() as webhook:
        yield webhook


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def failing_job(error: Exception | None = None) -> dg.JobDefinition:
    @trip_asset(RAW, YELLOW, 12, description="", kinds=set())
    def raw(context: dg.AssetExecutionContext) -> None:
        def step(month, progress) -> dict:
            if month.month == "2019-02":
                raise error or BrokenFileError("yellow 2019-02: the gzip is cut off")
            return {}

        materialize_months(context, YELLOW, step, files=LocalFiles(root="empty"))

    jobs = [dg.define_asset_job("load_yellow")]
    return dg.Definitions(assets=[raw], jobs=jobs, executor=dg.in_process_executor).resolve_job_def("load_yellow")


def fail(instance: dg.DagsterInstance, error: Exception | None = None) -> dg.ExecuteInProcessResult:
    return failing_job(error).execute_in_process(
        instance=instance,
        tags={ASSET_PARTITION_RANGE_START_TAG: "2019-01", ASSET_PARTITION_RANGE_END_TAG: "2019-03"},
        raise_on_error=False,
    )


def alerted(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, sender: Alerts) -> None:
    """Evaluates the sensor for a failed run, as the daemon does."""
    context = dg.build_run_status_sensor_context(
        sensor_name=alert_on_failure.name,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
        resources={"alerts": sender},
    ).for_run_failure()
    alert_on_failure(context)


def test_an_alert_says_dataset_months_step_error_and_where_to_look(
    instance: dg.DagsterInstance, webhook: Webhook
) -> None:
    result = fail(instance)
    alerted(instance, result, Alerts(webhook=webhook.url, ui_url=f"{UI}/"))
    [posted] = webhook.posted
    assert set(posted) == {"text"}
    assert posted["text"].splitlines() == [
        "Failed: yellow 2019-02",
        "raw/yellow_tripdata:",
        "```",
        "2019-02: yellow 2019-02: the gzip is cut off",
        "```",
        f"{UI}/assets/raw/yellow_tripdata?view=partitions&partition=2019-02",
        "The other months of 2019-01 to 2019-03 are done, and go on by themselves.",
        "Nothing tries it again by itself: do as the reason says, then materialize the month on its page.",
        f"{UI}/runs/{result.run_id}",
    ]


def test_a_failed_month_says_why_on_its_own_page(instance: dg.DagsterInstance) -> None:
    fail(instance)
    key = dg.AssetKey(["raw", YELLOW.table])
    found = instance.fetch_observations(dg.AssetRecordsFilter(key), limit=10).records
    [observation] = [record.asset_observation for record in found if record.asset_observation]
    assert observation.partition == "2019-02"
    assert observation.description == "failed: yellow 2019-02: the gzip is cut off"
    said = {name: value.value for name, value in observation.metadata.items()}
    assert said["reason"] == "yellow 2019-02: the gzip is cut off"
    assert said["error"] == "BrokenFileError"
    assert "materialize this month" in str(said["what to do"])
    assert said["file"] == "none on this machine"


def test_a_failed_month_of_a_mart_names_no_file_as_it_is_made_of_none(instance: dg.DagsterInstance) -> None:
    key = MARTS.key("months")

    @dg.asset(key=key, partitions_def=months_of_all())
    def mart(context: dg.AssetExecutionContext) -> None:
        def step(month, progress) -> dict:
            raise BrokenFileError("the warehouse has no such month")

        materialize_months(context, MartMonths("months"), step)

    assert not dg.materialize([mart], instance=instance, partition_key="2019-01", raise_on_error=False).success
    found = instance.fetch_observations(dg.AssetRecordsFilter(key), limit=10).records
    [observation] = [record.asset_observation for record in found if record.asset_observation]
    assert observation.metadata["reason"].value == "the warehouse has no such month"
    assert not {"file", "version"} & observation.metadata.keys()


def test_a_run_that_came_to_no_step_says_what_broke(instance: dg.DagsterInstance, webhook: Webhook) -> None:
    run = instance.create_run_for_job(failing_job())
    error = SerializableErrorInfo("ImportError: No module named 'my_asset'\n", [], "ImportError")
    instance.report_engine_event("Could not load the code location", run, EngineEventData(error=error))
    event = instance.report_run_failed(run, "This run has been marked as failed from outside the execution context.")
    failed = instance.get_run_by_id(run.run_id)
    assert failed is not None
    context = dg.build_run_status_sensor_context(
        sensor_name=alert_on_failure.name,
        dagster_instance=instance,
        dagster_run=failed,
        dagster_event=event,
        resources={"alerts": Alerts(webhook=webhook.url, ui_url=UI)},
    ).for_run_failure()
    alert_on_failure(context)
    assert "ImportError: No module named 'my_asset'" in webhook.posted[0]["text"]
    assert "marked as failed from outside" not in webhook.posted[0]["text"]


def test_what_a_file_says_is_neither_a_link_nor_a_mention_nor_a_picture(
    instance: dg.DagsterInstance, webhook: Webhook
) -> None:
    error = BrokenFileError("columns: <!channel> <http://a.example|Retry> ``` ![x](http://a.example) \x1b[2J\u202e")
    alerted(instance, fail(instance, error), Alerts(webhook=webhook.url, ui_url=UI))
    _, block, after = webhook.posted[0]["text"].split("```")
    assert "&lt;!channel&gt; &lt;http://a.example|Retry&gt; ''' ![x](http://a.example) \\x1b[2J\\u202e" in block
    assert after.strip().startswith(UI)


def test_an_error_that_nobody_foresaw_is_named_as_well(instance: dg.DagsterInstance, webhook: Webhook) -> None:
    alerted(instance, fail(instance, ZeroDivisionError("one by nothing")), Alerts(webhook=webhook.url, ui_url=UI))
    assert "ZeroDivisionError: one by nothing" in webhook.posted[0]["text"]


def test_a_run_that_is_tried_again_says_nothing_yet(instance: dg.DagsterInstance, webhook: Webhook) -> None:
    result = fail(instance)
    instance.add_run_tags(result.run_id, {"dagster/will_retry": "true"})
    alerted(instance, result, Alerts(webhook=webhook.url, ui_url=UI))
    assert webhook.posted == []
    instance.add_run_tags(result.run_id, {"dagster/will_retry": "false"})
    alerted(instance, result, Alerts(webhook=webhook.url, ui_url=UI))
    assert len(webhook.posted) == 1


@pytest.mark.parametrize("status", [404, 500])
def test_a_webhook_that_refuses_neither_fails_the_sensor_nor_shows_its_address(
    instance: dg.DagsterInstance, webhook: Webhook, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    webhook.status = status
    alerted(instance, fail(instance), Alerts(webhook=webhook.url, ui_url=UI))
    said = [record.getMessage() for record in caplog.records if record.name == alerts.__name__]
    assert any(message.startswith("Failed: yellow 2019-02") for message in said)
    assert f"the alert above was not delivered to TAXI_ALERT_WEBHOOK: {status}" in said
    assert "a-secret" not in caplog.text


def test_a_webhook_that_is_gone_neither_fails_the_sensor_nor_shows_its_address(
    instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    alerted(instance, fail(instance), Alerts(webhook="http://127.0.0.1:9/a-secret", ui_url=UI))
    assert "not delivered to TAXI_ALERT_WEBHOOK: ConnectionError" in caplog.text
    assert "a-secret" not in caplog.text


def test_without_a_webhook_the_log_has_the_alert(
    instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    alerted(instance, fail(instance), Alerts(webhook=None, ui_url=UI))
    assert "Failed: yellow 2019-02" in caplog.text


def test_a_long_error_is_cut(instance: dg.DagsterInstance, webhook: Webhook) -> None:
    alerted(instance, fail(instance, BrokenFileError("x" * 50_000)), Alerts(webhook=webhook.url, ui_url=UI))
    assert len(webhook.posted[0]["text"]) < 2200
    assert "the rest is in the run's log" in webhook.posted[0]["text"]


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({PARTITION_NAME_TAG: "2019-01"}, "2019-01"),
        ({ASSET_PARTITION_RANGE_START_TAG: "2019-01", ASSET_PARTITION_RANGE_END_TAG: "2019-01"}, "2019-01"),
        ({ASSET_PARTITION_RANGE_START_TAG: "2019-01", ASSET_PARTITION_RANGE_END_TAG: "2019-12"}, "2019-01 to 2019-12"),
        ({}, ""),
    ],
)
def test_months_are_said_in_words(tags: dict[str, str], words: str) -> None:
    assert months_of_run(tags) == words


def test_the_summary_names_exactly_the_months_left_failed(instance: dg.DagsterInstance, webhook: Webhook) -> None:
    fail(instance)
    assert failed_months(instance) == {"raw/yellow_tripdata": ["2019-02"]}
    report_failed_months.execute_in_process(
        instance=instance, resources={"alerts": Alerts(webhook=webhook.url, ui_url=UI)}
    )
    [posted] = webhook.posted
    link = f"{UI}/assets/raw/yellow_tripdata?view=partitions&partition=2019-02"
    line = f"raw/yellow_tripdata 2019-02: `yellow 2019-02: the gzip is cut off` {link}"
    assert posted["text"].splitlines()[1] == line


def test_a_day_without_failed_months_is_a_day_without_a_message(instance: dg.DagsterInstance, webhook: Webhook) -> None:
    report_failed_months.execute_in_process(
        instance=instance, resources={"alerts": Alerts(webhook=webhook.url, ui_url=UI)}
    )
    assert webhook.posted == []


def test_a_long_list_of_failed_months_is_cut_but_counted() -> None:
    months = [f"{year}-{month:02d}" for year in (2019, 2020) for month in range(1, 13)]
    told = summary_text({"raw/yellow_tripdata": dict.fromkeys(months, "")}, Alerts(webhook=None, ui_url=UI))
    assert "2019-12: " in told
    assert "2020-01" not in told
    assert "raw/yellow_tripdata: and 12 more" in told
