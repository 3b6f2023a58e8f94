"""Text that is not all UTF-8: each byte that is not stands for a character of Windows-1252.

Belongs here: how such bytes are read, and the copy in UTF-8 that DuckDB reads in the file's place. Not here: finding
out that a file has some, which fetching does.

TLC's few stray bytes are 0xa0 among names that are good UTF-8; spreadsheets leave 0x92 for an apostrophe. DuckDB has
one encoding for a whole file, and its Latin-1 rejects 0x80 to 0x9f.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.files.formats import open_text
from taxi_assets.steps.files.raw_file import RawFile

_ERRORS = "taxi_assets_windows_1252"
_CHUNK_BYTES = 1 << 20

# Five bytes have no meaning in Windows-1252; Latin-1 gives each the control character of its number.
_CHARACTERS = [bytes([byte]).decode("cp1252", errors="ignore") or chr(byte) for byte in range(256)]


def _byte_by_byte(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(_CHARACTERS[byte] for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ERRORS, _byte_by_byte)


def decoded(content: bytes) -> str:
    r"""The text of bytes that are UTF-8 but for some.

    >>> decoded("Café ".encode() + b"caf\xe9\xa0")
    'Café café\xa0'
    """
    return content.decode("utf-8", errors=_ERRORS)


@contextmanager
def utf8_copy(raw: RawFile, copy: Path) -> Generator[RawFile]:
    """The text of a CSV, unpacked and in UTF-8, for DuckDB to read in its place; gone afterwards.

    Args:
        raw: The CSV.
        copy: Where the text lies meanwhile, as large as the unpacked file.

    Raises:
        BrokenFileError: The gzip is damaged.
    """
    try:
        _write_utf8(raw, copy)
        yield replace(raw, path=copy, format="csv", utf8=True)
    finally:
        copy.unlink(missing_ok=True)


def _write_utf8(raw: RawFile, copy: Path) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")(errors=_ERRORS)
    try:
        with open_text(raw.path, raw.format) as published, copy.open("wb") as text:
            while chunk := published.read(_CHUNK_BYTES):
                text.write(decoder.decode(chunk).encode())
            text.write(decoder.decode(b"", final=True).encode())
    except (EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the file's
        raise BrokenFileError(
            f"{raw.path}: it cannot be unpacked ({error}). The previous clean files are untouched; materialize its raw "
            "asset again"
        ) from error
