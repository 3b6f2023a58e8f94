"""Where local files lie: the one place that turns a month into a path below ``TAXI_DATA_DIR``.

Belongs here: names of folders and files, and the atomic way to give a finished file its name, one
writer at a time. Not here: what is
in the files.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from taxi_assets.datasets.months import TripMonth

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataDir:
    """The layout of the local data folder (see ``TAXI_DATA_DIR`` in docs/settings.md)."""

    root: Path

    def raw_dir(self, dataset: str) -> Path:
        """Holds the files exactly as published, each with its manifest ``<stem>.manifest.json`` beside it."""
        return self.root / "raw" / dataset

    def clean(self, month: TripMonth) -> Path:
        """The typed, normalised Parquet of a month."""
        return self.root / "clean" / month.dataset / f"{month.stem}.parquet"

    def rejected(self, month: TripMonth) -> Path:
        """The rejected lines of a month: ``line_number``, ``reason``, ``line``. Written even when there are none."""
        return self.root / "rejected" / month.dataset / f"{month.stem}.parquet"

    def given_up(self, month: TripMonth) -> Path:
        """Rejected lines of a file that was given up because it has no trips, or hardly any.

        They are kept to look at until the month is clean again. Those of the month as it was clean before stay where
        they are.
        """
        return self.rejected(month).with_suffix(".given-up.parquet")

    def held_back(self, month: TripMonth) -> tuple[Path, Path]:
        """Trips and rejected lines of a version that a check held back, to look at until the month is clean again."""
        rejected = self.rejected(month)
        return rejected.with_suffix(".held-back.parquet"), rejected.with_suffix(".held-back-lines.parquet")

    @property
    def lake(self) -> Path:
        """The lake of the ``local`` target, laid out like the bucket of the ``gcp`` target."""
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        """The DuckDB catalogue of the ``local`` target."""
        return self.root / "warehouse.duckdb"

    @property
    def report(self) -> Path:
        """The page of ``report/overview``."""
        return self.root / "report" / "overview.html"

    @property
    def landing(self) -> Path:
        """Files dropped here by a person become runs of their month."""
        return self.root / "landing"

    @property
    def accepted(self) -> Path:
        """Landed files under the names and in the folders of a source: ``<dataset>/<dataset>_tripdata_YYYY-MM.*``."""
        return self.landing / "accepted"

    @property
    def unrecognised(self) -> Path:
        """Landed files that are no month of any dataset, each with a note that says why."""
        return self.landing / "unrecognised"

    @property
    def postgres(self) -> Path:
        """The embedded PostgreSQL cluster, its log, and the file with its password."""
        return self.root / "postgres"


@contextmanager
def one_writer(folder: Path, stem: str, *, busy: str) -> Generator[None]:
    """Holds what is made of ``stem`` in ``folder`` against other threads and processes; waits for whoever has it.

    Args:
        folder: Gets the lock, ``.<stem>.lock``; made when it is not there.
        stem: Of the files.
        busy: Said once when somebody has it.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{stem}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("%s; waiting for it to end", busy)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def published_atomically(path: Path) -> Generator[Path]:
    """Yields a temporary path beside ``path`` and renames it to ``path`` when the block ends well.

    Readers see the previous file or the finished new one, never a part. After an error or a kill the name still
    holds the previous file; the temporary file is removed after an error, and ``remove_leftovers`` removes those
    that a kill left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def partial_path(path: Path) -> Path:
    """A new name beside ``path`` for what is on its way there; it tells the writer's process, for the clean-up."""
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid4().hex[:8]}.partial")


def remove_leftovers(path: Path) -> None:
    """Removes temporary files and folders of ``path`` whose writer is no longer alive."""
    for partial in path.parent.glob(f".{path.name}.*.partial"):
        writer = partial.name.removesuffix(".partial").rsplit(".", 1)[1].split("-")[0]
        if not writer.isdigit() or process_is_alive(int(writer)):
            continue
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def process_is_alive(pid: int) -> bool:
    """Whether a process of this machine with that number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
