"""The sample source: months that are the same everywhere, complete, and exactly as dirty as they say."""

from __future__ import annotations

import csv
import gzip
import hashlib
import math
import re
import subprocess
import sys
import threading
import zlib
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow.parquet as pq
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import NotPublishedError
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets.steps.sample import write as sample
from taxi_assets.steps.sample.dirt import DEFECTS, PARTS, REJECTIONS, REPEATED
from taxi_assets.steps.sample.layouts import (
    CSV_LAYOUTS,
    PARQUET_LAYOUTS,
    CsvEra,
    Era,
    ParquetEra,
    ParquetType,
    csv_layouts,
    parquet_layout,
)
from taxi_assets.steps.sample.spelling import published_columns
from taxi_assets.steps.sample.write import sample_format, sample_layout, write_sample_month, write_sample_zones

pytestmark = pytest.mark.slow

YELLOW = TripMonth("yellow", "2019-03")
ADDED_UP = (
    "fare_amount",
    "extra",
    "mta_tax",
    "tip_amount",
    "tolls_amount",
    "improvement_surcharge",
    "congestion_surcharge",
    "airport_fee",
    "cbd_congestion_fee",
)


def label(layout: Era) -> str:
    again = "-again" if isinstance(layout, CsvEra) and layout.reissued else ""
    return f"{layout.dataset}-{layout.first_month}{again}"


def month_of(layout: Era) -> TripMonth:
    return TripMonth(layout.dataset, layout.first_month)


def csv_bytes(month: TripMonth, rows: int, layout: Era | None = None, rejected: float = 0.0) -> bytes:
    """The unpacked content of a month, made for this call."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "month.csv.gz"
        write_sample_month(month, path, rows, layout=layout, rejected_share=rejected)
        return gzip.decompress(path.read_bytes())


@cache
def few_trips(layout: CsvEra, month: TripMonth | None = None) -> bytes:
    """400 lines without rejected ones in a layout, made once for all tests."""
    return csv_bytes(month or month_of(layout), 400, layout)


@cache
def records(month: TripMonth, rows: int = 400, layout: CsvEra | None = None) -> list[dict[str, str]]:
    """The lines of a month by the registry's column names."""
    layout = layout or csv_layouts(month)[0]
    content = few_trips(layout, month) if rows == 400 else csv_bytes(month, rows, layout)
    names = [column.name if column else "repeated" for column in published_columns(layout)]
    text = content[len(layout.head) :].decode("latin-1")
    return [dict(zip(names, fields, strict=False)) for fields in csv.reader(text.splitlines())]


def parquet_file(month: TripMonth, folder: Path, rows: int, rejected: float = 0.0) -> str:
    path = folder / f"{month.stem}.parquet"
    write_sample_month(month, path, rows, layout=parquet_layout(month), rejected_share=rejected)
    return str(path)


# What is written


@pytest.mark.parametrize("layout", CSV_LAYOUTS, ids=label)
def test_every_csv_layout_is_written_byte_for_byte_with_exactly_the_rows_asked_for(layout: CsvEra) -> None:
    content = few_trips(layout)
    assert content.startswith(layout.head.encode("ascii"))
    body = content[len(layout.head) :].decode("latin-1")
    last = layout.last_line_ending or layout.line_ending
    assert body.endswith(last)
    assert layout.line_ending == last or not body.endswith(layout.line_ending)
    lines = body.removesuffix(last).split(layout.line_ending)
    assert len(lines) == 400
    assert not any("\n" in line or "\r" in line for line in lines)
    empty = [""] * layout.surplus_fields
    for line in lines:
        fields = next(csv.reader([line]))
        assert len(fields) == layout.fields
        assert fields[len(layout.names) :] == empty
        if layout.quoted:
            assert line == ",".join(f'"{field}"' for field in fields)
        else:
            assert '"' not in line


