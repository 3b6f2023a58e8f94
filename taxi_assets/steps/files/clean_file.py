"""A month's clean Parquet as the next layers find it: its figures, and the footer that keeps them.

Belongs here: what ``clean`` hands on, reading it back, and whether it still is what was made. Not here: how it is made.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError, NotMaterializedError
from taxi_assets.steps.files.disk import disk_error, is_not_allowed
from taxi_assets.steps.files.formats import parquet_rows
from taxi_assets.steps.files.same_file import HeldFile, changed, sha256_of
from taxi_assets.steps.files.sql import identifier, parquet_scan
from taxi_assets.text import shown

FOOTER_KEY = "taxi_assets"
"""What the figures are kept under in the Parquet footer."""

CLEAN_SHA256 = "clean_sha256"
"""What the hash of the clean file is kept under in the footer of the rejected one: no file can hold its own."""


@dataclass(frozen=True)
class CleanFile:
    """A month's clean Parquet and the figures that are kept in its footer.

    Attributes:
        month: Which month it is.
        path: ``clean/<dataset>/<stem>.parquet``.
        rejected_path: ``rejected/<dataset>/<stem>.parquet``.
        rows: Trips in the clean file.
        rejected_rows: Lines rejected.
        published_rows: Data lines of the raw file; equals ``rows + rejected_rows``.
        content_id: Identifies raw bytes and cleaning rules together, hexadecimal: equal ids, equal rows.
        raw_sha256: Of the raw file it was made from.
        source: As in :class:`taxi_assets.steps.files.raw_file.RawFile`.
        synthetic: As in :class:`taxi_assets.steps.files.raw_file.RawFile`.
        unreadable: For each optional column, how many values could not be read and became NULL.
        skipped: Columns of the raw file that were not read: nameless ones, row labels, those of
            ``TAXI_IGNORE_COLUMNS``.
        sha256: Of the clean file, hexadecimal; None where an earlier version made it, or it was taken from the lake and
            has no rejected file beside it.
        located: The zone columns that were located from the month's coordinates; empty where they were published.
        zone_shapes: Version of the shapes that they were located with: the SHA-256 of their file.
        unchanged: This call found the month already clean and did nothing.
    """

    month: TripMonth
    path: Path
    rejected_path: Path
    rows: int
    rejected_rows: int
    published_rows: int
    content_id: str
    raw_sha256: str
    source: str
    synthetic: bool
    unreadable: dict[str, int]
    skipped: tuple[str, ...] = ()
    sha256: str | None = None
    located: tuple[str, ...] = ()
    zone_shapes: str | None = None
    unchanged: bool = False


def read_clean(month: TripMonth, data_dir: DataDir) -> CleanFile | None:
    """The month as it was last cleaned, from the footers of its two files.

    Returns:
        None when there is no clean month: a file is missing, is not one of ours, or the two do not belong together
        because a run was killed between them.

    Raises:
        StoreAccessError: This account may not read them.
    """
    clean, beside_rejected = _read_footer(data_dir.clean(month)), _key_values(data_dir.rejected(month))
    if clean is None or clean != _figures(beside_rejected):
        return None
    try:
        return clean_file_of(month, data_dir, {**clean, "sha256": _hash_of_clean(beside_rejected)})
    except (KeyError, TypeError):
        return None


def read_clean_copy(file: BinaryIO, month: TripMonth, data_dir: DataDir) -> CleanFile | None:
    """The figures of a clean file that lies elsewhere, from its own footer alone.

    Returns:
        With the paths that it would have here; None when it is not a clean file of ours.
    """
    footer = _read_footer(file)
    try:
        return None if footer is None else clean_file_of(month, data_dir, footer)
    except (KeyError, TypeError):
        return None


def clean_on_disk(month: TripMonth, data_dir: DataDir) -> CleanFile:
    """The month's clean file by its own footer, whatever lies beside it.

    Raises:
        NotMaterializedError: There is none, or it is not ours.
        BrokenFileError: It cannot be read.
    """
    path = data_dir.clean(month)
    if not path.is_file():
        raise NotMaterializedError(f"{month}: it is not clean on this machine; materialize clean/{month.table} first")
    with path.open("rb") as file:
        clean = read_clean_copy(file, month, data_dir)
    if clean is None:
        raise NotMaterializedError(f"{path}: this is no clean file; materialize clean/{month.table} of {month} again")
    return clean


def must_be_in_hand(file: Any, clean: CleanFile) -> None:
    """Sees by a file's own footer that it is the clean month in hand, before anything is recorded of it.

    Args:
        file: Its path, or whatever of it Arrow can read.
        clean: The month in hand.

    Raises:
        FileChangedError: It is another one.
    """
    footer = _read_footer(file)
    if footer is None or footer.get("content_id") != clean.content_id:
        raise changed(clean.path)


def is_as_cleaned(clean: CleanFile) -> bool:
    """Whether a clean file can be read to its end and has the bytes that were written, as far as its hash is known."""
    try:
        with clean.path.open("rb") as file:
            return clean.sha256 in {None, sha256_of(file)}
    except OSError:
        return False


@contextmanager
def as_cleaned(clean: CleanFile, holding: HeldFile[Any]) -> Generator[None]:
    """What is read from the clean file in this block is what was cleaned; else an error, whatever the block says.

    The file is hashed by a thread of its own while the block reads it, from the same open file.

    Raises:
        FileChangedError: Another run has cleaned the month anew.
        BrokenFileError: The file was changed on this disk.
    """
    with ThreadPoolExecutor(1, "clean-sha256") as pool:
        hashing = pool.submit(holding.sha256)
        try:
            yield
        except Exception as error:
            must_be_as_cleaned(clean, hashing.result(), error)
            raise
        must_be_as_cleaned(clean, hashing.result())


def must_be_as_cleaned(clean: CleanFile, sha256: str, cause: Exception | None = None) -> None:
    """Compares the hash of what was read with that of what was cleaned, as far as that is known.

    Raises:
        FileChangedError: They differ, as another run has cleaned the month anew since.
        BrokenFileError: They differ. The next run of clean finds that too, and makes the file anew.
    """
    if clean.sha256 in {None, sha256}:
        return
    if _hash_of_clean(_key_values(clean.rejected_path)) != clean.sha256:
        raise changed(clean.path) from cause
    month = clean.month
    raise BrokenFileError(
        f"{clean.path}: it is not what was cleaned (SHA-256 {sha256} instead of {clean.sha256}): it was changed on "
        f"this disk. Nothing of it was published; materialize clean/{month.table} {month.month} again, which makes the "
        "file anew, and what follows"
    ) from cause


def clean_file_of(month: TripMonth, data_dir: DataDir, footer: Mapping[str, Any]) -> CleanFile:
    """The file that a footer tells of, under its own names here."""
    lists = {name: tuple(footer.get(name, ())) for name in ("skipped", "located")}
    figures: dict[str, Any] = {**footer, **lists}
    return CleanFile(month=month, path=data_dir.clean(month), rejected_path=data_dir.rejected(month), **figures)


def _read_footer(file: Path | BinaryIO) -> dict[str, Any] | None:
    """The figures that a file's footer keeps, or None when it is not a finished file of ours."""
    return _figures(_key_values(file))


