"""Whatever layout and whatever dirt: lines are clean or rejected, never both and never lost, and values survive.

The reference reads the text in plain Python, line by line, and shares nothing with the code under test but the
registry's names.
"""

from __future__ import annotations

import math
import random
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets_tests.support.raw_months import csv_month, rows

MONTH = TripMonth("yellow", "2014-05")
COLUMNS = {
    "vendor_id": "vendorid",
    "Trip_Pickup_DateTime": "tpep_pickup_datetime",
    "tpep_dropoff_datetime": "tpep_dropoff_datetime",
    "passenger_count": "passenger_count",
    "Trip_Distance": "trip_distance",
    "store_and_fwd_flag": "store_and_fwd_flag",
    "PULocationID": "pulocationid",
    "Payment_Type": "payment_type",
    "Fare_Amt": "fare_amount",
    "surcharge": "extra",
    "total_amount": "total_amount",
}
WORDS = {
    "vendorid": {"CMT": 1, "VTS": 2, "DDS": 3},
    "payment_type": {"CASH": 2, "CAS": 2, "CSH": 2, "CREDIT": 1, "CRE": 1, "CRD": 1, "NO CHARGE": 3, "NO": 3, "DIS": 4},
    "store_and_fwd_flag": {"0": "N", "1": "Y", "0.0": "N", "1.0": "Y", "N": "N", "Y": "Y"},
}
CODES = {"vendorid", "passenger_count", "pulocationid", "payment_type"}
TIMES = {"tpep_pickup_datetime", "tpep_dropoff_datetime"}


@dataclass(frozen=True)
class Layout:
    order: tuple[str, ...]
    upper: bool
    quoted: bool
    surplus: int
    blank_lines: bool
    last_newline: bool


layouts = st.builds(
    Layout,
    order=st.permutations(tuple(COLUMNS)).map(tuple),
    upper=st.booleans(),
    quoted=st.booleans(),
    surplus=st.integers(0, 2),
    blank_lines=st.booleans(),
    last_newline=st.booleans(),
)

times = st.datetimes(min_value=datetime.fromisoformat("2001-01-01"), max_value=datetime.fromisoformat("3019-12-31"))
time_text = times.map(lambda time: time.strftime("%Y-%m-%d %H:%M:%S"))
money = st.one_of(
    st.decimals(-1000, 1000, places=2, allow_nan=False).map(str),
    st.floats(-1e6, 1e6, allow_nan=False).map(repr),
    st.sampled_from(["0", ".5", "-52.8", "8.9000000000000004", ""]),
)
code_text = st.one_of(st.integers(0, 265).map(str), st.integers(0, 9).map(lambda code: f"{code}.0"), st.just(""))
dirt = st.sampled_from(
    ["nan", "NA", "Null", "inf", "1.5", "40000", "?", "-", "1e400", "  ", "2019", "Barter", "15e-1", " 7 "]
)

