"""Progress of long steps: the hook that each takes, and lines of it for a log.

Belongs here: how often and in which words progress is told, and who watches closer than lines of a log do. Not here:
what is done, and where lines go.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal, Protocol

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


class Watcher(Protocol):
    """Sees the progress of all months of this process as it is told: a terminal's bars.

    Its methods are called by the threads that do the work, and return at once.
    """

    def began(self, label: str) -> None:
        """A step has begun with a month."""
        ...

    def told(self, label: str, what: str, unit: Unit, done: int, total: int | None) -> None:
        """It is so far."""
        ...

    def ended(self, label: str, *, well: bool) -> None:
        """It is done, or has failed."""
        ...


_watchers: list[Watcher] = []


@contextmanager
def watched_by(watcher: Watcher) -> Generator[None]:
    """Lets somebody watch while the block goes on."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


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
            for watcher in _watchers:
                watcher.told(self._label, what, unit, done, total)

        return note

    def __enter__(self) -> ProgressLines:
        self._thread.start()
        for watcher in _watchers:
            watcher.began(self._label)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for watcher in _watchers:
            watcher.ended(self._label, well=kind is None)
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


_LINE = re.compile(
    r"(?P<label>.+?), (?P<what>[^:,]+): (?P<done>[\d,.]+)(?: of (?P<total>[\d,.]+))? (?P<unit>MB|rows)\b.*"
)


def from_words(line: str) -> tuple[str, str, Unit, int, int | None] | None:
    """What a line of :class:`ProgressLines` says: label, what, unit, done and total; None for any other line.

    >>> from_words("yellow 2019-01, fetched: 120.3 of 687.1 MB, 17 %")
    ('yellow 2019-01', 'fetched', 'bytes', 120300000, 687100000)
    """
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    unit: Unit = "bytes" if found["unit"] == "MB" else "rows"
    done, total = (_count(figure, unit) if figure else None for figure in (found["done"], found["total"]))
    return found["label"], found["what"], unit, done or 0, total


def _count(figure: str, unit: Unit) -> int:
    number = float(figure.replace(",", ""))
    return round(number * 1e6) if unit == "bytes" else round(number)


def _figure(count: int, unit: Unit) -> str:
    return f"{count / 1e6:,.1f}" if unit == "bytes" else f"{count:,}"
