"""Data and history of an older commit go on working, and nothing is fetched again.

``old_data.tar.xz`` was made by the code of that commit; README.md beside it says which one, and how. The rules of
cleaning have changed since, so its months are cleaned again when they are materialized, and the stores follow.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.orchestration.automation.new_months import materialized_version
from taxi_assets.orchestration.resources.source import Source
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.integration.upgrade.make_old_data import ARCHIVE, DUMP, LAYERS, MADE_IN, MONTHS, ROWS
from taxi_assets_tests.support.graph_runs import Graph

HELD = [TripMonth(dataset, month) for dataset, month in MONTHS]
ZONES = [AssetKey([layer, "taxi_zones"]) for layer in ("raw", "postgres", "warehouse")]


class Upgraded:
    """The old data folder, tables and run history, under today's code."""

    def __init__(self, folder: Path, conninfo: str, history: DagsterInstance) -> None:
        self.data_dir = DataDir(folder / "data")
        self.graph = Graph(self.data_dir.root, conninfo, taxi_sample_rows=ROWS)
        self.graph.instance = history

    def files(self, below: str = ".") -> dict[str, tuple[int, str]]:
        """When each file below a folder of the data was written, and its SHA-256."""
        root = self.data_dir.root / below
        found = [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".lock"]
        return {
            path.relative_to(root).as_posix(): (
                path.stat().st_mtime_ns,
                hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in found
        }

    def partitions(self) -> dict[str, tuple[int, str]]:
        """Of each month in Postgres which table it is, and the comment that says what it holds."""
        with psycopg.connect(self.graph.conninfo) as connection:
            rows = connection.execute(
                "SELECT inhrelid::regclass::text, c.relfilenode, obj_description(c.oid, 'pg_class') "
                "FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind = 'r'"
            ).fetchall()
        return {name: (file, comment) for name, file, comment in rows}

    def trips(self, month: TripMonth) -> list[tuple[Any, ...]]:
        """The month's clean trips."""
        with duckdb.connect() as connection:
            return connection.execute("SELECT * FROM read_parquet(?)", [str(self.data_dir.clean(month))]).fetchall()

    def loaded(self, month: TripMonth) -> dict[str, int]:
        """How many trips of the month each store has."""
        where = f"{month.table} WHERE file_month = DATE '{month.first_day}'"
        lake = self.data_dir.lake / f"clean/{month.dataset}/{month.stem}.parquet"
        with psycopg.connect(self.graph.conninfo) as connection:
            [in_postgres] = connection.execute(f"SELECT count(*) FROM public.{where}").fetchone() or (0,)
        with duckdb.connect(str(self.data_dir.warehouse), read_only=True) as connection:
            [in_warehouse] = connection.execute(f"SELECT count(*) FROM {where}").fetchone() or (0,)
        return {"postgres": in_postgres, "lake": pq.read_metadata(lake).num_rows, "warehouse": in_warehouse}

    def metadata(self, month: TripMonth) -> dict[str, dict[str, Any]]:
        """Of each layer the metadata that the latest materialization of a month has."""
        return {layer: self.graph.metadata(layer, month.dataset, month.month) for layer in LAYERS}


@pytest.fixture
def old(tmp_path: Path, postgres: str, postgres_server: EmbeddedPostgres) -> Path:
    """The folder in which the old files lie; the old tables are in ``postgres``."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    moved(tmp_path / "data/warehouse.duckdb", str(tmp_path))
    command = [postgres_server.psql, "-X", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={tmp_path / DUMP}", postgres]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return tmp_path


def moved(catalogue: Path, folder: str) -> None:
    """What has to be done to a DuckDB catalogue when its data folder moves: the views name files by absolute path.

    Nothing else is changed: each view is written again as the old code wrote it, with its comments.
    """
    with duckdb.connect(str(catalogue)) as connection:
        views = connection.execute("SELECT view_name, sql, comment FROM duckdb_views() WHERE NOT internal").fetchall()
        columns = connection.execute("SELECT table_name, column_name, comment FROM duckdb_columns()").fetchall()
        assert any(MADE_IN in sql for _, sql, _ in views)
        for name, sql, comment in views:
            connection.execute(f"DROP VIEW {name}")
            connection.execute(sql.replace(MADE_IN, folder))
            connection.execute(f"COMMENT ON VIEW {name} IS {literal(comment)}")
            for column, said in [(column, said) for table, column, said in columns if table == name]:
                connection.execute(f'COMMENT ON COLUMN {name}."{column}" IS {literal(said)}')


def literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> DagsterInstance:
    """The instance of a folder, as ``DAGSTER_HOME`` gives it."""
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    return DagsterInstance.get()


@pytest.fixture
def upgraded(old: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upgraded]:
    # As `make dev` leaves it, which links the checkout's file: the settings are today's, the records are old.
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", old / ".dagster/dagster.yaml")
    with opened(old / ".dagster", monkeypatch) as history:
        yield Upgraded(old, postgres, history)


def test_a_copied_dagster_yaml_still_finds_its_storage_and_launcher(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "taxi_assets.automation.storage" in (old / ".dagster/dagster.yaml").read_text(encoding="utf-8")
    with opened(old / ".dagster", monkeypatch) as history:
        assert [run.status for run in history.get_runs()] == [DagsterRunStatus.SUCCESS] * (len(MONTHS) + 1)
        assert type(history.run_launcher).__name__ == "CodeServerRunLauncher"


def test_months_of_older_rules_are_cleaned_again_and_then_left_alone(upgraded: Upgraded) -> None:
    raw = upgraded.files("raw")
    before = {month: upgraded.metadata(month) for month in HELD}
    trips = {month: upgraded.trips(month) for month in HELD}
    partitions = upgraded.partitions()

    for month in HELD:
        assert upgraded.graph.run(month.dataset, month.month, layers=LAYERS).success

    assert upgraded.files("raw") == raw
    for month in HELD:
        after = upgraded.metadata(month)
        assert {layer: after[layer]["unchanged"] for layer in ("raw", "clean", "postgres", "lake")} == {
            "raw": True,
            "clean": False,
            "postgres": False,
            "lake": False,
        }
        for name in ("sha256", "validator"):
            assert after["raw"][name] == before[month]["raw"][name]
        assert after["clean"]["content id"] == after["lake"]["content id"] != before[month]["clean"]["content id"]
        for layer in LAYERS:
            assert before[month][layer].keys() - after[layer].keys() <= {"rows per second"}, "a key went missing"
        # The sample's trips are written as TLC writes: what other rules changed does not concern them.
        assert upgraded.trips(month) == trips[month]
        assert upgraded.loaded(month) == {layer: len(trips[month]) for layer in ("postgres", "lake", "warehouse")}
    held = upgraded.partitions()
    assert len(held) == len(HELD)
    assert not set(held.values()) & set(partitions.values())

    files = upgraded.files()
    for month in HELD:
        assert upgraded.graph.run(month.dataset, month.month, layers=LAYERS).success
        after = upgraded.metadata(month)
        assert {layer: after[layer]["unchanged"] for layer in LAYERS} == dict.fromkeys(LAYERS, True), month
    assert upgraded.files() == files
    assert upgraded.partitions() == held


def test_the_page_of_versions_shows_a_month_of_the_archive(upgraded: Upgraded) -> None:
    page = (PROJECT_ROOT / "docs/versions.md").read_text(encoding="utf-8")
    raw, clean, *_ = upgraded.metadata(HELD[0]).values()
    for shown in (raw["validator"], raw["sha256"][:16], clean["content id"][:16]):
        assert shown in page


def test_zones_that_are_there_are_left_alone(upgraded: Upgraded) -> None:
    files = upgraded.files()
    job = upgraded.graph.defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(asset_selection=ZONES, instance=upgraded.graph.instance, raise_on_error=False)
    assert result.success
    after = upgraded.files()
    # The catalogue is written once more, as its views list files by version now.
    assert {name: after[name][1] for name in files if name != "warehouse.duckdb"} == {
        name: seen for name, (_, seen) in files.items() if name != "warehouse.duckdb"
    }


@pytest.mark.parametrize("month", HELD, ids=str)
def test_the_sensor_knows_which_version_is_held(upgraded: Upgraded, month: TripMonth) -> None:
    answer = Source(source="sample", sample_rows=ROWS).probe(month)
    held = materialized_version(upgraded.graph.instance, month)
    assert answer.published
    assert (held.validator, held.landed) == (answer.validator, False)


@pytest.mark.parametrize("month", HELD, ids=str)
def test_a_month_whose_files_are_gone_comes_back_from_the_old_lake(upgraded: Upgraded, month: TripMonth) -> None:
    partitions = upgraded.partitions()
    for folder in ("raw", "clean", "rejected"):
        shutil.rmtree(upgraded.data_dir.root / folder)
    assert upgraded.graph.run(month.dataset, month.month, layers=["postgres"]).success
    assert upgraded.graph.metadata("postgres", month.dataset, month.month)["unchanged"]
    assert upgraded.partitions() == partitions


def test_another_version_in_the_lake_is_not_taken_for_the_one_in_the_old_records(upgraded: Upgraded) -> None:
    first, other = HELD[0], HELD[1]
    lake = upgraded.data_dir.lake / "clean" / first.dataset
    lake.joinpath(f"{first.stem}.parquet").unlink()
    shutil.copyfile(lake / f"{other.stem}.parquet", lake / f"{first.stem}.parquet")
    upgraded.data_dir.clean(first).unlink()

    result = upgraded.graph.run(first.dataset, first.month, layers=["postgres"])

    assert not result.success
    [failure] = result.filter_events(lambda event: event.is_step_failure)
    assert "than the one that was materialized last" in failure.step_failure_data.user_failure_data.description
