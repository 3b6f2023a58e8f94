"""`make bench`: measures, then reports. ``rig/plan.py`` reads the BENCH_… variables."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchmarks.measures.growth import measure_growth
from benchmarks.measures.imports import measure_imports
from benchmarks.measures.memory import measure_memory
from benchmarks.measures.months import measure_months
from benchmarks.measures.orchestration import measure_orchestration
from benchmarks.measures.unchanged import measure_unchanged
from benchmarks.report.goals import goals
from benchmarks.report.report import write_report
from benchmarks.report.results import Results
from benchmarks.rig.folder import working_folder
from benchmarks.rig.machine import busy, machine, versions
from benchmarks.rig.plan import plan_from_environment
from benchmarks.rig.server import bench_server
from benchmarks.rig.workshop import Workshop

_MEASURES: dict[str, Callable[[Workshop], object]] = {
    "months": measure_months,
    "growth": measure_growth,
    "memory": measure_memory,
    "unchanged": measure_unchanged,
    "orchestration": measure_orchestration,
    "imports": measure_imports,
}


def main() -> int:
    """Measures everything that the plan names and writes the report."""
    plan, load, began = plan_from_environment(), busy(), time.monotonic()
    with working_folder(plan), bench_server(plan.folder / "postgres") as server:
        workshop = Workshop(plan, server)
        found = {section: _MEASURES[section](workshop) for section in _MEASURES if section in plan.sections}
    results = Results(**found)  # type: ignore[arg-type]  # each section is named as its field
    markdown = write_report(results, plan, machine(), versions(), load)
    print()
    for goal in goals(results):
        print(f"{'met   ' if goal.met else 'MISSED'}  {goal.name}: {goal.result} ({goal.promise})")
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes; the report is {markdown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
