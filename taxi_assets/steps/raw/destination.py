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

from taxi_assets.data_dir import one_writer, published_atomically, remove_leftovers
from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.files.formats import Format
from taxi_assets.steps.files.raw_file import PublishedFile, manifest_path, manifest_text, read_manifest
from taxi_assets.steps.files.same_file import sha256_of
from taxi_assets.steps.raw.sources import FileRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawDestination:
    """Where one file lies, with what belongs to it.

    ``<stem>.<format>`` and ``<stem>.manifest.json`` are published; ``.<stem>.lock`` is the lock; a file in the
    making is ``.<stem>.<format>.download.partial``, beside it what the server called it in ``….download.json``.
    The fixed name is what lets a later process go on where a killed one stopped; the lock makes it safe.
    """

    request: FileRequest
    folder: Path

    @property
    def manifest(self) -> Path:
        """Beside the file."""
        return manifest_path(self.folder, self.request.stem)

    def published(self, file_format: Format) -> Path:
        """The file's name once it is whole."""
        return self.folder / f"{self.request.stem}.{file_format}"

    def partial(self, file_format: Format) -> Path:
        """The file in the making."""
        return self.folder / f".{self.request.stem}.{file_format}.download.partial"

    @contextmanager
    def locked(self) -> Generator[None]:
        """Holds the place against other threads and processes; waits for whoever has it."""
        with one_writer(self.folder, self.request.stem, busy=f"{self.request.label}: another run is fetching it"):
            yield

    def current(self) -> PublishedFile | None:
        """The file that is published, hashed to its last byte, or None: then it is to be fetched."""
        try:
            raw = read_manifest(self.manifest)
        except BrokenFileError as error:
            logger.warning("%s: it is fetched anew: %s", self.request.label, error)
            return None
        if raw is None:
            return None
        with raw.path.open("rb") as file:
            if sha256_of(file) == raw.sha256:
                return raw
        logger.warning(
            "%s: it is fetched anew: %s was changed on this disk and is not what was fetched",
            self.request.label,
            raw.path,
        )
        return None

    def forget(self, raw: PublishedFile) -> bool:
        """Removes the manifest of a file that is not what it says, so that the next run fetches the file again.

        Returns:
            False when another run has put another file in its place meanwhile, which is left alone.
        """
        with self.locked():
            now = read_manifest(self.manifest)
            if now is not None and any(getattr(raw, name) != value for name, value in vars(now).items()):
                return False
            self.manifest.unlink(missing_ok=True)
            return True

    def publish(self, partial: Path, raw: PublishedFile) -> None:
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

    def remove_all_but(self, current: Path) -> None:
        """Removes other formats of the file, files in the making, and temporary files of dead writers.

        Call it while ``current`` is published and the place is locked: then nothing here is anyone's work.
        """
        remove_leftovers(self.manifest)
        for file_format in self.request.formats:
            discard(self.partial(file_format))
            published = self.published(file_format)
            if published != current and published.exists():
                published.unlink()
                logger.info("%s: removed %s, %s has taken its place", self.request.label, published.name, current.name)


def sidecar(partial: Path) -> Path:
    """What the server called the file whose first bytes are in ``partial``."""
    return partial.with_suffix(".json")


def discard(partial: Path) -> None:
    """Removes a file in the making."""
    sidecar(partial).unlink(missing_ok=True)
    partial.unlink(missing_ok=True)
