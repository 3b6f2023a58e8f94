"""Source to raw: a month's file exactly as published, verified to its last byte, with a manifest beside it.

Belongs here: the order of the work (ask, compare, download, verify, publish) for every source. Not here: where a file
is (``sources.py``), how it gets here (``http.py``, ``local.py``), what makes it good (``verify.py``), and how it takes
its name (``destination.py``).

After any failure, and after a kill at any moment, the month's previous file is still there under its name; its
manifest too, unless the kill fell between the two renames, which makes the next run fetch the month anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import (
    BrokenFileError,
    CheckFailedError,
    LayoutError,
    NotPublishedError,
    SettingsError,
    StorageFullError,
)
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile, of_month
from taxi_assets.steps.raw.destination import RawDestination, discard
from taxi_assets.steps.raw.http import http_origin
from taxi_assets.steps.raw.http_retries import BRIEF, PATIENT, HttpPolicy
from taxi_assets.steps.raw.local import FolderOrigin, SampleOrigin
from taxi_assets.steps.raw.sources import (
    PUBLISHED,
    ZONE_SHAPES,
    ZONES,
    FileRequest,
    NamedSources,
    SourceFile,
    folder_candidates,
    folder_of,
    http_candidates,
    is_pattern,
    is_url,
    yearly_places,
)
from taxi_assets.steps.raw.verify import Contents, verify

logger = logging.getLogger(__name__)

Judge = Callable[[RawFile], None]
"""Looks at a month's file, and raises ``CheckFailedError`` when it is not to be taken."""


def take_as_it_is(_: PublishedFile) -> None:
    """Judges nothing."""


@dataclass(frozen=True)
class FetchedMonth:
    """What became of a month.

    Attributes:
        raw: The file that is now there.
        unchanged: The source's file is the one we had; nothing was downloaded or made.
    """

    raw: RawFile
    unchanged: bool


@dataclass(frozen=True)
class FetchedFile:
    """What became of a file without months.

    Attributes:
        raw: The file that is now there.
        unchanged: The source's file is the one we had; nothing was downloaded or made.
    """

    raw: PublishedFile
    unchanged: bool


@dataclass(frozen=True)
class Probe:
    """What a source says about a month without handing it over.

    Attributes:
        url: Where the month is, or would be: for people, without credentials.
        published: Whether it is there, for us.
        validator: Differs when the file differs. From the ETag, else the date, and the size; a folder's file gives
            its modification time and size, a sample its recipe and rows. None: the source tells nothing. Equal to
            ``sources.validator_of`` of the raw file while that is current.
    """

    url: str
    published: bool
    validator: str | None


class Origin(Protocol):
    """What every source can do."""

    def stat(self) -> SourceFile:
        """What is there; raises ``NotPublishedError`` or ``SourceUnavailableError``."""
        ...

    def download(self, source_file: SourceFile, partial: Path, on_progress: OnProgress) -> SourceFile:
        """Puts the file into ``partial`` and returns what the source said of it then."""
        ...


