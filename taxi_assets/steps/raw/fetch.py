"""Source to raw: a month's file exactly as published, verified to its last byte, with a manifest beside it.

Belongs here: the order of the work (look, compare, bring, verify, publish) for every source. Not here: where a file
is (``sources.py``), how it gets here (``download.py``, ``local_origins.py``), what makes it good (``verify.py``), and
how it takes its name (``raw_slot.py``).

After any failure, and after a kill at any moment, the month's previous file is still there under its name; its
manifest too, unless the kill fell between the two renames, which makes the next run fetch the month anew.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError, NotPublishedError, SettingsError, StorageFullError
from taxi_assets.steps.files.disk import full_disk_reported
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.raw.http import http_origin
from taxi_assets.steps.raw.http_retries import BRIEF, PATIENT, HttpPolicy
from taxi_assets.steps.raw.local import FolderOrigin, SampleOrigin
from taxi_assets.steps.raw.slot import RawSlot, discard
from taxi_assets.steps.raw.sources import (
    PUBLISHED,
    ZONES,
    NamedSources,
    Offer,
    Wanted,
    folder_candidates,
    http_candidates,
    is_url,
)
from taxi_assets.steps.raw.verify import Contents, verify

logger = logging.getLogger(__name__)


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

    def look(self) -> Offer:
        """What is there; raises ``NotPublishedError`` or ``SourceUnavailableError``."""
        ...

    def bring(self, offer: Offer, partial: Path, on_progress: OnProgress) -> Offer:
        """Puts the file into ``partial`` and returns the offer that it then was."""
        ...


def fetch_month(
    month: TripMonth,
    source: str,
    data_dir: DataDir,
    *,
    sample_rows: int = 20_000,
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
        source: ``auto``, ``datatalksclub``, ``tlc``, ``sample``, a folder's absolute path or a base URL.
        data_dir: Where to put it.
        sample_rows: Trips in a file of the sample source.
        on_progress: Told the bytes that are there and the total.
        named: What the named sources stand for.
        http: How patient to be with servers.

    Raises:
        NotPublishedError: The source does not have the month, or not for us. Not retried.
        BrokenFileError: What it has is not a trip file, or not whole.
        SourceUnavailableError: It cannot be reached, after retries. The next call goes on where this one stopped.
        StorageFullError: The disk is full.
        SettingsError: The source cannot be used as it is written.
    """
    wanted = Wanted.of(month)
    with _origin(wanted, source, data_dir, sample_rows, named, http) as origin:
        return _fetch(wanted, origin, data_dir, on_progress)


def fetch_zones(
    source: str, data_dir: DataDir, *, named: NamedSources = PUBLISHED, http: HttpPolicy = PATIENT
) -> RawFile:
    """Makes ``raw/taxi_zones/taxi_zone_lookup.csv`` the one that the source has now.

    A folder or base URL holds it as ``misc/taxi_zone_lookup.csv`` or ``taxi_zone_lookup.csv``. Arguments and errors
    are those of :func:`fetch_month`.
    """
    with _origin(ZONES, source, data_dir, 0, named, http) as origin:
        return _fetch(ZONES, origin, data_dir, no_progress).raw


def probe_month(
    month: TripMonth,
    source: str,
    *,
    sample_rows: int = 20_000,
    named: NamedSources = PUBLISHED,
    http: HttpPolicy = BRIEF,
) -> Probe:
    """Asks whether a month is published and which edition of its contents, without downloading it.

    Raises:
        SourceUnavailableError: The source cannot be reached, after a few retries.
        SettingsError: The source cannot be used as it is written.
    """
    wanted = Wanted.of(month)
    with _origin(wanted, source, None, sample_rows, named, http) as origin:
        try:
            offer = origin.look()
        except NotPublishedError:
            return Probe(_expected_place(wanted, source, named), published=False, validator=None)
        return Probe(offer.candidate.shown, published=True, validator=offer.validator)


