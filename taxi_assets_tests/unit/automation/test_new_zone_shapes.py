"""Months of coordinates are located when shapes arrive or change: real runs of the graph in an instance in memory."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.definitions import build_defs
from taxi_assets.orchestration.automation.new_zone_shapes import new_zone_shapes_sensor
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.orchestration.layers import RAW
from taxi_assets.orchestration.records import latest_metadata
from taxi_assets.settings import load_settings
from taxi_assets.steps.sample.write import write_sample_month
from taxi_assets_tests.support.graph_runs import Graph
from taxi_assets_tests.unit.files.test_zone_shapes import packed, parts

SHAPES = RAW.key("taxi_zone_shapes")


class City(Graph):
    """A graph whose shapes come and change."""

    cursor: str | None = None

    def clean(self, first: str, last: str | None = None, dataset: str = "yellow") -> None:
        assert self.run(dataset, first, last, layers=("raw", "clean")).success

    def shapes(self, source: str | None = None) -> dg.ExecuteInProcessResult:
        defs = (
            build_defs(load_settings(**{**self.settings.model_dump(), "taxi_source": source})) if source else self.defs
        )
        return defs.resolve_job_def("load_taxi_zones").execute_in_process(
            asset_selection=[SHAPES], instance=self.instance, raise_on_error=False
        )

    def shapes_version(self) -> str:
        return latest_metadata(self.instance, SHAPES)["sha256"]

    def tick(self, months_per_run: int = 12) -> Sequence[dg.RunRequest]:
        sensor = new_zone_shapes_sensor(months_per_run)
        resources = {name: self.defs.resources[name] for name in ("files", "lake")}  # type: ignore[index]
        context = dg.build_sensor_context(self.instance, cursor=self.cursor, resources=resources, definitions=self.defs)
        ticked = sensor.evaluate_tick(context)
        self.cursor = ticked.cursor
        return ticked.run_requests or []


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "data", "postgresql://127.0.0.1:1/none", taxi_sample_rows=40)


@pytest.fixture
def of_a_folder(tmp_path: Path) -> City:
    """Trips that are no sample's as far as anyone knows, and no shapes."""
    source = tmp_path / "source"
    for month in ("2009-01", "2019-01"):
        (source / "yellow").mkdir(parents=True, exist_ok=True)
        trips = TripMonth("yellow", month)
        write_sample_month(trips, source / f"yellow/{trips.stem}.csv.gz", 40)
    return City(tmp_path / "data", "postgresql://127.0.0.1:1/none", taxi_source=str(source))


def asked(requests: Sequence[dg.RunRequest]) -> list[tuple[str | None, str, str]]:
    return [
        (each.job_name, each.tags[ASSET_PARTITION_RANGE_START_TAG], each.tags[ASSET_PARTITION_RANGE_END_TAG])
        for each in requests
    ]


def test_months_that_were_clean_before_the_shapes_came_are_located_once(city: City) -> None:
    city.clean("2009-01", "2009-03")
    city.clean("2019-01")
    city.clean("2014-02", dataset="green")
    assert city.tick() == []
    assert city.shapes().success
    city.clean("2009-02")  # located by a run of its own meanwhile
    requests = city.tick()
    assert asked(requests) == [
        ("load_yellow", "2009-01", "2009-01"),
        ("load_yellow", "2009-03", "2009-03"),
        ("load_green", "2014-02", "2014-02"),
    ]
    assert [key.to_user_string() for key in requests[0].asset_selection or []] == [
        f"{layer}/yellow_tripdata" for layer in ("clean", "postgres", "lake", "warehouse")
    ]
    assert city.tick() == []
    assert city.run("yellow", "2009-01", layers=("clean",)).success
    assert city.metadata("clean", "yellow", "2009-01")["zone shapes"] == city.shapes_version()
    assert city.shapes().success  # unchanged
    assert city.tick() == []


def test_months_that_are_located_are_asked_for_when_the_shapes_change(city: City, tmp_path: Path) -> None:
    city.clean("2009-01", "2009-02")
    assert city.shapes().success
    [at_first] = city.tick()
    assert city.run("yellow", "2009-01", "2009-02", layers=("clean",)).success
    first = city.shapes_version()
    other = tmp_path / "other/misc"
    other.mkdir(parents=True)
    packed(other / "taxi_zones.zip", parts((7, [[9e5, 1e5], [9e5, 3e5], [11e5, 3e5], [11e5, 1e5]])))
    assert city.shapes(source=str(tmp_path / "other")).success
    requests = city.tick()
    assert asked(requests) == [("load_yellow", "2009-01", "2009-02")]
    assert city.run("yellow", "2009-01", "2009-02", layers=("clean",)).success
    assert city.tick() == []
    assert city.shapes().success
    assert city.shapes_version() == first
    [back] = city.tick()
    assert asked([back]) == asked(requests)
    assert back.run_key != at_first.run_key, "Dagster starts a run once for a key"


def test_a_run_takes_no_more_months_than_one_of_a_backfill(city: City) -> None:
    city.clean("2009-01", "2009-03")
    assert city.shapes().success
    assert asked(city.tick(months_per_run=2)) == [
        ("load_yellow", "2009-01", "2009-02"),
        ("load_yellow", "2009-03", "2009-03"),
    ]


def test_a_run_that_is_under_way_is_waited_for(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city.clean("2009-01")
    assert city.shapes().success
    with monkeypatch.context() as patched:
        patched.setattr(dg.DagsterRun, "is_finished", False)
        assert city.tick() == []
    assert asked(city.tick()) == [("load_yellow", "2009-01", "2009-01")]


def test_shapes_of_a_sample_locate_no_real_trips(of_a_folder: City) -> None:
    of_a_folder.clean("2009-01")
    of_a_folder.clean("2019-01")
    assert of_a_folder.shapes(source="sample").success
    assert of_a_folder.tick() == []
    real = Path(of_a_folder.settings.taxi_source)
    packed(real / "taxi_zones.zip", parts((7, [[9e5, 1e5], [9e5, 3e5], [11e5, 3e5], [11e5, 1e5]])))
    assert of_a_folder.shapes().success
    assert asked(of_a_folder.tick()) == [("load_yellow", "2009-01", "2009-01")]


def test_a_machine_with_an_empty_disk_asks_the_lake(city: City) -> None:
    city.clean("2009-01")
    assert city.run("yellow", "2009-01", layers=("lake",)).success
    shutil.rmtree(city.settings.data_dir.root / "clean")
    assert city.shapes().success
    assert asked(city.tick()) == [("load_yellow", "2009-01", "2009-01")]


def test_a_folder_without_shapes_has_its_zones_loaded_and_that_is_said(of_a_folder: City) -> None:
    source = Path(of_a_folder.settings.taxi_source)
    result = of_a_folder.shapes()
    assert result.success
    said = latest_metadata(of_a_folder.instance, SHAPES)
    assert set(said) == {"not published"}
    assert "The shapes are optional: there are none" in said["not published"]
    assert of_a_folder.tick() == []
    packed(source / "taxi_zones.zip", parts((7, [[9e5, 1e5], [9e5, 3e5], [11e5, 3e5], [11e5, 1e5]])))
    assert of_a_folder.shapes().success
    (source / "taxi_zones.zip").unlink()
    assert of_a_folder.shapes().success
    kept = latest_metadata(of_a_folder.instance, SHAPES)
    assert (kept["zones"], kept["unchanged"]) == (1, True)
    assert "are kept" in kept["not published"]
