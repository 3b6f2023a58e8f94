"""DuckDB connections for the steps: bounded memory, spilling into the data folder, errors of ours.

Belongs here: how a connection is set up and what its errors become. Not here: any query.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from taxi_assets.data_dir import partial_path
from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.files.disk import disk_error, is_full, is_not_allowed
from taxi_assets.steps.files.interrupts import interruptible, stopped_by
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.text import shown

DEFAULT_MEMORY = "750MB"
"""What DuckDB may hold. More is not faster: the work is a stream."""

MAX_THREADS = 4
"""Unpacking gzip takes one thread; beyond four the others wait for it, and each holds a row group in memory."""

_SECONDS_BETWEEN_REPORTS = 1.0

_NOT_ABOUT_A_FILE = (
    duckdb.InterruptException,
    duckdb.OutOfMemoryException,
    duckdb.ParserException,
    duckdb.CatalogException,
)
"""What DuckDB says of whoever stops it, of this machine, and of our own SQL."""

_ADVICE = "What was made of it before is untouched; look at the file, then materialize its asset again"


@contextmanager
def working_connection(
    spill_beside: Path, *, threads: int | None = None, memory_limit: str | None = None
) -> Generator[duckdb.DuckDBPyConnection]:
    """A connection in memory that spills beside the file that is being made.

    Args:
        spill_beside: The file in the making. What does not fit into memory goes into a folder beside it, which is gone
            afterwards; ``remove_leftovers`` of that file removes what a killed process left.
        threads: How many, or None for as many as there are cores, up to :data:`MAX_THREADS`.
        memory_limit: As DuckDB writes it, or None for :data:`DEFAULT_MEMORY`.
    """
    spill = partial_path(spill_beside)
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads or min(os.cpu_count() or 1, MAX_THREADS),
        "memory_limit": memory_limit or DEFAULT_MEMORY,
        "temp_directory": str(spill),
        "preserve_insertion_order": True,
        # All that is used is built in; nothing is to be looked for on the network.
        "autoinstall_known_extensions": False,
    }
    try:
        with duckdb.connect(config=config) as connection, interruptible(), stopped_by(connection.interrupt):
            draw_no_progress(connection)
            yield connection
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def draw_no_progress(connection: duckdb.DuckDBPyConnection) -> None:
    """Keeps progress for whoever asks, and draws no bar, every step of which would stay in a run's output."""
    # In a notebook whose kernel lacks ipywidgets there is no bar, and DuckDB refuses to hear of one.
    with suppress(duckdb.InvalidInputException):
        connection.execute("SET enable_progress_bar_print = false")


@contextmanager
def errors_explained(path: Path, folder: Path, *, advice: str = _ADVICE) -> Generator[None]:
    """Turns what DuckDB and Arrow say of a file that is read, or of a full disk, into our errors.

    An interrupt is none of them, and is let through.

    Args:
        path: The file that is read.
        folder: Where files are written.
        advice: What was kept of a file that cannot be read, and what to do.

    Raises:
        StorageFullError: A disk, quota or size limit is exhausted.
        StoreAccessError: A file may not be read or written by this account.
        BrokenFileError: The file cannot be read as what it is meant to be.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, duckdb.Error) and (is_full(error) or is_not_allowed(error)):
            raise disk_error(str(path), folder, error, str(error).splitlines()[0]) from error
        if not _speaks_of_the_file(error):
            raise
        said = shown(str(error).partition("\n")[0] or type(error).__name__)
        raise BrokenFileError(
            f"{path}: it cannot be read ({said}), so it is damaged or not what its name says. {advice}"
        ) from error


def _speaks_of_the_file(error: Exception) -> bool:
    """Whether an engine that was reading a file found fault with it.

    Flipped bytes make DuckDB raise a dozen kinds of error, most of them of no class of their own (TProtocolException,
    "Out of buffer", "don't know what type"), and Arrow half a dozen, plain OSErrors among them, which have no number.
    """
    if isinstance(error, duckdb.Error):
        return not isinstance(error, _NOT_ABOUT_A_FILE)
    if isinstance(error, OSError):
        return error.errno is None
    return type(error).__module__.startswith("pyarrow") or isinstance(error, UnicodeDecodeError)


@contextmanager
def reporting(connection: duckdb.DuckDBPyConnection, total: int, on_progress: OnProgress) -> Generator[None]:
    """Tells ``on_progress`` about once a second how much of ``total`` the running query has done."""
    if on_progress is no_progress:
        yield
        return
    over = threading.Event()

    def report() -> None:
        while not over.wait(_SECONDS_BETWEEN_REPORTS):
            percent = connection.query_progress()
            if percent > 0:
                on_progress(int(total * min(percent, 100.0) / 100), total)

    reporter = threading.Thread(target=report, name="clean-progress", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        over.set()
        reporter.join()
    on_progress(total, total)
