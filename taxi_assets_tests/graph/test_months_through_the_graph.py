"""Months through the real graph in one process: what lands, what a second run does, what one bad month does."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from dagster import AssetCheckKey, AssetKey

from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.checks import raw as checks_of_raw
from taxi_assets.steps.files.clean_file import clean_rows
from taxi_assets.steps.files.formats import parquet_rows
from taxi_assets.steps.files.raw_file import read_raw
from taxi_assets_tests.support.graph_runs import LAYERS, Graph

MONTHS = ("2019-01", "2019-02", "2019-03")
ALL = ("raw", "clean", "postgres", "lake", "warehouse")


@pytest.fixture
def graph(tmp_path: Path, postgres: str) -> Graph:
    return Graph(tmp_path, postgres)


def rows_by_month(conninfo: str, table: str) -> dict[str, int]:
    with psycopg.connect(conninfo) as connection:
        counted = connection.execute(
            f"SELECT to_char(file_month, 'YYYY-MM'), count(*) FROM public.{table} GROUP BY 1"
        ).fetchall()
    return dict(counted)


@pytest.mark.parametrize("dataset", ["yellow", "green"])
def test_a_batch_of_months_lands_with_figures_for_each(graph: Graph, dataset: str) -> None:
    result = graph.run(dataset, MONTHS[0], MONTHS[-1])
    assert result.success
    landed = rows_by_month(graph.conninfo, f"{dataset}_tripdata")
    assert set(landed) == set(MONTHS)
    for month in MONTHS:
        raw, clean, postgres = (graph.metadata(layer, dataset, month) for layer in LAYERS)
        assert raw["dagster/row_count"] == 500
        assert clean["dagster/row_count"] + clean["refused rows"] == 500
        assert postgres["dagster/row_count"] == clean["dagster/row_count"] == landed[month]
        assert raw["synthetic"] is True
        assert raw["sha256"]
        assert clean["preview"].count("\n") > 10
        assert clean["pickups by hour"].startswith("![")
        assert all(layer["seconds"] >= 0 for layer in (raw, clean, postgres))


def test_every_month_has_verdicts_of_its_own(graph: Graph) -> None:
    graph.run("yellow", MONTHS[0], MONTHS[1])
    graph.run("yellow", MONTHS[2])
    for layer, name in (
        ("raw", "no_rows_missing"),
        ("clean", "every_line_accounted_for"),
        ("clean", "contents_as_registered"),
        ("postgres", "rows_equal_clean"),
        ("postgres", "totals_equal_clean"),
    ):
        assert graph.verdicts(layer, "yellow", name) == dict.fromkeys(MONTHS, "SUCCEEDED"), name
    for month in MONTHS:
        evaluation = graph.check("clean", "yellow", "every_line_accounted_for", month)
        assert f"| {month} | yes | 500 |" in evaluation.metadata["months"].value
        assert evaluation.description == "as expected"
    # The trips are synthetic, and public.taxi_zones is not there.
    assert graph.check("raw", "yellow", "no_rows_missing", MONTHS[0]).description.startswith("not compared: ")
    assert "taxi_zones is not there" in graph.check("postgres", "yellow", "zones_are_known", MONTHS[0]).description
    oddities = graph.check("clean", "yellow", "oddities", MONTHS[0])
    assert (oddities.passed, oddities.description) == (True, "as expected")


def test_a_second_run_changes_nothing(graph: Graph) -> None:
    graph.run("yellow", "2019-01")
    assert not any(graph.metadata(layer, "yellow", "2019-01")["unchanged"] for layer in LAYERS)
    files = {path: path.stat().st_mtime_ns for path in graph.settings.taxi_data_dir.rglob("*") if path.is_file()}
    with psycopg.connect(graph.conninfo) as connection:
        partition = connection.execute("SELECT array_agg(inhrelid) FROM pg_inherits").fetchone()
        assert graph.run("yellow", "2019-01").success
        assert connection.execute("SELECT array_agg(inhrelid) FROM pg_inherits").fetchone() == partition
    assert all(graph.metadata(layer, "yellow", "2019-01")["unchanged"] for layer in LAYERS)
    after = {path: path.stat().st_mtime_ns for path in graph.settings.taxi_data_dir.rglob("*") if path.is_file()}
    assert {path: time for path, time in after.items() if ".lock" not in path.name} == {
        path: time for path, time in files.items() if ".lock" not in path.name
    }


def folder_with(tmp_path: Path, months: dict[str, bytes]) -> Path:
    source = tmp_path / "published" / "yellow"
    source.mkdir(parents=True, exist_ok=True)
    for month, content in months.items():
        (source / f"yellow_tripdata_{month}.csv.gz").write_bytes(content)
    return source.parent


HEADER = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,"
    "store_and_fwd_flag,PULocationID,DOLocationID,payment_type,fare_amount,extra,mta_tax,tip_amount,"
    "tolls_amount,improvement_surcharge,total_amount,congestion_surcharge\n"
)


def trips(month: str, total: float, rows: int = 3) -> bytes:
    line = f"1,{month}-05 10:00:00,{month}-05 10:10:00,1,1.5,1,N,1,2,1,9,0,0.5,0,0,0.3,{total},2.5\n"
    return gzip.compress((HEADER + line * rows).encode())


def test_one_bad_month_fails_alone_and_the_others_are_materialized(tmp_path: Path, postgres: str) -> None:
    source = folder_with(
        tmp_path, {"2019-01": trips("2019-01", 1), "2019-02": trips("2019-02", 2)[:-9], "2019-03": trips("2019-03", 3)}
    )
    graph = Graph(tmp_path / "data", postgres, taxi_source=str(source))
    result = graph.run("yellow", "2019-01", "2019-03", layers=["raw"])
    assert not result.success
    assert graph.metadata("raw", "yellow", "2019-01")["dagster/row_count"] == 3
    assert graph.metadata("raw", "yellow", "2019-03")["dagster/row_count"] == 3
    assert graph.metadata("raw", "yellow", "2019-02") == {}
    [failure] = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert failure.step_failure_data.user_failure_data
    assert "2019-02" in failure.step_failure_data.user_failure_data.description
    assert "yellow_tripdata_2019-02.csv.gz" in failure.step_failure_data.user_failure_data.description
    assert not [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]


def test_a_month_that_lost_too_much_fails_alone_and_is_as_it_was_in_every_layer(tmp_path: Path, postgres: str) -> None:
    """Also in the layers that follow, when these are materialized by themselves; and the others of its batch go on."""
    months = {month: trips(month, total) for month, total in (("2019-01", 1), ("2019-02", 2), ("2019-03", 3))}
    source = folder_with(tmp_path, months)
    graph = Graph(tmp_path / "data", postgres, taxi_source=str(source))
    assert graph.run("yellow", *MONTHS[::2], layers=ALL).success
    old = graph.metadata("clean", "yellow", "2019-02")["content id"]

    bad = gzip.decompress(trips("2019-02", 20, rows=9)) + b"bad\nbad\n"
    folder_with(tmp_path, {month: trips(month, 10, rows=5) for month in MONTHS} | {"2019-02": gzip.compress(bad)})
    result = graph.run("yellow", *MONTHS[::2], layers=ALL)
    assert not result.success
    [failure] = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    told = failure.step_failure_data.user_failure_data
    assert list(told.metadata) == ["2019-02"]
    assert "the check losses: lost: 2 lines rejected (18.18%" in told.description
    assert graph.verdicts("clean", "yellow", "losses") == {
        "2019-01": "SUCCEEDED",
        "2019-02": "FAILED",
        "2019-03": "SUCCEEDED",
    }
    losses = graph.check("clean", "yellow", "losses", "2019-02")
    assert (losses.severity.value, losses.blocking) == ("ERROR", True)
    assert graph.check("clean", "yellow", "losses", "2019-01").description == "as expected"

    data_dir, month = graph.settings.data_dir, TripMonth("yellow", "2019-02")
    held_back, lines = data_dir.held_back(month)
    assert (clean_rows(month, data_dir), parquet_rows(held_back), parquet_rows(lines)) == (3, 9, 2)
    # As the automation does it.
    for good in ("2019-01", "2019-03"):
        assert graph.run("yellow", good, layers=ALL[1:]).success
    for layer in ("postgres", "warehouse"):
        graph.run("yellow", "2019-02", layers=[layer])
    assert rows_by_month(postgres, "yellow_tripdata") == {"2019-01": 5, "2019-02": 3, "2019-03": 5}
    assert graph.metadata("clean", "yellow", "2019-02")["content id"] == old

    folder_with(tmp_path, {"2019-02": trips("2019-02", 30, rows=7)})
    assert graph.run("yellow", "2019-02", layers=ALL).success
    assert rows_by_month(postgres, "yellow_tripdata") == {"2019-01": 5, "2019-02": 7, "2019-03": 5}
    assert graph.verdicts("clean", "yellow", "losses") == dict.fromkeys(MONTHS, "SUCCEEDED")
    assert not held_back.exists()


def test_a_small_loss_warns_and_a_large_one_can_be_accepted(tmp_path: Path, postgres: str) -> None:
    small = gzip.decompress(trips("2019-01", 1, rows=200)) + b"bad\n"
    large = gzip.decompress(trips("2019-02", 1)) + b"bad\nbad\n"
    source = folder_with(tmp_path, {"2019-01": gzip.compress(small), "2019-02": gzip.compress(large)})
    graph = Graph(tmp_path / "data", postgres, taxi_source=str(source))
    assert not graph.run("yellow", "2019-01", "2019-02").success
    losses = graph.check("clean", "yellow", "losses", "2019-01")
    assert (losses.passed, losses.severity.value) == (False, "WARN")
    assert "lost: 1 lines rejected (0.50%" in losses.description
    told = graph.check("clean", "yellow", "losses", "2019-02").description
    assert "more than 1% of the lines, so the month goes no further" in told
    assert "with the tag accept: losses" in told

    assert graph.run("yellow", "2019-02", tags={"accept": "losses"}).success
    losses = graph.check("clean", "yellow", "losses", "2019-02")
    assert (losses.passed, losses.severity.value) == (False, "WARN")
    assert rows_by_month(postgres, "yellow_tripdata") == {"2019-02": 3}


def test_a_raw_file_with_too_few_rows_does_not_take_the_place_of_the_one_before(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    months = {"2019-01": trips("2019-01", 1), "2019-02": trips("2019-02", 2)}
    source = folder_with(tmp_path, months)
    graph = Graph(tmp_path / "data", postgres, taxi_source=str(source))
    assert graph.run("yellow", "2019-01", "2019-02").success
    # As if the folder were the publisher's.
    monkeypatch.setattr(checks_of_raw, "COURSE_RELEASES", SimpleNamespace(base=str(source)))
    monkeypatch.setattr(checks_of_raw, "expected_rows", lambda *_: (3, "confirmed"))
    before = read_raw(TripMonth("yellow", "2019-01"), graph.settings.data_dir)
    folder_with(tmp_path, {"2019-01": trips("2019-01", 1, rows=2)})
    assert not graph.run("yellow", "2019-01", "2019-02").success
    assert read_raw(TripMonth("yellow", "2019-01"), graph.settings.data_dir) == before
    assert graph.verdicts("raw", "yellow", "no_rows_missing") == {"2019-01": "FAILED", "2019-02": "SUCCEEDED"}
    assert list(graph.settings.data_dir.raw_dir("yellow").glob(".*.partial")) == []


def test_checks_that_are_executed_by_themselves_look_at_every_month(graph: Graph) -> None:
    graph.run("yellow", MONTHS[0], MONTHS[-1])
    with psycopg.connect(graph.conninfo) as connection:
        connection.execute(
            "DELETE FROM yellow_tripdata WHERE file_month = '2019-02-01' AND ctid IN "
            "(SELECT ctid FROM yellow_tripdata WHERE file_month = '2019-02-01' LIMIT 1)"
        )
    keys = [AssetCheckKey(AssetKey(["postgres", "yellow_tripdata"]), "rows_equal_clean")]
    job = graph.defs.get_repository_def().get_implicit_global_asset_job_def()
    alone = job.get_subset(asset_check_selection=set(keys), asset_selection=set())
    assert not alone.execute_in_process(instance=graph.instance, raise_on_error=False).success
    assert graph.verdicts("postgres", "yellow", "rows_equal_clean") == {
        "2019-01": "SUCCEEDED",
        "2019-02": "FAILED",
        "2019-03": "SUCCEEDED",
    }
    together = graph.check("postgres", "yellow", "rows_equal_clean")
    assert not together.passed
    assert "yellow 2019-02: postgres has" in together.description
    assert "2019-01" not in together.description


def test_a_bad_new_edition_keeps_the_old_month_in_every_layer(tmp_path: Path, postgres: str) -> None:
    source = folder_with(tmp_path, {"2019-01": trips("2019-01", 1)})
    graph = Graph(tmp_path / "data", postgres, taxi_source=str(source))
    assert graph.run("yellow", "2019-01").success
    before = read_raw(TripMonth("yellow", "2019-01"), graph.settings.data_dir)
    folder_with(tmp_path, {"2019-01": b"<html>Sorry, we are moving house</html>"})
    assert not graph.run("yellow", "2019-01").success
    assert read_raw(TripMonth("yellow", "2019-01"), graph.settings.data_dir) == before
    assert rows_by_month(postgres, "yellow_tripdata") == {"2019-01": 3}


def test_a_corrected_month_replaces_exactly_itself(tmp_path: Path, postgres: str) -> None:
    source = folder_with(tmp_path, {"2019-01": trips("2019-01", 1), "2019-02": trips("2019-02", 2)})
    graph = Graph(tmp_path / "data", postgres, taxi_source=str(source))
    assert graph.run("yellow", "2019-01", "2019-02").success
    folder_with(tmp_path, {"2019-01": trips("2019-01", 7, rows=2)})
    assert graph.run("yellow", "2019-01").success
    with psycopg.connect(postgres) as connection:
        sums = connection.execute(
            "SELECT to_char(file_month, 'YYYY-MM'), sum(total_amount) FROM yellow_tripdata GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert sums == [("2019-01", 14.0), ("2019-02", 6.0)]


def test_rows_deleted_by_a_person_come_back_and_the_check_tells_until_then(graph: Graph) -> None:
    graph.run("yellow", "2019-01")
    landed = rows_by_month(graph.conninfo, "yellow_tripdata")
    with psycopg.connect(graph.conninfo) as connection:
        connection.execute("DELETE FROM yellow_tripdata WHERE ctid IN (SELECT ctid FROM yellow_tripdata LIMIT 7)")
    assert graph.run("yellow", "2019-01").success
    assert rows_by_month(graph.conninfo, "yellow_tripdata") == landed
    assert graph.metadata("postgres", "yellow", "2019-01")["unchanged"] is False


def test_values_changed_by_a_person_are_told_and_go_with_the_month(graph: Graph) -> None:
    graph.run("yellow", "2019-01")
    with psycopg.connect(graph.conninfo) as connection:
        connection.execute(
            "UPDATE yellow_tripdata SET total_amount = total_amount + 1 "
            "WHERE ctid IN (SELECT ctid FROM yellow_tripdata LIMIT 1)"
        )
    assert not graph.run("yellow", "2019-01", layers=["postgres"]).success
    assert graph.check("postgres", "yellow", "rows_equal_clean", "2019-01").passed
    told = graph.check("postgres", "yellow", "totals_equal_clean", "2019-01")
    assert not told.passed
    assert "values were changed there" in (told.description or "")

    # As the check's sentence says.
    with psycopg.connect(graph.conninfo) as connection:
        connection.execute("DELETE FROM yellow_tripdata WHERE file_month = '2019-01-01'")
    assert graph.run("yellow", "2019-01", layers=["postgres"]).success
    assert graph.check("postgres", "yellow", "totals_equal_clean", "2019-01").passed


def test_a_manifest_that_was_edited_blocks_postgres(graph: Graph) -> None:
    assert graph.run("yellow", "2019-01", layers=["raw", "clean"]).success
    manifest = graph.settings.data_dir.raw_dir("yellow") / "yellow_tripdata_2019-01.manifest.json"
    manifest.write_text(manifest.read_text().replace('"published_rows": 500', '"published_rows": 501'))
    result = graph.run("yellow", "2019-01", layers=["clean", "postgres"])
    assert not result.success
    assert rows_by_month_or_none(graph.conninfo) == {}


def rows_by_month_or_none(conninfo: str) -> dict[str, int]:
    with psycopg.connect(conninfo) as connection:
        if connection.execute("SELECT to_regclass('public.yellow_tripdata')").fetchone() == (None,):
            return {}
    return rows_by_month(conninfo, "yellow_tripdata")


def test_a_later_layer_alone_says_which_one_to_materialize_first(graph: Graph) -> None:
    result = graph.run("yellow", "2019-01", layers=["postgres"])
    [failure] = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "materialize clean/yellow_tripdata" in str(failure.step_failure_data.user_failure_data)
