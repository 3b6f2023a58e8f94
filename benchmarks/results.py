"""Everything that one call measured; sections that were left out are None."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.growth import Growth
from benchmarks.memory import Memory
from benchmarks.months import Measured
from benchmarks.orchestration import Orchestration
from benchmarks.unchanged import Unchanged


@dataclass(frozen=True)
class Results:
    """By section."""

    months: dict[str, Measured] | None = None
    growth: Growth | None = None
    memory: Memory | None = None
    unchanged: Unchanged | None = None
    orchestration: Orchestration | None = None
    imports: dict[str, float] | None = None
