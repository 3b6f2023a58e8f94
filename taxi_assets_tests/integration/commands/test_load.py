"""`python -m taxi_assets load`: what it carries, what it records, and what it says when something goes wrong."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import psycopg
import pytest

from taxi_assets.__main__ import main
from taxi_assets.cli.shared.dagster_home import DAGSTER_DATABASE
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets_tests.support.commands import BIN, clean_environment, run
from taxi_assets_tests.support.dagster_processes import wait_until

LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")
LOAD = ("python", "-m", "taxi_assets", "load")
ONE_TRY = """
import sys
from dagster import RetryPolicy
from taxi_assets.__main__ import main
from taxi_assets.orchestration.assets import failures
failures.RETRY_PASSING = RetryPolicy(max_retries=0)
sys.exit(main(sys.argv[1:]))
"""
"""The program, but for the second to fourth try of a step, which come after a minute of waiting."""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A clean environment with folders of its own; stops the embedded server that a command started."""
    yield {**clean_environment(tmp_path), "TAXI_SOURCE": "sample", "TAXI_SAMPLE_ROWS": "500"}
    EmbeddedPostgres(tmp_path / "data" / "postgres").remove()


@pytest.fixture
def records(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """What the UI of the same folders would show."""
    server = EmbeddedPostgres(Path(environment["TAXI_DATA_DIR"]) / "postgres")
    server.start()
    server.ensure_database(DAGSTER_DATABASE)
    monkeypatch.setenv("DAGSTER_HOME", environment["DAGSTER_HOME"])
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", server.url(DAGSTER_DATABASE))
    with dg.DagsterInstance.get() as instance:
        yield instance


def months_of(records: dg.DagsterInstance, layer: str) -> set[str]:
    return records.get_materialized_partitions(dg.AssetKey([layer, "yellow_tripdata"]))


def months_in_postgres(environment: dict[str, str]) -> list[str]:
    with psycopg.connect(EmbeddedPostgres(Path(environment["TAXI_DATA_DIR"]) / "postgres").conninfo()) as connection:
        found = connection.execute("SELECT DISTINCT to_char(file_month, 'YYYY-MM') FROM yellow_tripdata ORDER BY 1")
        return [month for (month,) in found.fetchall()]


def test_months_are_in_every_store_and_in_the_records(
    environment: dict[str, str], records: dg.DagsterInstance, tmp_path: Path
) -> None:
    loaded = run(environment, *LOAD, "yellow", "2019-01..2019-03", cwd=tmp_path)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert all(layer in loaded.stdout for layer in LAYERS)
    assert f"in {environment['TAXI_DATA_DIR']}, Dagster's records in {environment['DAGSTER_HOME']}" in loaded.stdout

    months = {"2019-01", "2019-02", "2019-03"}
    assert all(months_of(records, layer) == months for layer in LAYERS)
    [run_] = records.get_runs()
    assert (run_.job_name, run_.status) == ("load_yellow", dg.DagsterRunStatus.SUCCESS)
    # By these two the overview and the page of the job find the run; the location is called as `make dev` calls it.
    assert run_.remote_job_origin is not None
    assert run_.remote_job_origin.location_name == "taxi_assets.definitions"
    assert run_.tags[".dagster/repository"] == "__repository__@taxi_assets.definitions"
    assert {name: value for name, value in run_.tags.items() if not name.startswith(("dagster/", ".dagster/"))} == {
        "dataset": "yellow",
        "months": "2019-01 to 2019-03",
    }
    assert months_in_postgres(environment) == sorted(months)
    with duckdb.connect(f"{environment['TAXI_DATA_DIR']}/warehouse.duckdb", read_only=True) as warehouse:
        assert warehouse.execute("SELECT count(DISTINCT file_month) FROM yellow_tripdata").fetchone() == (3,)


def test_a_layer_takes_what_it_is_made_from_and_nothing_else(
    environment: dict[str, str], records: dg.DagsterInstance
) -> None:
    assert run(environment, *LOAD, "yellow", "2019-01", "--to", "lake").returncode == 0
    assert [layer for layer in LAYERS if months_of(records, layer)] == ["raw", "clean", "lake"]
    assert run(environment, *LOAD, "taxi_zones", "--to", "postgres").returncode == 0
    assert records.get_latest_materialization_event(dg.AssetKey(["postgres", "taxi_zones"]))
    assert not records.get_latest_materialization_event(dg.AssetKey(["warehouse", "taxi_zones"]))
    assert run(environment, *LOAD, "taxi_zone_shapes").returncode == 0
    assert records.get_latest_materialization_event(dg.AssetKey(["raw", "taxi_zone_shapes"]))


def test_a_month_that_is_not_there_is_a_sentence_and_holds_up_none_of_the_others(
    environment: dict[str, str], records: dg.DagsterInstance, tmp_path: Path
) -> None:
    source = DataDir(tmp_path / "source")
    for month in ("2019-01", "2019-03", "2019-04"):
        fetch_month(TripMonth("yellow", month), "sample", source, sample_rows=500)
    environment = {**environment, "TAXI_SOURCE": str(tmp_path / "source" / "raw"), "TAXI_MONTHS_PER_RUN": "3"}

    loaded = run(environment, *LOAD, "yellow", "2019-01..2019-04")

    assert loaded.returncode == 1
    assert "Traceback" not in loaded.stdout + loaded.stderr
    [sentence] = [line for line in loaded.stdout.splitlines() if "2019-02:" in line]
    assert sentence.startswith("raw/yellow_tripdata: yellow 2019-02: not published in the source folder")
    assert "-m taxi_assets load yellow 2019-01..2019-04\n" in loaded.stdout, "it says how to go on"
    assert all(months_of(records, layer) == {"2019-01", "2019-03", "2019-04"} for layer in LAYERS)
    assert months_in_postgres(environment) == ["2019-01", "2019-03", "2019-04"]


def test_a_store_that_is_away_is_a_sentence(environment: dict[str, str]) -> None:
    nobody = {
        "TAXI_TARGET": "gcp",
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9",
        "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:9",
    }
    names = {
        "GCP_PROJECT_ID": "nobody",
        "GCP_LOCATION": "US",
        "GCP_BUCKET_NAME": "nobodys-lake",
        "GCP_DATASET": "trips",
    }
    loaded = run({**environment, **nobody, **names}, "python", "-c", ONE_TRY, "load", "yellow", "2019-01")
    assert loaded.returncode == 75, "it may go well later"
    assert "Traceback" not in loaded.stdout + loaded.stderr
    assert "Connection refused" in loaded.stdout


def test_ctrl_c_ends_it_at_once_and_the_same_command_goes_on(
    environment: dict[str, str], records: dg.DagsterInstance
) -> None:
    process = subprocess.Popen(
        [str(BIN / LOAD[0]), *LOAD[1:], "yellow", "2019-01"],
        env={**environment, "TAXI_SAMPLE_ROWS": "5000000"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip

    def writing() -> list[Path]:
        return list(Path(environment["TAXI_DATA_DIR"]).glob("raw/yellow/.*"))

    wait_until(writing, "the step that fetches", seconds=120)
    # A terminal sends it to every process of the command.
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "run the same command again to go on" in said
    assert "Traceback" not in said
    assert [run_.status for run_ in records.get_runs()] == [dg.DagsterRunStatus.CANCELED]
    again = run(environment, *LOAD, "yellow", "2019-01")
    assert again.returncode == 0, again.stdout
    assert months_in_postgres(environment) == ["2019-01"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("purple 2019-01", "choose from"),
        ("yellow", r"yellow has the months 2009-01 to \d{4}-\d\d; write 2019-01"),
        ("yellow 2019-1", "not 2019-1; write"),
        ("yellow 2019-03..2019-01", "not 2019-03..2019-01; write"),
        ("yellow 2008-12..2009-01", "not 2008-12..2009-01; write"),
        ("fhvhv 2019-01", "fhvhv has the months 2019-02 to"),
        ("taxi_zones 2019-01", "has no months"),
        ("taxi_zones --to clean", "no layer 'clean'; it has raw, postgres, warehouse"),
        ("yellow 2019-01 --to moon", "no layer 'moon': choose from raw, clean, "),
    ],
)
def test_what_cannot_be_meant_is_told_as_a_wrong_command_line(
    words: str,
    said: str,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["load", *words.split()]) == 2
    [stderr] = capsys.readouterr().err.splitlines()
    assert stderr.startswith("taxi load: ")
    assert stderr.endswith("Help: taxi load --help")
    assert re.search(said, stderr)
    assert not Path(environment["TAXI_DATA_DIR"]).exists()
