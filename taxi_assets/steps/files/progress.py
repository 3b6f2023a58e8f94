"""Progress of long steps: the hook that each takes, and lines of it for a log.

Belongs here: how often and in which words progress is told. Not here: what is done, and where lines go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

FIRST_LINE_AFTER = 5.0
"""Seconds; what is done by then needs no line."""

SECONDS_BETWEEN_LINES = 15.0
"""A month that takes an hour has 240 lines in its run's log, one of half a minute two."""

OnProgress = Callable[[int, int | None], None]
"""Called with what is done and the total (None: unknown), in bytes or rows as the step documents.

Steps call it often, from the thread that does the work, and Postgres' streams while they hold a lock. Whatever is
passed returns at once; what it raises ends the step.
"""

Unit = Literal["bytes", "rows"]


def no_progress(done: int, total: int | None) -> None:
    """Nobody is watching."""


class ProgressLines:
    """Writes a line every so often while a month is worked on, and none when it is done at once.

    The lines are written by a thread of its own: a step that tells its progress is never kept waiting by a log.

        with ProgressLines("yellow 2019-01", print) as lines:
            fetch_month(month, source, data_dir, on_progress=lines.of("fetched", "bytes"))
    """

    def __init__(
        self,
        label: str,
        write: Callable[[str], object],
        *,
        first_after: float | None = None,
        every: float | None = None,
    ) -> None:
        """Nothing is written before the ``with`` block begins.

        Args:
            label: What each line begins with.
            write: Is given the lines, one at a time.
            first_after: Seconds until the first line; None for ``FIRST_LINE_AFTER``.
            every: Seconds from line to line; None for ``SECONDS_BETWEEN_LINES``.
        """
        self._label = label
        self._write = write
        self._first_after = FIRST_LINE_AFTER if first_after is None else first_after
        self._every = SECONDS_BETWEEN_LINES if every is None else every
        # Replaced as a whole: whoever reads it sees figures that belong together, whichever threads tell them.
        self._latest: tuple[str, Unit, int, int | None] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write_lines, name="progress", daemon=True)

    def of(self, what: str, unit: Unit) -> OnProgress:
        """The hook for one step; ``what`` says in words what is being counted."""

        def note(done: int, total: int | None) -> None:
            self._latest = (what, unit, done, total)

        return note

    def __enter__(self) -> ProgressLines:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _write_lines(self) -> None:
        wait, written = self._first_after, None
        while not self._over.wait(wait):
            wait, latest = self._every, self._latest
            # What stands still says nothing new: a step that has sent all its rows still builds an index.
            if latest is not None and latest != written:
                written = latest
                self._write(f"{self._label}, {in_words(*latest)}")


def in_words(what: str, unit: Unit, done: int, total: int | None) -> str:
    """One line.

    >>> in_words("fetched", "bytes", 120_300_000, 687_100_000)
    'fetched: 120.3 of 687.1 MB, 17 %'
    >>> in_words("loaded into Postgres", "rows", 1_200_000, None)
    'loaded into Postgres: 1,200,000 rows'
    """
    name = "MB" if unit == "bytes" else "rows"
    if total is None:
        return f"{what}: {_figure(done, unit)} {name}"
    # Rounded down: 100 % is for what is done.
    percent = f", {100 * done // total} %" if total else ""
    return f"{what}: {_figure(done, unit)} of {_figure(total, unit)} {name}{percent}"


def _figure(count: int, unit: Unit) -> str:
    return f"{count / 1e6:,.1f}" if unit == "bytes" else f"{count:,}"