@pytest.mark.parametrize("layout", CSV_LAYOUTS, ids=label)
def test_every_csv_layout_is_read_by_duckdb_without_losing_a_line(layout: CsvEra, tmp_path: Path) -> None:
    path = tmp_path / "month.csv"
    path.write_bytes(few_trips(layout).replace(b"\xa0", b""))  # the stray byte has a test of its own
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(layout.fields))
    read = duckdb.sql(
        f"SELECT * FROM read_csv('{path}', auto_detect=false, header=false, skip=1, delim=',', quote='\"', "
        f"escape='\"', columns={{{columns}}}, null_padding=true, strict_mode=false)"
    ).fetchall()
    assert sum(any(value is not None for value in row) for row in read) == 400


@pytest.mark.parametrize("layout", PARQUET_LAYOUTS, ids=label)
def test_every_parquet_layout_has_its_columns_types_and_exactly_the_rows_asked_for(
    layout: ParquetEra, tmp_path: Path
) -> None:
    path = tmp_path / "month.parquet"
    write_sample_month(month_of(layout), path, 301, layout=layout)
    schema = pq.read_schema(path)
    assert [(field.name, str(field.type)) for field in schema] == [(name, kind.value) for name, kind in layout.columns]
    nulls = [name for name, kind in layout.columns if kind is ParquetType.NULL]
    found = duckdb.sql(f"SELECT * FROM '{path}'")
    assert found.shape == (301, len(layout.columns))
    for name in nulls:
        assert found.filter(f'"{name}" IS NOT NULL').fetchall() == []


def test_months_are_csv_through_2021_07_and_parquet_after() -> None:
    for dataset in ("yellow", "green", "fhv", "fhvhv"):
        assert sample_format(TripMonth(dataset, "2021-07")) == "csv.gz"
        assert isinstance(sample_layout(TripMonth(dataset, "2021-07")), CsvEra)
        assert sample_format(TripMonth(dataset, "2021-08")) == "parquet"
        assert isinstance(sample_layout(TripMonth(dataset, "2021-08")), ParquetEra)


