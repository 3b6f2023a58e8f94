"""One month, end to end, into empty tables: ours, what people would use instead, and the floors of two steps.

Belongs here: the comparison that the README shows. All contenders get the same file and the same server, in
alternating order, each time in a fresh process and a fresh database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import floor_load
from benchmarks.contenders.contend import contend
from benchmarks.rig.cost import Cost, alternating, median_cost
from benchmarks.rig.server import Database
from benchmarks.rig.workshop import DATASET, FIRST_MONTH, Workshop
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth

TITLES = {
    "ours": "taxi_assets",
    "staged_merge": "staged merge (the course's algorithm)",
    "dlt_pipeline": "dlt, Arrow and Parquet over ADBC",
    "pandas_to_sql": "pandas, chunks and to_sql",
    "floor_clean": "floor of clean: one DuckDB statement",
    "floor_load": "floor of load: encoded rows over COPY",
}


@dataclass(frozen=True)
class Measured:
    """A contender's medians.

    Attributes:
        cost: As measured.
        rows: Trips that it loaded.
        all_seconds: Of each repetition.
    """

    cost: Cost
    rows: int
    all_seconds: list[float]

    def seconds_for(self, rows: int) -> float:
        """Seconds for that many trips: extrapolated in proportion where it loaded fewer."""
        return self.cost.seconds * rows / self.rows


def measure_months(workshop: Workshop) -> dict[str, Measured]:
    """Every contender's medians, by its name."""
    plan = workshop.plan
    workshop.say(f"months: making a month of {plan.rows:,} trips")
    source = workshop.source(plan.rows)
    encoded = _encoded_rows(workshop, source)
    rows = {name: plan.pandas_rows if name == "pandas_to_sql" else plan.rows for name in TITLES}
    costs: dict[str, list[Cost]] = {name: [] for name in TITLES}
    for name in alternating(list(TITLES), plan.repeats):
        with workshop.server.database() as database:
            cost = _run(workshop, name, source, database, encoded, rows[name])
        costs[name].append(cost)
        workshop.say(f"months: {TITLES[name]}: {cost.seconds:.2f} s")
    workshop.discard(encoded)
    return {
        name: Measured(median_cost(taken), rows[name], [cost.seconds for cost in taken])
        for name, taken in costs.items()
    }


def _run(workshop: Workshop, name: str, source: Path, database: Database, encoded: Path, rows: int) -> Cost:
    folder = workshop.folder(name)
    job = replace(workshop.job(source, database, encoded if name == "floor_load" else folder), rows=rows)
    if name == "floor_load":
        floor_load.make_table(database.conninfo)
    try:
        return contend(workshop, name, job)
    finally:
        workshop.discard(folder)


def _encoded_rows(workshop: Workshop, source: Path) -> Path:
    """The rows of the floor of load: what our clean step makes of the month, as COPY wants them."""
    data, encoded = workshop.folder("encoded-data"), workshop.folder("encoded")
    with workshop.server.database() as database:
        contend(workshop, "ours", workshop.job(source, database, data))
    floor_load.prepare_rows(DataDir(data).clean(TripMonth(DATASET, FIRST_MONTH)), encoded)
    workshop.discard(data)
    return encoded
