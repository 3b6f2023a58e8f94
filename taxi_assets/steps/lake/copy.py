"""raw, clean -> lake: the published file and the clean Parquet of a month, copied whole.

Belongs here: how a month gets to a lake. Not here: what a lake is (``lake.py``), the two lakes themselves
(``folder.py``, ``gcs.py``), and the way back (``restore.py``).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES
from taxi_assets.errors import BrokenFileError, CountMismatchError, NotMaterializedError
from taxi_assets.steps.files.clean_file import CleanFile, must_be_as_cleaned, must_be_in_hand
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.formats import parquet_rows
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile
from taxi_assets.steps.files.same_file import pinned, sha256_of
from taxi_assets.steps.lake.lake import Lake, PutResult, clean_name, raw_name
from taxi_assets.steps.raw.as_fetched import must_be_as_fetched
from taxi_assets.text import shown

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LakeMonth:
    """A month in the lake.

    Attributes:
        raw_uri: The published file.
        clean_uri: The clean Parquet.
        rows: Trips in the clean Parquet.
        content_id: Of the clean month; see :class:`CleanFile`.
        bytes: Of both objects.
        raw_version: See :class:`taxi_assets.steps.lake.lake.ObjectInfo`.
        clean_version: See :class:`taxi_assets.steps.lake.lake.ObjectInfo`.
        uploaded: Objects written by this call: 0, 1 or 2.
        removed: Objects of another format of the month that this call removed.
    """

    raw_uri: str
    clean_uri: str
    rows: int
    content_id: str
    bytes: int
    raw_version: str
    clean_version: str
    uploaded: int
    removed: int

    @property
    def unchanged(self) -> bool:
        """Nothing was written and nothing removed."""
        return not self.uploaded and not self.removed


def copy_month(raw: RawFile, clean: CleanFile, lake: Lake, *, on_progress: OnProgress = no_progress) -> LakeMonth:
    """Copies a month's raw file and clean Parquet to the lake.

    The clean object is written last and names the raw file that it was made from, so a clean object that is there
    tells of a month whose raw file is there too. When the month was published in another format before, the raw
    object of the older format is removed after both new ones are there.

    Args:
        raw: The published file on this machine.
        clean: What was made from it.
        lake: Where to.
        on_progress: Told about bytes of both files together.

    Raises:
        BrokenFileError: The clean month was not made from this raw file, or one of the two was changed on this
            disk.
        FileChangedError: Another run replaced one of the two meanwhile.
        StoreUnavailableError: The lake cannot be reached, or another run wrote the same month at the same time.
            Each object is whole: the previous one or the new one.
    """
    month = clean.month
    if clean.raw_sha256 != raw.sha256:
        raise BrokenFileError(
            f"{clean.path}: made from another raw file than {raw.path} is now; the lake was left as it is. "
            f"Materialize clean/{month.table} {month.month} first"
        )
    raw_object = raw_name(month.dataset, raw.path.name)
    with (
        disk_errors_explained(str(month), clean.path.parent),
        pinned(raw.path) as raw_file,
        pinned(clean.path) as clean_file,
    ):
        with raw_file.open("rb") as file:
            must_be_as_fetched(raw, sha256_of(file))
        with clean_file.open("rb") as file:
            must_be_as_cleaned(clean, sha256_of(file))
        must_be_in_hand(clean_file, clean)
        raw_put, clean_put = _put_both(raw, raw_file, clean, clean_file, lake, on_progress)
    older = [name for name in lake.names(raw_name(month.dataset, f"{month.stem}.")) if name != raw_object]
    for name in older:
        logger.info("%s: removing %s from the lake, replaced by %s", month, name, raw_object)
        lake.delete(name)
    return LakeMonth(
        raw_uri=raw_put.info.uri,
        clean_uri=clean_put.info.uri,
        rows=clean.rows,
        content_id=clean.content_id,
        bytes=raw_put.info.bytes + clean_put.info.bytes,
        raw_version=raw_put.info.version,
        clean_version=clean_put.info.version,
        uploaded=raw_put.written + clean_put.written,
        removed=len(older),
    )


def copy_zone_shapes(raw: PublishedFile, lake: Lake) -> PutResult:
    """Copies the zones' shapes to the lake, for runs whose disk is empty.

    Raises:
        BrokenFileError: The file was changed on this disk.
        FileChangedError: Another run replaced it meanwhile.
        StoreUnavailableError: The lake cannot be reached; what was in it is still there.
    """
    with disk_errors_explained(TAXI_ZONE_SHAPES, raw.path.parent), pinned(raw.path) as pinned_file:
        with pinned_file.open("rb") as file:
            must_be_as_fetched(raw, sha256_of(file))
        return lake.put(pinned_file, raw_name(TAXI_ZONE_SHAPES, raw.path.name), metadata=_facts(raw))


def _put_both(
    raw: RawFile, raw_file: Path, clean: CleanFile, clean_file: Path, lake: Lake, on_progress: OnProgress
) -> tuple[PutResult, PutResult]:
    """The two objects, from files that nobody replaces; the clean one last."""
    raw_bytes, total = raw.bytes, raw.bytes + clean_file.stat().st_size
    raw_put = lake.put(
        raw_file,
        raw_name(clean.month.dataset, raw.path.name),
        metadata=_facts(raw),
        on_progress=lambda done, _: on_progress(done, total),
    )
    clean_put = lake.put(
        clean_file,
        clean_name(clean.month),
        metadata={
            "source": clean.source,
            "rows": str(clean.rows),
            "rejected_rows": str(clean.rejected_rows),
            "content_id": clean.content_id,
            "raw_sha256": clean.raw_sha256,
            "synthetic": str(clean.synthetic).lower(),
        },
        on_progress=lambda done, _: on_progress(raw_bytes + done, total),
    )
    return raw_put, clean_put


def _facts(raw: PublishedFile) -> dict[str, str]:
    """What a bucket keeps with a published file."""
    return {
        "source": raw.source,
        "rows": str(raw.published_rows),
        "fetched_at": raw.fetched_at,
        "synthetic": str(raw.synthetic).lower(),
    }


def has_bytes(lake: Lake, name: str, sha256: str) -> bool:
    """Whether an object has the bytes of that hash: by what is kept with it, else by reading it to its end."""
    info = lake.stat(name)
    if info is None:
        return False
    if "sha256" in info.metadata:
        return info.metadata["sha256"] == sha256
    with lake.open(name) as stream:
        return sha256_of(stream) == sha256


def lake_rows(lake: Lake, month: TripMonth) -> int:
    """Trips of a month as the clean object itself says, in its Parquet footer.

    Raises:
        NotMaterializedError: The month is not in the lake.
        BrokenFileError: The object is not a Parquet file.
        CountMismatchError: The object's metadata promises another number.
    """
    name = clean_name(month)
    with lake.open(name) as stream, _whole_parquet(name, month):
        rows = parquet_rows(stream)
    info = lake.stat(name)
    promised = info.metadata.get("rows") if info else None
    if promised is not None and int(promised) != rows:
        raise CountMismatchError(
            f"{name}: the object holds {rows:,} trips, its metadata says {promised}; somebody else wrote it. "
            f"Materialize lake/{month.table} {month.month} again"
        )
    return rows


def fetch_clean(lake: Lake, month: TripMonth, local: Path, *, on_progress: OnProgress = no_progress) -> None:
    """Fetches a clean month from the lake to this machine, for a layer that runs where the file was never made.

    Raises:
        NotMaterializedError: The month is not in the lake.
    """
    if not lake.get(clean_name(month), local, on_progress=on_progress):
        raise NotMaterializedError(
            f"{month}: {clean_name(month)} is not in the lake; materialize lake/{month.table} of this month"
        )


def lake_total(lake: Lake, month: TripMonth, column: str) -> float | None:
    """Sum of a number column over the clean object, of which no other column is read; None when it has no values.

    Raises:
        NotMaterializedError: The month is not in the lake.
        BrokenFileError: The object is not a Parquet file, or a damaged one.
    """
    from pyarrow import compute, parquet

    name = clean_name(month)
    with lake.open(name) as stream, _whole_parquet(name, month):
        batches = cast("Iterable[Any]", parquet.ParquetFile(stream).iter_batches(columns=[column]))
        sums = [cast("Any", compute).sum(batch.column(0)).as_py() for batch in batches]
    values = [value for value in sums if value is not None]
    return math.fsum(values) if values else None


@contextmanager
def _whole_parquet(name: str, month: TripMonth) -> Generator[None]:
    try:
        yield
    except (ValueError, NotImplementedError) as error:  # what pyarrow's errors about a file derive from
        raise BrokenFileError(
            f"{name}: the lake's object is not a Parquet file, or a damaged one ({shown(str(error))}); materialize "
            f"lake/{month.table} {month.month} again"
        ) from error
