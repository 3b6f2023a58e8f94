"""What is recorded as read is what was read: holding a file by more than its name, and hashing it.

Belongs here: telling that a name still means the file that was looked at. Not here: what is in files.

Every file of the project is replaced by a rename, so its name may mean another file a moment later. Engines open files
by name, some of them several times.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, Protocol, TypeVar

from taxi_assets.data_dir import partial_path, remove_leftovers
from taxi_assets.errors import FileChangedError

_CHUNK_BYTES = 1 << 20
_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class _Opened(Protocol):
    def fileno(self) -> int: ...

    def close(self) -> None: ...


_File = TypeVar("_File", bound=_Opened)


def sha256_of(file: BinaryIO) -> str:
    """Of the bytes from here to the end, hexadecimal; 180 MB take 0.13 s."""
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class HeldFile(Generic[_File]):
    """A file that is open, and the name under which it was found.

    Attributes:
        path: The name.
        file: The open file.
        identity: Device, inode, size and modification time (ns) when it was opened.
    """

    path: Path
    file: _File
    identity: tuple[int, int, int, int]

    def sha256(self) -> str:
        """Of all its bytes, as in :func:`sha256_of`; others may read the open file at positions meanwhile."""
        with os.fdopen(os.dup(self.file.fileno()), "rb") as again:
            again.seek(0)
            return sha256_of(again)

    def must_be_the_same(self) -> None:
        """Sees that the name means this very file, with the bytes that it had.

        While a file is open its inode is given to no other, so that a name that means it now, and meant it before, has
        meant it all along: files that were replaced are removed and do not come back.

        Raises:
            FileChangedError: The name means another file, or none, or the file was edited.
        """
        try:
            now = _identity(self.path.stat())
        except FileNotFoundError:
            now = None
        if now != self.identity:
            raise changed(self.path)


@contextmanager
def held(path: Path, open_file: Callable[[Path], _File]) -> Generator[HeldFile[_File]]:
    """Opens a file for a block that asks at the end, before it publishes, whether it is still the one that is meant.

    Raises:
        FileChangedError: There is none; or the block failed and the name means another file by then, so that what
            failed was a mixture.
    """
    try:
        file = open_file(path)
    except FileNotFoundError as error:
        raise changed(path) from error
    try:
        holding = HeldFile(path, file, _identity(os.fstat(file.fileno())))
        try:
            yield holding
        except Exception:
            holding.must_be_the_same()
            raise
    finally:
        file.close()


@contextmanager
def pinned(path: Path) -> Generator[Path]:
    """A private name for the file that ``path`` means now, for those who open it several times by name.

    A hard link below a hidden folder beside it, under the same last name; a copy where the file system has no links.

    Raises:
        FileChangedError: The file is gone.
    """
    remove_leftovers(path)
    folder = partial_path(path)
    pin = folder / path.name
    try:
        folder.mkdir()
        try:
            os.link(path, pin)
        except FileNotFoundError as error:
            raise changed(path) from error
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            shutil.copy2(path, pin)
        yield pin
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def changed(path: Path) -> FileChangedError:
    """What is said of a file that is not the one that was looked at."""
    return FileChangedError(
        f"{path}: another run replaced or removed it while it was read, or somebody edited it. Nothing of it was "
        "published; run again, which reads the file that is there then"
    )


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
