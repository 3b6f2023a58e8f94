"""Everything that one call measured; sections that were left out are None."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measures.growth import Growth
from benchmarks.measures.memory import Memory
from benchmarks.measures.months import Measured
from benchmarks.measures.orchestration import Orchestration
from benchmarks.measures.unchanged import Unchanged


@dataclass(frozen=True)
class Results:
    """By section."""

    months: dict[str, Measured] | None = None
    growth: Growth | None = None
    memory: Memory | None = None
    unchanged: Unchanged | None = None
    orchestration: Orchestration | None = None
    imports: dict[str, float] | None = None
