"""Months through the real graph in one process: what lands, what a second run does, what one bad month does."""

from __future__ import annotations

import gzip
from pathlib import Path

import psycopg
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.files.raw_file import read_raw
from taxi_assets_tests.support.graph_runs import LAYERS, Graph

MONTHS = ("2019-01", "2019-02", "2019-03")


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


def test_every_check_passes_or_warns_on_months_as_published(graph: Graph) -> None:
    graph.run("yellow", MONTHS[0], MONTHS[-1])
    for layer, name in (
        ("clean", "every_line_accounted_for"),
        ("clean", "contents_as_registered"),
        ("postgres", "rows_equal_clean"),
        ("postgres", "totals_equal_clean"),
    ):
        evaluation = graph.check(layer, "yellow", name)
        assert evaluation.passed, (name, evaluation.description)
        assert evaluation.metadata["months checked"].value == 3
    oddities = graph.check("clean", "yellow", "oddities")
    assert not oddities.passed
    assert oddities.severity.value == "WARN"


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


def test_a_month_that_lost_too_much_blocks_postgres_and_a_small_loss_warns(tmp_path: Path, postgres: str) -> None:
    source = folder_with(tmp_path, {"2019-01": trips("2019-01", 1, rows=200), "2019-02": trips("2019-02", 2)})
    bad = gzip.decompress(trips("2019-01", 1, rows=200)) + b"bad\n"
    folder_with(tmp_path, {"2019-01": gzip.compress(bad)})
    graph = Graph(tmp_path / "data", postgres, taxi_source=str(source))
    assert graph.run("yellow", "2019-01", "2019-02").success
    losses = graph.check("clean", "yellow", "losses")
    assert (losses.passed, losses.severity.value) == (False, "WARN")
    assert "yellow 2019-01: lost: 1 lines rejected (0.50%" in losses.description
    assert "2019-02:" not in losses.description

    folder_with(tmp_path, {"2019-02": gzip.compress(gzip.decompress(trips("2019-02", 2)) + b"bad\nbad\n")})
    assert not graph.run("yellow", "2019-01", "2019-02").success
    losses = graph.check("clean", "yellow", "losses")
    assert (losses.passed, losses.severity.value) == (False, "ERROR")
    assert "yellow 2019-02: lost: 2 lines rejected (40.00%" in losses.description
    assert "more than 1% of the lines, so nothing downstream is made of it" in losses.description


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
    assert graph.check("postgres", "yellow", "rows_equal_clean").passed
    told = graph.check("postgres", "yellow", "totals_equal_clean")
    assert not told.passed
    assert "values were changed there" in (told.description or "")

    # As the check's sentence says.
    with psycopg.connect(graph.conninfo) as connection:
        connection.execute("DELETE FROM yellow_tripdata WHERE file_month = '2019-01-01'")
    assert graph.run("yellow", "2019-01", layers=["postgres"]).success
    assert graph.check("postgres", "yellow", "totals_equal_clean").passed


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
