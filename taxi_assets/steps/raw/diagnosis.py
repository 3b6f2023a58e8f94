"""What a file is that is not what its name says, told by its first bytes and its first line.

Belongs here: the kinds of file that people have in a month's place, and what to do about each. Not here: whether a file
of the right kind is whole (``verify.py``), and whether its columns are those of a dataset (``files/header.py``).
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

LOOKED_AT = 16_384
"""Bytes from the start; the longest header of a dataset has 500."""


@dataclass(frozen=True)
class Kind:
    """What a file is.

    Attributes:
        name: With its article, as in "this is …".
        advice: What to do about it.
    """

    name: str
    advice: str


_WEB_PAGE = Kind(
    "a web page",
    "a proxy, a login or an error page stands in the file's place: open the address in a browser to see it",
)
_UTF_16 = Kind(
    "text in UTF-16 or UTF-32",
    "save it as UTF-8 (PowerShell: Export-Csv -Encoding utf8; Excel: CSV UTF-8)",
)
_CR_ONLY = Kind(
    "text whose lines end with a carriage return alone", "end its lines with a line feed: tr '\\r' '\\n' < FILE"
)
_UNPACK = "unpack it and put the CSV or Parquet inside in its place"
_SAVE_AS_CSV = "save it from Excel as CSV UTF-8 (comma delimited)"
_ZIP = Kind("a zip archive", _UNPACK)

_BY_FIRST_BYTES: tuple[tuple[bytes, Kind], ...] = (
    (b"PK\x03\x04", _ZIP),
    (b"\x1f\x8b", Kind("a gzip", "name it .csv.gz, or unpack it once more if it was packed twice")),
    (b"PAR1", Kind("a Parquet file", "name it .parquet")),
    (b"BZh", Kind("a bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ\x00", Kind("an xz archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Kind("a zstd archive", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive", _UNPACK)),
    (b"Rar!", Kind("a RAR archive", _UNPACK)),
    (b"\xd0\xcf\x11\xe0", Kind("an old Excel workbook (.xls)", _SAVE_AS_CSV)),
    (b"ARROW1", Kind("an Arrow (Feather) file", "write it as Parquet")),
    (b"SQLite format 3", Kind("an SQLite database", "export its table as CSV")),
    (codecs.BOM_UTF16_LE, _UTF_16),
    (codecs.BOM_UTF16_BE, _UTF_16),
    (codecs.BOM_UTF32_BE, _UTF_16),
    (
        b"version https://git-lfs",
        Kind("a Git LFS pointer, which stands for the file in a clone", "fetch the file itself: git lfs pull"),
    ),
    (b"%PDF", Kind("a PDF", "put the month's CSV or Parquet in its place")),
)
_DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "pipes"}


def kind_of(head: bytes) -> Kind | None:
    """What a file that begins so is, or None when it may well be comma-separated text."""
    binary = next((kind for first_bytes, kind in _BY_FIRST_BYTES if head.startswith(first_bytes)), None)
    if binary is _ZIP and (b"[Content_Types].xml" in head or b"xl/" in head):
        return Kind("an Excel workbook (.xlsx)", _SAVE_AS_CSV)
    if head[257:].startswith(b"ustar"):
        return Kind("a tar archive", _UNPACK)
    return binary or _text_of_another_kind(head)


def _text_of_another_kind(head: bytes) -> Kind | None:
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"<"):
        # Proxies, portals and stores answer so, in HTML or XML, with status 200.
        return _WEB_PAGE
    if text.startswith((b"{", b"[")):
        return Kind("JSON", "ask for the CSV or Parquet export instead, or write the table as CSV")
    if b"\x00" in text[:64]:
        # Text of two or four bytes a character has a zero in each of ours; other text has none at all.
        is_text = sum(text[:64].count(letter) for letter in b"_,aeimt") > len(text[:64]) // 8
        return _UTF_16 if is_text else Kind("binary data", "put the month's CSV or Parquet in its place")
    return _of_another_layout(text)


def _of_another_layout(text: bytes) -> Kind | None:
    if b"\n" not in text and text.count(b"\r") > 1:
        return _CR_ONLY
    line = text.partition(b"\n")[0].decode("utf-8", errors="replace")
    for delimiter, name in _DELIMITERS.items():
        if line.count(delimiter) > line.count(","):
            return Kind(
                f"text with {name} between its fields",
                "write it with commas: in pandas read_csv(FILE, sep=…).to_csv(…, index=False)",
            )
    return None