trips = st.fixed_dictionaries(
    {
        "vendorid": st.one_of(code_text, st.sampled_from(["CMT", "vts", "DDS ", "XYZ"]), dirt),
        "tpep_pickup_datetime": st.one_of(time_text, time_text, time_text, dirt, st.just("")),
        "tpep_dropoff_datetime": st.one_of(time_text, dirt, st.just("")),
        "passenger_count": st.one_of(code_text, dirt),
        "trip_distance": st.one_of(money, dirt),
        "store_and_fwd_flag": st.sampled_from(["Y", "N", "0", "1", "*", "", " ", "n", "NA"]),
        "pulocationid": st.one_of(code_text, dirt),
        "payment_type": st.one_of(code_text, st.sampled_from(["CASH", "Cas", "Credit", "No ", "DIS"]), dirt),
        "fare_amount": st.one_of(money, dirt),
        "extra": money,
        "total_amount": st.one_of(money, dirt),
    }
)
# How a line is bent after it was written: cut after some fields, given fields too many, or left alone.
bends = st.sampled_from(["none", "none", "none", "none", "cut", "extra empty", "extra text", "garbage"])


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    layout=layouts,
    lines=st.lists(st.tuples(trips, bends, st.booleans()), min_size=1, max_size=12),
    seed=st.integers(0, 99),
)
def test_every_line_is_a_trip_with_its_values_or_is_rejected(
    layout: Layout, lines: list[tuple[dict[str, str], str, bool]], seed: int
) -> None:
    # A sound line first: a file without a single trip is another matter.
    sound = {**dict.fromkeys(COLUMNS.values(), ""), "tpep_pickup_datetime": "2014-05-01 12:00:00"}
    text, written = publish(layout, [(sound, "none", True), *lines], random.Random(seed))
    expected_trips = [told for told, reason, _ in written if reason is None]
    expected_rejected = sorted(
        (number, reason) for number, (_, reason, _) in numbered(text, written) if reason is not None
    )

    with tempfile.TemporaryDirectory() as folder:
        data_dir = DataDir(Path(folder))
        raw = csv_month(data_dir, text, MONTH, packed=bool(seed % 2))
        clean = clean_month(raw, data_dir)
        found = [{name: trip[name] for name in COLUMNS.values()} for trip in rows(clean.path)]
        rejected = rows(clean.rejected_path)

    assert clean.rows + clean.rejected_rows == raw.published_rows == len(written)
    assert sorted(repr(sorted(trip.items())) for trip in found) == sorted(
        repr(sorted(trip.items())) for trip in expected_trips
    )
    assert sorted((row["line_number"], row["reason"]) for row in rejected) == expected_rejected
    physical = text.split("\n")
    assert all(row["line"] == physical[row["line_number"] - 1].removesuffix("\r") for row in rejected)
    lost = {}
    for _, reason, unreadable in written:
        for name in unreadable if reason is None else ():
            lost[name] = lost.get(name, 0) + 1
    assert clean.unreadable == lost


def publish(layout: Layout, lines: list[tuple[dict[str, str], str, bool]], dice: random.Random) -> tuple[str, list]:
    """The file's text, and for each data line its values, why it is to be rejected, and what is unreadable."""
    names = [name.upper() if layout.upper else name for name in layout.order]
    text = ",".join(f'"{name}"' if layout.quoted else name for name in names) + dice.choice(["\r\n", "\n"])
    written = []
    for position, (trip, bend, crlf) in enumerate(lines):
        if layout.blank_lines and dice.random() < 0.4:
            text += dice.choice(["\n", "\r\n"])
        fields = [trip[COLUMNS[name]] for name in layout.order]
        reason = None
        if bend == "cut":
            fields, reason = fields[: dice.randrange(1, len(fields))], "too_few_fields"
            fields[0] = fields[0] or "cut"  # nothing at all would be a blank line
        elif bend == "garbage":
            fields, reason = ["what is this"], "too_few_fields"
        else:
            fields += [""] * (dice.randrange(5) if bend == "extra empty" else layout.surplus)
            if bend == "extra text":
                fields, reason = [*fields, "7"], "too_many_fields"
        pickup = trip["tpep_pickup_datetime"]
        if reason is None and says_nothing(pickup):
            reason = "no_pickup_time"
        elif reason is None and read("tpep_pickup_datetime", pickup) is None:
            reason = "unreadable_pickup_time"
        if layout.quoted:
            fields = [f'"{field}"' for field in fields]
        line = ",".join(fields)
        is_last = position == len(lines) - 1
        text += line + ("" if is_last and not layout.last_newline else "\r\n" if crlf else "\n")
        values = {name: read(name, value) for name, value in trip.items()}
        unreadable = [name for name, value in trip.items() if not says_nothing(value) and values[name] is None]
        written.append((values, reason, unreadable))
    return text, written


def numbered(text: str, written: list) -> list[tuple[int, tuple]]:
    """Each written line with its number in the file, counted from 1, the header included."""
    numbers = [number for number, line in enumerate(text.split("\n"), start=1) if line.strip("\r")]
    return list(zip(numbers[1:], written, strict=True))


def says_nothing(text: str) -> bool:
    return text.strip().lower() in {"", "na", "nan", "null"}


def read(name: str, text: str) -> object:
    """What a text means, in plain Python; None for what means nothing."""
    text = "" if says_nothing(text) else text.strip()
    if name in WORDS and text.upper() in WORDS[name]:
        return WORDS[name][text.upper()]
    if name == "store_and_fwd_flag":
        return text or None
    try:
        if name in TIMES:
            return datetime.fromisoformat(text) if len(text) == 19 else None
        number = float(text)
    except ValueError:
        return None
    if name in CODES:
        return int(number) if number.is_integer() and -32768 <= number <= 32767 else None
    return number if math.isfinite(number) else None
