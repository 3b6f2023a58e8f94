"""A published file on the local disk, and the manifest beside it by which a later run finds it again.

Belongs here: what ``raw`` hands on, and how it is kept. Not here: how it is fetched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.formats import Format


@dataclass(frozen=True)
class PublishedFile:
    """A published file on the local disk, verified to its last byte; by itself, one that has no month (zones).

    Attributes:
        path: Where it lies: ``raw/<dataset>/<file as published>``.
        source: Where it came from, for people: a URL without credentials, a path, or ``sample``.
        format: As published.
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
    format: Format
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


@dataclass(frozen=True, kw_only=True)
class RawFile(PublishedFile):
    """The published file of a month.

    Attributes:
        month: Which month; the others as in :class:`PublishedFile`.
    """

    month: TripMonth


_FORMAT_KEY = "edition"
"""What manifests have called the format since the first one; old ones are read, and new ones stay readable."""


_CHECKSUM_KEY = "manifest_sha256"
"""Of all that a manifest says otherwise. Manifests of earlier versions have none."""


def manifest_path(folder: Path, stem: str) -> Path:
    """The manifest beside ``<stem>.<format>``: one whatever the format, so that a month has one current raw file."""
    return folder / f"{stem}.manifest.json"


def manifest_text(raw: PublishedFile) -> str:
    """What a manifest says; the path is relative to its folder, so that the data folder can be moved."""
    facts = {_FORMAT_KEY if name == "format" else name: value for name, value in asdict(raw).items() if name != "month"}
    facts["path"] = raw.path.name
    return json.dumps({**facts, _CHECKSUM_KEY: _checksum(facts)}, indent=2) + "\n"


def _checksum(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def read_raw(month: TripMonth, data_dir: DataDir) -> RawFile | None:
    """The month's raw file, or None when there is none or its file is gone or of another size.

    Raises:
        BrokenFileError: The manifest cannot be read.
    """
    raw = read_manifest(manifest_path(data_dir.raw_dir(month.dataset), month.stem))
    return None if raw is None else of_month(raw, month)


def of_month(published: PublishedFile, month: TripMonth) -> RawFile:
    """The same file, known to be the one of ``month``."""
    return RawFile(**vars(published), month=month)


def read_manifest(manifest: Path) -> PublishedFile | None:
    """The file that a manifest tells of, or None when either is gone or the file is of another size.

    Raises:
        BrokenFileError: The manifest cannot be read, or is not as it was written.
        StoreAccessError: Manifest or file belong to somebody who does not let this account read them.
    """
    with disk_errors_explained(manifest.name, manifest.parent):
        try:
            text = manifest.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        raw = _parsed(text, manifest)
        if not raw.path.is_file() or raw.path.stat().st_size != raw.bytes:
            return None
        return raw


def _parsed(text: bytes, manifest: Path) -> PublishedFile:
    try:
        content: dict[str, Any] = json.loads(text)
        _must_be_as_written(content)
        path = manifest.parent / content.pop("path")
        raw = PublishedFile(path=path, format=content.pop(_FORMAT_KEY), **content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BrokenFileError(
            f"{manifest}: this is not a manifest as taxi_assets wrote it ({error}); materialize its raw asset again, "
            "which replaces it"
        ) from error
    return raw


def _must_be_as_written(content: dict[str, Any]) -> None:
    """Takes the checksum out and compares; the two figures that everything hangs on are there in any case."""
    if content.pop(_CHECKSUM_KEY, None) not in (None, _checksum(content)):
        raise ValueError("it was edited, or a disk changed it")
    if not (isinstance(content["sha256"], str) and isinstance(content["published_rows"], int)):
        raise TypeError("it lacks the hash or the rows of the file")
