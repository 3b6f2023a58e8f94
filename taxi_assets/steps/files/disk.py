"""What the system says of the data folder, told in one way: full, not allowed, or gone for now.

Belongs here: which errors of the system and of DuckDB mean which of the three; a second name
for a file. Not here: what stores and sources say.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from taxi_assets.errors import StorageFullError, StoreAccessError, StoreUnavailableError, TaxiAssetsError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_IN_THE_WAY = frozenset({errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_NO_SPACE_IN_WORDS = (*(os.strerror(number) for number in sorted(_NO_SPACE)), "max_temp_directory_size")
_NOT_ALLOWED_IN_WORDS = tuple(os.strerror(number) for number in sorted(_NOT_ALLOWED))


def is_full(error: Exception) -> bool:
    """Whether a disk, a quota or a file-size limit is exhausted.

    DuckDB's errors carry no number: they quote the system's words, or name DuckDB's own limit.
    """
    return _is(error, _NO_SPACE, _NO_SPACE_IN_WORDS)


def is_not_allowed(error: Exception) -> bool:
    """Whether this account may not do it: another's folder or file, or a file system that is read-only."""
    return _is(error, _NOT_ALLOWED, _NOT_ALLOWED_IN_WORDS)


def _is(error: Exception, numbers: frozenset[int], in_words: tuple[str, ...]) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in numbers
    return any(words in str(error) for words in in_words)


def disk_error(label: str, folder: Path, error: Exception, said: str) -> TaxiAssetsError:
    """Our error for one of the system's about a file in ``folder``; ``said`` are its words."""
    if is_full(error):
        return StorageFullError(
            f"{label}: {folder} is full ({said}). Whatever was there before is untouched and the unfinished file was "
            "removed; free space, then run again, or point TAXI_DATA_DIR elsewhere"
        )
    if is_not_allowed(error):
        return StoreAccessError(
            f"{label}: {folder} may not be used so by this account ({said}). Whatever was there before is untouched; "
            "run as the user whose folder it is, give this one the right to read and write there, or point "
            "TAXI_DATA_DIR elsewhere"
        )
    if isinstance(error, OSError) and error.errno in _IN_THE_WAY:
        return StoreAccessError(
            f"{label}: something else lies in the way in {folder} ({said}). It and whatever was there before are "
            "untouched; move it away, then run again"
        )
    return StoreUnavailableError(
        f"{label}: {folder} cannot be used now ({said}). Whatever was there before is untouched; run again when the "
        "disk or share answers"
    )


@contextmanager
def disk_errors_explained(label: str, folder: Path) -> Generator[None]:
    """Turns the system's errors about files into ours.

    Those without a number are no errors of the system: Arrow's and gzip's about what is in a file pass as they are.

    Raises:
        StorageFullError: The disk, quota or file-size limit is exhausted.
        StoreAccessError: This account may not read or write there, nobody may write, or a file lies where a folder
            should be, or a folder where a file should be.
        StoreUnavailableError: Anything else: a disk that fails, a folder that somebody removed meanwhile.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        at = f"{error.filename}: " if error.filename else ""
        raise disk_error(label, folder, error, f"{at}{error.strerror}") from error


def link_or_copy(source: Path, target: Path) -> os.stat_result:
    """Makes ``target`` a hard link to ``source``, or a copy where links are impossible.

    Returns:
        The status of the file that was linked or copied, also when ``source`` means another one by now.
    """
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError as error:
        if is_full(error):
            raise
    else:
        return target.stat()
    # Another file system (EXDEV), one without links (EPERM, ENOTSUP), or too many of them (EMLINK).
    with source.open("rb") as reading, target.open("xb") as writing:
        shutil.copyfileobj(reading, writing, length=1 << 20)
        return os.fstat(reading.fileno())
