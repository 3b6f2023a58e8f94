"""Progress of long transfers, for a log and for whoever is watching.

Belongs here: how often and in which words progress is told. Not here: what is transferred.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

SECONDS_BETWEEN_LINES = 5.0
_MEGABYTE = 1_000_000

logger = logging.getLogger(__name__)

OnProgress = Callable[[int, int | None], None]
"""Called with what is done and the total (None: unknown), in bytes or rows as the step documents."""


def no_progress(done: int, total: int | None) -> None:
    """Nobody is watching."""


class TransferProgress:
    """Passes every step on to ``on_progress`` and logs a line at most every so often."""

    def __init__(
        self,
        label: str,
        total: int | None,
        on_progress: OnProgress,
        *,
        seconds_between_lines: float = SECONDS_BETWEEN_LINES,
    ) -> None:
        self._label = label
        self._seconds_between_lines = seconds_between_lines
        self._total = total
        self._on_progress = on_progress
        self._last_line = time.monotonic()

    def __call__(self, done: int) -> None:
        """Tells that ``done`` bytes are there."""
        self._on_progress(done, self._total)
        now = time.monotonic()
        if now - self._last_line >= self._seconds_between_lines:
            self._last_line = now
            of_total = f" of {self._total / _MEGABYTE:.1f}" if self._total is not None else ""
            logger.info("%s: %.1f%s MB", self._label, done / _MEGABYTE, of_total)
