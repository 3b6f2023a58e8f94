"""The commands of the README and Makefile, run as a person runs them: in processes of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets_tests.support.commands import clean_environment, run


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A clean environment with folders of its own; stops the embedded server that a command started."""
    environment = {**clean_environment(tmp_path), "TAXI_SAMPLE_ROWS": "2000"}
    yield environment
    EmbeddedPostgres(tmp_path / "data" / "postgres").remove()


def test_the_demo_ends_with_a_table_and_changes_nothing_the_second_time(environment: dict[str, str]) -> None:
    first = run(environment, "python", "-m", "taxi_assets", "demo")
    assert first.returncode == 0, first.stdout + first.stderr
    lines = re.findall(r"(yellow|green) +(2019-0[123]) +2,000 ", first.stdout)
    assert len(set(lines)) == 6, first.stdout
    assert f"`TAXI_DATA_DIR={environment['TAXI_DATA_DIR']} make dev`" in first.stdout, "plain make has another folder"
    assert "Nothing changed" not in first.stdout

    server = EmbeddedPostgres(Path(environment["TAXI_DATA_DIR"]) / "postgres")
    with psycopg.connect(server.conninfo()) as connection:
        before = connection.execute("SELECT sum(total_amount), count(*) FROM yellow_tripdata").fetchone()
        oids = connection.execute("SELECT array_agg(inhrelid ORDER BY 1) FROM pg_inherits").fetchone()
        second = run(environment, "python", "-m", "taxi_assets", "demo")
        assert second.returncode == 0, second.stdout + second.stderr
        assert "Nothing changed" in second.stdout
        assert connection.execute("SELECT sum(total_amount), count(*) FROM yellow_tripdata").fetchone() == before
        assert connection.execute("SELECT array_agg(inhrelid ORDER BY 1) FROM pg_inherits").fetchone() == oids


def test_the_demo_does_not_replace_real_trips(environment: dict[str, str], tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw" / "yellow"
    raw.mkdir(parents=True)
    (raw / "yellow_tripdata_2019-01.csv").write_text("real")
    (raw / "yellow_tripdata_2019-01.manifest.json").write_text(
        '{"path": "yellow_tripdata_2019-01.csv", "source": "https://example.org/x.csv", "edition": "csv", '
        '"synthetic": false, "bytes": 4, "uncompressed_bytes": 4, "sha256": "00", "etag": null, '
        '"last_modified": null, "fetched_at": "2024-01-01T00:00:00+00:00", "published_rows": 1}'
    )
    refused = run(environment, "python", "-m", "taxi_assets", "demo")
    assert refused.returncode == 1
    assert "real trips" in refused.stderr
    assert "TAXI_DATA_DIR=" in refused.stderr
    assert (raw / "yellow_tripdata_2019-01.csv").read_text() == "real"


def test_a_wrong_setting_is_a_sentence_and_not_a_traceback(environment: dict[str, str]) -> None:
    refused = run({**environment, "TAXI_TARGET": "moon"}, "python", "-m", "taxi_assets", "demo")
    assert refused.returncode == 1
    assert "TAXI_TARGET='moon': use one of local, gcp" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_server_outlives_its_command_and_is_stopped_by_the_documented_one(environment: dict[str, str]) -> None:
    server = EmbeddedPostgres(Path(environment["TAXI_DATA_DIR"]) / "postgres")
    started = (
        "from taxi_assets.settings import load_settings; from taxi_assets.cli.dev import prepare_dagster; "
        "prepare_dagster(load_settings())"
    )
    assert run(environment, "python", "-c", started).returncode == 0
    assert server.is_running()
    assert "psql" in run(environment, "python", "-m", "taxi_assets", "status").stdout
    assert "is stopped" in run(environment, "python", "-m", "taxi_assets", "stop").stdout
    assert not server.is_running()
    assert "was not running" in run(environment, "python", "-m", "taxi_assets", "stop").stdout


def test_removing_the_server_leaves_neither_process_nor_files(environment: dict[str, str], tmp_path: Path) -> None:
    assert run(environment, "python", "-m", "taxi_assets", "remove").returncode == 0, "nothing there is no fault"
    root = tmp_path / "data" / "postgres"
    server = EmbeddedPostgres(root)
    server.start()
    # As root the cluster lies elsewhere.
    cluster = Path(json.loads((root / "server.json").read_text())["home"])
    assert (cluster / "data").is_dir()
    kept = tmp_path / "data" / "kept.parquet"
    kept.touch()

    removed = run(environment, "python", "-m", "taxi_assets", "remove")

    assert "is removed" in removed.stdout, removed.stderr
    assert not server.is_running()
    assert not cluster.exists()
    assert list((tmp_path / "data").iterdir()) == [kept]


@pytest.mark.parametrize("with_home", [True, False], ids=["dagster_home", "no_dagster_home"])
def test_definitions_validate(environment: dict[str, str], with_home: bool) -> None:
    if not with_home:
        del environment["DAGSTER_HOME"]
    validated = run(environment, "dagster", "definitions", "validate", "-w", "workspace.yaml")
    assert validated.returncode == 0, validated.stderr
    assert "Validation successful for code location taxi_assets" in validated.stderr + validated.stdout


def test_dg_sees_the_project(environment: dict[str, str]) -> None:
    listed = run(environment, "dg", "list", "defs", "--assets", "group:yellow")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "clean/yellow_tripdata" in listed.stdout
