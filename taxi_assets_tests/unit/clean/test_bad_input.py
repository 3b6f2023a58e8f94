"""Files that are not what they should be: the error says what is wrong, and the previous month stays as it was."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError, CountMismatchError, LayoutError, StorageFullError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.clean_file import read_clean
from taxi_assets_tests.support.raw_months import MONTH, YELLOW_2019, YELLOW_TRIP, csv_month, names_in, raw_file, rows

GREEN_2019 = (
    "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,PULocationID,DOLocationID,"
    "passenger_count,trip_distance,fare_amount,extra,mta_tax,tip_amount,tolls_amount,ehail_fee,improvement_surcharge,"
    "total_amount,payment_type,trip_type,congestion_surcharge"
)
FHV_2019 = "dispatching_base_num,pickup_datetime,dropoff_datetime,PULocationID,DOLocationID,SR_Flag"
FHVHV_2019 = f"hvfhs_license_num,{FHV_2019}"


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    """Holds a good month already."""
    data_dir = DataDir(tmp_path / "data")
    clean_month(csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\n"), data_dir)
    return data_dir


def assert_previous_month_stands(data_dir: DataDir) -> None:
    clean = read_clean(MONTH, data_dir)
    assert clean is not None
    assert [trip["total_amount"] for trip in rows(clean.path)] == [9.95]
    assert names_in(clean.path.parent) == [clean.path.name]
    assert names_in(clean.rejected_path.parent) == [clean.rejected_path.name]


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (YELLOW_2019 + ",hover_fee", ["'hover_fee'", "=hover_fee.", "taxi_assets/datasets/yellow.py", "2019-01.csv"]),
        (YELLOW_2019 + ",hover_fee,drone_id", ["'hover_fee', 'drone_id'", "TAXI_IGNORE_COLUMNS=hover_fee,drone_id"]),
        (YELLOW_2019.replace("total_amount", "grand_total"), ["'grand_total'", "'total_amount'", "aliases"]),
        (YELLOW_2019.replace("tpep_pickup_datetime,", ""), ["'tpep_pickup_datetime'", "every yellow file has had"]),
        (YELLOW_2019.replace("extra", "VendorID"), ["repeats 'VendorID'"]),
        (YELLOW_2019.replace("extra", "pickup_datetime"), ["'tpep_pickup_datetime', 'pickup_datetime' both say when"]),
        (YELLOW_TRIP, ["its first line holds data", "put the header line back"]),
        (YELLOW_2019.replace("extra", "ex\x1btra"), [r"'ex\x1btra'"]),
        (YELLOW_2019.replace("extra", "mta_tax"), ["repeats 'mta_tax'"]),
        (GREEN_2019, ["columns of green, not of yellow", "materialize raw/yellow_tripdata"]),
        (FHV_2019, ["columns of fhv, not of yellow"]),
        (FHVHV_2019, ["columns of fhvhv, not of yellow"]),
        (",,,,", ["header is empty"]),
        ("some,thing,else", ["'some', 'thing', 'else'"]),
    ],
)  # fmt: skip
def test_a_header_that_is_not_yellow_s_is_an_error_that_says_why(
    header: str, parts: list[str], data_dir: DataDir
) -> None:
    raw = csv_month(data_dir, f"{header}\n{YELLOW_TRIP}\n")
    with pytest.raises(LayoutError) as error:
        clean_month(raw, data_dir)
    for part in parts:
        assert part in str(error.value)
    assert_previous_month_stands(data_dir)


@pytest.mark.parametrize(
    ("dataset", "header", "is_of"),
    [
        ("fhvhv", FHV_2019, "fhv"),
        ("fhv", FHVHV_2019, "fhvhv"),
        ("green", YELLOW_2019, "yellow"),
        ("fhv", YELLOW_2019, "yellow"),
    ],
)
def test_a_file_of_another_dataset_is_recognised_though_columns_are_shared(
    dataset: str, header: str, is_of: str, data_dir: DataDir
) -> None:
    month = TripMonth(dataset, "2019-03")
    with pytest.raises(LayoutError, match=f"columns of {is_of}, not of {dataset}"):
        clean_month(csv_month(data_dir, f"{header}\n{YELLOW_TRIP}\n", month), data_dir)


def test_a_file_of_which_every_line_is_rejected_is_an_error(data_dir: DataDir) -> None:
    raw = csv_month(data_dir, f"{YELLOW_2019}\n<html>\n<body>sorry</body>\n</html>\n")
    with pytest.raises(BrokenFileError, match="all 3 lines are rejected") as error:
        clean_month(raw, data_dir)
    kept = data_dir.given_up(MONTH)
    assert "too_few_fields 3 (line 2: <html>)" in str(error.value)
    assert str(kept) in str(error.value)
    assert [(row["line_number"], row["line"]) for row in rows(kept)] == [
        (2, "<html>"), (3, "<body>sorry</body>"), (4, "</html>")
    ]  # fmt: skip
    kept.unlink()
    assert_previous_month_stands(data_dir)


def test_an_error_about_rejected_lines_tells_reasons_examples_and_what_is_read(data_dir: DataDir) -> None:
    bad = ["\x1b[2J" + "x" * 5_000, YELLOW_TRIP.replace("2019-01-01 00:46:40", "soon"), ",,", YELLOW_TRIP + ",7"]
    raw = csv_month(data_dir, "\n".join([YELLOW_2019, *bad, ""]))
    with pytest.raises(BrokenFileError) as error:
        clean_month(raw, data_dir)
    message = str(error.value).replace(str(data_dir.root), "")
    assert "all 4 lines are rejected" in message
    assert "too_few_fields 2 (line 2: \\x1b[2Jxxx" in message
    assert "too_many_fields 1 (line 5: 1,2019" in message
    assert "unreadable_pickup_time 1 (line 3: 1,soon" in message
    assert "01/31/2019 01:05:09 PM" in message
    assert message.isprintable()
    assert len(message) < 1_000

    # The month that was clean before stays, and the next good one removes what was kept to look at.
    assert [trip["total_amount"] for trip in rows(data_dir.clean(MONTH))] == [9.95]
    assert rows(data_dir.rejected(MONTH)) == []
    assert [row["line"] for row in rows(data_dir.given_up(MONTH))] == bad
    clean_month(csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\nbad\n"), data_dir)
    assert not data_dir.given_up(MONTH).exists()


def test_a_file_of_nothing_but_short_lines_is_given_up_early(data_dir: DataDir) -> None:
    short = "x\n" * 2_000_000
    raw = csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\n{short}", packed=True)
    began = time.monotonic()
    with pytest.raises(BrokenFileError, match=r"most of its 2,000,001 lines are rejected.*too_few_fields 100,000"):
        clean_month(raw, data_dir)
    assert time.monotonic() - began < 60  # to write all of them out takes many times as long
    assert len(rows(data_dir.given_up(MONTH))) == 100_000
    assert sum(path.stat().st_size for path in data_dir.root.rglob("*.parquet")) < 2_000_000


def test_many_lines_with_a_value_that_cannot_be_read_are_no_reason_to_give_up(data_dir: DataDir) -> None:
    lost = YELLOW_TRIP.replace("151", "zone")
    raw = csv_month(data_dir, "\n".join([YELLOW_2019, *[YELLOW_TRIP] * 400, *[lost] * 110_000, ""]), packed=True)
    clean = clean_month(raw, data_dir)
    assert (clean.rows, clean.unreadable) == (110_400, {"pulocationid": 110_000})


@pytest.mark.parametrize("before", [True, False])
def test_blank_lines_without_end_are_no_trip_file(before: bool, data_dir: DataDir) -> None:
    blank = "\r\n" * 300_000
    header = f"{blank}{YELLOW_2019}\n" if before else f"{YELLOW_2019}\n{blank}"
    raw = csv_month(data_dir, f"{header}{YELLOW_TRIP}\n", packed=True)
    with pytest.raises(BrokenFileError, match="blank lines"):
        clean_month(raw, data_dir)
    assert_previous_month_stands(data_dir)


@pytest.mark.parametrize("place", [1, 1_000])
def test_a_line_too_long_for_a_trip_is_an_error(place: int, data_dir: DataDir) -> None:
    lines = [YELLOW_TRIP] * place + ["x" * 3_000_000]
    raw = csv_month(data_dir, "\n".join([YELLOW_2019, *lines, ""]))
    with pytest.raises(BrokenFileError, match="yellow_tripdata_2019-01"):
        clean_month(raw, data_dir)
    assert_previous_month_stands(data_dir)


def test_lines_that_neither_file_would_have_stop_the_month(data_dir: DataDir) -> None:
    # To DuckDB a carriage return ends a line; fetching counted it as part of one.
    raw = csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\r{YELLOW_TRIP}\n{YELLOW_TRIP}\n")
    with pytest.raises(CountMismatchError, match="2 data lines"):
        clean_month(raw, data_dir)
    assert_previous_month_stands(data_dir)


def test_a_file_that_lost_lines_since_it_was_fetched_stops_the_month(data_dir: DataDir) -> None:
    raw = csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\n{YELLOW_TRIP}\n")
    with pytest.raises(BrokenFileError, match=r"2 lines instead of 3.*fetches the file anew"):
        clean_month(replace(raw, published_rows=3), data_dir)
    assert_previous_month_stands(data_dir)


def test_a_gzip_that_broke_since_it_was_fetched_is_an_error(data_dir: DataDir) -> None:
    raw = csv_month(data_dir, "\n".join([YELLOW_2019, *[YELLOW_TRIP] * 50_000, ""]), packed=True)
    content = bytearray(raw.path.read_bytes())
    raw.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BrokenFileError, match=r"yellow_tripdata_2019-01.*it is not what was fetched"):
        clean_month(raw, data_dir)
    assert_previous_month_stands(data_dir)


def test_a_parquet_file_that_is_none_is_an_error(data_dir: DataDir) -> None:
    raw = csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\n{YELLOW_TRIP}\n")
    with pytest.raises(BrokenFileError, match="it cannot be read"):
        clean_month(replace(raw, format="parquet"), data_dir)
    assert_previous_month_stands(data_dir)


_CLEAN_WITH_LITTLE_ROOM = """
import resource, signal, sys
from pathlib import Path
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import StorageFullError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets_tests.support.raw_months import raw_file

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
raw = raw_file(Path(sys.argv[2]), "csv.gz")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    clean_month(raw, DataDir(Path(sys.argv[1])))
except StorageFullError as error:
    print("STORAGE FULL", error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system has no limit on the size of files")
def test_a_full_disk_leaves_the_previous_month_and_nothing_else(data_dir: DataDir) -> None:
    lines = [YELLOW_TRIP.replace("9.95", f"{number * 7919 % 100_003}") for number in range(20_000)]
    raw = csv_month(data_dir, "\n".join([YELLOW_2019, *lines, ""]), packed=True)
    outcome = subprocess.run(
        [sys.executable, "-c", _CLEAN_WITH_LITTLE_ROOM, str(data_dir.root), str(raw.path)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "STORAGE FULL" in outcome.stdout
    assert "free space, then run again" in outcome.stdout
    assert_previous_month_stands(data_dir)
    assert StorageFullError.__name__ not in outcome.stderr


def gzip_member(
    content: bytes = f"{YELLOW_2019}\n{YELLOW_TRIP}\n{YELLOW_TRIP}\n".encode(), *, flags: int = 0, header: bytes = b""
) -> bytes:
    """One member of a gzip file with these flags (RFC 1952) and what they announce, the header's checksum excepted."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    begin = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff" + header
    checksum = struct.pack("<H", zlib.crc32(begin) & 0xFFFF) if flags & 2 else b""
    packed = deflate.compress(content) + deflate.flush()
    return begin + checksum + packed + struct.pack("<II", zlib.crc32(content), len(content))


@pytest.mark.parametrize(
    "packed",
    [
        gzip_member(flags=0x10, header=b"a comment\0"),
        gzip_member(flags=0x08, header=b"a name\0"),
        gzip_member(flags=0x01),
        gzip_member(flags=0x02),
        gzip_member(flags=0x1F, header=b"\x04\0abcda name\0a comment\0"),
        gzip_member() + bytes(512),
        gzip_member() + gzip_member(b"", flags=0x10, header=b"a comment\0"),
    ],
    ids=["comment", "name", "text", "checksum", "all", "zeros at the end", "comment later on"],
)
def test_gzip_that_is_valid_is_read_by_raw_and_clean_alike(data_dir: DataDir, packed: bytes) -> None:
    path = data_dir.raw_dir("yellow") / "yellow_tripdata_2019-01.csv.gz"
    path.write_bytes(packed)
    clean = clean_month(raw_file(path, "csv.gz"), data_dir)
    assert (clean.rows, clean.rejected_rows) == (2, 0)
    assert names_in(data_dir.clean(MONTH).parent) == [data_dir.clean(MONTH).name]
