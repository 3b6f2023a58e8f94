"""The formats in which files are published, told by their first bytes.

Belongs here: names of formats, their first bytes, and opening a file's text whatever it is packed in. Not here: what
the text says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

Edition = Literal["csv", "csv.gz", "parquet"]


def parquet_rows(file: Path | BinaryIO) -> int:
    """Rows of a Parquet file by its footer.

    Raises:
        ValueError: It is not a Parquet file.
    """
    from pyarrow import parquet

    footer = cast("Any", parquet.read_metadata(file))
    return int(footer.num_rows)
