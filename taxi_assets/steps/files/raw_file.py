"""What one step hands to the next: a raw file with its manifest, a clean month with its figures.

Belongs here: the values that pass between steps, and how they are kept beside the data so that a later run finds
them again. Not here: how they are made.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from taxi_assets.data_dir import published_atomically
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.files.formats import Edition


@dataclass(frozen=True)
class RawFile:
    """A published file on the local disk, verified to its last byte.

    Attributes:
        path: Where it lies: ``raw/<dataset>/<file as published>``.
        source: Where it came from, for people: a URL without credentials, a path, or ``sample``.
        edition: The format as published.
        synthetic: Made by the sample source; not real trips.
        bytes: Size on disk.
        uncompressed_bytes: Size after gunzip; equals ``bytes`` for csv and parquet.
        sha256: Of the bytes on disk, hexadecimal.
        etag: The server's ETag, ``mtime-<nanoseconds>`` of a folder's file, the recipe of a sample, or None.
        last_modified: The server's Last-Modified, or a folder file's modification time in the same format, or None.
        fetched_at: UTC, ISO 8601.
        published_rows: Data lines: not blank, not the header; for Parquet the rows of the footer.
        blank_lines: Blank lines anywhere after the header (early releases have one after the header).
        utf8: Whether all text is UTF-8. TLC's few stray bytes (0xa0) are Latin-1.
    """

    path: Path
    source: str
    edition: Edition
    synthetic: bool
    bytes: int
    uncompressed_bytes: int
    sha256: str
    etag: str | None
    last_modified: str | None
    fetched_at: str
    published_rows: int
    blank_lines: int = 0
    utf8: bool = True


def manifest_path(raw_dir: Path, month: TripMonth) -> Path:
    """The manifest of a month: one a month, whatever the edition, so that a month has one current raw file."""
    return raw_dir / f"{month.stem}.manifest.json"


def manifest_text(raw: RawFile) -> str:
    """What a manifest says; the path is relative to its folder, so that the data folder can be moved."""
    content: dict[str, Any] = {**asdict(raw), "path": raw.path.name}
    return json.dumps(content, indent=2) + "\n"


def write_manifest(raw: RawFile, month: TripMonth) -> None:
    """Keeps ``raw`` beside its file. Written last: a manifest that exists tells of a file that is whole."""
    target = manifest_path(raw.path.parent, month)
    with published_atomically(target) as partial:
        partial.write_text(manifest_text(raw), encoding="utf-8")


def read_manifest(raw_dir: Path, month: TripMonth) -> RawFile | None:
    """The month's raw file, or None when there is none or its file is gone or of another size.

    Raises:
        BrokenFileError: The manifest cannot be read.
    """
    return read_manifest_file(manifest_path(raw_dir, month))


def read_manifest_file(manifest: Path) -> RawFile | None:
    """The raw file that a manifest tells of, or None when either is gone or the file is of another size.

    Raises:
        BrokenFileError: The manifest cannot be read.
    """
    if not manifest.is_file():
        return None
    try:
        raw = RawFile(**json.loads(manifest.read_text(encoding="utf-8")))
        raw = replace(raw, path=manifest.parent / raw.path)
    except (ValueError, TypeError) as error:
        raise BrokenFileError(
            f"{manifest}: this is not a manifest ({error}); materialize its raw asset again, which replaces it"
        ) from error
    if not raw.path.is_file() or raw.path.stat().st_size != raw.bytes:
        return None
    return raw
