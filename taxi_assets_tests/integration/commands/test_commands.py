"""The commands of the README and Makefile, run as a person runs them: in processes of their own."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest

from taxi_assets.cli.program import EXAMPLES
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.commands import clean_environment, run, understood


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A clean environment with folders of its own; stops the embedded server that a command started."""
    environment = {**clean_environment(tmp_path), "TAXI_SAMPLE_ROWS": "2000"}
    yield environment
    EmbeddedPostgres(tmp_path / "data" / "postgres").remove()


def test_the_demo_ends_with_a_table_loads_the_zones_and_changes_nothing_the_second_time(
    environment: dict[str, str],
) -> None:
    first = run(environment, "python", "-m", "taxi_assets", "demo")
    assert first.returncode == 0, first.stdout + first.stderr
    # Clean, and as many in Postgres, lake and warehouse.
    lines = re.findall(r"(yellow|green) (2019-0[123]) +2,000 +([\d,]+) +\d+ +\3 +\3 +\3 ", first.stdout)
    assert len(set(lines)) == 6, first.stdout
    assert f"`TAXI_DATA_DIR={environment['TAXI_DATA_DIR']} make dev`" in first.stdout, "plain make has another folder"
    assert "Nothing changed" not in first.stdout
    assert f"The files are in {environment['TAXI_DATA_DIR']}, Dagster's records in {environment['DAGSTER_HOME']}" in (
        first.stdout
    )

    page = Path(environment["TAXI_DATA_DIR"]) / "report" / "overview.html"
    assert first.stdout.splitlines()[-1].strip() == page.as_uri()
    assert f"{sum(int(line[2].replace(',', '')) for line in set(lines)):,}" in page.read_text(encoding="utf-8")

    server = EmbeddedPostgres(Path(environment["TAXI_DATA_DIR"]) / "postgres")
    with duckdb.connect(str(Path(environment["TAXI_DATA_DIR"]) / "warehouse.duckdb"), read_only=True) as warehouse:
        assert warehouse.execute("SELECT count(*) FROM taxi_zones").fetchone() == (265,)
    with psycopg.connect(server.conninfo()) as connection:
        assert connection.execute("SELECT count(*) FROM taxi_zones").fetchone() == (265,)
        before = connection.execute("SELECT sum(total_amount), count(*) FROM yellow_tripdata").fetchone()
        oids = connection.execute("SELECT array_agg(inhrelid ORDER BY 1) FROM pg_inherits").fetchone()
        second = run(environment, "python", "-m", "taxi_assets", "demo")
        assert second.returncode == 0, second.stdout + second.stderr
        assert "Nothing changed" in second.stdout
        assert second.stdout.splitlines()[-1].strip() == page.as_uri()
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
    assert f"a folder of its own: TAXI_DATA_DIR={tmp_path / 'data' / 'demo'} make demo" in refused.stderr
    assert (raw / "yellow_tripdata_2019-01.csv").read_text() == "real"


def test_a_wrong_setting_is_a_sentence_and_not_a_traceback(environment: dict[str, str]) -> None:
    refused = run({**environment, "TAXI_TARGET": "moon"}, "python", "-m", "taxi_assets", "demo")
    assert refused.returncode == 1
    assert "TAXI_TARGET='moon': use one of local, gcp" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_server_outlives_its_command_and_is_stopped_by_the_documented_one(environment: dict[str, str]) -> None:
    server = EmbeddedPostgres(Path(environment["TAXI_DATA_DIR"]) / "postgres")
    started = (
        "from taxi_assets.settings import load_settings\n"
        "from taxi_assets.cli.shared.dagster_home import prepare_dagster\n"
        "prepare_dagster(load_settings())"
    )
    assert run(environment, "python", "-c", started).returncode == 0
    assert server.is_running()
    status = run(environment, "python", "-m", "taxi_assets", "status").stdout
    assert "psql" in status
    assert environment["DAGSTER_HOME"] in status
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


