"""Line numbers as an editor shows them, for rejected lines.

Belongs here: the way from a line's number among data lines, which DuckDB gives because it skips blank lines, to its
number in the file. Not here: which lines are rejected.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator

import duckdb

from taxi_assets.steps.clean.reading.csv_layout import CsvLayout
from taxi_assets.steps.files.formats import open_text
from taxi_assets.steps.files.raw_file import RawFile

_BLANKS = "blank_lines"


def blank_lines_query(connection: duckdb.DuckDBPyConnection, raw: RawFile, layout: CsvLayout, doubtful: str) -> str:
    """The rejected lines as ``line_number``, ``reason``, ``line``, in the file's order.

    Almost always blank lines stand after the header only (yellow 2009 to 2014), and numbers are off by a constant. A
    file with blank lines elsewhere is read once more to see where.
    """
    first = layout.lines_before_data + layout.blank_lines_after_header
    if raw.blank_lines == layout.blank_lines_after_header:
        return f"SELECT n + {first} AS line_number, reason, line FROM {doubtful} WHERE reason IS NOT NULL ORDER BY n"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_BLANKS} (after_data_line BIGINT, blank_lines BIGINT)")
    for batch in _batches(_blank_lines(raw, layout), 10_000):
        connection.executemany(f"INSERT INTO {_BLANKS} VALUES (?, ?)", batch)
    return (
        f"SELECT n + {layout.lines_before_data} + coalesce(blank_lines, 0) AS line_number, reason, line "
        f"FROM {doubtful} ASOF LEFT JOIN {_BLANKS} ON n > after_data_line WHERE reason IS NOT NULL ORDER BY n"
    )


def _blank_lines(raw: RawFile, layout: CsvLayout) -> Generator[tuple[int, int]]:
    """For each group of blank lines: data lines before it, and blank lines up to and with it."""
    data_lines = blank_lines = 0
    in_group = False
    with open_text(raw.path, raw.format) as stream:
        for line in itertools.islice(stream, layout.lines_before_data, None):
            if line.strip(b"\r\n"):
                if in_group:
                    yield data_lines, blank_lines
                data_lines += 1
                in_group = False
            else:
                blank_lines += 1
                in_group = True


def _batches(pairs: Generator[tuple[int, int]], size: int) -> Generator[list[tuple[int, int]]]:
    while batch := list(itertools.islice(pairs, size)):
        yield batch