def _figures(key_values: Mapping[bytes, bytes]) -> dict[str, Any] | None:
    try:
        return json.loads(key_values[FOOTER_KEY.encode()])
    except (KeyError, ValueError):
        return None


def _hash_of_clean(key_values: Mapping[bytes, bytes]) -> str | None:
    found = key_values.get(CLEAN_SHA256.encode())
    return None if found is None else found.decode(errors="replace")


def _key_values(file: Path | BinaryIO) -> Mapping[bytes, bytes]:
    """What a file's footer keeps beside the columns; nothing when it is not there or not Parquet."""
    from pyarrow import parquet

    try:
        if isinstance(file, Path) and not file.is_file():
            return {}
        return cast("dict[bytes, bytes] | None", cast("Any", parquet.read_metadata(file)).metadata) or {}
    except OSError as error:
        # Of the system, unless it has no number: then it is Arrow's about what is in the file.
        if isinstance(file, Path) and is_not_allowed(error):
            raise disk_error(file.name, file.parent, error, str(error)) from error
        return {}
    except ValueError:
        return {}


def rows_of(month: TripMonth, data_dir: DataDir) -> tuple[int, int]:
    """Rows in the month's clean and rejected files, from their footers."""
    return rows_in(data_dir.clean(month)), rows_in(data_dir.rejected(month))


def clean_rows(month: TripMonth, data_dir: DataDir) -> int:
    """Rows in the month's clean file. Where it was fetched from the lake, there is no rejected file beside it."""
    return rows_in(data_dir.clean(month))


def rows_in(path: Path) -> int:
    """Rows in a clean or rejected file, by its own footer.

    Raises:
        BrokenFileError: It is damaged, or not there.
    """
    try:
        return parquet_rows(path)
    except ValueError as error:
        raise BrokenFileError(
            f"{path}: it is damaged or no Parquet file ({shown(str(error))}); materialize its clean asset again"
        ) from error


def total_of(month: TripMonth, data_dir: DataDir, column: str) -> float | None:
    """Sum of a column over the month's clean file."""
    import duckdb

    from taxi_assets.steps.files.duckdb_connection import errors_explained

    path = data_dir.clean(month)
    with errors_explained(path, path.parent), duckdb.connect() as connection:
        query = f"SELECT sum({identifier(column)}) FROM {parquet_scan(path)}"
        found = connection.execute(query).fetchone()
    return None if found is None else found[0]