def fetch_month(
    month: TripMonth,
    source: str,
    data_dir: DataDir,
    *,
    sample_rows: int = 20_000,
    judge: Judge = take_as_it_is,
    on_progress: OnProgress = no_progress,
    named: NamedSources = PUBLISHED,
    http: HttpPolicy = PATIENT,
) -> FetchedMonth:
    """Makes the month's file in ``raw/<dataset>/`` the one that the source has now.

    A file that is unchanged at the source is not fetched again: over HTTP that takes one HEAD request (a base URL
    is asked for ``csv.gz``, ``parquet`` and ``csv`` in this order, in a folder per dataset and then without). A
    server that sends neither ETag nor Last-Modified leaves no way to tell, so its files are downloaded each time.

    Args:
        month: Which month.
        source: ``auto``, ``datatalksclub``, ``tlc``, ``sample``, a folder's absolute path, a base URL, or the pattern
            of one dataset's files (``Dataset.files``).
        data_dir: Where to put it.
        sample_rows: Trips in a file of the sample source.
        judge: Asked before a file takes its name, when all that is known of it is known; and of one that is unchanged.
            A file that it does not take is not kept, and the month stays as it was.
        on_progress: Told the bytes that are there and the total.
        named: What the named sources stand for.
        http: How patient to be with servers.

    Raises:
        NotPublishedError: The source does not have the month, or not for us. Not retried.
        BrokenFileError: What it has is not a trip file, or not whole.
        CheckFailedError: It is held back.
        SourceUnavailableError: It cannot be reached, after retries. The next call goes on where this one stopped.
        StorageFullError: The disk is full.
        SettingsError: The source cannot be used as it is written.
    """
    request = FileRequest.of(month)
    with _origin(request, source, data_dir, sample_rows, named, http) as origin:
        raw, unchanged = _fetch(request, origin, data_dir, on_progress, lambda file: judge(of_month(file, month)))
    return FetchedMonth(of_month(raw, month), unchanged=unchanged)


def fetch_zones(
    source: str, data_dir: DataDir, *, named: NamedSources = PUBLISHED, http: HttpPolicy = PATIENT
) -> PublishedFile:
    """Makes ``raw/taxi_zones/taxi_zone_lookup.csv`` the one that the source has now.

    A folder or base URL holds it as ``misc/taxi_zone_lookup.csv`` or ``taxi_zone_lookup.csv``. Arguments and errors
    are those of :func:`fetch_month`.
    """
    with _origin(ZONES, source, data_dir, 0, named, http) as origin:
        return _fetch(ZONES, origin, data_dir, no_progress)[0]


def fetch_zone_shapes(
    source: str, data_dir: DataDir, *, named: NamedSources = PUBLISHED, http: HttpPolicy = PATIENT
) -> FetchedFile:
    """Makes ``raw/taxi_zone_shapes/taxi_zones.zip`` the one that the source has now.

    A folder or base URL holds it as ``misc/taxi_zones.zip`` or ``taxi_zones.zip``; the named sources take TLC's.
    Arguments and errors are those of :func:`fetch_month`, and LayoutError where a column of the shapes is missing.
    """
    with _origin(ZONE_SHAPES, source, data_dir, 0, named, http) as origin:
        return FetchedFile(*_fetch(ZONE_SHAPES, origin, data_dir, no_progress))


def probe_month(
    month: TripMonth,
    source: str,
    *,
    sample_rows: int = 20_000,
    named: NamedSources = PUBLISHED,
    http: HttpPolicy = BRIEF,
) -> Probe:
    """Asks whether a month is published and which version of its contents, without downloading it.

    Raises:
        SourceUnavailableError: The source cannot be reached, after a few retries.
        SettingsError: The source cannot be used as it is written.
    """
    request = FileRequest.of(month)
    with _origin(request, source, None, sample_rows, named, http) as origin:
        try:
            source_file = origin.stat()
        except NotPublishedError:
            return Probe(_expected_place(request, source, named), published=False, validator=None)
        return Probe(source_file.candidate.shown, published=True, validator=source_file.validator)


def _fetch(
    request: FileRequest,
    origin: Origin,
    data_dir: DataDir,
    on_progress: OnProgress,
    judge: Callable[[PublishedFile], None] = take_as_it_is,
) -> tuple[PublishedFile, bool]:
    """The file that is now there, and whether it was there before."""
    destination = RawDestination(request, data_dir.raw_dir(request.raw_folder))
    with disk_errors_explained(request.label, destination.folder), destination.locked():
        source_file = origin.stat()
        current = destination.current()
        if current is not None and source_file.is_the_version_of(current):
            judge(current)
            destination.remove_all_but(current.path)
            logger.info("%s: unchanged at %s since %s", request.label, current.source, current.fetched_at)
            return current, True
        raw = _download_and_publish(request, origin, source_file, destination, on_progress, judge)
        destination.remove_all_but(raw.path)
        logger.info("%s: fetched %s bytes, %s trips from %s", request.label, raw.bytes, raw.published_rows, raw.source)
        return raw, False