def test_the_gzip_file_is_one_member_without_a_time_in_it(tmp_path: Path) -> None:
    path = tmp_path / "month.csv.gz"
    write_sample_month(YELLOW, path, 5000)
    packed = path.read_bytes()
    member = zlib.decompressobj(wbits=31)
    member.decompress(packed)
    assert member.eof
    assert member.unused_data == b""
    assert packed[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize("rows", [1, 2])
def test_the_smallest_months_can_be_made(rows: int) -> None:
    assert len(csv_bytes(YELLOW, rows).splitlines()) == 1 + rows


def test_a_month_larger_than_a_chunk_keeps_its_rows_and_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = csv_bytes(YELLOW, 1000, rejected=0.01)
    monkeypatch.setattr(sample, "_CHUNK_ROWS", 400)
    assert csv_bytes(YELLOW, 1000, rejected=0.01) == whole


# The same everywhere


@pytest.mark.parametrize(
    ("dataset", "month", "digest"),
    [
        ("yellow", "2019-03", "1c91e9ff8e3abe9f"),
        ("yellow", "2009-05", "4460b31270982306"),
        ("green", "2015-02", "80948249fe7217ab"),
        ("fhv", "2018-03", "1b472af9ccec36f2"),
        ("fhvhv", "2020-03", "427e63ba42c21410"),
    ],
)
def test_the_recipe_is_the_one_of_its_version(dataset: str, month: str, digest: str) -> None:
    """Raise SAMPLE_VERSION with these digests. A DuckDB whose hash() is another one fails here too."""
    content = csv_bytes(TripMonth(dataset, month), 5000, rejected=0.01)
    assert (sample.SAMPLE_VERSION, hashlib.sha256(content).hexdigest()[:16]) == (1, digest)


def test_the_number_of_cores_does_not_change_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_CHUNK_ROWS", 500)
    for cores in (1, 2, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        write_sample_month(YELLOW, tmp_path / str(cores), 1400)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes() == (tmp_path / "3").read_bytes()


def test_another_process_makes_the_same_bytes(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from taxi_assets.datasets.months import TripMonth; "
        "from taxi_assets.steps.sample.write import write_sample_month; "
        "write_sample_month(TripMonth('green', '2020-02'), Path(sys.argv[1]), 2000)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "there")], check=True, cwd=PROJECT_ROOT)
    write_sample_month(TripMonth("green", "2020-02"), tmp_path / "here", 2000)
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()


def test_months_and_recipes_share_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def amounts(month: TripMonth) -> list[str]:
        """Lines without their times, which say the month."""
        lines = csv_bytes(month, 1000).decode().splitlines()[1:]
        return [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "", line) for line in lines]

    march, april = amounts(YELLOW), amounts(TripMonth("yellow", "2019-04"))
    assert sum(a == b for a, b in zip(march, april, strict=True)) <= 1
    monkeypatch.setattr(sample, "SAMPLE_VERSION", 2)
    assert sum(a == b for a, b in zip(march, amounts(YELLOW), strict=True)) <= 1


# What the trips are like


@pytest.mark.parametrize(
    ("layout", "month"),
    [
        *((layout, layout.first_month) for layout in CSV_LAYOUTS if layout.dataset in {"yellow", "green"}),
        # Layouts during which New York added a charge.
        *(
            (layout, layout.last_month)
            for layout in CSV_LAYOUTS
            if layout.dataset in {"yellow", "green"} and layout.last_month in {"2009-12", "2013-12", "2021-07"}
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.dataset,
)
def test_fares_add_up_to_the_cent_in_every_era_of_csv(layout: CsvEra, month: str) -> None:
    trips = records(TripMonth(layout.dataset, month), layout=layout)
    for trip in trips:
        charged = sum(Decimal(trip[name]) for name in ADDED_UP if trip.get(name))
        assert round(charged, 2) == round(Decimal(trip["total_amount"]), 2), trip
    assert any(Decimal(trip["tip_amount"]) > 0 for trip in trips)


@pytest.mark.parametrize(("dataset", "month"), [("yellow", "2012-03"), ("yellow", "2025-06"), ("green", "2025-06")])
def test_fares_add_up_to_the_cent_in_parquet(dataset: str, month: str, tmp_path: Path) -> None:
    path = parquet_file(TripMonth(dataset, month), tmp_path, 2000)
    columns = {name.lower() for name in parquet_layout(TripMonth(dataset, month)).names}
    charged = " + ".join(f"coalesce({name}, 0)" for name in ADDED_UP if name in columns)
    wrong = duckdb.sql(f"SELECT * FROM '{path}' WHERE round({charged}, 2) <> total_amount")
    assert wrong.fetchall() == []
    levied = {"airport_fee", "cbd_congestion_fee", "congestion_surcharge"} & columns if month > "2025" else set[str]()
    for name in levied:
        assert duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE {name} > 0").fetchall() > [(0,)]


def test_surcharges_begin_when_new_york_levied_them() -> None:
    def charged(dataset: str, month: str, name: str) -> set[str]:
        return {trip[name] for trip in records(TripMonth(dataset, month))}

    assert charged("yellow", "2009-10", "mta_tax") == {""}
    assert "0.5" in charged("yellow", "2009-11", "mta_tax")
    assert charged("yellow", "2019-01", "congestion_surcharge") == {""}
    assert {"2.5", "0"} <= charged("yellow", "2019-02", "congestion_surcharge")
    assert "2.75" in charged("green", "2019-02", "congestion_surcharge")


def test_yellow_trips_look_like_new_york(tmp_path: Path) -> None:
    trips = duckdb.read_parquet(parquet_file(TripMonth("yellow", "2019-03"), tmp_path, 100_000))
    assert (
        trips.filter("tpep_pickup_datetime >= '2019-03-01' AND tpep_pickup_datetime < '2019-04-01'").shape[0] > 99_000
    )

    def share(condition: str) -> float:
        return trips.aggregate(f"avg(({condition})::INTEGER)").fetchall()[0][0]

    assert share("hour(tpep_pickup_datetime) BETWEEN 17 AND 19") > 3 * share(
        "hour(tpep_pickup_datetime) BETWEEN 2 AND 4"
    )
    assert 0.3 < share("PULocationID IN (237, 161, 236, 162, 186, 230, 48, 142, 234, 170)") < 0.5
    assert 0.02 < share("PULocationID = 132") < 0.08
    assert share("PULocationID NOT BETWEEN 1 AND 265") == 0
    assert trips.aggregate("count(DISTINCT PULocationID)").fetchall()[0][0] > 250
    assert 0.6 < share("payment_type = 1") < 0.8
    assert share("payment_type <> 1 AND tip_amount > 0") == 0
    assert trips.filter("RatecodeID = 2 AND fare_amount > 0").aggregate(
        "min(fare_amount), max(fare_amount)"
    ).fetchall() == [(52.0, 52.0)]
    miles, fare, minutes = (
        trips.filter("fare_amount > 0 AND trip_distance > 0")
        .aggregate(
            "median(trip_distance), avg(fare_amount), median(epoch(tpep_dropoff_datetime - tpep_pickup_datetime)) / 60"
        )
        .fetchall()[0]
    )
    assert 1.3 < miles < 1.9
    assert 9 < fare < 15
    assert 7 < minutes < 13
    assert trips.aggregate("corr(trip_distance, fare_amount)").fetchall()[0][0] > 0.8


def test_pickups_come_roughly_in_order_like_in_the_real_files(tmp_path: Path) -> None:
    path = parquet_file(TripMonth("yellow", "2024-01"), tmp_path, 20_000)
    days = duckdb.sql(
        f"SELECT median(day(tpep_pickup_datetime)) FROM read_parquet('{path}', file_row_number=true) "
        "GROUP BY file_row_number // 2000 ORDER BY min(file_row_number)"
    ).fetchall()
    assert days == sorted(days)
    assert days[0][0] < 4
    assert days[-1][0] > 27


def test_yellow_spoke_in_words_until_2014_and_wrote_long_numbers() -> None:
    def values(month: str, name: str) -> set[str]:
        return {trip[name] for trip in records(TripMonth("yellow", month), 2000)}

    assert values("2009-01", "vendorid") == {"CMT", "VTS", "DDS"}
    assert {"CASH", "Cash", "Credit", "CREDIT"} <= values("2009-01", "payment_type")
    assert values("2009-01", "ratecodeid") == {""}
    assert {"Cas", "CAS", "Cre", "CRE"} <= values("2010-03", "payment_type")
    assert {"", "0"} <= values("2010-03", "store_and_fwd_flag") <= {"", "0", "1"}
    assert {"CSH", "CRD"} <= values("2014-05", "payment_type")
    assert {"", "N"} <= values("2014-05", "store_and_fwd_flag") <= {"", "N", "Y"}
    assert "1.1000000000000001" in values("2009-01", "trip_distance")
    assert all(re.fullmatch(r"\d*\.\d\d", number) for number in values("2015-01", "trip_distance"))
    assert all(re.fullmatch(r"-?\d+(\.\d{1,2})?", number) for number in values("2015-01", "total_amount"))


@pytest.mark.parametrize(("dataset", "month"), [("yellow", "2009-01"), ("yellow", "2016-06"), ("green", "2014-02")])
def test_early_coordinates_lie_in_the_city_or_are_zero(dataset: str, month: str) -> None:
    trips = records(TripMonth(dataset, month), 2000)
    points = [(float(trip["pickup_longitude"]), float(trip["pickup_latitude"])) for trip in trips]
    known = [point for point in points if point != (0.0, 0.0)]
    assert 0.95 < len(known) / len(points) < 1
    assert all(-74.05 < longitude < -73.75 and 40.6 < latitude < 40.9 for longitude, latitude in known)


def test_high_volume_trips_carry_the_companies_licenses_and_money(tmp_path: Path) -> None:
    path = parquet_file(TripMonth("fhvhv", "2019-10"), tmp_path, 5000)
    trips = duckdb.read_parquet(path)
    licenses = {row[0] for row in trips.project("hvfhs_license_num").distinct().fetchall()}
    assert licenses == {"HV0002", "HV0003", "HV0004", "HV0005"}
    assert trips.filter("NOT regexp_full_match(dispatching_base_num, 'B[0-9]{5}')").fetchall() == []
    assert trips.filter("driver_pay <= 0 OR driver_pay >= base_passenger_fare").fetchall() == []
    assert trips.filter("request_datetime >= pickup_datetime").fetchall() == []
    assert trips.filter("trip_time <> epoch(dropoff_datetime - pickup_datetime)").fetchall() == []
    assert trips.filter("shared_match_flag = 'Y' AND shared_request_flag = 'N'").fetchall() == []


# Dirt

FOUND_BY = {
    "refund": "fare_amount < 0",
    "zero_distance": "trip_distance = 0",
    "zero_passengers": "passenger_count = 0",
    "no_meter_record": "passenger_count IS NULL",
    "wrong_clock": "year({pickup}) NOT BETWEEN 2018 AND 2024",
    "other_month": "{pickup} BETWEEN '2018-01-01' AND '2024-12-31' AND strftime({pickup}, '%Y-%m') <> '{month}'",
    "backwards": "{dropoff} <= {pickup}",
    "unknown_place": "PULocationID IN (264, 265) OR DOLocationID IN (264, 265)",
    "no_pickup_zone": "PULocationID IS NULL",
    "no_dropoff_zone": "DOLocationID IS NULL",
    "year_3019": "year({dropoff}) BETWEEN 3018 AND 3020",
    "stray_byte": "dispatching_base_num LIKE '%' || chr(160)",
}


@pytest.mark.parametrize(
    ("dataset", "month", "prefix"),
    [("yellow", "2024-01", "tpep_"), ("green", "2024-01", "lpep_"), ("fhv", "2019-05", ""), ("fhvhv", "2024-01", "")],
)
def test_every_defect_has_the_share_that_the_docs_give(dataset: str, month: str, prefix: str, tmp_path: Path) -> None:
    trips, rows = TripMonth(dataset, month), 200_000
    path = parquet_file(trips, tmp_path, rows)
    names = {"pickup": f"{prefix}pickup_datetime", "dropoff": f"{prefix}dropoff_datetime", "month": month}
    relation = duckdb.read_parquet(path)
    found = {
        name: relation.filter(condition.format(**names)).aggregate("count(*)").fetchall()[0][0]
        for name, condition in FOUND_BY.items()
        if any(defect.name == name and defect.parts(trips) for defect in (*REPEATED, *DEFECTS))
    }
    found["duplicate"] = rows - len(relation.distinct())
    wanted = {defect.name: defect.parts(trips) / PARTS for defect in (*REPEATED, *DEFECTS) if defect.parts(trips)}
    assert found.keys() == wanted.keys()
    for name, share in wanted.items():
        deviation = math.sqrt(rows * share * (1 - share))
        # A line repeats the one before only if that one repeats none: a fiftieth less than the share at most.
        assert found[name] == pytest.approx(rows * share, abs=5 * deviation + rows * share / 50), name


def test_a_refund_mirrors_the_trip_before_it() -> None:
    trips = records(YELLOW, 5000)
    refunds = [i for i, trip in enumerate(trips) if trip["fare_amount"].startswith("-")]
    assert len(refunds) > 30
    for i in refunds:
        assert trips[i]["total_amount"] == f"-{trips[i - 1]['total_amount']}"
        assert trips[i]["tpep_pickup_datetime"] == trips[i - 1]["tpep_pickup_datetime"]
        assert trips[i]["payment_type"] == "4"


def test_trips_without_a_meter_record_miss_the_vendor_too_in_csv() -> None:
    for dataset in ("yellow", "green"):
        month = TripMonth(dataset, "2020-04")
        for trip in records(month, 1000):
            missing = {trip[name] == "" for name in ("vendorid", "passenger_count", "ratecodeid", "payment_type")}
            assert len(missing) == 1, trip
    month = TripMonth("yellow", "2019-12")
    assert all(trip["vendorid"] for trip in records(month, 1000))


def test_fhv_has_a_byte_that_is_not_utf8() -> None:
    content = csv_bytes(TripMonth("fhv", "2019-02"), 30_000)
    assert re.search(rb"B\d{5}\xa0,", content)
    assert b"\xc2\xa0" not in content
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")


@pytest.mark.parametrize("layout", CSV_LAYOUTS, ids=label)
def test_lines_to_be_rejected_are_there_in_every_csv_layout_and_count_as_rows(layout: CsvEra) -> None:
    month = month_of(layout)
    content = csv_bytes(month, 600, layout, rejected=0.2)
    body = content[len(layout.head) :].decode("latin-1")
    lines = list(csv.reader(body.splitlines()))
    assert len(lines) == 600
    columns = published_columns(layout)
    pickup = next(i for i, column in enumerate(columns) if column and column.required)

    def kind(fields: list[str]) -> str:
        if len(fields) > layout.fields:
            return "too_many_fields" if fields[-1] == "surplus" else "unknown"
        if fields == ["#### record lost ####"]:
            return "garbage"
        if len(fields) < layout.fields:
            return "truncated" if len(fields) == pickup + 1 and len(fields[pickup]) == 6 else "unknown"
        return "trip" if fields[pickup] else "no_pickup_time"

    found = Counter(map(kind, lines))
    assert found.keys() == {"trip", *(rejection.name for rejection in REJECTIONS)}
    for rejection in REJECTIONS:
        assert 10 < found[rejection.name] < 55, found
    trips = few_trips(layout)[len(layout.head) :].decode("latin-1").splitlines()
    assert Counter(map(kind, csv.reader(trips))) == {"trip": 400}


def test_a_rejected_row_of_parquet_has_no_pickup_time(tmp_path: Path) -> None:
    path = parquet_file(TripMonth("green", "2024-01"), tmp_path, 2000, rejected=0.05)
    missing = duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE lpep_pickup_datetime IS NULL").fetchall()[0][0]
    assert 60 < missing < 140


# Unhappy paths


@pytest.mark.parametrize("rows", [0, -1])
def test_a_month_without_rows_is_not_made(rows: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ask for 1 or more"):
        write_sample_month(YELLOW, tmp_path / "month.csv.gz", rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_that_is_none_is_rejected(share: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        write_sample_month(YELLOW, tmp_path / "month.csv.gz", 10, rejected_share=share)


@pytest.mark.parametrize(("dataset", "month"), [("green", "2013-07"), ("fhvhv", "2019-01"), ("pink", "2019-01")])
def test_a_month_that_was_never_published_is_not_made(dataset: str, month: str, tmp_path: Path) -> None:
    with pytest.raises(NotPublishedError, match=f"{dataset} {month}: this month was never published"):
        write_sample_month(TripMonth(dataset, month), tmp_path / "month.csv.gz", 10)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_sample_month(YELLOW, tmp_path / "nowhere" / "month.csv.gz", 10)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full (Linux)")
@pytest.mark.parametrize("month", ["2019-03", "2024-01"])
def test_a_full_disk_ends_the_writing_and_the_threads(month: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_CHUNK_ROWS", 20_000)
    with pytest.raises(OSError, match="No space left on device"):
        write_sample_month(TripMonth("yellow", month), Path("/dev/full"), 200_000)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("sample")] == []


# Zones


def test_the_zone_lookup_has_265_zones_in_the_layout_of_the_real_one(tmp_path: Path) -> None:
    path = tmp_path / "taxi_zone_lookup.csv"
    write_sample_zones(path)
    lines = path.read_bytes().decode("ascii").split("\r\n")
    assert lines[0] == '"LocationID","Borough","Zone","service_zone"'
    assert lines[-1] == ""
    assert [line.split(",")[0] for line in lines[1:-1]] == [str(zone) for zone in range(1, 266)]
    assert lines[1] == '1,"EWR","Zone 1 (synthetic)","EWR"'


def test_boroughs_and_service_zones_are_the_real_ones_and_names_are_not(real_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "taxi_zone_lookup.csv"
    write_sample_zones(path)
    made = list(csv.DictReader(path.read_text(encoding="ascii").splitlines()))
    published = (real_data / "misc/taxi_zone_lookup.csv").read_bytes()
    assert published.startswith(path.read_bytes()[:46])
    real = list(csv.DictReader(published.decode("utf-8").splitlines()))
    for name in ("LocationID", "Borough", "service_zone"):
        assert [zone[name] for zone in made] == [zone[name] for zone in real]
    assert not {zone["Zone"] for zone in made} & {zone["Zone"] for zone in real}
