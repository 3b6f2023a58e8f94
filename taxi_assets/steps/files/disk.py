"""Full disks, told in one way.

Belongs here: which errors of the system and of DuckDB mean that there is no room, and what becomes of them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from taxi_assets.errors import StorageFullError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_SPACE_IN_WORDS = (*(os.strerror(number) for number in sorted(_NO_SPACE)), "max_temp_directory_size")


def is_full(error: Exception) -> bool:
    """Whether a disk, a quota or a file-size limit is exhausted.

    DuckDB's errors carry no number: they quote the system's words, or name DuckDB's own limit.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _NO_SPACE
    return any(words in str(error) for words in _NO_SPACE_IN_WORDS)


@contextmanager
def full_disk_reported(label: str, folder: Path) -> Generator[None]:
    """Turns "no space left", an exceeded quota and a file-size limit into our error.

    Raises:
        StorageFullError: The disk, quota or file-size limit is exhausted.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise StorageFullError(
            f"{label}: {folder} is full ({error.strerror}). Whatever was there before is untouched and the unfinished "
            "file was removed; free space or point TAXI_DATA_DIR elsewhere, then run again"
        ) from error
