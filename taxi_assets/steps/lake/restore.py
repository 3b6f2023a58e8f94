"""lake -> raw, clean: a month brought back to a machine that does not have it.

Belongs here: what happens when a layer runs where its input was never made, as in a pod with an empty disk, or was
removed since. Not here: whether it is needed, and which version is wanted
(``taxi_assets/orchestration/assets/inputs.py``).

An older version is never taken for the wanted one: the objects say from which bytes they were made, and that has to
be what was materialized last.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime, timezone

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES, TAXI_ZONE_SHAPES_FILE
from taxi_assets.errors import BrokenFileError, NotMaterializedError, StoreUnavailableError
from taxi_assets.steps.files.clean_file import CleanFile, read_clean_copy
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.formats import FORMATS, Format
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile, of_month
from taxi_assets.steps.files.zone_shapes import read_zone_shapes
from taxi_assets.steps.lake.copy import fetch_clean
from taxi_assets.steps.lake.lake import Lake, clean_name, raw_name
from taxi_assets.steps.raw.destination import RawDestination, discard
from taxi_assets.steps.raw.sources import ZONE_SHAPES, FileRequest
from taxi_assets.steps.raw.verify import verify

logger = logging.getLogger(__name__)


def clean_from_lake(
    month: TripMonth,
    data_dir: DataDir,
    lake: Lake,
    *,
    content_id: str | None = None,
    on_progress: OnProgress = no_progress,
) -> CleanFile:
    """Fetches the month's clean file, without the rejected lines, which no later layer reads.

    Args:
        month: Which month.
        data_dir: Gets the file.
        lake: Has it.
        content_id: Of the version that is wanted; None when any will do.
        on_progress: Told bytes.

    Raises:
        NotMaterializedError: The lake does not have the month, or has another version of it.
        BrokenFileError: The lake's object is not a clean file of ours.
        StoreUnavailableError: The lake cannot be reached, or the object was replaced while it was read.
    """
    there = _clean_in_lake(month, data_dir, lake, needed="clean")
    if content_id is not None and there.content_id != content_id:
        raise _other_version(month, "clean")
    with disk_errors_explained(str(month), there.path.parent):
        there.path.parent.mkdir(parents=True, exist_ok=True)
        fetch_clean(lake, month, there.path, on_progress=on_progress)
    with there.path.open("rb") as file:
        arrived = read_clean_copy(file, month, data_dir)
    if arrived is None or arrived != there:
        there.path.unlink()
        raise _replaced(month)
    logger.info("%s: fetched the clean file from the lake, %s trips", month, f"{arrived.rows:,}")
    return arrived


def raw_from_lake(
    month: TripMonth,
    data_dir: DataDir,
    lake: Lake,
    *,
    sha256: str | None = None,
    on_progress: OnProgress = no_progress,
) -> RawFile:
    """Fetches the month's published file and verifies it as if it came from its source.

    Args:
        month: Which month.
        data_dir: Gets the file and its manifest. Without the server's validators, which the lake does not keep: the
            next fetch from the source compares bytes.
        lake: Has it.
        sha256: Of the version that is wanted; None when any will do.
        on_progress: Told bytes.

    Raises:
        NotMaterializedError: The lake does not have the month, or has another version of it.
        BrokenFileError: What arrived is not the file that the month in the lake was made from.
        StoreUnavailableError: The lake cannot be reached, or the month was replaced while it was read.
    """
    clean = _clean_in_lake(month, data_dir, lake, needed="raw")
    if sha256 is not None and clean.raw_sha256 != sha256:
        raise _other_version(month, "raw")
    destination = RawDestination(FileRequest.of(month), data_dir.raw_dir(month.dataset))
    with disk_errors_explained(str(month), destination.folder), destination.locked():
        current = destination.current()
        if current is not None and current.sha256 == clean.raw_sha256:
            return of_month(current, month)
        name, file_format = _raw_object(month, lake)
        partial = destination.partial(file_format)
        lake.get(name, partial, on_progress=on_progress)
        try:
            contents = verify(partial, file_format, f"{name} in the lake")
            if contents.sha256 != clean.raw_sha256:
                raise _not_what_clean_was_made_from(month, name)
        except BrokenFileError as error:
            discard(partial)
            if _clean_in_lake(month, data_dir, lake, needed="raw") == clean:
                raise
            raise _replaced(month) from error
        raw = RawFile(
            month=month,
            path=destination.published(file_format),
            source=clean.source,
            format=file_format,
            synthetic=clean.synthetic,
            etag=None,
            last_modified=None,
            fetched_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **asdict(contents),
        )
        destination.publish(partial, raw)
        destination.remove_all_but(raw.path)
    logger.info("%s: fetched the published file from the lake, %s bytes", month, f"{raw.bytes:,}")
    return raw


def zone_shapes_from_lake(data_dir: DataDir, lake: Lake) -> PublishedFile | None:
    """Fetches the zones' shapes, verified as if they came from their source; None when the lake has none.

    Raises:
        BrokenFileError: The lake's object is no file of shapes.
        StoreUnavailableError: The lake cannot be reached.
    """
    name = raw_name(TAXI_ZONE_SHAPES, TAXI_ZONE_SHAPES_FILE)
    destination = RawDestination(ZONE_SHAPES, data_dir.raw_dir(TAXI_ZONE_SHAPES))
    info = lake.stat(name)
    if info is None:
        return None
    with disk_errors_explained(TAXI_ZONE_SHAPES, destination.folder), destination.locked():
        current = destination.current()
        if current is not None:
            return current
        partial = destination.partial("zip")
        lake.get(name, partial)
        try:
            contents = verify(partial, "zip", f"{name} in the lake")
            synthetic = read_zone_shapes(partial).synthetic
        except BrokenFileError:
            discard(partial)
            raise
        raw = PublishedFile(
            path=destination.published("zip"),
            source=info.metadata.get("source", info.uri),
            format="zip",
            synthetic=synthetic,
            etag=None,
            last_modified=None,
            fetched_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **asdict(contents),
        )
        destination.publish(partial, raw)
    logger.info("%s: fetched from the lake", TAXI_ZONE_SHAPES)
    return raw


def _clean_in_lake(month: TripMonth, data_dir: DataDir, lake: Lake, *, needed: str) -> CleanFile:
    """The figures of the lake's clean file, which is written last: where it is, the raw file is too."""
    try:
        with lake.open(clean_name(month)) as stream:
            clean = read_clean_copy(stream, month, data_dir)
    except NotMaterializedError as error:
        raise NotMaterializedError(
            f"{month}: there is no {needed} file in {data_dir.root / needed / month.dataset} and none in the "
            f"lake; materialize {needed}/{month.table} of this month"
        ) from error
    if clean is None:
        raise BrokenFileError(
            f"{clean_name(month)}: the lake's object is not a clean file of taxi_assets; materialize raw/{month.table} "
            f"{month.month} and everything after it again"
        )
    return clean


def _raw_object(month: TripMonth, lake: Lake) -> tuple[str, Format]:
    start = raw_name(month.dataset, f"{month.stem}.")
    for name in lake.names(start):
        file_format = name.removeprefix(start)
        if file_format in FORMATS:
            return name, file_format
    raise NotMaterializedError(f"{month}: no published file in the lake; materialize raw/{month.table} {month.month}")


def _other_version(month: TripMonth, layer: str) -> NotMaterializedError:
    return NotMaterializedError(
        f"{month}: this machine has no {layer} file, and the lake holds another version than the one that was "
        f"materialized last; nothing was changed. Materialize raw/{month.table} {month.month} and everything after it "
        "in one run"
    )


def _not_what_clean_was_made_from(month: TripMonth, name: str) -> BrokenFileError:
    return BrokenFileError(
        f"{month}: {name} in the lake is not the file that {clean_name(month)} was made from; nothing was kept. "
        f"Materialize raw/{month.table} {month.month} and everything after it again"
    )


def _replaced(month: TripMonth) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"{month}: another run replaced the month in the lake while it was fetched; nothing was kept. Run again"
    )
