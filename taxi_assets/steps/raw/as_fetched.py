"""Whether a raw file still is what was fetched: found by whoever reads it, and made good by the next fetch.

Belongs here: comparing a file on this disk with its manifest, and what becomes of one that differs. Not here: whether a
file that arrives is good (``verify.py``).

Disks rot, and engines do not look: DuckDB ignores the CRC of gzip.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from taxi_assets.errors import BrokenFileError, CountMismatchError, TaxiAssetsError
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile
from taxi_assets.steps.files.same_file import changed, held
from taxi_assets.steps.raw.destination import RawDestination
from taxi_assets.steps.raw.sources import ZONE_SHAPES, ZONES, FileRequest
from taxi_assets.steps.raw.verify import verify


@contextmanager
def as_fetched(raw: PublishedFile) -> Generator[None]:
    """What is read from the raw file in this block is what was fetched; else an error, before anything is published.

    The file is hashed by a thread of its own while the block reads it: the second of the two readers finds the bytes
    in memory.

    Raises:
        FileChangedError: Another run put a file in its place meanwhile.
        BrokenFileError: It is not what was fetched. Its manifest is removed, so that the next run fetches it again.
    """
    with held(raw.path, lambda path: path.open("rb")) as holding, ThreadPoolExecutor(1, "raw-sha256") as pool:
        hashing = pool.submit(holding.sha256)
        try:
            yield
        except CountMismatchError as error:
            must_be_as_fetched(raw, hashing.result(), error)
            _must_have_its_lines(raw, error)
            raise
        except Exception as error:
            must_be_as_fetched(raw, hashing.result(), error)
            raise
        holding.must_be_the_same()
        must_be_as_fetched(raw, hashing.result())


def must_be_as_fetched(raw: PublishedFile, sha256: str, cause: Exception | None = None) -> None:
    """Compares the hash of what was read with the manifest.

    Raises:
        FileChangedError: They differ, as another run has fetched another file since.
        BrokenFileError: They differ. The manifest is removed, so that the next run fetches the file again.
    """
    if sha256 != raw.sha256:
        raise _forgotten(raw, f"SHA-256 {sha256} instead of {raw.sha256}") from cause


def _must_have_its_lines(raw: PublishedFile, cause: Exception) -> None:
    """Manifests of earlier versions do not tell that somebody edited their figures: the file does."""
    lines = verify(raw.path, raw.format, str(raw.path)).published_rows
    if lines != raw.published_rows:
        raise _forgotten(raw, f"{lines:,} lines instead of {raw.published_rows:,}") from cause


def _forgotten(raw: PublishedFile, what: str) -> TaxiAssetsError:
    without_month = ZONE_SHAPES if raw.format == "zip" else ZONES
    request = FileRequest.of(raw.month) if isinstance(raw, RawFile) else without_month
    if not RawDestination(request, raw.path.parent).forget(raw):
        return changed(raw.path)
    return BrokenFileError(
        f"{raw.path}: it is not what was fetched ({what}): the file or its manifest was changed on this disk. Nothing "
        f"was published; materialize the raw asset of {request.label} again, which fetches the file anew, and what "
        "follows"
    )
