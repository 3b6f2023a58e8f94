"""Peak memory of a small month and of a large one, end to end.

Belongs here: that comparison. The large file is the small one over and over, as members of one gzip file.
"""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from isal import igzip

from benchmarks.contenders.contend import contend
from benchmarks.rig.cost import Cost, median_cost
from benchmarks.rig.plan import MEMORY_TIMES
from benchmarks.rig.workshop import DATASET, FIRST_MONTH, Workshop

_COPIED_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class Memory:
    """Cost by trips in the month."""

    costs: dict[int, Cost]


def measure_memory(workshop: Workshop) -> Memory:
    """Loads the small month and the large one, each in a fresh process and database; the small one several times.

    How much memory is held at its peak differs by a tenth from one time to the next.
    """
    small, large = workshop.plan.memory_rows
    workshop.say(f"memory: making a month of {small:,} trips and one of {large:,}")
    source = workshop.source(small)
    sources = {small: source, large: _repeated(source, workshop.folder("memory-source"), MEMORY_TIMES)}
    costs: dict[int, Cost] = {}
    for rows, published in sources.items():
        taken: list[Cost] = []
        for _ in range(workshop.plan.repeats if rows == small else 1):
            folder = workshop.folder("memory")
            with workshop.server.database() as database:
                job = replace(workshop.job(published, database, folder), rows=rows)
                taken.append(contend(workshop, "ours", job))
            workshop.discard(folder)
        costs[rows] = median_cost(taken)
        workshop.say(f"memory: {rows:,} trips: {costs[rows].client_memory / 1e6:,.0f} MB, {costs[rows].seconds:.1f} s")
    workshop.discard(*sources.values())
    return Memory(costs)


def _repeated(source: Path, target: Path, times: int) -> Path:
    """A source whose month holds the trips of another ``times`` times over."""
    name = Path(DATASET) / f"{DATASET}_tripdata_{FIRST_MONTH}.csv.gz"
    body = target / "body.gz"
    (target / name).parent.mkdir(parents=True)
    with gzip.open(source / name, "rb") as published, igzip.open(body, "wb") as packed:
        published.readline()
        shutil.copyfileobj(published, packed, _COPIED_AT_A_TIME)
    with (target / name).open("wb") as large:
        for part in [source / name] + [body] * (times - 1):
            with part.open("rb") as file:
                shutil.copyfileobj(file, large, _COPIED_AT_A_TIME)
    body.unlink()
    return target
