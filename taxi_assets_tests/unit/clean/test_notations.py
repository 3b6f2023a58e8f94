"""What people's exports make of trip files: words for nothing, money, dates in other orders, times that say UTC."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.codes import NOTHING
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.reading.parquet_queries import ParquetQueries, describe
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets_tests.support.raw_months import MONTH, csv_month, parquet_month, rows, told

GREEN = TripMonth("green", "2020-04")
GREEN_HEADER = (
    "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,PULocationID,DOLocationID,"
    "passenger_count,trip_distance,fare_amount,extra,mta_tax,tip_amount,tolls_amount,ehail_fee,improvement_surcharge,"
    "total_amount,payment_type,trip_type,congestion_surcharge"
)
HEADER = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,payment_type,fare_amount,"
    "total_amount"
)
PARQUET_TRIP: dict[str, Any] = {
    "VendorID": pa.array([1]),
    "tpep_pickup_datetime": pa.array([datetime.fromisoformat("2019-01-01 00:46:40")]),
    "tpep_dropoff_datetime": pa.array([datetime.fromisoformat("2019-01-01 00:53:20")]),
    "passenger_count": pa.array([1]),
    "trip_distance": pa.array([1.5]),
    "payment_type": pa.array([1]),
    "fare_amount": pa.array([7.0]),
    "total_amount": pa.array([9.5]),
}


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def cleaned(data_dir: DataDir, text: str, month: TripMonth = MONTH) -> CleanFile:
    return clean_month(csv_month(data_dir, text, month), data_dir)


def picked_up(data_dir: DataDir, *pickups: str, month: TripMonth = MONTH) -> list[str]:
    """What pickup times are read as, in the order of the file."""
    lines = [f"1,{pickup},,1,{number},1,7,9.5" for number, pickup in enumerate(pickups)]
    clean = cleaned(data_dir, "\n".join([HEADER, *lines, ""]), month)
    found = {row["trip_distance"]: str(row["tpep_pickup_datetime"]) for row in rows(clean.path)}
    return [found.get(number, "rejected") for number in range(len(pickups))]


@pytest.mark.parametrize("word", sorted(NOTHING | {"nan", "None", "null", "n/a", " NA "}))
def test_a_word_for_nothing_is_blank_in_every_column(word: str, data_dir: DataDir) -> None:
    # The first line decides how the fast pass reads: once it has the word, once a usual line stands before it.
    nothing = ",".join([word, "2020-04-01 04:30:00", *[word] * 18])
    sound = "2,2020-04-01 00:10:00,2020-04-01 00:20:00,N,1,42,41,1,1.5,8,0.5,0.5,0,0,,0.3,9.3,1,1,0"
    for lines in ([nothing], [*[sound] * 400, nothing]):
        clean = cleaned(data_dir, "\n".join([GREEN_HEADER, *lines, ""]), GREEN)
        assert (clean.rows, clean.rejected_rows, clean.unreadable) == (len(lines), 0, {})
        assert told(rows(clean.path)[-1]) == {"lpep_pickup_datetime": datetime.fromisoformat("2020-04-01 04:30:00")}


def test_a_word_for_nothing_is_no_pickup_time_and_no_base(data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2019-01")
    lines = ["B1,NULL", "NA,2019-01-01 00:00:01", "NAN5,2019-01-01 00:00:02", "N/A ,2019-01-01 00:00:03"]
    clean = cleaned(data_dir, "\n".join(["dispatching_base_num,pickup_datetime", *lines, ""]), month)
    assert [row["reason"] for row in rows(clean.rejected_path)] == ["no_pickup_time"]
    bases = {row["pickup_datetime"].second: row["dispatching_base_num"] for row in rows(clean.path)}
    assert (bases, clean.unreadable) == ({1: None, 2: "NAN5", 3: None}, {})


@pytest.mark.parametrize(("others", "value"), [("Cas", 5), ("CRE", 5), ("2", None), ("NA", None), ("", None)])
def test_na_is_a_payment_only_where_payments_are_words(others: str, value: int | None, data_dir: DataDir) -> None:
    month = TripMonth("yellow", "2010-03")
    lines = [f"1,2010-03-01 00:00:00,,1,1,{payment},7,9.5" for payment in (others, "NA", others)]
    clean = cleaned(data_dir, "\n".join([HEADER, *lines, ""]), month)
    assert (rows(clean.path)[1]["payment_type"], clean.unreadable) == (value, {})

    table = {name: pa.concat_arrays([values] * 3) for name, values in PARQUET_TRIP.items()}
    table["payment_type"] = pa.array([others, "NA", others])
    clean = clean_month(parquet_month(data_dir, pa.table(table), month), data_dir)
    assert (rows(clean.path)[1]["payment_type"], clean.unreadable) == (value, {})


@pytest.mark.parametrize("word", ["NA", "null", r"\N", "nan"])
def test_words_for_nothing_are_blank_in_the_texts_of_parquet(word: str, data_dir: DataDir) -> None:
    table = {**PARQUET_TRIP, **dict.fromkeys(["passenger_count", "total_amount", "VendorID"], pa.array([word]))}
    table["store_and_fwd_flag"] = table["tpep_dropoff_datetime"] = pa.array([word])
    clean = clean_month(parquet_month(data_dir, pa.table(table)), data_dir)
    assert (clean.rows, clean.unreadable) == (1, {})
    assert set(told(rows(clean.path)[0])) == {
        "tpep_pickup_datetime", "trip_distance", "payment_type", "fare_amount",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("$6.50", 6.5),
        ('"1,009.75"', 1009.75),
        ('"$1,234,567.8"', 1234567.8),
        ("-$4.00", -4.0),
        ("($4.00)", -4.0),
        ('"(1,000.25)"', -1000.25),
        ("$-4", -4.0),
        (" $.50 ", 0.5),
        ('"1,00"', None),
        ('"1.009,75"', None),
        ("$", None),
        ("($4.00", None),
        ("6.50 USD", None),
        ("--4", None),
    ],
)
def test_money_is_a_number_however_it_is_written(written: str, value: float | None, data_dir: DataDir) -> None:
    sound = "1,2019-01-01 00:00:00,,1,1.5,1,7,9.5"
    clean = cleaned(data_dir, "\n".join([HEADER, sound, sound.replace(",7,", f",{written},"), ""]))
    assert (clean.rows, clean.rejected_rows) == (2, 0)
    assert rows(clean.path)[1]["fare_amount"] == value
    assert clean.unreadable == ({} if value is not None else {"fare_amount": 1})


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2019-01-15 03:36:12 UTC", "2019-01-15 03:36:12"),
        ("2019-01-15T03:36:12Z", "2019-01-15 03:36:12"),
        ("2019-01-15T03:36:12.5Z", "2019-01-15 03:36:12.500000"),
        ("2019-01-15 03:36:12+00:00", "2019-01-15 03:36:12"),
        ("2019-01-15 03:36:12 +0000", "2019-01-15 03:36:12"),
        ("2019-01-15 03:36:12.123456 utc", "2019-01-15 03:36:12.123456"),
        ("2019-01-15 03:36:12.000000000", "2019-01-15 03:36:12"),
        ("2019-01-15 03:36:12.123456789", "2019-01-15 03:36:12.123456"),
        ("2019/1/5 3:36", "2019-01-05 03:36:00"),
        ("01/15/19 03:36", "2019-01-15 03:36:00"),
        ("1/15/2019 3:36:12 pm", "2019-01-15 15:36:12"),
        ("1/15/2019 12:06 Am", "2019-01-15 00:06:00"),
        ("1/15/2019 3:36PM", "2019-01-15 15:36:00"),
        ("15.01.2019 03:36:12", "2019-01-15 03:36:12"),
        ("15-01-2019 03:36", "2019-01-15 03:36:00"),
        ("2019-01-15 03:36:12-05:00", "rejected"),
        ("2019-01-15 03:36:12 EST", "rejected"),
        ("2019-01-15 13:36 PM", "rejected"),
        ("2019-01-15 03:36:12.1234567890", "rejected"),
        ("13/13/2019 03:36", "rejected"),
        ("05-01-19 06:47", "rejected"),
        ("20190115 033612", "rejected"),
    ],
)
def test_a_time_is_read_in_the_forms_that_exports_have(written: str, value: str, data_dir: DataDir) -> None:
    assert picked_up(data_dir, "2019-01-01 00:00:00", written) == ["2019-01-01 00:00:00", value]
    # The same when the first lines show it, so that the fast pass reads it.
    if value != "rejected":
        assert picked_up(data_dir, written, written) == [value, value]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (["15/01/2019 03:36", "05/01/2019 06:47"], ["2019-01-15 03:36:00", "2019-01-05 06:47:00"]),
        (["01/15/2019 03:36", "01/05/2019 06:47"], ["2019-01-15 03:36:00", "2019-01-05 06:47:00"]),
        (["15/01/19", "05/01/19"], ["2019-01-15 00:00:00", "2019-01-05 00:00:00"]),
        # Nothing above 12: the month of the file decides.
        (["05/01/2019 06:47", "09/01/2019 06:47"], ["2019-01-05 06:47:00", "2019-01-09 06:47:00"]),
        (["01/05/2019 06:47", "01/09/2019 06:47"], ["2019-01-05 06:47:00", "2019-01-09 06:47:00"]),
        (["01/01/2019 06:47", "1/1/2019 7:00"], ["2019-01-01 06:47:00", "2019-01-01 07:00:00"]),
        # One day above 12 decides against the month's majority.
        (["01/05/2019", "01/09/2019", "13/01/2019"],
         ["2019-05-01 00:00:00", "2019-09-01 00:00:00", "2019-01-13 00:00:00"]),
        # Other forms beside it are not concerned.
        (["2019-01-02 00:00:00", "15/01/2019", "05/01/2019"],
         ["2019-01-02 00:00:00", "2019-01-15 00:00:00", "2019-01-05 00:00:00"]),
    ],
)  # fmt: skip
def test_day_and_month_have_one_order_in_a_file(written: list[str], value: list[str], data_dir: DataDir) -> None:
    assert picked_up(data_dir, *written) == value
    # The same where only later lines show it, and where Parquet holds texts.
    usual = ["2019-01-01 00:00:00"] * 400
    assert picked_up(data_dir, *usual, *written)[400:] == value
    table = {name: pa.concat_arrays([values] * len(written)) for name, values in PARQUET_TRIP.items()}
    clean = clean_month(
        parquet_month(data_dir, pa.table({**table, "tpep_pickup_datetime": pa.array(written)})), data_dir
    )
    assert [str(row["tpep_pickup_datetime"]) for row in rows(clean.path)] == value


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (["15/01/2019 00:00", "01/15/2019 00:00"], "Some dates can only have the day first"),
        (["03/04/2019 00:00", "05/06/2019 00:00"], "03/04/2019 have the month or the day first cannot be told"),
        (["01/02/2019 00:00", "02/01/2019 00:00"], "cannot be told"),
    ],
)
def test_a_file_whose_dates_have_no_one_order_is_an_error_that_says_so(
    written: list[str], says: str, data_dir: DataDir
) -> None:
    with pytest.raises(BrokenFileError, match="all 2 lines are rejected") as error:
        picked_up(data_dir, *written)
    assert says in str(error.value)
    # Beside dates that are beyond doubt they are rejected, never guessed.
    assert picked_up(data_dir, "2019-01-01 00:00:00", *written) == ["2019-01-01 00:00:00", "rejected", "rejected"]


@pytest.mark.parametrize("name", ["tpep_pickup_datetime", "tpep_dropoff_datetime"])
@pytest.mark.parametrize(
    "time",
    [
        pa.array([-(2**63) + 1], pa.int64()).cast(pa.timestamp("us"), safe=False),  # -infinity to DuckDB
        pa.array([2**63 - 1], pa.int64()).cast(pa.timestamp("us"), safe=False),
        pa.array([-(2**63) + 1], pa.int64()).cast(pa.timestamp("ns"), safe=False),
        pa.array([2**63 - 1], pa.int64()).cast(pa.timestamp("ns"), safe=False),
        pa.array([-4800 * 31_556_952_000_000], pa.int64()).cast(pa.timestamp("us")),  # about 2831 BC
        pa.array([-9000 * 31_556_952_000_000], pa.int64()).cast(pa.timestamp("us")),  # about 7031 BC
        pa.array([9000 * 31_556_952_000], pa.int64()).cast(pa.timestamp("ms")),  # about 10970
        pa.array([-(2**31) + 1], pa.int32()).cast(pa.date32()),
        pa.array([2**31 - 1], pa.int32()).cast(pa.date32()),
    ],
    ids=[
        "-infinity", "infinity", "-infinite ns", "infinite ns", "2831 BC", "7031 BC", "10970", "-infinite date",
        "infinite date",
    ],
)  # fmt: skip
def test_a_time_that_no_store_holds_is_unreadable(time: pa.Array, name: str, data_dir: DataDir) -> None:
    table = {column: pa.concat_arrays([values] * 2) for column, values in PARQUET_TRIP.items()}
    good = pa.array([datetime.fromisoformat("2019-01-01 00:00:00")]).cast(time.type)
    table[name] = pa.concat_arrays([good, time])
    clean = clean_month(parquet_month(data_dir, pa.table(table)), data_dir)
    if name == "tpep_pickup_datetime":
        assert [row["reason"] for row in rows(clean.rejected_path)] == ["unreadable_pickup_time"]
    else:
        assert (clean.unreadable, rows(clean.path)[1][name]) == ({name: 1}, None)


@pytest.mark.parametrize("year", [2019, 9999, 10970])
def test_times_are_looked_at_one_by_one_only_where_the_footer_does_not_tell_their_years(
    year: int, data_dir: DataDir
) -> None:
    time = pa.array([(year - 1970) * 31_556_952_000_000], pa.int64()).cast(pa.timestamp("us"))
    raw = parquet_month(data_dir, pa.table({**PARQUET_TRIP, "tpep_dropoff_datetime": time}))
    with duckdb.connect() as connection:
        queries = ParquetQueries.of(raw, describe(connection, raw.path), DATASETS["yellow"])
    dropoff = DATASETS["yellow"].column("tpep_dropoff_datetime")
    assert (dropoff in queries.fallible()) is ("BETWEEN" in str(queries.value(dropoff))) is (year > 9999)


def test_the_parts_of_a_nested_column_that_is_skipped_do_not_vouch_for_the_times_beside_it(data_dir: DataDir) -> None:
    table = {"details": pa.array([{"a": 1, "b": 2}]), **PARQUET_TRIP}
    table["tpep_dropoff_datetime"] = pa.array([2**63 - 1], pa.int64()).cast(pa.timestamp("us"), safe=False)
    clean = clean_month(parquet_month(data_dir, pa.table(table)), data_dir, ignore={"details"})
    assert (clean.unreadable, clean.skipped) == ({"tpep_dropoff_datetime": 1}, ("details",))


def test_text_in_binary_columns_is_read_when_it_is_utf_8(data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2019-01")
    table = {
        "dispatching_base_num": pa.array(["Café".encode(), b"B\xff", b"NA", None], pa.binary()),
        "pickup_datetime": pa.array([b"2019-01-01 00:00:01", b"2019-01-01 00:00:02Z", b"1/15/2019", b"\xff"]),
        "PUlocationID": pa.array([b"7", b"8", b"", b"9"]),
    }
    clean = clean_month(parquet_month(data_dir, pa.table(table), month), data_dir)
    assert [(row["dispatching_base_num"], row["pulocationid"]) for row in rows(clean.path)] == [
        ("Café", 7), (None, 8), (None, None),
    ]  # fmt: skip
    assert clean.unreadable == {"dispatching_base_num": 1}
    assert [row["reason"] for row in rows(clean.rejected_path)] == ["unreadable_pickup_time"]


def test_times_marked_as_utc_are_an_error_that_says_what_to_do(data_dir: DataDir) -> None:
    table = {**PARQUET_TRIP}
    table["tpep_pickup_datetime"] = table["tpep_pickup_datetime"].cast(pa.timestamp("us", tz="UTC"))
    with pytest.raises(LayoutError) as error:
        clean_month(parquet_month(data_dir, pa.table(table)), data_dir)
    assert "trips['tpep_pickup_datetime'].dt.tz_localize(None)" in str(error.value)
    assert "tz_convert('America/New_York')" in str(error.value)


def test_a_column_of_another_type_is_an_error_that_says_what_to_write(data_dir: DataDir) -> None:
    table = {**PARQUET_TRIP, "passenger_count": pa.array([[1, 2]])}
    with pytest.raises(LayoutError, match="Write the file with numbers or text in that column"):
        clean_month(parquet_month(data_dir, pa.table(table)), data_dir)
