"""What every contender provides, and how it is found by its name.

Belongs here: the protocol alone; the processes that are measured import it, so it imports next to nothing. Not here:
running one (``contend.py``).
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from benchmarks.rig.job import Job


class Contender(Protocol):
    """A contender's module."""

    TABLE: str | None
    """Where the rows are afterwards; None: not in Postgres."""

    def prepare(self) -> None:
        """Imports what the work needs."""
        ...

    def run(self, job: Job, parts: dict[str, float]) -> None:
        """Does the work; may put seconds of its parts into ``parts``."""
        ...


def load_modules(*names: str) -> None:
    """Imports them, so that the work finds them loaded."""
    for name in names:
        importlib.import_module(name)


def contender(name: str) -> Contender:
    """The module of that name."""
    return cast("Contender", importlib.import_module(f"benchmarks.contenders.{name}"))