@pytest.mark.parametrize("words", ["demo", "dev", "load yellow 2019-01", "psql", "status", "stop", "remove"])
def test_a_data_folder_that_cannot_be_is_a_sentence_for_every_command(
    environment: dict[str, str], tmp_path: Path, words: str
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"
    ended = run({**environment, "TAXI_DATA_DIR": str(folder)}, "python", "-m", "taxi_assets", *words.split())
    assert "Traceback" not in ended.stderr
    if words in ("stop", "remove"):
        assert ended.returncode == 0, "nothing there is no fault"
    else:
        assert ended.returncode == 1
        [sentence] = ended.stderr.splitlines()
        assert str(folder) in sentence
        assert "Not a directory" in sentence


@pytest.mark.parametrize("variable", ["TAXI_DATA_DIR", "DAGSTER_HOME"])
def test_a_folder_that_may_not_be_written_to_is_named_with_its_variable(
    environment: dict[str, str], variable: str
) -> None:
    # Of the system: closed to root, too.
    folder = next(each for each in ("/sys/taxi", "/System/taxi") if Path(each).parent.is_dir())
    ended = run({**environment, variable: folder}, "python", "-m", "taxi_assets", "dev")
    assert ended.returncode == 1
    [sentence] = ended.stderr.splitlines()
    assert sentence.startswith(f"SettingsError: {variable}={folder}: nothing can be written there")


def test_a_folder_of_somebody_else_is_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    # Root may look into every folder, so it becomes nobody, who may not.
    code = (
        "import os, sys, taxi_assets.cli.serve.server, taxi_assets.__main__ as commands\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "sys.exit(commands.main(['stop']))"
    )
    ended = run({**environment, "TAXI_DATA_DIR": str(closed / "data")}, "python", "-c", code)
    closed.chmod(0o700)
    assert ended.returncode == 1, ended.stderr
    assert "Permission denied" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_dev_on_a_taken_port_stops_at_once_and_says_which_is_free(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = run({**environment, "TAXI_UI_PORT": str(port)}, "python", "-m", "taxi_assets", "dev")
    assert ended.returncode == 1
    assert ended.stdout == ""
    [sentence] = ended.stderr.splitlines()
    assert f"port {port} of 127.0.0.1 cannot be had (address already in use)" in sentence
    assert re.search(r"take another: TAXI_UI_PORT=3\d\d\d TAXI_DATA_DIR=\S+ make dev$", sentence)
    assert not (Path(environment["TAXI_DATA_DIR"])).exists(), "it looked at the port before it did anything"


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "3000.5"])
def test_a_port_that_is_none_is_a_sentence(environment: dict[str, str], port: str) -> None:
    ended = run({**environment, "TAXI_UI_PORT": port}, "python", "-m", "taxi_assets", "dev")
    assert ended.returncode == 1
    assert ended.stderr == f"SettingsError: TAXI_UI_PORT={port!r}: write a port, a number from 1 to 65535\n"


def test_emulators_say_what_cannot_be_run_between_them(environment: dict[str, str]) -> None:
    for words, said in (([], "say which command is to run"), (["no-such-program"], "there is no such program")):
        ended = run(environment, "python", "-m", "taxi_assets", "emulators", *words)
        assert ended.returncode == 2
        assert said in ended.stderr


def test_every_command_of_the_documentation_exists() -> None:
    pages = [PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert set(re.findall(r"python -m taxi_assets (\w+)", text)) <= set(EXAMPLES)
    typed = re.findall(r"^ *\S*(?:python -m taxi_assets|\btaxi) ([a-z]+[^#`\n]*)", text, re.MULTILINE)
    assert len(typed) >= 6
    for words in typed:
        understood(re.sub(r"( [<>] \S+)+$", "", words))  # what a shell reads and writes for it
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets


def test_the_query_of_the_readme_on_the_warehouse_runs(environment: dict[str, str], tmp_path: Path) -> None:
    loaded = run({**environment, "TAXI_SOURCE": "sample"}, "python", "-m", "taxi_assets", "load", "yellow", "2019-01")
    assert loaded.returncode == 0, loaded.stdout
    [code] = re.findall(r'^\.venv/bin/python -c "(.*)"$', (PROJECT_ROOT / "README.md").read_text(), re.MULTILINE)
    shown = run(environment, "python", "-c", code, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "tpep_pickup_datetime" in shown.stdout


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
