"""Whether a file is whole, and what a first reading tells about it.

Belongs here: the checks that decide whether a fetched file may take its name (gzip CRCs to the end of the last
member, Parquet footer, shapes of zones, at least one trip) and the figures gathered in the same pass. Not here:
what a file of another kind is (``diagnosis.py``), and whether the columns are those of the dataset; the cleaning step
reads the header.
"""

from __future__ import annotations

import codecs
import hashlib
import importlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from isal import igzip, isal_zlib

from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.files.formats import Format, format_of
from taxi_assets.steps.raw.diagnosis import LOOKED_AT, kind_of
from taxi_assets.text import shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 20

MOST_TIMES_THE_SIZE = 64
"""A gzip that unpacks to more is a bomb, not trips. Real months unpack to 4.1 to 4.5 times their size (yellow 2019-01:
743 MB of 176 MB), zeros to a thousand times."""

UNPACKED_IN_ANY_CASE = 1 << 28
"""Bytes below which nobody minds; small files of equal lines pack well."""

_WORDS: dict[Format, str] = {
    "csv": "plain CSV",
    "csv.gz": "gzipped CSV",
    "parquet": "Parquet file",
    "zip": "zip archive of shapes",
}

# The stubs of isal declare its error as an instance.
_GZIP_ERRORS = (EOFError, OSError, cast("type[Exception]", isal_zlib.IsalError))


@dataclass(frozen=True)
class Contents:
    """What one pass over a whole file tells; the fields are those of ``RawFile``."""

    bytes: int
    uncompressed_bytes: int
    sha256: str
    published_rows: int
    blank_lines: int = 0
    utf8: bool = True


def verify(path: Path, file_format: Format, label: str) -> Contents:
    """Reads a file to its last byte and counts its trips, in constant memory.

    743 MB of CSV in 176 MB of gzip take about a second and a half on one core.

    Args:
        path: The file, complete, under whatever name.
        file_format: What it is meant to be.
        label: How errors name the file.

    Raises:
        BrokenFileError: It is empty, a web page, truncated, corrupt, of another format, or without a single trip.
    """
    with path.open("rb") as file:
        _check_format(file.read(LOOKED_AT), file_format, label)
        file.seek(0)
        if file_format == "parquet":
            contents = _verify_parquet(path, file, label)
        elif file_format == "zip":
            contents = _verify_shapes(path, label)
        else:
            contents = _verify_text(file, file_format, label)
    if contents.published_rows == 0:
        raise BrokenFileError(
            f"{label}: the file holds zero trips (at most a header); a published month has some, so this one is "
            "taken for a failed upload. Nothing of it was kept"
        )
    return contents


def _check_format(head: bytes, file_format: Format, label: str) -> None:
    """Tells from the first bytes what arrived in the file's place."""
    if not head:
        raise BrokenFileError(
            f"{label}: the file is empty (0 bytes). Nothing of it was kept; put the month's file in its place"
        )
    if format_of(head) != file_format:
        raise _other(head, label, f"not the {_WORDS[file_format]} that its name promises")
    if file_format == "csv":
        _check_text(head, label)


def _check_text(head: bytes, label: str) -> None:
    if kind_of(head) is not None:
        raise _other(head, label, f"not a {_WORDS['csv']}")


def _other(head: bytes, label: str, promise: str) -> BrokenFileError:
    kind = kind_of(head)
    what, advice = (f"{kind.name}, {promise}", kind.advice) if kind else (promise, "put the right file in its place")
    return BrokenFileError(
        f"{label}: this is {what}; {advice}. Nothing of it was kept. It starts with {shown(head, 60)}"
    )


def _verify_text(file: io.BufferedReader, file_format: Format, label: str) -> Contents:
    raw = _Hashing(file)
    facts = TextFacts()
    size = 0
    try:
        with igzip.IGzipFile(fileobj=raw, mode="rb") if file_format == "csv.gz" else raw as stream:
            while chunk := stream.read(CHUNK_BYTES):
                if not size:
                    _check_text(chunk[:LOOKED_AT], label)
                size += len(chunk)
                if size > max(UNPACKED_IN_ANY_CASE, MOST_TIMES_THE_SIZE * raw.size):
                    raise _bomb(label, size, raw.size)
                facts.add(chunk)
    except _GZIP_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the file's
        raise BrokenFileError(
            f"{label}: the gzip is truncated or corrupt after {size:,} uncompressed bytes ({shown(str(error))})"
        ) from error
    facts.finish()
    return Contents(
        bytes=raw.size,
        uncompressed_bytes=size,
        sha256=raw.sha256.hexdigest(),
        published_rows=facts.data_lines,
        blank_lines=facts.blank_lines,
        utf8=facts.utf8,
    )


