"""What is recognised without its name: whatever cleaning reads, by the same code."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.recognise import recognise
from taxi_assets.steps.sample.layouts import CSV_LAYOUTS, PARQUET_LAYOUTS
from taxi_assets_tests.support.raw_months import (
    MONTH,
    YELLOW_2019,
    YELLOW_TRIP,
    csv_month,
    parquet_month,
    rows,
    sample_file,
)

HEADER = "hvfhs_license_num,dispatching_base_num,pickup_datetime,dropoff_datetime,PULocationID,DOLocationID,SR_Flag"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


ERAS = sorted({(layout.dataset, layout.first_month) for layout in (*CSV_LAYOUTS, *PARQUET_LAYOUTS)})


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "month"), ERAS)
def test_a_file_of_every_dataset_and_era_is_recognised_by_its_contents_alone(
    made: Path, tmp_path: Path, dataset: str, month: str
) -> None:
    dropped = tmp_path / "download"
    shutil.copy(sample_file(made, dataset, month), dropped)
    landed = recognise(dropped)
    if (dataset, month) == ("fhvhv", "2021-06"):
        # The course's release of this month has the columns of fhv; only its name tells.
        assert landed.month == TripMonth("fhv", month)
    else:
        assert landed.month == TripMonth(dataset, month)
    assert landed.recognised_by == "by its contents"


def test_real_files_are_recognised_by_their_contents_alone(real_data: Path, tmp_path: Path) -> None:
    for published in (*real_data.glob("releases/yellow/*"), *real_data.glob("tlc/*")):
        dropped = tmp_path / "download"
        shutil.copy(published, dropped)
        assert recognise(dropped).month.stem == published.name.split(".")[0]


@pytest.mark.parametrize(
    "name",
    [
        "fhvhv_tripdata_2021-06.csv",
        "FHVHV_TripData_2021-06.CSV",
        "fhvhv_tripdata_2021-06 (1).csv",
        "copy of fhvhv_tripdata_2021-06.txt",
    ],
)
def test_a_name_of_tlc_s_form_decides_between_datasets_that_look_alike(made: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(sample_file(made, "fhvhv", "2021-06"), tmp_path / name)
    landed = recognise(tmp_path / name)
    assert landed.month == TripMonth("fhvhv", "2021-06")
    assert landed.recognised_by == "by its name"


def test_a_file_called_by_another_dataset_s_name_is_not_loaded_as_that(made: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "yellow_tripdata_2019-01.csv.gz"
    shutil.copy(sample_file(made, "green", "2019-01"), wrong)
    with pytest.raises(LayoutError, match="its name says yellow, its columns are those of green"):
        recognise(wrong)


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("empty.csv", b"", BrokenFileError, "is empty"),
        (
            "page.html",
            b"<!DOCTYPE html><html><body>Log in</body></html>",
            BrokenFileError,
            "this is a web page; a proxy",
        ),
        ("notes.txt", b"buy milk\n", LayoutError, "these columns are not those of"),
        ("broken.csv.gz", b"\x1f\x8b\x08\x00 not gzip at all", BrokenFileError, "starts like gzip"),
        ("broken.parquet", b"PAR1 and no footer", BrokenFileError, "it cannot be read .*; fetch it once more"),
        ("month.zip", b"PK\x03\x04 and more", BrokenFileError, "this is a zip archive; unpack it"),
        ("de.csv", YELLOW_2019.replace(",", ";").encode(), BrokenFileError, "text with semicolons .*; write it with"),
        ("word.csv", f"{YELLOW_2019}\n{YELLOW_TRIP}".encode("utf-16"), BrokenFileError, "text in UTF-16"),
        ("twice.gz", gzip.compress(gzip.compress(YELLOW_TRIP.encode())), BrokenFileError, "packed twice"),
        ("headers.csv", f"{HEADER}\r\n".encode(), LayoutError, "no month has most of its pickup times"),
        (
            "years.csv",
            "\r\n".join(
                [HEADER, *(f"HV0003,B02764,{year}-01-01 00:00:00,,1,2," for year in range(2019, 2029))]
            ).encode(),
            LayoutError,
            "no month has most of its pickup times",
        ),
    ],
)
def test_what_is_no_month_is_rejected_with_the_reason(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said):
        recognise(tmp_path / name)


def test_columns_that_are_skipped_on_purpose_are_skipped_here_too(tmp_path: Path) -> None:
    dropped = tmp_path / "export.csv"
    dropped.write_text(f"TripID,{YELLOW_2019}\n7,{YELLOW_TRIP}\n", encoding="utf-8")
    with pytest.raises(LayoutError, match="these columns are not those of"):
        recognise(dropped)
    assert recognise(dropped, frozenset({"tripid"})).month == TripMonth("yellow", "2019-01")


@pytest.mark.parametrize("before", ["\n", "\r\n\r\n", "\ufeff"])
def test_blank_lines_may_stand_before_the_header(before: str, tmp_path: Path) -> None:
    dropped = tmp_path / "export.csv"
    dropped.write_text(f"{before}{YELLOW_2019}\n{YELLOW_TRIP}\n", encoding="utf-8", newline="")
    assert recognise(dropped).month == TripMonth("yellow", "2019-01")


def test_two_columns_that_differ_in_case_are_known_by_their_own_names(tmp_path: Path) -> None:
    names, values = [*YELLOW_2019.split(","), "airport_fee", "Airport_fee"], [*YELLOW_TRIP.split(","), "1.25", ""]
    dropped = tmp_path / "export.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([value]) for value in values], names), dropped)
    assert recognise(dropped).month == TripMonth("yellow", "2019-01")


# Whatever cleaning reads

EXPORT = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,payment_type,fare_amount,"
    "total_amount"
)
TRIP = "1,{},,1,1.5,1,6.5,9.5"
ISO = ("2019-01-15 03:36:12", "2019-01-25 18:20:32", "2019-01-09 15:08:02")


def export(*pickups: str, header: str = EXPORT, trip: str = TRIP) -> str:
    return "\n".join([header, *(trip.format(pickup) for pickup in pickups), ""])


READ: dict[str, str | bytes] = {
    "US": export("01/15/2019 03:36", "01/25/2019 18:20", "01/09/2019 15:08"),
    "NYC Open Data": export("01/15/2019 03:36:12 AM", "01/25/2019 06:20:32 PM", "01/09/2019 03:08:02 pm"),
    "US, no number above 12": export("01/05/2019 03:36", "01/09/2019 18:20", "01/12/2019 15:08"),
    "day first": export("15/01/2019 03:36", "05/01/2019 18:20", "09.01.2019 15:08"),
    "day first, no number above 12": export("05/01/2019 03:36", "09/01/2019 18:20", "12/01/2019 15:08"),
    "day first in one dropoff": export("05/01/2019 03:36", "5/1/2019 3:40")
    + "1,05/01/2019 23:50,31/01/2019 00:10,1,1.5,1,6.5,9.5\n",
    "the same number twice": export("01/01/2019 03:36", "01/01/2019 18:20"),
    "two-digit years": export("1/15/19 3:36", "1/5/19 18:20"),
    "UTC": export(*(f"{time} UTC" for time in ISO)),
    "nine digits and Z": export(*(f"{time.replace(' ', 'T')}.000000000Z" for time in ISO)),
    "a blank first line": "\n" + export(*ISO),
    "blank lines with CR": "\r\n\r\n" + export(*ISO).replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + export(*ISO),
    "row labels of pandas": export(*ISO, header=f",{EXPORT}", trip=f"0,{TRIP}"),
    "double columns": export(*ISO, header=f"{EXPORT},airport_fee,Airport_fee", trip=f"{TRIP},,1.25"),
    "Windows-1252": export(*ISO, header=f"{EXPORT},store_and_fwd_flag", trip=f"{TRIP},N\u00a0").encode("cp1252"),
    "quotes": export(*ISO, trip='"1","{}","","1","1.5","1","6.5","9.5"'),
    "quotes around later dates": export(*ISO) + export('"01/15/2019 03:36"', header="").lstrip(),
    "a sum in the last line": export(*ISO) + "sum,,,,,19.5,28.5\n",
    "no end of the last line": export(*ISO).rstrip(),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_what_cleaning_reads_as_a_month_is_recognised_as_that(
    content: str | bytes, packed: bool, tmp_path: Path
) -> None:
    raw = csv_month(DataDir(tmp_path), content, packed=packed)
    clean = clean_month(raw, DataDir(tmp_path))
    assert {f"{row['tpep_pickup_datetime']:%Y-%m}" for row in rows(clean.path)} == {MONTH.month}

    landed = recognise(raw.path.rename(tmp_path / "export"))
    assert (landed.month, landed.format, landed.recognised_by) == (MONTH, raw.format, "by its contents")


def test_the_texts_of_parquet_are_read_as_cleaning_reads_them(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    for pickups in (["01/15/2019 03:36", "01/05/2019 18:20"], ["05/01/2019 3:36", "09/01/2019 18:20"], list(ISO)):
        count = len(pickups)
        table = pa.table(
            {name: pa.array(pickups) if "pickup" in name else pa.nulls(count) for name in EXPORT.split(",")}
        )
        raw = parquet_month(data_dir, table)
        assert clean_month(raw, data_dir).rows == count
        assert recognise(raw.path.rename(tmp_path / "export")).month == MONTH


def test_gzip_that_duckdb_does_not_read_is_read(tmp_path: Path) -> None:
    packed = gzip.compress(export(*ISO).encode())
    dropped = tmp_path / "export.csv.gz"
    dropped.write_bytes(packed[:3] + b"\x10" + packed[4:10] + b"a comment\0" + packed[10:])
    assert recognise(dropped).month == MONTH


def test_the_month_of_most_trips_is_that_of_the_first_of_a_long_file(tmp_path: Path) -> None:
    dropped = tmp_path / "export.csv"
    dropped.write_text(export(*ISO * 70_000, *["2019-02-01 00:00:00"] * 220_000), encoding="utf-8")
    assert recognise(dropped).month == MONTH


# Dates that can be read in two ways


def test_a_file_that_is_of_either_month_is_an_error_until_its_name_decides(tmp_path: Path) -> None:
    content = export("03/05/2019 03:36", "03/05/2019 18:20", "05/05/2019 00:10", "03/05/2019 19:00")
    dropped = tmp_path / "export.csv"
    dropped.write_text(content, encoding="utf-8")
    with pytest.raises(LayoutError) as error:
        recognise(dropped)
    assert str(error.value) == (
        "export.csv: its trips are of 2019-03 if the month stands first in its dates, and of 2019-05 if the day does; "
        "no number above 12 tells which. Name it yellow_tripdata_2019-03.csv or yellow_tripdata_2019-05.csv, and that "
        "month decides"
    )
    for month, first in (("2019-03", "2019-03-05 03:36:00"), ("2019-05", "2019-05-03 03:36:00")):
        raw = csv_month(DataDir(tmp_path), content, TripMonth("yellow", month))
        landed = recognise(raw.path)
        assert (landed.month, landed.recognised_by) == (raw.month, "by its name")
        assert str(rows(clean_month(raw, DataDir(tmp_path)).path)[0]["tpep_pickup_datetime"]) == first


@pytest.mark.parametrize(
    ("pickups", "also_said"),
    [
        (["01/02/2019 03:36", "03/04/2019 18:20", "05/06/2019 15:08"], "If it is a month"),
        (["01/31/2019 03:36", "31/01/2019 18:20", "01/05/2019 15:08"], "Some dates can only have the day first"),
        (["31/31/2019 03:36", "soon", ""], "If it is a month"),
    ],
)
def test_dates_that_agree_on_no_month_are_an_error_that_says_how_to_name_the_file(
    pickups: list[str], also_said: str, tmp_path: Path
) -> None:
    dropped = tmp_path / "export.csv"
    dropped.write_text(export(*pickups), encoding="utf-8")
    with pytest.raises(LayoutError, match="no month has most of its pickup times") as error:
        recognise(dropped)
    assert also_said in str(error.value)
    assert str(error.value).endswith("name it yellow_tripdata_YYYY-MM.csv")


def test_dates_in_both_orders_leave_the_vote_to_the_others(tmp_path: Path) -> None:
    dropped = tmp_path / "export.csv"
    dropped.write_text(export("02/31/2019 03:36", "31/02/2019 18:20", ISO[0]), encoding="utf-8")
    assert recognise(dropped).month == MONTH


@pytest.mark.parametrize("month", ["0001-01", "1970-01", "9999-12"])
def test_a_month_that_no_file_can_be_of_is_an_error_like_others(month: str, tmp_path: Path) -> None:
    dropped = tmp_path / "export.csv"
    dropped.write_text(export(f"{month}-01 00:00:00"), encoding="utf-8")
    with pytest.raises(LayoutError, match=f"export.csv: most of its trips began in {month}, of which no dataset"):
        recognise(dropped)


def test_a_column_of_a_type_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    table = pa.table({name: pa.nulls(1) for name in EXPORT.split(",")})
    zoned = pa.array([0], pa.timestamp("us", "UTC"))
    pq.write_table(table.set_column(1, "tpep_pickup_datetime", zoned), tmp_path / "export.parquet")
    with pytest.raises(LayoutError, match=r"'tpep_pickup_datetime' arrives as .* without a zone"):
        recognise(tmp_path / "export.parquet")
