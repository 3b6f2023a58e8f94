"""The formats in which files are published, told by their first bytes.

Belongs here: names of formats, their first bytes, opening a file's text whatever it is packed in, rows of a Parquet
footer. Not here: what the text says.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

Format = Literal["csv", "csv.gz", "parquet", "zip"]
"""How a file is written, by the end of its name. Which contents it has is its *version* (docs/versions.md)."""

FORMATS: tuple[Format, ...] = ("csv.gz", "parquet", "csv")
"""Those of months, in the order in which a folder or base URL is asked for them: the CSV releases carry the longest
history. In ``zip`` only the shapes of the zones are published."""

MAGIC_BYTES: dict[Format, bytes] = {"csv.gz": b"\x1f\x8b", "parquet": b"PAR1", "zip": b"PK\x03\x04"}
"""The first bytes of those formats that have some; plain text has none."""


def format_of(head: bytes) -> Format:
    """The format of a file that begins with these bytes; what is none of the others is taken for text."""
    for name, magic in MAGIC_BYTES.items():
        if head.startswith(magic):
            return name
    return "csv"


def open_text(path: Path, file_format: Format) -> IO[bytes]:
    """The bytes of a CSV from its start, unpacked when it is ``csv.gz``."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if file_format == "csv.gz" else path.open("rb")


def parquet_rows(file: Path | BinaryIO) -> int:
    """Rows of a Parquet file by its footer.

    Raises:
        ValueError: It is not a Parquet file, or its footer is damaged.
    """
    from pyarrow import parquet

    try:
        footer = cast("Any", parquet.read_metadata(file))
    except (NotImplementedError, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise  # the disk's trouble, not the file's
        raise ValueError(str(error)) from error
    return int(footer.num_rows)