def _bomb(label: str, size: int, packed: int) -> BrokenFileError:
    return BrokenFileError(
        f"{label}: {packed:,} bytes of gzip have unpacked to {size:,} so far, over {MOST_TIMES_THE_SIZE} times as "
        "much, which no file of trips does. It was given up there, and nothing of it was kept"
    )


def _verify_parquet(path: Path, file: io.BufferedReader, label: str) -> Contents:
    raw = _Hashing(file)
    while raw.read(CHUNK_BYTES):
        pass
    parquet = importlib.import_module("pyarrow.parquet")  # a third of a second that CSV months need not spend
    try:
        rows = int(parquet.read_metadata(path).num_rows)
    except (ValueError, NotImplementedError, OSError) as error:  # what pyarrow's errors derive from
        raise BrokenFileError(f"{label}: the Parquet footer is truncated or corrupt ({shown(str(error))})") from error
    return Contents(bytes=raw.size, uncompressed_bytes=raw.size, sha256=raw.sha256.hexdigest(), published_rows=rows)


def _verify_shapes(path: Path, label: str) -> Contents:
    """The zones' shapes; "rows" are shapes. To read them all is the proof that they can be read, and takes a moment."""
    from taxi_assets.steps.files.zone_shapes import read_zone_shapes

    shapes = read_zone_shapes(path, label=label)
    size = path.stat().st_size
    return Contents(bytes=size, uncompressed_bytes=size, sha256=shapes.version, published_rows=shapes.shapes)


class TextFacts:
    """Counts the lines of a CSV that arrives in chunks, cut anywhere.

    A line ends with LF; real releases mix CRLF and LF in one file (yellow 2019-01). A line is blank when nothing but
    CR is in it. The first line that is not blank is the header; blank lines before it are not counted, releases have
    theirs after it (yellow 2009 to 2014). No TLC file has a line break inside a quoted field.

    Attributes:
        data_lines: Lines that are not blank, without the header.
        blank_lines: Blank lines after the header.
        utf8: Whether everything so far is UTF-8.
    """

    def __init__(self) -> None:
        self.data_lines = 0
        self.blank_lines = 0
        self.utf8 = True
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._undecoded = False
        self._header_begun = False
        self._in_line = False  # bytes of an unfinished line were seen ...
        self._in_content = False  # ... and not all of them were CR

    def add(self, chunk: bytes) -> None:
        """Takes the next bytes of the text."""
        self._check_utf8(chunk)
        if not self._header_begun:
            chunk = chunk.lstrip(b"\r\n")
            if not chunk:
                return
            self._header_begun = True
            self.data_lines = -1
        # Splitting and counting empty pieces is the fastest exact way; without its CRs, a blank line is an empty one.
        first, *pieces = chunk.replace(b"\r", b"").split(b"\n")
        self._in_content = self._in_content or bool(first)
        if pieces:
            last = pieces.pop()
            blank = pieces.count(b"") + (not self._in_content)
            self.blank_lines += blank
            self.data_lines += len(pieces) + 1 - blank
            self._in_content = bool(last)
        self._in_line = not chunk.endswith(b"\n")

    def finish(self) -> None:
        """The text is over: counts a last line without a line end."""
        if self._in_line:
            self.data_lines += self._in_content
            self.blank_lines += not self._in_content
        self.utf8 = self.utf8 and self._decodes(b"", final=True)

    def _check_utf8(self, chunk: bytes) -> None:
        if self.utf8 and (self._undecoded or not chunk.isascii()):
            self.utf8 = self._decodes(chunk)
            self._undecoded = bool(self._decoder.getstate()[0])

    def _decodes(self, chunk: bytes, *, final: bool = False) -> bool:
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            return False
        return True


class _Hashing(io.RawIOBase):
    """Hashes what is read through it, so that the bytes that are hashed are those that are checked."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view)
        self.sha256.update(view[:count])
        self.size += count
        return count
