"""A later layer alone on a machine with an empty disk, such as a pod: its input comes from the lake."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest
from dagster import AssetKey, AssetMaterialization

from taxi_assets.datasets.months import TripMonth
from taxi_assets.definitions import build_defs
from taxi_assets.orchestration.resources.lake import FolderLakeResource
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.orchestration.resources.warehouse import DuckDbResource
from taxi_assets.steps.files.raw_file import read_raw
from taxi_assets_tests.support.graph_runs import Graph

MONTH = TripMonth("green", "2019-01")
ALL_LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")


class Cluster:
    """Machines with a disk each; lake, warehouse, trips database and run history are shared."""

    def __init__(self, root: Path, conninfo: str) -> None:
        self._root = root
        self._conninfo = conninfo
        self.lake = root / "lake"
        self._first = self.machine("first")

    def machine(self, name: str) -> Graph:
        """A machine with an empty disk."""
        data = self._root / name
        graph = Graph(data, self._conninfo)
        graph.defs = build_defs(
            graph.settings,
            postgres=Postgres(url=self._conninfo, data_root=str(data)),
            lake=FolderLakeResource(root=str(self.lake)),
            warehouse=DuckDbResource(catalogue=str(self._root / "warehouse.duckdb"), lake_root=str(self.lake)),
        )
        if hasattr(self, "_first"):
            graph.instance = self._first.instance
        return graph


@pytest.fixture
def cluster(tmp_path: Path, postgres: str) -> Cluster:
    """With one month in every store, by a machine that is gone since."""
    made = Cluster(tmp_path, postgres)
    first = made.machine("gone")
    assert first.run("green", MONTH.month, layers=ALL_LAYERS).success
    shutil.rmtree(tmp_path / "gone")
    return made


def message_of(graph: Graph, layer: str) -> str:
    """What a run of one layer fails with."""
    result = graph.run("green", MONTH.month, layers=(layer,))
    assert not result.success
    return str([event.message for event in result.all_events if event.is_step_failure] or "") + str(
        [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
    )


@pytest.mark.parametrize("layer", ["clean", "postgres", "lake", "warehouse"])
def test_a_later_layer_alone_fetches_its_input_from_the_lake(cluster: Cluster, layer: str) -> None:
    elsewhere = cluster.machine("elsewhere")
    before = elsewhere.metadata(layer, "green", MONTH.month)
    assert elsewhere.run("green", MONTH.month, layers=(layer,)).success, "its checks pass there, too"
    after = elsewhere.metadata(layer, "green", MONTH.month)
    assert after["dagster/row_count"] == before["dagster/row_count"]
    if layer != "clean":
        assert after["unchanged"], "it is the same month"


def test_a_table_that_was_lost_comes_back_from_the_lake(cluster: Cluster, postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE green_tripdata CASCADE")
    elsewhere = cluster.machine("elsewhere")
    assert elsewhere.run("green", MONTH.month, layers=("postgres",)).success
    with psycopg.connect(postgres) as connection:
        counted = connection.execute("SELECT count(*) FROM green_tripdata").fetchone()
    assert counted == (elsewhere.metadata("clean", "green", MONTH.month)["dagster/row_count"],)


def test_cleaning_from_the_lakes_raw_file_gives_the_same_rows_and_manifest(cluster: Cluster) -> None:
    elsewhere = cluster.machine("elsewhere")
    before = elsewhere.metadata("clean", "green", MONTH.month)
    assert elsewhere.run("green", MONTH.month, layers=("clean",)).success
    assert elsewhere.metadata("clean", "green", MONTH.month)["content id"] == before["content id"]
    raw = read_raw(MONTH, elsewhere.settings.data_dir)
    assert raw is not None
    published = elsewhere.metadata("raw", "green", MONTH.month)
    assert (raw.sha256, raw.published_rows, raw.source, raw.synthetic) == (
        published["sha256"],
        published["dagster/row_count"],
        published["dagster/uri"],
        True,
    )


@pytest.mark.parametrize(
    ("layer", "upstream", "fact"), [("clean", "raw", "sha256"), ("postgres", "clean", "content id")]
)
def test_an_older_edition_in_the_lake_is_not_taken_for_the_new_one(
    cluster: Cluster, layer: str, upstream: str, fact: str
) -> None:
    elsewhere = cluster.machine("elsewhere")
    # Materialized again on a machine that went before the month reached the lake.
    elsewhere.instance.report_runless_asset_event(
        AssetMaterialization(
            AssetKey([upstream, MONTH.table]), partition=MONTH.month, metadata={fact: "of a new version"}
        )
    )
    told = message_of(elsewhere, layer)
    assert "the lake holds another version" in told
    assert f"Materialize raw/{MONTH.table} {MONTH.month} and everything after it in one run" in told


@pytest.mark.parametrize(("layer", "needed"), [("clean", "raw"), ("postgres", "clean")])
def test_a_month_that_is_neither_here_nor_in_the_lake_says_what_to_materialize(
    cluster: Cluster, layer: str, needed: str
) -> None:
    shutil.rmtree(cluster.lake)
    assert f"materialize {needed}/{MONTH.table} of this month" in message_of(cluster.machine("elsewhere"), layer)


def test_a_raw_file_that_the_clean_one_was_not_made_from_is_refused(cluster: Cluster) -> None:
    [stored] = (cluster.lake / "raw" / "green").iterdir()
    content = stored.read_bytes()
    stored.unlink()
    elsewhere = cluster.machine("elsewhere")
    other = cluster.machine("other")
    other.settings.data_dir.raw_dir("green").mkdir(parents=True)
    assert other.run("green", "2019-02", layers=("raw",)).success
    [february] = other.settings.data_dir.raw_dir("green").glob(f"*2019-02{''.join(stored.suffixes)}")
    assert february.read_bytes() != content
    stored.write_bytes(february.read_bytes())
    assert "is not the file that" in message_of(elsewhere, "clean")
    assert read_raw(MONTH, elsewhere.settings.data_dir) is None, "nothing was kept"
