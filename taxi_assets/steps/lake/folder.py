"""The lake of the ``local`` target: a folder laid out like the bucket of the ``gcp`` target.

Belongs here: files below one folder. Not here: what is copied there (``copy.py``).

Objects are hard links to the files of ``TAXI_DATA_DIR`` where the file system has them, else copies: a month then
takes its disk space once. That is safe because every file of this project is replaced by a rename and never
edited in place: a month that is fetched or cleaned again gets a new file, and the lake keeps the old one until it
is copied again.
"""

from __future__ import annotations

import filecmp
import logging
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from taxi_assets.data_dir import published_atomically, remove_leftovers
from taxi_assets.errors import BrokenFileError, NotMaterializedError
from taxi_assets.steps.files.disk import disk_errors_explained, link_or_copy
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.lake.lake import ObjectInfo, PutResult

logger = logging.getLogger(__name__)


class FolderLake:
    """A lake in a folder; implements :class:`taxi_assets.steps.lake.lake.Lake`."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def put(
        self, local: Path, name: str, *, metadata: Mapping[str, str], on_progress: OnProgress = no_progress
    ) -> PutResult:
        """Links or copies ``local``. The files describe themselves, so ``metadata`` is not kept."""
        del metadata
        target = self._path(name)
        with _errors_at(target):
            if not local.is_file():
                raise BrokenFileError(f"{local}: the file is gone; the lake was left as it is. Materialize it again")
            size = local.stat().st_size
            written = not _same(local, target)
            if written:
                remove_leftovers(target)
                with published_atomically(target) as partial:
                    link_or_copy(local, partial)
                logger.info("lake: %s, %.1f MB", target, size / 1e6)
            on_progress(size, size)
            return PutResult(self._info(name, target), written)

    def get(self, name: str, local: Path, *, on_progress: OnProgress = no_progress) -> bool:
        """Copies an object out of the lake; a copy, so that the lake's file has its own life."""
        source = self._path(name)
        with _errors_at(source):
            if not source.is_file():
                return False
            size = source.stat().st_size
        with _errors_at(local), published_atomically(local) as partial:
            shutil.copyfile(source, partial)
        on_progress(size, size)
        return True

    def stat(self, name: str) -> ObjectInfo | None:
        """The file's size and modification time."""
        path = self._path(name)
        with _errors_at(path):
            return self._info(name, path) if path.is_file() else None

    def open(self, name: str) -> BinaryIO:
        """The file, opened for reading."""
        path = self._path(name)
        with _errors_at(path):
            try:
                return path.open("rb")
            except FileNotFoundError as error:
                raise NotMaterializedError(
                    f"{path}: not in the lake; materialize the lake asset of this month"
                ) from error

    def names(self, prefix: str) -> list[str]:
        """Finished files only: temporary ones start with a dot."""
        folder, _, start = prefix.rpartition("/")
        with _errors_at(self._path(folder)):
            found = [path for path in self._path(folder).glob("*") if path.is_file() and path.name.startswith(start)]
        return sorted(path.relative_to(self.root).as_posix() for path in found if not path.name.startswith("."))

    def delete(self, name: str) -> None:
        """Unlinks the file."""
        path = self._path(name)
        with _errors_at(path):
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.root / name

    def _info(self, name: str, path: Path) -> ObjectInfo:
        status = path.stat()
        return ObjectInfo(name, path.as_uri(), status.st_size, str(status.st_mtime_ns), {})


def _same(local: Path, target: Path) -> bool:
    """Whether the target is a link to the local file, or a copy with the same bytes."""
    if not target.is_file():
        return False
    return target.samefile(local) or filecmp.cmp(local, target, shallow=False)


def _errors_at(path: Path) -> AbstractContextManager[None]:
    return disk_errors_explained(str(path), path.parent)
