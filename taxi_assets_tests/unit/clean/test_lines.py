"""Lines that are not like the others: which are rejected, with which number and reason, and what is salvaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets_tests.support.raw_months import MONTH, YELLOW_2019, YELLOW_TRIP, csv_month, names_in, rows, told

HEADER = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,payment_type,fare_amount,"
    "total_amount"
)
GOOD = "1,2019-01-01 00:00:00,2019-01-01 00:10:00,2,1.5,1,7,9.5"


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def cleaned(data_dir: DataDir, text: str | bytes, month: TripMonth = MONTH, *, packed: bool = False) -> CleanFile:
    raw = csv_month(data_dir, text, month, packed=packed)
    clean = clean_month(raw, data_dir)
    assert clean.rows + clean.rejected_rows == raw.published_rows
    assert (len(rows(clean.path)), len(rows(clean.rejected_path))) == (clean.rows, clean.rejected_rows)
    return clean


def rejected(clean: CleanFile) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows(clean.rejected_path)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,2019-01-01 00:00:00,2019-01-01 00:10:00,2,1.5,1,7", "too_few_fields"),
        ("garbage", "too_few_fields"),
        ("   ", "too_few_fields"),
        (GOOD + ",1.5", "too_many_fields"),
        (GOOD + ",,,,,,,1.5", "too_many_fields"),
        ("1,,2019-01-01 00:10:00,2,1.5,1,7,9.5", "no_pickup_time"),
        ("1, ,2019-01-01 00:10:00,2,1.5,1,7,9.5", "no_pickup_time"),
        (",,,,,,,", "no_pickup_time"),
        ("1,yesterday,2019-01-01 00:10:00,2,1.5,1,7,9.5", "unreadable_pickup_time"),
        ("1,2019-02-29 00:00:00,,2,1.5,1,7,9.5", "unreadable_pickup_time"),
        ("1,2019-01-01 24:00:00,,2,1.5,1,7,9.5", "unreadable_pickup_time"),
        ("1,epoch,,2,1.5,1,7,9.5", "unreadable_pickup_time"),
        ("1,infinity,,2,1.5,1,7,9.5", "unreadable_pickup_time"),
        ("1,0000-01-01 00:00:00,,2,1.5,1,7,9.5", "unreadable_pickup_time"),
        ("1,19-1-1 00:00:00,,2,1.5,1,7,9.5", "unreadable_pickup_time"),
        ("1,2019-01-01 00:00:00+02,,2,1.5,1,7,9.5", "unreadable_pickup_time"),
        (HEADER, "unreadable_pickup_time"),
    ],
)
def test_a_line_that_cannot_be_a_trip_is_rejected_with_number_reason_and_text(
    line: str, reason: str, data_dir: DataDir
) -> None:
    clean = cleaned(data_dir, f"{HEADER}\r\n{GOOD}\r\n{line}\r\n{GOOD}\r\n")
    assert rejected(clean) == [(3, reason, line)]
    assert [trip["total_amount"] for trip in rows(clean.path)] == [9.5, 9.5]


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("vendorid", "1.5", None),
        ("vendorid", "15e-1", None),
        ("vendorid", "40000", None),
        ("vendorid", "nobody", None),
        ("vendorid", "2.0", 2),
        ("vendorid", "-1", -1),
        ("vendorid", " 2 ", 2),
        ("vendorid", "", None),
        ("passenger_count", "208", 208),
        ("total_amount", "inf", None),
        ("total_amount", "-Infinity", None),
        ("total_amount", "1e400", None),
        ("total_amount", "$9.50", 9.5),
        ("total_amount", "-52.8", -52.8),
        ("total_amount", ".5", 0.5),
        ("total_amount", "8.9000000000000004", 8.9),
        ("total_amount", "1e2", 100.0),
        ("total_amount", " ", None),
        ("tpep_dropoff_datetime", "3019-01-01 00:00:00", "3019-01-01 00:00:00"),
        ("tpep_dropoff_datetime", "2019-01-01T00:10:00", "2019-01-01 00:10:00"),
        ("tpep_dropoff_datetime", "2019-01-01 00:10", "2019-01-01 00:10:00"),
        ("tpep_dropoff_datetime", "2019-01-01 00:10:00.25", "2019-01-01 00:10:00.250000"),
        ("tpep_dropoff_datetime", "1/2/2019 3:04:05 PM", "2019-01-02 15:04:05"),
        ("tpep_dropoff_datetime", "soon", None),
    ],
)
def test_a_value_is_read_exactly_or_becomes_null_and_is_counted(
    column: str, text: str, value: object, data_dir: DataDir
) -> None:
    places = [
        "vendorid",
        "pickup",
        "tpep_dropoff_datetime",
        "passenger_count",
        "distance",
        "payment",
        "fare",
        "total_amount",
    ]
    fields = GOOD.split(",")
    fields[places.index(column)] = text
    clean = cleaned(data_dir, f"{HEADER}\n{GOOD}\n{','.join(fields)}\n")

    found = rows(clean.path)[1][column]
    assert (str(found) if column.endswith("datetime") and found else found) == value
    assert clean.unreadable == ({column: 1} if value is None and text.strip() else {})


def test_surplus_fields_are_dropped_when_empty_and_refuse_the_line_when_not(data_dir: DataDir) -> None:
    # green 2013 to 2015-06 and both datasets in 2016-07 to 2016-12 have two empty fields more than the header.
    clean = cleaned(
        data_dir, f"{HEADER}\r\n\r\n{GOOD},,\r\n{GOOD},\r\n{GOOD}\r\n{GOOD}, ,\r\n{GOOD},,,,\r\n{GOOD},,7\r\n"
    )
    assert (clean.rows, rejected(clean)) == (5, [(8, "too_many_fields", f"{GOOD},,7")])


def test_line_numbers_are_those_of_an_editor_wherever_blank_lines_stand(data_dir: DataDir) -> None:
    text = f"\r\n{HEADER}\n\r\n\n{GOOD}\nbad 6\n\n\r\n\nbad 10\n{GOOD}\r\n\nbad 13\n\n{GOOD}\nbad 16"
    lines = text.split("\n")
    clean = cleaned(data_dir, text)
    assert [(number, line) for number, _, line in rejected(clean)] == [
        (6, "bad 6"),
        (10, "bad 10"),
        (13, "bad 13"),
        (16, "bad 16"),
    ]
    assert all(lines[number - 1].strip("\r") == line for number, _, line in rejected(clean))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\r\n{GOOD}\r\n{GOOD}\r\n",
        f"{HEADER}\n{GOOD}\r\n{GOOD}\n",
        f"{HEADER}\r\n{GOOD}\n{GOOD}",
        f"{HEADER}\n\r\n{GOOD}\r\n\r\n{GOOD}\r\n\r\n",
        f"\ufeff{HEADER}\n{GOOD}\n{GOOD}",
        f"\n\r\n\n{HEADER}\n{GOOD}\n{GOOD}",
        f" {HEADER.replace(',', ', ')} \n{GOOD}\n{GOOD}",
        f"{HEADER.upper()}\n{GOOD}\n{GOOD}",
    ],
)
def test_line_ends_blank_lines_and_spellings_of_the_header_do_not_matter(
    text: str, packed: bool, data_dir: DataDir
) -> None:
    clean = cleaned(data_dir, text, packed=packed)
    assert [told(trip) for trip in rows(clean.path)] == [told(rows(clean.path)[0])] * 2
    assert told(rows(clean.path)[0])["trip_distance"] == 1.5


def test_bytes_that_are_not_utf_8_are_read_one_by_one(data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2019-01")
    text = (
        b"dispatching_base_num,pickup_datetime\nB0001\xa0,2019-01-01 00:00:00\nCaf\xe9,2019-01-01 00:00:01\nbad\xa0\n"
    )
    clean = cleaned(data_dir, text, month)
    assert [trip["dispatching_base_num"] for trip in rows(clean.path)] == ["B0001", "Café"]
    assert rejected(clean) == [(4, "too_few_fields", "bad\xa0")]


def test_quotes_are_the_layout_s_and_not_the_text_s(data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2017-07")
    header = '"Dispatching_base_num","Pickup_DateTime","DropOff_datetime","PUlocationID","DOlocationID","SR_Flag"\r\n'
    lines = [
        ('"B1","2017-07-18 21:29:00","2017-07-18 21:30:38","144","132",""', "B1"),
        ('"B,2","2017-07-18 21:29:00","","","132","1"', "B,2"),
        ('"B""3""","2017-07-18 21:29:00","","","",""', 'B"3"'),
        ('"""4""","2017-07-18 21:29:00","","","",""', '"4"'),
        ('"B5,2017-07-18 21:29:00,"","144","132",""', "B5"),
        ('B6,2017-07-18 21:29:00,,144,132,', "B6"),
    ]  # fmt: skip
    clean = cleaned(data_dir, header + "".join(f"{line}\r\n" for line, _ in lines), month)
    assert clean.rejected_rows == 0
    assert {trip["dispatching_base_num"] for trip in rows(clean.path)} == {base for _, base in lines}
    assert {trip["pulocationid"] for trip in rows(clean.path)} == {144, None}


