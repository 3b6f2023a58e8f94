"""The place of one published file in the raw folder: one writer at a time, and never half a file under its name.

Belongs here: the lock, the file in the making, the order in which a finished file and its manifest take their names,
and what is cleaned up. Not here: where the bytes come from.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from taxi_assets.data_dir import published_atomically, remove_leftovers
from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.files.formats import Edition
from taxi_assets.steps.files.raw_file import RawFile, manifest_text, read_manifest_file
from taxi_assets.steps.raw.sources import EDITIONS, Wanted

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawSlot:
    """Where one file lies, with what belongs to it.

    ``<stem>.<edition>`` and ``<stem>.manifest.json`` are published; ``.<stem>.lock`` is the lock; a file in the
    making is ``.<stem>.<edition>.download.partial``, beside it what the server called it in ``….download.json``.
    The fixed name is what lets a later process go on where a killed one stopped; the lock makes it safe.
    """

    wanted: Wanted
    folder: Path

    @property
    def manifest(self) -> Path:
        """Beside the file; see ``handover.manifest_path``."""
        return self.folder / f"{self.wanted.stem}.manifest.json"

    def published(self, edition: Edition) -> Path:
        """The file's name once it is whole."""
        return self.folder / f"{self.wanted.stem}.{edition}"

    def partial(self, edition: Edition) -> Path:
        """The file in the making."""
        return self.folder / f".{self.wanted.stem}.{edition}.download.partial"

    @contextmanager
    def locked(self) -> Generator[None]:
        """Holds the slot against other threads and processes; waits for whoever has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f".{self.wanted.stem}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.info("%s: another run is fetching it; waiting for it to end", self.wanted.label)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def held(self) -> RawFile | None:
        """The file that is published, or None: then it is to be fetched."""
        try:
            return read_manifest_file(self.manifest)
        except BrokenFileError as error:
            logger.warning("%s: it is fetched anew: %s", self.wanted.label, error)
            return None

    def publish(self, partial: Path, raw: RawFile) -> None:
        """Gives a verified file and its manifest their names.

        The manifest is on the disk before the old one is touched, so that a full disk leaves the old month as it
        was. A kill between the two renames leaves a file without a manifest, which the next run fetches anew.
        """
        with published_atomically(self.manifest) as manifest:
            with manifest.open("w", encoding="utf-8") as file:
                file.write(manifest_text(raw))
                file.flush()
                os.fsync(file.fileno())
            with partial.open("rb") as finished:
                os.fsync(finished.fileno())
            self.manifest.unlink(missing_ok=True)
            partial.replace(raw.path)

    def tidy(self, current: Path) -> None:
        """Removes what is not ``current``: other editions, files in the making, temporary files of dead writers.

        Call it while ``current`` is published and the slot is locked: then nothing here is anyone's work.
        """
        remove_leftovers(self.manifest)
        for edition in EDITIONS:
            discard(self.partial(edition))
            published = self.published(edition)
            if published != current and published.exists():
                published.unlink()
                logger.info("%s: removed %s, %s has taken its place", self.wanted.label, published.name, current.name)


def sidecar(partial: Path) -> Path:
    """What the server called the file whose first bytes are in ``partial``."""
    return partial.with_suffix(".json")


def discard(partial: Path) -> None:
    """Removes a file in the making."""
    sidecar(partial).unlink(missing_ok=True)
    partial.unlink(missing_ok=True)