def _download_and_publish(
    request: FileRequest,
    origin: Origin,
    source_file: SourceFile,
    destination: RawDestination,
    on_progress: OnProgress,
    judge: Callable[[PublishedFile], None],
) -> PublishedFile:
    partial = destination.partial(source_file.candidate.format)
    resumed = partial.exists()
    try:
        try:
            arrived, contents = _download(request, origin, source_file, partial, on_progress)
        except BrokenFileError as error:
            if not resumed:
                raise
            # The broken part may be what a power cut left of the earlier try.
            logger.warning("%s; it continued an earlier download, so it is downloaded once more in whole", error)
            discard(partial)
            arrived, contents = _download(request, origin, source_file, partial, on_progress)
        raw = _published_file(destination, arrived, contents)
        judge(raw)
        destination.publish(partial, raw)
    except (BrokenFileError, CheckFailedError, LayoutError, StorageFullError, OSError):
        # Anything else, a dropped connection above all, leaves what has arrived for the next run to go on with.
        discard(partial)
        raise
    return raw


def _download(
    request: FileRequest, origin: Origin, source_file: SourceFile, partial: Path, on_progress: OnProgress
) -> tuple[SourceFile, Contents]:
    arrived = origin.download(source_file, partial, on_progress)
    label = f"{request.label} from {arrived.candidate.shown}"
    return arrived, verify(partial, arrived.candidate.format, label)


def _published_file(destination: RawDestination, source_file: SourceFile, contents: Contents) -> PublishedFile:
    return PublishedFile(
        path=destination.published(source_file.candidate.format),
        source=source_file.candidate.shown,
        format=source_file.candidate.format,
        synthetic=source_file.synthetic,
        bytes=contents.bytes,
        uncompressed_bytes=contents.uncompressed_bytes,
        sha256=contents.sha256,
        etag=source_file.etag,
        last_modified=source_file.last_modified,
        fetched_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        published_rows=contents.published_rows,
        blank_lines=contents.blank_lines,
        utf8=contents.utf8,
    )


@contextmanager
def _origin(
    request: FileRequest,
    source: str,
    data_dir: DataDir | None,
    sample_rows: int,
    named: NamedSources,
    http: HttpPolicy,
) -> Generator[Origin]:
    """Yields the source as something that can be asked for the file."""
    if source == "sample":
        yield SampleOrigin(request, sample_rows)
        return
    if is_url(source) or source in named:
        with http_origin(request.label, http_candidates(request, source, named), http) as origin:
            yield origin
        return
    folder = folder_of(source) if is_pattern(source) else Path(source)
    if data_dir is not None:
        _check_not_own_folder(folder, data_dir)
    if is_pattern(source):
        yield FolderOrigin(request.label, folder, [request.place(source)], named_in="the dataset's `files`")
    else:
        yield FolderOrigin(request.label, folder, folder_candidates(request, folder), yearly_places(request, folder))


def _check_not_own_folder(folder: Path, data_dir: DataDir) -> None:
    """Our raw folder as its own source would lose formats: publishing one removes the others."""
    raw = data_dir.root.resolve() / "raw"
    if folder.resolve().is_relative_to(raw):
        raise SettingsError(
            f"TAXI_SOURCE={folder}: this is the project's own raw folder; name the folder that holds the files as "
            "published"
        )


def _expected_place(request: FileRequest, source: str, named: NamedSources) -> str:
    if is_url(source) or source in named:
        return http_candidates(request, source, named)[0].shown
    if is_pattern(source):
        return request.place(source).shown
    return folder_candidates(request, Path(source))[0].shown