def test_a_stray_quote_in_an_unquoted_layout_harms_its_own_line_only(data_dir: DataDir) -> None:
    bad = GOOD.replace("1,2019", '"1,2019', 1)
    clean = cleaned(data_dir, "\n".join([HEADER, GOOD, bad, *[GOOD] * 50, ""]))
    assert (clean.rows, clean.rejected_rows, clean.unreadable) == (52, 0, {})
    assert {trip["vendorid"] for trip in rows(clean.path)} == {1}


@pytest.mark.parametrize("first_base", ["B1", " B1 "])
def test_quotes_around_single_texts_of_an_unquoted_layout_are_taken_off(first_base: str, data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2019-01")
    lines = [f"{first_base},2019-01-01 00:00:00", '"B2",2019-01-01 00:00:00', '"B,3",2019-01-01 00:00:00']
    clean = cleaned(data_dir, "\n".join(["dispatching_base_num,pickup_datetime", *lines, ""]), month)
    assert [trip["dispatching_base_num"] for trip in rows(clean.path)] == ["B1", "B2", "B,3"]


def test_text_keeps_what_it_says_but_for_blanks_around_it_and_nul_bytes(data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2019-01")
    bases = [b"B1", b" B2  ", b"b00056", b"B\x003", "\u00a0B4".encode(), b"\x01", b"B 5", b"O'B6;--"]
    text = b"dispatching_base_num,pickup_datetime\n" + b"".join(
        base + b",2019-01-01 00:00:%02d\n" % second for second, base in enumerate(bases)
    )
    clean = cleaned(data_dir, text, month)
    found = {trip["pickup_datetime"].second: trip["dispatching_base_num"] for trip in rows(clean.path)}
    assert found == {0: "B1", 1: "B2", 2: "b00056", 3: None, 4: "B4", 5: "\x01", 6: "B 5", 7: "O'B6;--"}
    assert clean.unreadable == {"dispatching_base_num": 1}


def test_an_unusual_form_after_thousands_of_usual_ones_is_read_as_well(data_dir: DataDir) -> None:
    # The first lines decide how the fast pass reads; what looks different later takes the second pass.
    late = "CMT,2019-01-01T00:00:00,,2.0, 1.5 ,Credit,7,9.5"
    clean = cleaned(data_dir, "\n".join([HEADER, *[GOOD] * 5_000, late, GOOD, "bad", ""]))
    assert (clean.rows, clean.rejected_rows, clean.unreadable) == (5_002, 1, {})
    trip = rows(clean.path)[-1]
    assert (trip["vendorid"], trip["passenger_count"], trip["trip_distance"], trip["payment_type"]) == (1, 2, 1.5, 1)
    assert rejected(clean)[0][0] == 5_004


def test_when_most_lines_are_bad_the_others_are_still_right(data_dir: DataDir) -> None:
    lines = [GOOD if number % 10 == 0 else f"bad {number}" for number in range(30_000)]
    clean = cleaned(data_dir, "\n".join([HEADER, *lines, ""]), packed=True)
    assert (clean.rows, clean.rejected_rows) == (3_000, 27_000)
    assert rejected(clean) == [
        (number + 2, "too_few_fields", line) for number, line in enumerate(lines) if line.startswith("bad")
    ]


@pytest.mark.slow
def test_trips_keep_the_order_of_the_file_and_salvaged_ones_come_last(data_dir: DataDir) -> None:
    lines = [YELLOW_TRIP.replace("9.95", f"{number}") for number in range(150_000)]
    lines[7] = lines[7].replace("1,2019", "nobody,2019", 1)
    clean = cleaned(data_dir, "\n".join([YELLOW_2019, *lines, ""]))
    totals = [int(trip["total_amount"]) for trip in rows(clean.path)]
    assert totals == [number for number in range(150_000) if number != 7] + [7]


def test_folders_with_characters_that_mean_something_to_the_engine_are_only_folders(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "da[t]a *? 'quoted' {x}")
    clean = cleaned(data_dir, f"{HEADER}\n{GOOD}\nbad\n")
    assert (clean.rows, rejected(clean)) == (1, [(3, "too_few_fields", "bad")])


def test_only_bytes_that_are_not_utf_8_are_windows_1252(data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2019-01")
    names = {
        b"JOE\x92S CARS": "JOE\u2019S CARS",
        "CAFÉ LINEA".encode(): "CAFÉ LINEA",
        b"B02395\xa0": "B02395",
        b"\x80\x9f\xff": "€Ÿÿ",
        b"A\x81\x8d\x8f\x90\x9dB": "A\x81\x8d\x8f\x90\x9dB",  # the five without a meaning
        b"\xe2\x82": "â\u201a",  # cut in the middle of a character
        b"\xed\xa0\x80": "í\xa0€",  # half a surrogate pair is no UTF-8
        "漢字 €".encode(): "漢字 €",
    }
    lines = [b"%b,2019-01-01 00:00:%02d" % (name, second) for second, name in enumerate(names)]
    text = b"\n".join([b"dispatching_base_num,pickup_datetime", *lines, b"bad \x92 caf\xc3\xa9", b""])
    for packed in (False, True):
        clean = cleaned(data_dir, text, month, packed=packed)
        found = {trip["pickup_datetime"].second: trip["dispatching_base_num"] for trip in rows(clean.path)}
        assert found == dict(enumerate(names.values()))
        assert rejected(clean) == [(len(names) + 2, "too_few_fields", "bad \u2019 café")]
        assert names_in(clean.path.parent) == [clean.path.name]


def test_a_character_on_the_border_of_two_reads_stays_one(data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2019-01")
    start = "dispatching_base_num,pickup_datetime\nB1,2019-01-01 00:00:00\n"
    # One more byte each time moves the three bytes of the sign over the end of the first megabyte.
    for shift in range(4):
        name = "x" * ((1 << 20) - len(start) - shift) + "€"
        clean = cleaned(
            data_dir, f"{start}{name},2019-01-01 00:00:01\n".encode() + b"\x92,2019-01-01 00:00:02\n", month
        )
        assert rows(clean.path)[1]["dispatching_base_num"] == name
        assert rows(clean.path)[2]["dispatching_base_num"] == "\u2019"


FHV_HEADER = (
    "dispatching_base_num,pickup_datetime,dropOff_datetime,PUlocationID,DOlocationID,SR_Flag,Affiliated_base_number"
)
FHV_GOOD = "B00002,2019-01-01 00:45:00,2019-01-01 00:54:49,7,8,,B00254"
QUOTED_GOOD = '"B00002","2019-01-01 00:45:00","2019-01-01 00:54:49","7","8","","B00254"'


@pytest.mark.parametrize(
    ("good", "pieces"),
    [
        (FHV_GOOD, ['"B00014', '",2019-01-01 00:30:00,2019-01-01 02:51:55,264,264,,B00254']),
        (FHV_GOOD, ['B00014,2019-01-01 00:30:00,2019-01-01 02:51:55,264,264,,"B00', '254"']),
        (FHV_GOOD, ['"B00014', "is", "", "here", '4",2019-01-01 00:30:00,2019-01-01 02:51:55,264,264,,B00254']),
        (FHV_GOOD, ['B00014,"2019-01-01', ' 00:30:00",2019-01-01 02:51:55,264,264,,B00254']),
        (QUOTED_GOOD, ['"B00014', '","2019-01-01 00:30:00","2019-01-01 02:51:55","264","264","","B00254"']),
        (QUOTED_GOOD, ['"B00014","2019-01-01 00:30:00","2019-01-01 02:51:55","264","264","","B00', '254"']),
        (QUOTED_GOOD, ['"B""1', '4 ""x""","2019-01-01 00:30:00","2019-01-01 02:51:55","264","264","","B00254"']),
    ],
)
def test_the_pieces_of_a_record_with_line_breaks_in_quotes_are_rejected_together(
    good: str, pieces: list[str], data_dir: DataDir
) -> None:
    month = TripMonth("fhv", "2019-01")
    for end in ("\n", "\r\n"):
        clean = cleaned(data_dir, end.join([FHV_HEADER, good, *pieces, good, *pieces, good, ""]), month)
        told_pieces = [piece for piece in pieces if piece]
        assert [(reason, line) for _, reason, line in rejected(clean)] == [
            ("line_break_in_quotes", piece) for piece in [*told_pieces, *told_pieces]
        ]
        assert ([trip["dispatching_base_num"] for trip in rows(clean.path)], clean.unreadable) == (["B00002"] * 3, {})


def test_a_quoted_number_that_ends_in_the_next_line_is_not_lost_in_silence(data_dir: DataDir) -> None:
    quoted = [f'"{field}"' for field in GOOD.split(",")]
    good, header = ",".join(quoted), HEADER
    broken = ['"1', ",".join(['"', *quoted[1:]])]
    clean = cleaned(data_dir, "\n".join([header, good, *broken, good, ""]))
    assert [(reason, line) for _, reason, line in rejected(clean)] == [
        ("line_break_in_quotes", piece) for piece in broken
    ]
    # The end of a record whose beginning is gone: the value that is missing is counted.
    clean = cleaned(data_dir, "\n".join([header, good, broken[1], good, ""]))
    assert (clean.rows, clean.unreadable) == (3, {"vendorid": 1})


def test_neighbours_with_stray_quotes_are_no_pieces(data_dir: DataDir) -> None:
    stray = GOOD.replace("1,2019", '"1,2019', 1)
    clean = cleaned(data_dir, "\n".join([HEADER, GOOD, stray, stray, GOOD, ""]))
    assert (clean.rows, clean.rejected_rows, clean.unreadable) == (4, 0, {})


@pytest.mark.parametrize("marker", ["\x03\x04\x03", "\x01\x02\x01", "\x01", "\x01\x01"])
def test_no_text_is_taken_for_a_marker(marker: str, data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2019-01")
    lines = [f"bad {marker} line", f"{marker}", f"bad {marker}", f"{marker}bad"]
    good = [f"{marker},2019-01-01 00:00:00", f"B{marker}1,2019-01-01 00:00:01", f"{marker}B ,2019-01-01 00:00:02"]
    for end in ("\n", "\r\n"):
        text = end.join(["dispatching_base_num,pickup_datetime", *good, *lines, ""])
        clean = cleaned(data_dir, text, month)
        assert [line for _, _, line in rejected(clean)] == lines
        found = {trip["pickup_datetime"].second: trip["dispatching_base_num"] for trip in rows(clean.path)}
        assert found == {0: marker, 1: f"B{marker}1", 2: f"{marker}B"}


def test_lines_are_whole_wherever_threads_take_over_from_each_other(data_dir: DataDir) -> None:
    lines = [GOOD if number % 3 else f"\x01bad {number} \x03\x04\x03" for number in range(90_000)]
    for end in ("\n", "\r\n"):
        clean = cleaned(data_dir, end.join([HEADER, *lines, ""]))
        assert [line for _, _, line in rejected(clean)] == lines[::3]


@pytest.mark.parametrize("odd", ["\r\r\n", "\r\r\r\n", "\n"])
@pytest.mark.parametrize("first_odd", [0, 1_500])
def test_ends_of_lines_are_no_part_of_a_text(data_dir: DataDir, odd: str, first_odd: int) -> None:
    """A line's end that is odd from the first line on, and one far beyond those that tell the layout."""
    header = "dispatching_base_num,pickup_datetime,dropoff_datetime,PULocationID,DOLocationID,SR_Flag"
    lines = [header, *(f"B{number:05},2019-01-01 00:00:00,2019-01-01 00:10:00,7,8," for number in range(2_000))]
    text = "".join(each + (odd if number >= first_odd else "\r\n") for number, each in enumerate(lines))
    clean = cleaned(data_dir, text, TripMonth("fhv", "2019-01"))
    assert [row["dispatching_base_num"] for row in rows(clean.path)] == [f"B{number:05}" for number in range(2_000)]
