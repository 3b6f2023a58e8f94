"""Files that several threads read: where one takes over from the other must not matter, whatever ends the lines.

Real months are read in pieces of 2 or 32 MB. These tests make the pieces a few lines long, so that borders fall
everywhere, between the CR and the LF of a line above all.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.reading import csv_queries as clean_csv
from taxi_assets_tests.support.raw_months import csv_month, rows

HEADER = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,payment_type,fare_amount,"
    "total_amount"
)
LINES = 300
PIECES = (251, 252, 253, 254, 255, 263, 300, 331, 400)
"""Bytes: different remainders of a line's length, so that each file meets its borders in different places."""


def line(number: int) -> str:
    return f"1,2019-01-01 00:00:00,2019-01-01 00:10:00,2,1.5,1,7,{number}"


def text(ends: str) -> str:
    """A header and numbered lines. ``ends``: all ``crlf`` or ``lf``; ``last lf`` as in the real 2019-01; ``mixed``."""
    lines = [HEADER, *(line(number) for number in range(LINES))]
    last = {"crlf": "\r\n", "lf": "\n", "last lf": "\n", "mixed": "\n", "none at last": ""}[ends]
    middle = "\n" if ends == "lf" else "\r\n"
    odd = "\n" if ends == "mixed" else middle
    # Only after the lines by which the layout is known, so that the file looks like CRLF at first.
    ended = [each + (odd if number > 280 and number % 3 == 0 else middle) for number, each in enumerate(lines[:-1])]
    return "".join(ended) + lines[-1] + last


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["crlf", "lf", "last lf", "none at last", "mixed"])
@pytest.mark.parametrize("piece", PIECES)
def test_every_line_arrives_once_and_in_order_wherever_threads_take_over(
    ends: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_csv, "BUFFER_BYTES", dict.fromkeys(clean_csv.BUFFER_BYTES, piece))
    data_dir = DataDir(tmp_path)

    clean = clean_month(csv_month(data_dir, text(ends), packed=False), data_dir, threads=4)

    assert clean.rejected_rows == 0
    assert [trip["total_amount"] for trip in rows(clean.path)] == list(range(LINES))


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["crlf", "lf", "last lf", "mixed"])
@pytest.mark.parametrize("piece", PIECES)
def test_rejected_lines_keep_number_and_text_wherever_threads_take_over(
    ends: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_csv, "BUFFER_BYTES", dict.fromkeys(clean_csv.BUFFER_BYTES, piece))
    data_dir = DataDir(tmp_path)
    published = text(ends).replace(line(100), "garbage").replace(line(290), "1,epoch,,2,1.5,1,7,290")

    clean = clean_month(csv_month(data_dir, published, packed=False), data_dir, threads=4)

    assert [(row["line_number"], row["line"]) for row in rows(clean.rejected_path)] == [
        (102, "garbage"),
        (292, "1,epoch,,2,1.5,1,7,290"),
    ]
    kept = [number for number in range(LINES) if number not in (100, 290)]
    assert sorted(trip["total_amount"] for trip in rows(clean.path)) == kept