def _fetch(wanted: Wanted, origin: Origin, data_dir: DataDir, on_progress: OnProgress) -> FetchedMonth:
    slot = RawSlot(wanted, data_dir.raw_dir(wanted.raw_folder))
    with full_disk_reported(wanted.label, slot.folder), slot.locked():
        offer = origin.look()
        held = slot.held()
        if held is not None and offer.is_held_as(held):
            slot.tidy(held.path)
            logger.info("%s: unchanged at %s since %s", wanted.label, held.source, held.fetched_at)
            return FetchedMonth(held, unchanged=True)
        raw = _bring_and_publish(wanted, origin, offer, slot, on_progress)
        slot.tidy(raw.path)
        logger.info("%s: fetched %s bytes, %s trips from %s", wanted.label, raw.bytes, raw.published_rows, raw.source)
        return FetchedMonth(raw, unchanged=False)


def _bring_and_publish(wanted: Wanted, origin: Origin, offer: Offer, slot: RawSlot, on_progress: OnProgress) -> RawFile:
    partial = slot.partial(offer.candidate.edition)
    resumed = partial.exists()
    try:
        try:
            brought, contents = _bring(wanted, origin, offer, partial, on_progress)
        except BrokenFileError as error:
            if not resumed:
                raise
            # The broken part may be what a power cut left of the earlier try.
            logger.warning("%s; it continued an earlier download, so it is downloaded once more in whole", error)
            discard(partial)
            brought, contents = _bring(wanted, origin, offer, partial, on_progress)
        raw = _raw_file(slot, brought, contents)
        slot.publish(partial, raw)
    except (BrokenFileError, StorageFullError, OSError):
        # Anything else, a dropped connection above all, leaves what has arrived for the next run to go on with.
        discard(partial)
        raise
    return raw


def _bring(
    wanted: Wanted, origin: Origin, offer: Offer, partial: Path, on_progress: OnProgress
) -> tuple[Offer, Contents]:
    brought = origin.bring(offer, partial, on_progress)
    label = f"{wanted.label} from {brought.candidate.shown}"
    return brought, verify(partial, brought.candidate.edition, label)


def _raw_file(slot: RawSlot, offer: Offer, contents: Contents) -> RawFile:
    return RawFile(
        path=slot.published(offer.candidate.edition),
        source=offer.candidate.shown,
        edition=offer.candidate.edition,
        synthetic=offer.synthetic,
        bytes=contents.bytes,
        uncompressed_bytes=contents.uncompressed_bytes,
        sha256=contents.sha256,
        etag=offer.etag,
        last_modified=offer.last_modified,
        fetched_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        published_rows=contents.published_rows,
        blank_lines=contents.blank_lines,
        utf8=contents.utf8,
    )


@contextmanager
def _origin(
    wanted: Wanted,
    source: str,
    data_dir: DataDir | None,
    sample_rows: int,
    named: NamedSources,
    http: HttpPolicy,
) -> Generator[Origin]:
    """Yields the source as something that can be asked for the file."""
    if source == "sample":
        yield SampleOrigin(wanted, sample_rows)
    elif is_url(source) or source in named:
        with http_origin(wanted.label, http_candidates(wanted, source, named), http) as origin:
            yield origin
    else:
        folder = Path(source)
        if data_dir is not None:
            _refuse_own_folder(folder, data_dir)
        yield FolderOrigin(wanted.label, folder, folder_candidates(wanted, folder))


def _refuse_own_folder(folder: Path, data_dir: DataDir) -> None:
    """Our raw folder as its own source would lose editions: publishing one removes the others."""
    raw = data_dir.root.resolve() / "raw"
    if folder.resolve().is_relative_to(raw):
        raise SettingsError(
            f"TAXI_SOURCE={folder}: this is the project's own raw folder; name the folder that holds the files as "
            "published"
        )


def _expected_place(wanted: Wanted, source: str, named: NamedSources) -> str:
    if is_url(source) or source in named:
        return http_candidates(wanted, source, named)[0].shown
    return folder_candidates(wanted, Path(source))[0].shown
