"""How a published CSV is laid out, read from the file itself and never concluded from its month.

Belongs here: the header line, and what a glance at the first data lines tells about how to read the rest fast. Not
here: what the names mean (``files/header.py``) and reading the rest (``csv_queries.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from taxi_assets.datasets.columns import Dataset
from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.clean.reading.encoding import decoded
from taxi_assets.steps.files.formats import Format, open_text
from taxi_assets.steps.files.header import ColumnMap, map_columns
from taxi_assets.steps.files.raw_file import RawFile

MAX_LINE_BYTES = 2_000_000
"""Lines longer than this are not trip records; it is also DuckDB's own limit."""

MOST_BLANK_LINES = 100_000
"""Files have a blank line after the header, or one after each line. Beyond this many, and two for each data line, blank
lines are what a file consists of."""

_SAMPLED_LINES = 300
_FIELD = re.compile(r'("(?:[^"]|"")*"|[^,]*),')


@dataclass(frozen=True)
class CsvLayout:
    """What must be known to read a CSV file.

    Attributes:
        columns: Its columns.
        lines_before_data: The header and blank lines before it.
        skip: The same as DuckDB counts it.
        blank_lines_after_header: Blank lines directly after the header, which early releases have.
        surplus: Fields that data lines have beyond the header's; empty in every file seen (green 2013 to 2015-06).
        quoted: Fields stand in double quotes (fhv 2017-07 to 2018).
        all_crlf: The header stands in the first line, no blank line follows, and the first few hundred lines all end
            CRLF. Only speed depends on it.
        sampled: For each position, the texts of the first lines, without quotes. They decide whether codes are written
            as words, and else about speed only.
    """

    columns: ColumnMap
    lines_before_data: int
    skip: int
    blank_lines_after_header: int
    surplus: int
    quoted: bool
    all_crlf: bool
    sampled: tuple[frozenset[str], ...]


def read_csv_layout(raw: RawFile, dataset: Dataset, ignore: Set[str] = frozenset()) -> CsvLayout:
    """Reads the header and the first few hundred lines of a CSV file; ``ignore`` as in :func:`map_columns`.

    Raises:
        LayoutError: The header is not one of ``dataset``.
        BrokenFileError: The file has no lines, lines of a length that no trip has, or blank ones without end.
    """
    if raw.blank_lines > MOST_BLANK_LINES + 2 * raw.published_rows:
        raise _too_many_blank_lines(raw.path, f"{raw.blank_lines:,} blank lines and {raw.published_rows:,} others")
    with open_text(raw.path, raw.format) as lines:
        header_line, lines_before_data, skip = _header(lines, raw.path)
        blank_lines, sample = _sample(lines, raw.path)
    rows = [_FIELD.findall(f"{line},") for line in sample]
    names = [_unquoted(name) for name in header_line.split(",")]
    # A comma at the end of the header alone names no column.
    while len(names) > 1 and not names[-1] and all(len(row) < len(names) for row in rows):
        names.pop()
    columns = map_columns(names, dataset, raw.path, source=raw.source, ignore=ignore)
    width = len(columns.header)
    return CsvLayout(
        columns=columns,
        lines_before_data=lines_before_data,
        skip=skip,
        blank_lines_after_header=blank_lines,
        surplus=max(0, *(len(row) - width for row in rows if not _has_text(row[width:])), 0),
        quoted=any(line.startswith('"') for line in sample),
        all_crlf=_all_crlf(raw),
        sampled=tuple(
            frozenset(row[position].strip('"') for row in rows if position < len(row)) for position in range(width)
        ),
    )


def first_line(path: Path, file_format: Format) -> str:
    """The first line that is not blank: the header, if it has one.

    Raises:
        BrokenFileError: The file has no lines, lines of a length that no trip has, or blank ones without end.
    """
    with open_text(path, file_format) as lines:
        return _header(lines, path)[0]


def _header(lines: IO[bytes], path: Path) -> tuple[str, int, int]:
    """The first line that is not blank, how many lines it and those before it are, and what DuckDB is to skip."""
    count = skip = 0
    while line := _line(lines, path):
        count += 1
        if line.strip(b"\r\n"):
            return line.decode("utf-8-sig", errors="replace").rstrip("\r\n"), count, skip + 1
        if count > MOST_BLANK_LINES:
            raise _too_many_blank_lines(path, f"{count:,} blank lines before any other")
        # At the start of a file DuckDB takes the CR and the LF of a blank line for a line each.
        skip += len(line)
    raise BrokenFileError(f"{path}: the file has no header and no lines; nothing was cleaned")


def _sample(lines: IO[bytes], path: Path) -> tuple[int, list[str]]:
    """How many blank lines follow the header, and the first data lines."""
    blank_lines = 0
    sample: list[str] = []
    while len(sample) < _SAMPLED_LINES and (line := _line(lines, path)):
        text = decoded(line).rstrip("\r\n")
        if text:
            sample.append(text)
        elif not sample:
            blank_lines += 1
    return blank_lines, sample


def _all_crlf(raw: RawFile) -> bool:
    """Whether each of the first lines has text and ends CRLF."""
    with open_text(raw.path, raw.format) as lines:
        first = [_line(lines, raw.path) for _ in range(_SAMPLED_LINES)]
    return all(line.endswith(b"\r\n") and line.strip(b"\r\n") for line in first if line)


def _line(lines: IO[bytes], path: Path) -> bytes:
    line = lines.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        raise line_too_long(path)
    return line


def line_too_long(path: Path) -> BrokenFileError:
    """The error for a file with a line that cannot be a trip record."""
    return BrokenFileError(
        f"{path}: a line is longer than {MAX_LINE_BYTES:,} bytes, so this is not a file of trip records, or its line "
        "ends are lost. Nothing was cleaned; look at the file, then materialize its raw asset again"
    )


def _too_many_blank_lines(path: Path, found: str) -> BrokenFileError:
    return BrokenFileError(
        f"{path}: it has {found}, so this is not a file of trip records. Nothing was cleaned; look at the file, then "
        "materialize its raw asset again"
    )


def _unquoted(name: str) -> str:
    return name.strip().strip('"').strip()


def _has_text(fields: Sequence[str]) -> bool:
    return any(field.strip(' "') for field in fields)
