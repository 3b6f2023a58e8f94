"""The folder in which everything happens: taken where it is the benchmark's own, emptied before and after.

Belongs here: that nothing of a person's is deleted, and that a report which could not be written is refused at once.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rig.plan import PROJECT_ROOT, Plan

MARK = ".taxi-bench"
"""Lies in a folder that the benchmark has taken."""
_EMPTIED = ("work", "sources", "dagster-home", "postgres")


@contextmanager
def working_folder(plan: Plan) -> Generator[None]:
    """Everything of earlier calls and of the block goes, but the report and the workers' logs.

    Raises:
        SystemExit: BENCH_DIR holds what the benchmark did not make, or it or BENCH_REPORT cannot be written to.
    """
    _take(plan.folder)
    _writable("BENCH_REPORT", plan.report)
    _empty(plan.folder)
    try:
        yield
    finally:
        _empty(plan.folder)


def _take(folder: Path) -> None:
    _writable("BENCH_DIR", folder)
    mark = folder / MARK
    # Make's own folder had no mark at first.
    if not mark.exists() and folder != PROJECT_ROOT / ".bench" and any(folder.iterdir()):
        raise SystemExit(
            f"BENCH_DIR={folder}: holds files that the benchmark did not make, and it deletes in its folder; "
            "nothing was touched; name a new or an empty one"
        )
    mark.write_text("The benchmark of taxi_assets works in this folder, and deletes in it.\n", encoding="utf-8")


def _writable(variable: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SystemExit(
            f"{variable}={folder}: cannot be written to ({error.strerror}); name a folder that can"
        ) from None


def _empty(folder: Path) -> None:
    for name in _EMPTIED:
        shutil.rmtree(folder / name, ignore_errors=True)
