"""What the pictures of a month show, read back from the images themselves."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import duckdb
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration.assets.pictures import LONGEST_SHOWN, rejected_by_rule, trips_by_day_and_hour

FEBRUARY = TripMonth("yellow", "2019-02")


def svg_of(markdown: str) -> str:
    address = re.match(r"!\[[^]]+]\((\S+)\)\n\n", markdown)
    assert address, markdown
    svg = unquote(address[1].removeprefix("data:image/svg+xml,"))
    ElementTree.fromstring(svg)  # our own
    return svg


def points_of(svg: str) -> list[list[int]]:
    """The grid of the image in the SVG, as places in its palette."""
    found = re.search(r'base64,([^"]+)"', svg)
    assert found
    png = base64.b64decode(found[1])
    width, height = struct.unpack(">II", png[16:24])
    content = png.split(b"IDAT", 1)[1]
    lines = zlib.decompressobj().decompress(content)
    size = 1 + (width + 1) // 2
    rows = [lines[place * size + 1 : (place + 1) * size] for place in range(height)]
    return [[half for byte in row for half in (byte >> 4, byte & 15)][:width] for row in rows]


@pytest.fixture
def trips(tmp_path: Path) -> Path:
    """A trip an hour, eight at 6 in the evening of the 3rd, and one of another year."""
    path = tmp_path / "trips.parquet"
    duckdb.sql(
        "SELECT unnest(range(TIMESTAMP '2019-02-01', TIMESTAMP '2019-03-01', INTERVAL 1 HOUR)) AS tpep_pickup_datetime "
        "UNION ALL SELECT TIMESTAMP '2019-02-03 18:30' FROM range(7) UNION ALL SELECT TIMESTAMP '2098-02-01'"
    ).write_parquet(str(path))
    return path


def test_a_column_is_a_day_a_row_is_an_hour_and_the_darkest_is_where_most_trips_began(trips: Path) -> None:
    markdown = trips_by_day_and_hour(trips, DATASETS["yellow"], FEBRUARY)
    grid = points_of(svg_of(markdown))
    assert (len(grid), {len(row) for row in grid}) == (24, {28})
    darkest = max(max(row) for row in grid)
    assert [(hour, day) for hour, row in enumerate(grid) for day, shade in enumerate(row, 1) if shade == darkest] == [
        (18, 3)
    ]
    assert "most trips: 8 on 2019-02-03 from 18:00" in markdown


@pytest.mark.parametrize("seed", [0.1, 0.5])
def test_a_month_in_which_every_hour_differs_is_still_shown_in_place(tmp_path: Path, seed: float) -> None:
    path = tmp_path / "trips.parquet"
    duckdb.sql(
        f"SELECT hour AS tpep_pickup_datetime FROM (SELECT setseed({seed})), "
        "(SELECT unnest(range(TIMESTAMP '2019-01-01', TIMESTAMP '2019-02-01', INTERVAL 1 HOUR)) AS hour), range(40) "
        "WHERE random() < 0.2 + 0.8 * random()"
    ).write_parquet(str(path))
    markdown = trips_by_day_and_hour(path, DATASETS["yellow"], TripMonth("yellow", "2019-01"))
    svg_of(markdown)
    assert len(markdown) < LONGEST_SHOWN


def test_rejected_lines_are_a_bar_a_rule_with_their_share(tmp_path: Path) -> None:
    path = tmp_path / "rejected.parquet"
    duckdb.sql(
        "SELECT unnest(['no_pickup_time', 'no_pickup_time', 'no_pickup_time', 'wrong_columns']) AS reason"
    ).write_parquet(str(path))
    markdown = rejected_by_rule(path, 10_000)
    assert re.findall(r">([^<>]+)</text>", svg_of(markdown)) == [
        "no_pickup_time: 3 (0.03%)",
        "wrong_columns: 1 (0.01%)",
    ]
    assert markdown.endswith("4 of 10,000 lines (0.040%).")
    assert len(markdown) < LONGEST_SHOWN


def test_without_rejected_lines_there_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "rejected.parquet"
    duckdb.sql("SELECT '' AS reason WHERE false").write_parquet(str(path))
    assert rejected_by_rule(path, 10_000) == "No line was rejected."
