"""What retention removes and what it keeps: real files, a real Postgres, lake and warehouse, real run records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import duckdb
import psycopg
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.definitions import build_defs
from taxi_assets.orchestration.automation.retention import (
    PruneRunHistory,
    PurgeRawFiles,
    Stores,
    prune,
    prune_run_history,
    purge_raw_files,
    raw_files,
    remove_raw,
    superseded,
    verdict_on,
)
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.settings import load_settings
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.lake.lake import clean_name, raw_name
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse

pytestmark = pytest.mark.slow

MONTH = TripMonth("green", "2020-01")
OTHER = TripMonth("green", "2020-02")


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Loaded:
    """Two months carried through every layer by the real graph."""

    def __init__(self, root: Path, conninfo: str, instance: dg.DagsterInstance) -> None:
        self.settings = load_settings(taxi_source="sample", taxi_sample_rows=80, taxi_data_dir=root)
        self.data_dir: DataDir = self.settings.data_dir
        self.conninfo = conninfo
        self.instance = instance
        self.defs = build_defs(self.settings, postgres=Postgres(url=conninfo, data_root=str(root)))
        self.stores = Stores(
            self.data_dir,
            conninfo,
            FolderLake(self.data_dir.lake),
            DuckDbWarehouse(self.data_dir.warehouse, self.data_dir.lake),
        )

    def load(self, *months: TripMonth) -> None:
        for month in months:
            result = self.defs.resolve_job_def("load_green").execute_in_process(
                instance=self.instance, partition_key=month.month, run_config=QUIET
            )
            assert result.success

    def raw(self, month: TripMonth) -> Path:
        return self.data_dir.raw_dir(month.dataset) / f"{month.stem}.csv.gz"

    def why_kept(self, month: TripMonth = MONTH) -> str:
        raw = dict(raw_files(self.data_dir, ["green"]))[month]
        return verdict_on(month, raw, self.stores).kept_because

    def purge(self, **config: object) -> str:
        """Runs the job; returns its report."""
        result = self.defs.resolve_job_def("purge_raw_files").execute_in_process(
            instance=self.instance,
            run_config=dg.RunConfig(ops={"purge_safe_raw_files": PurgeRawFiles(**config)}),
        )
        [output] = [event for event in result.all_events if event.is_successful_output]
        return str(output.step_output_data.metadata["raw files"].value)


@pytest.fixture
def loaded(tmp_path: Path, postgres: str) -> Iterator[Loaded]:
    with dg.DagsterInstance.ephemeral() as instance:
        loaded = Loaded(tmp_path, postgres, instance)
        loaded.load(MONTH)
        yield loaded


def test_a_month_that_every_layer_has_may_go_but_not_in_a_dry_run(loaded: Loaded) -> None:
    assert loaded.why_kept() == ""
    report = loaded.purge()
    assert "| green | 2020-01 | green_tripdata_2020-01.csv.gz |" in report
    assert "would go" in report
    assert loaded.raw(MONTH).exists()


def test_the_purge_removes_the_file_and_reports_what_it_gave_back(loaded: Loaded) -> None:
    # A copy instead of the lake's hard link, as on a lake in another file system: then removing frees the disk.
    in_lake = loaded.data_dir.lake / raw_name("green", loaded.raw(MONTH).name)
    content = in_lake.read_bytes()
    in_lake.unlink()
    in_lake.write_bytes(content * 1)
    report = loaded.purge(dry_run=False)
    assert not loaded.raw(MONTH).exists()
    assert "| removed |" in report
    verdicts = list(raw_files(loaded.data_dir, ["green"]))
    assert verdicts == []


def test_a_hard_link_in_the_lake_means_that_nothing_is_freed_and_the_report_says_so(loaded: Loaded) -> None:
    raw = dict(raw_files(loaded.data_dir, ["green"]))[MONTH]
    assert raw.path.stat().st_nlink == 2
    assert verdict_on(MONTH, raw, loaded.stores).frees == 0
    assert loaded.purge().endswith("| **0.0** |")


def test_a_purge_changes_nothing_that_people_ask_and_the_month_can_be_had_again(loaded: Loaded) -> None:
    before = loaded.stores.warehouse.count(MONTH)
    loaded.purge(dry_run=False)
    assert loaded.stores.warehouse.count(MONTH) == before
    loaded.load(MONTH)
    assert loaded.raw(MONTH).exists()


def remove_clean(loaded: Loaded) -> None:
    loaded.data_dir.clean(MONTH).unlink()


def replace_raw_file(loaded: Loaded) -> None:
    """Raw is fetched anew, nothing downstream has followed yet."""
    from taxi_assets.steps.raw.fetch import fetch_month

    fetch_month(MONTH, "sample", loaded.data_dir, sample_rows=81)


def delete_in_postgres(loaded: Loaded) -> None:
    with psycopg.connect(loaded.conninfo) as connection:
        connection.execute("DELETE FROM green_tripdata WHERE ctid IN (SELECT ctid FROM green_tripdata LIMIT 1)")


def drop_table(loaded: Loaded) -> None:
    with psycopg.connect(loaded.conninfo) as connection:
        connection.execute("DROP TABLE green_tripdata CASCADE")


def remove_from_lake(loaded: Loaded) -> None:
    (loaded.data_dir.lake / clean_name(MONTH)).unlink()


def remove_raw_from_lake(loaded: Loaded) -> None:
    (loaded.data_dir.lake / raw_name("green", loaded.raw(MONTH).name)).unlink()


def spoil_raw_in_lake(loaded: Loaded) -> None:
    in_lake = loaded.data_dir.lake / raw_name("green", loaded.raw(MONTH).name)
    content = in_lake.read_bytes()
    in_lake.unlink()
    in_lake.write_bytes(bytes(len(content)))


def drop_in_warehouse(loaded: Loaded) -> None:
    with duckdb.connect(str(loaded.data_dir.warehouse)) as connection:
        connection.execute("CREATE OR REPLACE VIEW green_tripdata AS SELECT DATE '1999-01-01' AS file_month")


def spoil_clean(loaded: Loaded) -> None:
    loaded.data_dir.clean(MONTH).write_bytes(b"PAR1 no longer")


@pytest.mark.parametrize(
    "spoil",
    [
        remove_clean, replace_raw_file, delete_in_postgres, drop_table, remove_from_lake, remove_raw_from_lake,
        spoil_raw_in_lake, drop_in_warehouse, spoil_clean,
    ],
)  # fmt: skip
def test_a_raw_file_stays_while_any_later_layer_lacks_its_month(loaded: Loaded, spoil) -> None:
    spoil(loaded)
    assert loaded.why_kept(MONTH) != ""
    loaded.purge(dry_run=False)
    assert loaded.raw(MONTH).exists(), "what a run once reported counts for nothing"


def test_a_postgres_that_is_down_keeps_everything(loaded: Loaded) -> None:
    down = Stores(
        loaded.data_dir, "host=127.0.0.1 port=9 connect_timeout=2", loaded.stores.lake, loaded.stores.warehouse
    )
    raw = dict(raw_files(loaded.data_dir, ["green"]))[MONTH]
    verdict = verdict_on(MONTH, raw, down)
    assert verdict.kept_because
    with pytest.raises(ValueError, match="must stay"):
        remove_raw(verdict)
    assert loaded.raw(MONTH).exists()


def test_months_and_datasets_can_be_left_out(loaded: Loaded) -> None:
    loaded.load(OTHER)
    loaded.purge(dry_run=False, before="2020-02")
    assert [month for month, _ in raw_files(loaded.data_dir, ["green"])] == [OTHER]
    loaded.purge(dry_run=False, datasets=["yellow"])
    assert loaded.raw(OTHER).exists()


PARTITIONS = dg.StaticPartitionsDefinition(["2019-01", "2019-02"])


@dg.asset(partitions_def=PARTITIONS)
def trips() -> None:
    print("printed by a step")


@dg.op
def nothing() -> None: ...


@dg.job
def without_assets() -> None:
    nothing()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


def later(days: float = 1) -> datetime:
    return datetime.now(timezone.utc) + timedelta(days=days)


def test_a_run_stays_while_it_is_the_latest_of_any_month(history: dg.DagsterInstance) -> None:
    first = dg.materialize([trips], instance=history, partition_key="2019-01").run_id
    assert not superseded(history, first)
    second = dg.materialize([trips], instance=history, partition_key="2019-02").run_id
    assert not superseded(history, first), "2019-02 is another month"
    third = dg.materialize([trips], instance=history, partition_key="2019-01").run_id
    assert [superseded(history, run) for run in (first, second, third)] == [True, False, False]


def test_pruning_removes_what_is_superseded_and_every_month_stays_materialized(history: dg.DagsterInstance) -> None:
    old = [dg.materialize([trips], instance=history, partition_key=key).run_id for key in ("2019-01", "2019-02")]
    newer = dg.materialize([trips], instance=history, partition_key="2019-01").run_id
    other = without_assets.execute_in_process(instance=history).run_id
    assert logs_of(history, old[0])

    shown = prune(history, later(), dry_run=True)
    assert set(shown.removed) == {old[0], other}
    assert set(shown.logs_only) == {old[1], newer}
    assert len(history.get_runs()) == 4
    assert logs_of(history, old[0])

    assert prune(history, later(), dry_run=False) == shown
    assert {run.run_id for run in history.get_runs()} == {old[1], newer}
    assert history.get_materialized_partitions(dg.AssetKey("trips")) == {"2019-01", "2019-02"}
    assert not any(logs_of(history, run) for run in (*old, newer, other))


def logs_of(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    base = Path(instance.compute_log_manager._base_dir) / run_id
    return [path for path in base.rglob("*") if path.is_file()]


def test_runs_that_ended_recently_or_go_on_are_not_touched(history: dg.DagsterInstance) -> None:
    without_assets.execute_in_process(instance=history)
    history.create_run_for_job(without_assets, status=dg.DagsterRunStatus.STARTED)
    assert prune(history, later(-1), dry_run=False).removed == []
    assert len(prune(history, later(), dry_run=False).removed) == 1
    assert [run.status for run in history.get_runs()] == [dg.DagsterRunStatus.STARTED]


def test_the_job_is_a_dry_run_until_it_is_told_otherwise(history: dg.DagsterInstance) -> None:
    kept = without_assets.execute_in_process(instance=history).run_id
    config = dg.RunConfig(ops={"prune_old_runs": PruneRunHistory(older_than_days=0)})
    assert prune_run_history.execute_in_process(instance=history, run_config=config).success
    assert history.get_run_by_id(kept) is not None
    config = dg.RunConfig(ops={"prune_old_runs": PruneRunHistory(older_than_days=0, dry_run=False)})
    assert prune_run_history.execute_in_process(instance=history, run_config=config).success
    assert history.get_run_by_id(kept) is None


def test_both_jobs_only_show_by_default() -> None:
    assert PurgeRawFiles().dry_run
    assert PruneRunHistory().dry_run
    assert purge_raw_files.name == "purge_raw_files"
