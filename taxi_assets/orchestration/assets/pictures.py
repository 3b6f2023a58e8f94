"""Pictures of a month, small enough that the UI shows them in the table of metadata instead of behind a link.

Belongs here: what is counted for them, and drawing. Not here: where they are shown (``metadata.py``).

The UI shows Markdown of fewer than 1,000 characters in place, with images that are part of the text. A drawing library
makes twenty times that, and none is among what the project needs at run time; a grid of colours is a PNG of 400 bytes.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.files.sql import identifier, parquet_scan
from taxi_assets.text import markdown_line

LONGEST_SHOWN = 1000
"""Characters of Markdown from which on the UI shows a link in its place."""

HOURS = 24
_SHADES = ("f4f3ff", "d6d2fa", "b5aff3", "948be9", "746ade", "5648cf", "3c2fb0", "261c85")
"""From few trips to many; light enough for a dark page and dark enough for a light one."""

_CELL = 16
_RULES_SHOWN = 4
_LONGEST_RULE = 44


def trips_by_day_and_hour(parquet: Path, dataset: Dataset, month: TripMonth) -> str:
    """The month's days beside each other, the hours of each from midnight down, darker where more trips began.

    Trips whose clock lies outside of the month are not in the picture, and are counted below it.
    """
    import duckdb

    days = (month.next_month_first_day - month.first_day).days
    pickup = identifier(dataset.pickup)
    with duckdb.connect() as connection:
        counted: list[tuple[int, int, int]] = connection.execute(
            f"SELECT day({pickup}), hour({pickup}), count(*) FROM {parquet_scan(parquet)} "
            f"WHERE {pickup} >= ? AND {pickup} < ? GROUP BY ALL",
            [month.first_day, month.next_month_first_day],
        ).fetchall()
    trips = {(day, hour): count for day, hour, count in counted}
    if not trips:
        return "No trip began in this month."
    most, (day, hour) = max((count, when) for when, count in trips.items())
    words = (
        f"Each column a day, each row an hour from midnight down; most trips: {most:,} on {month.month}-{day:02d} "
        f"from {hour}:00."
    )
    for shades in (_SHADES, _SHADES[::2], _SHADES[::4]):
        grid = [
            [_shade(trips.get((day, hour), 0), most, len(shades)) for day in range(1, days + 1)]
            for hour in range(HOURS)
        ]
        markdown = f"![trips by day and hour]({_enlarged(_png(grid, shades), days, HOURS)})\n\n{words}"
        if len(markdown) < LONGEST_SHOWN:
            break
    return markdown


def rejected_by_rule(rejected: Path, published: int) -> str:
    """A bar for each rule that rejected lines, with their number and share of the published lines."""
    import duckdb

    with duckdb.connect() as connection:
        counted: list[tuple[str, int]] = connection.execute(
            f"SELECT reason, count(*) FROM {parquet_scan(rejected)} GROUP BY reason ORDER BY count(*) DESC, reason"
        ).fetchall()
    if not counted:
        return "No line was rejected."
    total = sum(count for _, count in counted)
    shown = dict(counted[:_RULES_SHOWN])
    if len(counted) > _RULES_SHOWN:
        shown[f"{len(counted) - _RULES_SHOWN} other rules"] = total - sum(shown.values())
    words = f"{total:,} of {published:,} lines ({total / published:.3%})."
    return f"![rejected lines by rule]({_bars(shown, published)})\n\n{markdown_line(words)}"


def _shade(count: int, most: int, shades: int) -> int:
    return min(shades - 1, count * shades // (most + 1)) if count else 0


def _enlarged(png: bytes, columns: int, rows: int) -> str:
    """The image with a square of ``_CELL`` for each of its points, as the address of an SVG."""
    size = f'width="{columns * _CELL}" height="{rows * _CELL // 2}"'
    return _address(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><image href="data:image/png;base64,'
        f'{base64.b64encode(png).decode()}" {size} preserveAspectRatio="none" style="image-rendering:pixelated"/></svg>'
    )


def _bars(figures: Mapping[str, int], whole: int) -> str:
    longest = max(figures.values())
    rows = "".join(
        f'<text x="110" y="{18 * place + 13}">{escape(_shortened(name))}: {count:,} ({count / whole:.2%})</text>'
        f'<path d="M0 {18 * place + 3}h{max(100 * count // longest, 1)}v11H0z"/>'
        for place, (name, count) in enumerate(figures.items())
    )
    return _address(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="560" height="{18 * len(figures)}" fill="#746ade" '
        f'font-size="12" font-family="sans-serif">{rows}</svg>'
    )


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_RULE else f"{name[: _LONGEST_RULE - 1]}…"


def _address(svg: str) -> str:
    # Parentheses would end the address in Markdown.
    return f"data:image/svg+xml,{quote(svg, safe='/:;,=+')}"


def _png(grid: Sequence[Sequence[int]], palette: Sequence[str]) -> bytes:
    """An image of one point for each number, which is a place in the palette of at most sixteen colours."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    bits, indexed = 4, 3
    header = struct.pack(">IIBBBBB", len(grid[0]), len(grid), bits, indexed, 0, 0, 0)
    lines = b"".join(
        # No filter; two points a byte, the first in its upper half.
        b"\0" + bytes(row[place] << bits | (*row, 0)[place + 1] for place in range(0, len(row), 2))
        for row in grid
    )
    parts = ((b"IHDR", header), (b"PLTE", bytes.fromhex("".join(palette))), (b"IDAT", zlib.compress(lines, 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in (*parts, (b"IEND", b"")))
