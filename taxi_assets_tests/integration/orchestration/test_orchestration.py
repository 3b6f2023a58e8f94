"""The project running by itself: a real code server, webserver and daemon, and a source over HTTP on 127.0.0.1.

The tests share one installation and build on each other in this order, as starting one takes half a minute. Months are
synthetic and tiny; what is looked at is what happens to them, not what is in them.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import groupby, pairwise
from pathlib import Path

import psycopg
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.orchestration.partitions import newest_published, today_in_new_york
from taxi_assets.steps.files.clean_file import read_clean
from taxi_assets.steps.lake.copy import lake_rows
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.postgres.load import count_month
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse
from taxi_assets_tests.support.dagster_processes import PROJECT_ROOT, RunningDagster, running_dagster, wait_until
from taxi_assets_tests.support.http_source import Answer, HoldAfter, HttpSource, serving

pytestmark = [pytest.mark.timeout(900), pytest.mark.waits]

LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")
MONTHS = [f"2019-{month:02d}" for month in range(1, 13)]
MONTHS_PER_RUN = 6
"""Two runs for each dataset, as two years have with the default."""
CORRUPT = TripMonth("yellow", "2019-07")
FINISHED = ("SUCCESS", "FAILURE", "CANCELED")


def path_of(month: TripMonth) -> str:
    """Where the source publishes it: as CSV until 2021, as Parquet since."""
    return f"{month.dataset}/{month.stem}.{'csv.gz' if month.month < '2021-08' else 'parquet'}"


@dataclass
class Installation:
    """Everything that runs, and what is published."""

    dagster: RunningDagster
    source: HttpSource
    data_dir: DataDir
    server: EmbeddedPostgres
    made: DataDir
    alerts: list[str] = field(default_factory=list)

    def content(self, month: TripMonth, rows: int = 40) -> bytes:
        """A synthetic month as it would be published; other rows, other trips."""
        return fetch_month(month, "sample", self.made, sample_rows=rows).raw.path.read_bytes()

    def publish(self, month: TripMonth, content: bytes, modified: float | None = None) -> None:
        self.source.publish(path_of(month), content, modified=modified or time.time())

    def command(self, *arguments: str) -> str:
        """What a command of the project prints, run beside the three processes as a person runs it."""
        return subprocess.run(
            [sys.executable, "-m", "taxi_assets", *arguments],
            env=self.dagster.environment, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True, timeout=120,
        ).stdout  # fmt: skip

    def rows(self, month: TripMonth) -> dict[str, int]:
        """Rows of the month as each store counts them now."""
        clean = read_clean(month, self.data_dir)
        warehouse = DuckDbWarehouse(self.data_dir.warehouse, self.data_dir.lake)
        return {
            "clean": clean.rows if clean else 0,
            "postgres": count_month(self.server.conninfo(), month),
            "lake": lake_rows(FolderLake(self.data_dir.lake), month),
            "warehouse": warehouse.count(month),
        }

    def materialized(self, dataset: str, months: set[str]) -> bool:
        return all(months <= self.dagster.partitions(f"{layer}/{dataset}_tripdata")["MATERIALIZED"] for layer in LAYERS)

    def finished(self, run_id: str) -> str | None:
        status = self.dagster.run(run_id)["status"]
        return status if status in FINISHED else None

    def quiet(self) -> bool:
        return not self.dagster.runs({"statuses": ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"]})

    def runs_of_trips(self) -> list[dict]:
        """Runs but those of marts and report, which follow by themselves when a warehouse has changed; newest first."""

        def follows(run: dict) -> bool:
            return {asset["path"][0] for asset in run["assetSelection"] or []} in ({"marts"}, {"report"})

        return [run for run in self.dagster.runs() if not follows(run)]

    def runs_of(self, month: str) -> list[dict]:
        """Those of one month."""
        return [run for run in self.runs_of_trips() if run["tags"].get("dagster/partition") == month]


@pytest.fixture(scope="module")
def webhook() -> Iterator[tuple[str, list[str]]]:
    """A Slack-like receiver: its URL, and the texts that it was sent."""
    texts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", texts
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, webhook: tuple[str, list[str]]) -> Iterator[Installation]:
    root = tmp_path_factory.mktemp("orchestration")
    data_dir = DataDir(root / "data")
    server = EmbeddedPostgres(data_dir.postgres)
    server.start()
    server.ensure_database("dagster")
    with serving() as source:
        environment = {
            "DAGSTER_POSTGRES_URL": server.url("dagster"),
            "TAXI_DATA_DIR": str(data_dir.root),
            "TAXI_SOURCE": source.url,
            "TAXI_ALERT_WEBHOOK": webhook[0],
            # Six seconds: the sensor asks as often as Dagster looks at sensors at all.
            "TAXI_PROBE_MINUTES": "0.1",
            "TAXI_MONTHS_PER_RUN": str(MONTHS_PER_RUN),
        }
        try:
            with running_dagster(root / "home", environment) as dagster:
                yield Installation(dagster, source, data_dir, server, DataDir(root / "made"), webhook[1])
        finally:
            server.remove()


@dataclass
class Observer:
    """Looks at the trips database while others work: which runs load at the same moment."""

    conninfo: str
    at_once: set[frozenset[str]] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Observer:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        query = (
            "SELECT DISTINCT split_part(application_name, ' ', 2) FROM pg_stat_activity "
            "WHERE application_name LIKE 'taxi %'"
        )
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            while not self._stop.wait(0.02):
                self.at_once.add(frozenset(run for (run,) in connection.execute(query)))


def test_a_year_is_backfilled_though_a_month_is_corrupt_and_the_daemon_is_killed(installation: Installation) -> None:
    dagster = installation.dagster
    for month in (TripMonth(dataset, key) for dataset in ("yellow", "green") for key in MONTHS):
        content = installation.content(month)
        installation.publish(month, content[: len(content) // 2] if month == CORRUPT else content)

    with Observer(installation.server.conninfo()) as observer:
        from_the_ui = dagster.backfill([f"{layer}/yellow_tripdata" for layer in LAYERS], MONTHS)
        from_the_command_line = installation.command("backfill", "green", "--from", MONTHS[0], "--to", MONTHS[-1])
        wait_until(lambda: dagster.runs({"statuses": ["STARTED"]}), "the first run of the backfills", 180)
        dagster.daemon.kill()
        dagster.daemon.start()
        good = set(MONTHS) - {CORRUPT.month}
        wait_until(
            lambda: installation.materialized("green", set(MONTHS)) and installation.materialized("yellow", good),
            "23 of 24 months in every layer",
            540,
            every=2,
        )
        wait_until(installation.quiet, "the last run", 120)

    # The daemon looks at backfills every half minute, so their status follows the end of their last run.
    wait_until(lambda: dagster.backfill_status(from_the_ui) == "COMPLETED_FAILED", "the end of the first backfill", 90)
    said = re.fullmatch(r"Backfill (\w+): green 2019-01 to 2019-12\.", from_the_command_line.splitlines()[0])
    assert said is not None, from_the_command_line
    wait_until(lambda: dagster.backfill_status(said.group(1)) == "COMPLETED_SUCCESS", "the end of the second", 90)
    for layer in LAYERS:
        assert dagster.partitions(f"{layer}/green_tripdata")["FAILED"] == set()
        assert dagster.partitions(f"{layer}/yellow_tripdata")["FAILED"] == {CORRUPT.month}
    for month in (TripMonth(dataset, key) for dataset in ("yellow", "green") for key in MONTHS):
        if month != CORRUPT:
            assert set(installation.rows(month).values()) == {read_clean(month, installation.data_dir).rows}, month
    assert no_more_than(2, dagster.runs()), "concurrent runs"
    assert max(len(runs) for runs in observer.at_once) == 1, "Postgres loads at once"


def no_more_than(limit: int, runs: list[dict]) -> bool:
    """Whether at no moment more of these runs were under way."""
    edges = [(run["startTime"], 1) for run in runs if run["startTime"]]
    edges += [(run["endTime"], -1) for run in runs if run["startTime"] and run["endTime"]]
    under_way, most = 0, 0
    for _, change in sorted(edges):
        under_way += change
        most = max(most, under_way)
    return most <= limit


def test_steps_of_a_pool_ran_one_at_a_time_and_downloads_did_not_mingle(installation: Installation) -> None:
    runs = installation.dagster.runs()
    for layer in ("raw", "postgres", "lake", "warehouse"):
        steps = sorted(
            (step["startTime"], step["endTime"], step["stepKey"])
            for run in runs
            for step in run["stepStats"]
            if re.fullmatch(rf"{layer}__\w+_tripdata", step["stepKey"]) and step["startTime"] and step["endTime"]
        )
        assert len(steps) >= 4
        overlapping = [(one, other) for one, other in pairwise(steps) if other[0] < one[1]]
        assert overlapping == []
    raw_steps = sum("raw__" in step["stepKey"] for run in runs for step in run["stepStats"])
    downloads = [asked.path.split("/")[1] for asked in installation.source.asked("GET")]
    assert len(downloads) >= 24
    assert len(list(groupby(downloads))) <= raw_steps


def test_runs_say_what_they_work_on_and_that_they_are_part_of_a_backfill(installation: Installation) -> None:
    batches = [run for run in installation.runs_of_trips() if "dagster/backfill" in run["tags"] and run["startTime"]]
    assert {run["tags"]["dataset"] for run in batches} == {"yellow", "green"}
    assert {run["tags"]["backfill"] for run in batches} == {"true"}


def test_the_failure_was_alerted_once_with_its_month_and_reason(installation: Installation) -> None:
    def about() -> list[str]:
        return [text for text in installation.alerts if "2019-07" in text and "gzip" in text]

    wait_until(about, "the alert", 90)
    [alert] = about()
    assert alert.startswith("Failed: yellow 2019-07\nraw/yellow_tripdata:\n```\n2019-07: ")
    assert "The other months of 2019-07 to 2019-12 are done, and go on by themselves." in alert
    assert "/runs/" in alert


def test_a_repaired_month_completes_everything_when_its_failed_partition_is_run_again(
    installation: Installation,
) -> None:
    installation.publish(CORRUPT, installation.content(CORRUPT))
    run_id = installation.dagster.materialize([f"{layer}/yellow_tripdata" for layer in LAYERS], CORRUPT.month)
    assert wait_until(lambda: installation.finished(run_id), "the run of the repaired month", 180) == "SUCCESS"
    assert installation.materialized("yellow", set(MONTHS))
    for layer in LAYERS:
        assert installation.dagster.partitions(f"{layer}/yellow_tripdata")["FAILED"] == set()
    assert len(set(installation.rows(CORRUPT).values())) == 1


def test_a_run_worker_that_is_killed_is_noticed_and_its_run_tried_again(installation: Installation) -> None:
    month, dagster = TripMonth("green", "2021-01"), installation.dagster
    installation.publish(month, installation.content(month))
    held = HoldAfter(10)
    installation.source.misbehave(held, path=path_of(month))
    run_id = dagster.materialize([f"{layer}/green_tripdata" for layer in LAYERS], month.month)
    wait_until(lambda: held in installation.source._held, "the download", 120)
    [pid] = {
        int(found) for text in dagster.messages(run_id) for found in re.findall(r"in process \(pid: (\d+)\)", text)
    }
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: installation.finished(run_id), "notice of the dead worker", 90) == "FAILURE"
    again = wait_until(
        lambda: [run for run in installation.runs_of(month.month) if run["runId"] != run_id], "the second try", 90
    )
    second = again[0]["runId"]
    assert again[0]["tags"]["dagster/parent_run_id"] == run_id
    assert wait_until(lambda: installation.finished(second), "the second try's end", 180) == "SUCCESS"
    assert len(set(installation.rows(month).values())) == 1
    assert not [text for text in installation.alerts if run_id in text], "a run that is tried again is no news"


def test_a_month_that_appears_and_changes_is_carried_through_without_anyone(installation: Installation) -> None:
    dagster, month = installation.dagster, TripMonth("yellow", newest_published(today_in_new_york()))
    before = {run["runId"] for run in installation.runs_of_trips()}
    dagster.sensor("new_months", running=True)
    wait_until(lambda: dagster.ticks("new_months"), "a tick", 60)

    installation.source.misbehave(Answer(503), method="", times=1_000_000)
    installation.publish(month, installation.content(month, rows=40))
    wait_until(
        lambda: [tick for tick in dagster.ticks("new_months") if "source is down" in (tick["skipReason"] or "")],
        "a tick that says that the source is down",
        90,
    )
    installation.source._faults.clear()

    wait_until(lambda: installation.materialized("yellow", {month.month}), "the new month in every store", 180)
    wait_until(installation.quiet, "the run's end", 60)
    first = installation.rows(month)
    assert len(set(first.values())) == 1
    [run] = [run for run in installation.runs_of_trips() if run["runId"] not in before]
    assert (run["jobName"], run["tags"]["dagster/partition"]) == ("load_yellow", month.month)

    installation.publish(month, installation.content(month, rows=90))
    wait_until(lambda: len(installation.runs_of(month.month)) == 2, "a run of the re-issued month", 120)
    wait_until(installation.quiet, "its end", 180)
    second = installation.rows(month)
    assert len(set(second.values())) == 1
    assert second != first

    ticks = len(dagster.ticks("new_months"))
    wait_until(lambda: len(dagster.ticks("new_months")) >= min(ticks + 3, 50), "three more ticks", 120)
    assert len(installation.runs_of(month.month)) == 2, "the file has not changed since"
    assert not [tick for tick in dagster.ticks("new_months") if tick["status"] == "FAILURE"]
    dagster.sensor("new_months", running=False)


def test_files_that_are_dropped_are_loaded_and_what_is_no_file_of_trips_is_set_aside(
    installation: Installation,
) -> None:
    landing = installation.data_dir.landing
    landing.mkdir(exist_ok=True)
    named, by_content, parquet = (
        TripMonth("green", "2015-03"),
        TripMonth("fhv", "2018-05"),
        TripMonth("green", "2023-04"),
    )
    (landing / f"{named.stem}.csv").write_bytes(gzip.decompress(installation.content(named)))
    (landing / "download (3)").write_bytes(installation.content(by_content))
    published = fetch_month(parquet, "sample", installation.made, sample_rows=40).raw
    assert published.format == "parquet"
    (landing / "trips.parquet").write_bytes(published.path.read_bytes())
    (landing / "shopping.txt").write_bytes(b"milk, bread\n")

    for month in (named, by_content, parquet):
        wait_until(
            lambda month=month: installation.materialized(month.dataset, {month.month}), f"{month} in every store", 240
        )
        assert len(set(installation.rows(month).values())) == 1
        [run] = installation.runs_of(month.month)
        assert run["tags"]["landed_file"].startswith(month.stem)
    assert list(landing.glob("*.*")) == []
    assert "these columns are not those of" in (installation.data_dir.unrecognised / "shopping.txt.txt").read_text()
    assert not any(path_of(named) in asked.path for asked in installation.source.log), "the source was not asked"


def test_raw_alone_is_carried_on_by_itself_and_nothing_is_run_twice(installation: Installation) -> None:
    dagster, month = installation.dagster, TripMonth("green", "2021-02")
    installation.publish(month, installation.content(month))
    run_id = dagster.materialize(["raw/green_tripdata"], month.month)
    assert wait_until(lambda: installation.finished(run_id), "the raw file", 120) == "SUCCESS"
    wait_until(lambda: installation.materialized("green", {month.month}), "every layer", 240)
    wait_until(installation.quiet, "the last run", 60)
    ticks = len(dagster.ticks("follow_upstream"))
    wait_until(lambda: len(dagster.ticks("follow_upstream")) >= min(ticks + 2, 50), "two more ticks", 120)
    followed = [run for run in installation.runs_of(month.month) if run["runId"] != run_id]
    assert [run["tags"]["dagster/sensor_name"] for run in followed] == ["follow_upstream"]


def test_every_run_that_was_left_over_is_none(installation: Installation) -> None:
    """At the end nothing hangs: no run is under way, and no pool slot is held by one that ended."""
    wait_until(installation.quiet, "marts and report, which follow the last month", 180)
    pools = installation.dagster.graphql(
        "{ instance { concurrencyLimits { concurrencyKey slotCount activeSlotCount pendingStepCount } } }"
    )["instance"]["concurrencyLimits"]
    assert {pool["concurrencyKey"] for pool in pools} >= {"source", "postgres", "lake", "warehouse"}
    assert {pool["slotCount"] for pool in pools} == {1}
    assert wait_until(lambda: no_slots_held(installation.dagster), "the slot of the killed run to be freed", 120)


def no_slots_held(dagster: RunningDagster) -> bool:
    pools = dagster.graphql("{ instance { concurrencyLimits { activeSlotCount } } }")["instance"]["concurrencyLimits"]
    return all(pool["activeSlotCount"] == 0 for pool in pools)


NOISE_OF_GRPC = re.compile(
    r"Exception in callback .*\nhandle: .*\nTraceback .*\n(?:  .*\n)*  File .*PollerCompletionQueue\._handle_events\n"
    r"(?:BlockingIOError|OSError): .*\n"
)
"""The daemon's threads speak gRPC in event loops of their own, all of which grpcio wakes for each answer; a loop that
comes too late, or has ended, says so in this form. The answer has arrived (github.com/grpc/grpc/issues/25364)."""


def test_logs_of_the_daemon_hold_no_traceback(installation: Installation) -> None:
    log = Path(installation.dagster.home / "daemon.log").read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in NOISE_OF_GRPC.sub("", log)
