"""The marts of the local target over a real lake: they say what the clean files say, and follow what is replaced."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import arrow_schema
from taxi_assets.datasets.marts import MARTS, MONEY, MONTHS, ZONE_HOURS, ZONE_PAIRS
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, NotMaterializedError
from taxi_assets.orchestration.checks.marts import same_money, same_trips
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.marts.build import MartMonth, build_mart
from taxi_assets_tests.support.mart_places import LocalPlace, build, put, write_month

MONTH = "2019-03"
YELLOW, GREEN, FHV, FHVHV = (TripMonth(name, MONTH) for name in DATASETS)


class Place(LocalPlace):
    """The local target, with trips as a test writes them."""

    def put(self, month: TripMonth, *trips: dict[str, Any]) -> None:
        schema = arrow_schema(DATASETS[month.dataset].table_columns)
        table = pa.Table.from_pylist([{"file_month": month.first_day, **trip} for trip in trips], schema=schema)
        put(self.lake, write_month(self.data_dir.root, month, table))

    def build(self, month: str = MONTH) -> dict[str, MartMonth]:
        return build(self.marts, month)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "data").mkdir()
    return Place(DataDir(tmp_path / "data"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def yellow(pickup: str, dropoff: str, **values: Any) -> dict[str, Any]:
    return {"tpep_pickup_datetime": at(pickup), "tpep_dropoff_datetime": at(dropoff), **values}


CARD = {"payment_type": 1, "fare_amount": 10.0, "tip_amount": 2.5, "tolls_amount": 0.0, "total_amount": 13.5}
CASH = {"payment_type": 2, "fare_amount": 20.0, "tip_amount": 0.0, "tolls_amount": 5.5, "total_amount": 26.0}
MOVED = {"trip_distance": 2.0, "pulocationid": 132, "dolocationid": 1, "passenger_count": 1}


def three_yellow_trips(place: Place) -> None:
    place.put(
        YELLOW,
        yellow("2019-03-31 23:10:00", "2019-03-31 23:20:00", **CARD, **MOVED),
        yellow("2019-03-31 23:50:00", "2019-03-31 23:50:00", **CASH, **MOVED),
        yellow("2009-01-01 00:00:00", "2009-01-01 00:10:00", **CARD, **MOVED),
    )


def test_zone_hours_add_up_trips_and_tell_clocks_of_another_year_apart(place: Place) -> None:
    three_yellow_trips(place)
    place.build()
    assert place.query(
        "SELECT service, file_month::VARCHAR, pickup_date::VARCHAR, pickup_hour, pickup_zone, in_file_month, trips, "
        "miles, seconds, fare, tip, tolls, total FROM marts.zone_hours ORDER BY pickup_date"
    ) == [
        ("yellow", "2019-03-01", "2009-01-01", 0, 132, False, 1, 2.0, 600, 10.0, 2.5, 0.0, 13.5),
        ("yellow", "2019-03-01", "2019-03-31", 23, 132, True, 2, 4.0, 600, 30.0, 2.5, 5.5, 39.5),
    ]


def test_averages_divide_by_trips_that_can_know(place: Place) -> None:
    three_yellow_trips(place)
    place.build()
    for mart in ("zone_hours", "zone_pairs"):
        assert place.query(
            "SELECT sum(tipped_trips), sum(tipped_fare), sum(tipped_tip), sum(moving_trips), sum(moving_miles), "
            f"sum(moving_seconds) FROM marts.{mart} WHERE in_file_month"
        ) == [(1, 10.0, 2.5, 1, 2.0, 600)], mart


def test_what_a_service_does_not_publish_is_null(place: Place) -> None:
    three_yellow_trips(place)
    place.put(FHV, {"dispatching_base_num": "B00001", "pickup_datetime": at("2019-03-01 10:00:00")})
    hired = {"hvfhs_license_num": "HV0003", "pickup_datetime": at("2019-03-01 10:00:00"), "trip_miles": 3.0}
    paid = {"base_passenger_fare": 20.0, "tolls": 1.0, "bcf": 0.5, "sales_tax": 1.75, "tips": 3.0, "trip_time": 900}
    place.put(FHVHV, {**hired, **paid}, {**hired, "dropoff_datetime": at("2019-03-01 10:01:00")})
    place.build()
    assert place.query(
        "SELECT service, passengers, miles, seconds, fare, tip, tolls, total, payment, company, tip_recorded "
        "FROM marts.trips WHERE service LIKE 'fhv%' ORDER BY service, seconds DESC"
    ) == [
        ("fhv", None, None, None, None, None, None, None, None, None, False),
        ("fhvhv", None, 3.0, 900, 20.0, 3.0, 1.0, 26.25, None, "HV0003", True),
        ("fhvhv", None, 3.0, 60, None, None, None, None, None, "HV0003", False),
    ]
    assert place.query("SELECT service, sum(trips), sum(fare) FROM marts.zone_pairs GROUP BY service ORDER BY 1") == [
        ("fhv", 1, None),
        ("fhvhv", 2, 20.0),
        ("yellow", 3, 40.0),
    ]


def test_months_say_what_became_of_each_file(place: Place) -> None:
    three_yellow_trips(place)
    place.put(FHV, {"dispatching_base_num": "B00001", "pickup_datetime": at("2019-03-01 10:00:00")})
    place.build()
    assert place.query(
        "SELECT service, file, format, synthetic, published, clean, rejected, unreadable, odd, pickup_outside_month, "
        "dropoff_not_after_pickup, negative_fare, unlisted_code FROM marts.months ORDER BY service"
    ) == [
        ("fhv", "fhv_tripdata_2019-03.csv.gz", "csv.gz", True, 1, 1, 0, 0, 0, 0, 0, None, 0),
        ("yellow", "yellow_tripdata_2019-03.csv.gz", "csv.gz", True, 3, 3, 0, 0, 2, 1, 1, 0, 0),
    ]


def test_a_month_issued_again_with_fewer_trips_leaves_nothing_of_the_old_one(place: Place) -> None:
    three_yellow_trips(place)
    place.put(GREEN, {"lpep_pickup_datetime": at("2019-03-02 01:00:00"), "pulocationid": 7})
    before = place.build()
    place.put(YELLOW, yellow("2019-03-05 08:00:00", "2019-03-05 08:30:00", **CARD, **MOVED | {"pulocationid": 4}))
    after = place.build()
    assert {name: (mart.trips, mart.unchanged) for name, mart in before.items()} == dict.fromkeys(MARTS, (4, False))
    assert {name: mart.trips for name, mart in after.items()} == dict.fromkeys(MARTS, 2)
    # Of green, whose month is as it was, nothing was written.
    assert [part.unchanged for part in after["zone_hours"].parts] == [False, True]
    for mart in ("zone_hours", "zone_pairs"):
        found = place.query(f"SELECT service, pickup_zone, trips FROM marts.{mart} ORDER BY service")
        assert found == [("green", 7, 1), ("yellow", 4, 1)]
    assert place.query("SELECT service, clean FROM marts.months ORDER BY service") == [("green", 1), ("yellow", 1)]


def test_a_second_build_writes_nothing(place: Place) -> None:
    three_yellow_trips(place)
    place.build()
    catalogue = place.data_dir.warehouse.stat()
    assert all(mart.unchanged for mart in place.build().values())
    assert place.data_dir.warehouse.stat().st_ino == catalogue.st_ino


def test_another_sql_makes_a_part_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    three_yellow_trips(place)
    place.build()
    monkeypatch.setattr("taxi_assets.steps.marts.texts.MOVING", "seconds > 0")
    built = place.build()
    assert {name: mart.unchanged for name, mart in built.items()} == {
        "zone_hours": False,
        "zone_pairs": False,
        "months": True,
    }


def test_one_service_that_cannot_be_read_does_not_hold_the_others(place: Place) -> None:
    three_yellow_trips(place)
    place.put(GREEN, {"lpep_pickup_datetime": at("2019-03-02 01:00:00")})
    place.warehouse.refresh()
    (place.data_dir.lake / clean_name(YELLOW)).write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(BrokenFileError, match=r"yellow_tripdata_2019-03\.parquet.* materialize lake/yellow_tripdata"):
        build_mart(ZONE_PAIRS, MONTH, place.marts)
    parts = [path.name for path in place.data_dir.lake.rglob("*_zone_pairs_*")]
    assert parts == ["green_zone_pairs_2019-03.parquet"]


def test_a_month_that_no_service_has_says_what_to_do(place: Place) -> None:
    with pytest.raises(NotMaterializedError, match="no service has this month in the warehouse; materialize one of"):
        build_mart(ZONE_HOURS, MONTH, place.marts)


def test_the_checks_compare_each_service_with_the_warehouse(place: Place) -> None:
    three_yellow_trips(place)
    place.put(GREEN, {"lpep_pickup_datetime": at("2019-03-02 01:00:00"), "total_amount": 7.0})
    place.build()
    for mart in MARTS.values():
        assert same_trips(mart, MONTH, place.warehouse, place.marts).passed
    assert same_money(ZONE_HOURS, MONTH, place.warehouse, place.marts, dict(MONEY)).passed
    place.put(YELLOW, yellow("2019-03-05 08:00:00", "2019-03-05 08:30:00", **CARD, **MOVED))
    place.warehouse.refresh()
    trips = same_trips(MONTHS, MONTH, place.warehouse, place.marts)
    money = same_money(ZONE_PAIRS, MONTH, place.warehouse, place.marts, dict(MONEY))
    assert trips.note == (
        "the mart counts 3 trips of yellow, the warehouse 1; materialize marts/months of this month again"
    )
    assert money.note.startswith("sum(total) of yellow is 53.0 in the mart, 13.5 in the warehouse")


def test_the_questions_of_the_page_can_be_asked(place: Place) -> None:
    three_yellow_trips(place)
    place.build()
    page = (PROJECT_ROOT / "docs" / "marts.md").read_text(encoding="utf-8")
    questions = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert len(questions) == 4
    answers = [place.query(question) for question in questions]
    assert answers[2] == [(YELLOW.first_day, "yellow", 25.0, 12.0)]
    assert len(answers[1]) == len(answers[3]) == 1


def test_columns_have_their_types_and_descriptions_in_the_catalogue(place: Place) -> None:
    place.warehouse.refresh()
    for mart in MARTS.values():
        described = place.query(f"DESCRIBE marts.{mart.name}")
        assert [(row[0], row[1]) for row in described] == [(c.name, c.type.to_query) for c in mart.columns]
        said = place.query(f"SELECT comment FROM duckdb_columns() WHERE table_name = '{mart.name}'")
        assert json.dumps(said).count("null") == 0
