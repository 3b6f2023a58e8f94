"""Forgets packages that an interrupted set-up left half installed, so that the next one installs them again.

Belongs here: only that; the Makefile calls it before it installs. An installer that is killed leaves some files of a
package, and pip and uv take a package for installed once its ``.dist-info`` is there. Standard library only: it runs
before anything is installed.
"""

from __future__ import annotations

import csv
import fcntl
import shutil
import sys
from pathlib import Path


def is_whole(info: Path) -> bool:
    """Whether every file of the package is there with the size that its list of files names."""
    record = info / "RECORD"
    if not record.is_file():
        return False
    with record.open(encoding="utf-8", newline="") as lines:
        files = [(entry[0], entry[-1]) for entry in csv.reader(lines) if entry]
    # A list that a kill came in the middle of is shorter, or empty: a whole one names itself.
    return (f"{info.name}/RECORD", "") in files and all(_is_there(info.parent / name, size) for name, size in files)


def _is_there(file: Path, size: str) -> bool:
    # Bytecode comes and goes with Python's own settings; what has no size in the list is the list itself.
    if file.suffix == ".pyc":
        return True
    return file.is_file() and (not size or file.stat().st_size == int(size))


def main(environment: Path) -> None:
    """Forgets every package of an environment that is not whole."""
    # uv's own lock: in another terminal another make may be in the middle of installing.
    with (environment / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for info in sorted(environment.glob("lib/python3*/site-packages/*.dist-info")):
            if not is_whole(info):
                print(f"{info.name.removesuffix('.dist-info')} was left half installed; it is installed again.")
                shutil.rmtree(info)


if __name__ == "__main__" and Path(sys.argv[1]).is_dir():
    main(Path(sys.argv[1]))
