"""What a month costs in tables that have grown: ours beside the staged merge, by default months 1, 12 and 36.

Belongs here: filling tables with earlier months and timing the next ones. Each figure is the median of as many months
in a row as there are repetitions, if so many lie between: from the first month that is named, and up to the others. No
month is loaded twice.

Between the first month and the last lie minutes in which the machine itself gets faster or slower. So at each milestone
ours takes turns with itself: into the tables that have grown, and into empty ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import staged_merge
from benchmarks.contenders.contend import contend
from benchmarks.rig.cost import Cost, median_cost
from benchmarks.rig.job import Job
from benchmarks.rig.server import Database
from benchmarks.rig.workshop import FIRST_MONTH, Workshop

CONTENDERS = ("ours", "staged_merge")
_EMPTY = "ours, into empty tables"


@dataclass(frozen=True)
class Growth:
    """Medians by contender and by how many months the table then holds.

    Attributes:
        rows: Trips a month.
        costs: Into tables that hold that many months afterwards.
        empty: Ours at the same time, into empty tables.
    """

    rows: int
    costs: dict[str, dict[int, Cost]]
    empty: dict[int, Cost]


def measure_growth(workshop: Workshop) -> Growth:
    """Loads 36 months into each contender's table and measures those around the milestones."""
    rows, milestones = workshop.plan.growth_rows, workshop.plan.growth_months
    windows = _windows(milestones, workshop.plan.repeats)
    measured = [number for window in windows.values() for number in window]
    workshop.say(f"growth: making {len(measured)} months of {rows:,} trips")
    source = workshop.source(rows, [_key(number) for number in measured])
    workshop.source(rows, [_key(number) for number in range(1, milestones[-1] + 1)], distinct=False)
    folders = {name: workshop.folder(f"growth-{name}") for name in CONTENDERS}
    costs: dict[str, dict[int, Cost]] = {name: {} for name in CONTENDERS}
    empty: dict[int, Cost] = {}
    with workshop.server.database() as ours, workshop.server.database() as theirs:
        databases = {"ours": ours, "staged_merge": theirs}
        loaded = 0
        for milestone, window in windows.items():
            _fill(workshop, databases, folders, source, range(loaded + 1, window[0]))
            taken: dict[str, list[Cost]] = {name: [] for name in (*CONTENDERS, _EMPTY)}
            for turn, number in enumerate(window):
                for name in taken if turn % 2 == 0 else reversed(taken):
                    if name == _EMPTY:
                        taken[name].append(_into_empty_tables(workshop, source, rows, _key(number)))
                        continue
                    job = workshop.job(source, databases[name], folders[name], month=_key(number))
                    taken[name].append(contend(workshop, name, replace(job, rows=rows)))
            empty[milestone] = median_cost(taken[_EMPTY])
            workshop.say(f"growth: ours, into empty tables: {empty[milestone].seconds:.2f} s")
            for name in CONTENDERS:
                costs[name][milestone] = median_cost(taken[name])
                workshop.say(f"growth: {name}, month {milestone}: {costs[name][milestone].seconds:.2f} s")
            loaded = window[-1]
    workshop.discard(*folders.values())
    return Growth(rows, costs, empty)


def _into_empty_tables(workshop: Workshop, source: Path, rows: int, month: str) -> Cost:
    folder = workshop.folder("empty")
    with workshop.server.database() as database:
        cost = contend(workshop, "ours", replace(workshop.job(source, database, folder, month=month), rows=rows))
    workshop.discard(folder)
    return cost


def _key(number: int) -> str:
    """The first month of 2019 is number 1."""
    return Job(source="", month=FIRST_MONTH, rows=0, months=number).month_keys[-1]


def _windows(milestones: tuple[int, ...], repeats: int) -> dict[int, range]:
    """The months that are measured for each milestone: from the first on, up to the others; none twice."""
    first, second = milestones[:2]
    windows = {first: range(first, min(first + repeats, second))}
    done = windows[first][-1]
    for milestone in milestones[1:]:
        windows[milestone] = range(max(done, milestone - repeats) + 1, milestone + 1)
        done = milestone
    return windows


def _fill(
    workshop: Workshop, databases: dict[str, Database], folders: dict[str, Path], source: Path, numbers: range
) -> None:
    if not numbers:
        return
    workshop.say(f"growth: filling the tables with months {numbers[0]} to {numbers[-1]}")
    job = workshop.job(source, databases["ours"], folders["ours"], month=_key(numbers[0]))
    workshop.measure("benchmarks.contenders.ours", replace(job, months=len(numbers)))
    staged_merge.multiply(databases["staged_merge"].conninfo, len(numbers))
