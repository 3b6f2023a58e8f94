"""Full disks, told in one way.

Belongs here: which of the system's errors mean that there is no room, and what becomes of them.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from taxi_assets.errors import StorageFullError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def full_disk_reported(label: str, folder: Path) -> Generator[None]:
    """Turns "no space left", an exceeded quota and a file-size limit into our error.

    Raises:
        StorageFullError: The disk, quota or file-size limit is exhausted.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise StorageFullError(
            f"{label}: {folder} is full ({error.strerror}). Whatever was there before is untouched and the unfinished "
            "file was removed; free space or point TAXI_DATA_DIR elsewhere, then run again"
        ) from error
