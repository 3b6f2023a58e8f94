"""How far a cluster goes: every month ever published through all layers, by a simulation fed with measured costs.

    python -m benchmarks.scale

prints the tables of docs/kubernetes.md. Measured (docs/benchmarks.json, two cores a run): what a trip costs in raw,
clean and Postgres, and what Postgres writes for it. Reckoned, each named below: trips and bytes a month, the line, the
disk, Google's times, and how long a pod takes to start. Nothing of it was measured on a cluster.

Belongs here: the queues. Not here: measuring (``measures/``).
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import simpy

_simpy = cast("Any", simpy)  # its types are generic and half declared
_Work = Generator[Any, Any, None]
"""A process of the simulation."""

RUNS_AT_A_TIME = (1, 2, 4, 16, 64)
MONTHS_PER_RUN = 3
POOL_LIMIT = 4
"""As in deploy/kubernetes/values.yaml: of each pool this many steps at a time."""

WIDER_LIMIT = 8
"""Of the pool ``warehouse``, when a person sets it in the UI: two statements for each of four tables."""

MONTHS = {"yellow": 210, "green": 155, "fhv": 138, "fhvhv": 89}
"""Published up to mid-2026."""

TRIPS_A_MONTH = {"yellow": 9.0e6, "green": 0.55e6, "fhv": 5.5e6, "fhvhv": 19.0e6}
"""Reckoned: averages over all years, 4.4 billion trips together."""

BYTES_A_TRIP = 20
"""Reckoned: as published, and clean about the same. 180 MB of gzip hold 7.7 million yellow trips."""

LINE = 50e6
"""Reckoned: bytes a second from the publisher, shared by all downloads."""

UPLOAD = 100e6
"""Reckoned: bytes a second of one pod to the bucket, raw and clean file alike."""

DISK = 800e6
"""Reckoned: bytes a second that Postgres can write, a good cloud disk."""

POD_SECONDS = 30.0
"""Reckoned: from launch to the first step: image at hand, Python, imports."""

LAUNCH_SECONDS = 1.5
"""Reckoned: what the one daemon needs to launch a run."""

BIGQUERY_SECONDS = 15.0
"""Reckoned: a month's load job and MERGE together."""

STATEMENTS_A_TABLE = 2
"""BigQuery's quota: mutating statements at a time on one table."""

_PIECE = 250_000
"""Trips that are worked on before another run has its turn with what they share."""


@dataclass(frozen=True)
class TripCosts:
    """What one trip costs, in seconds of a run on two cores and in bytes that Postgres writes."""

    raw: float
    clean: float
    load: float
    written: float

    @classmethod
    def measured(cls) -> TripCosts:
        """From the report of ``make bench``."""
        report = json.loads((Path(__file__).parents[1] / "docs/benchmarks.json").read_text(encoding="utf-8"))
        ours = report["results"]["months"]["ours"]
        parts, rows = ours["cost"]["parts"], ours["rows"]
        return cls(
            parts["raw"] / rows, parts["clean"] / rows, parts["load"] / rows, ours["cost"]["server_written"] / rows
        )


@dataclass
class _Shared:
    """Something that several runs want: who is served, and how long it was busy."""

    name: str
    env: Any
    resource: Any
    busy: float = 0.0

    def use(self, seconds: float) -> _Work:
        """Waits for a place, then holds it."""
        with self.resource.request() as place:
            yield place
            yield self.env.timeout(seconds)
        self.busy += seconds

    def used(self, seconds: float) -> float:
        """The share of its places that were taken, over that time."""
        return self.busy / (seconds * self.resource.capacity)


@dataclass
class _Cluster:
    """What all runs share."""

    env: Any
    costs: TripCosts
    warehouse_limit: int
    shared: dict[str, _Shared] = field(default_factory=dict[str, _Shared])

    def one(self, name: str, places: int = 1) -> _Shared:
        if name not in self.shared:
            self.shared[name] = _Shared(name, self.env, _simpy.Resource(self.env, places))
        return self.shared[name]

    def run(self, dataset: str, months: int) -> _Work:
        """A run: its months layer by layer, as the graph takes them."""
        trips = TRIPS_A_MONTH[dataset] * months
        size = trips * BYTES_A_TRIP
        yield from self.one("the daemon").use(LAUNCH_SECONDS)
        yield self.env.timeout(POD_SECONDS)
        yield from self._pooled("pool source", POOL_LIMIT, self._fetch(trips))
        yield self.env.timeout(trips * self.costs.clean)
        yield from self._pooled("pool postgres", POOL_LIMIT, self._load(trips))
        yield from self._pooled("pool lake", POOL_LIMIT, self._wait(2 * size / UPLOAD))
        yield from self._pooled("pool warehouse", self.warehouse_limit, self._merge(dataset, months))

    def _pooled(self, name: str, limit: int, work: _Work) -> _Work:
        pool = self.one(name, limit)
        with pool.resource.request() as place:
            yield place
            began = self.env.now
            yield from work
            pool.busy += self.env.now - began

    def _wait(self, seconds: float) -> _Work:
        yield self.env.timeout(seconds)

    def _fetch(self, trips: float) -> _Work:
        return self._in_pieces(trips, self.one("the line"), BYTES_A_TRIP / LINE, self.costs.raw)

    def _load(self, trips: float) -> _Work:
        return self._in_pieces(trips, self.one("Postgres' disk"), self.costs.written / DISK, self.costs.load)

    def _merge(self, dataset: str, months: int) -> _Work:
        for _ in range(months):
            yield from self.one(f"BigQuery's table of {dataset}", STATEMENTS_A_TABLE).use(BIGQUERY_SECONDS)

    def _in_pieces(self, trips: float, scarce: _Shared, each: float, at_least: float) -> _Work:
        """Work on trips that takes ``at_least`` so many seconds for each, and ``each`` of something scarce."""
        while trips > 0:
            piece = min(trips, _PIECE)
            trips -= piece
            began = self.env.now
            yield from scarce.use(piece * each)
            yield self.env.timeout(max(0.0, began + piece * at_least - self.env.now))


@dataclass(frozen=True)
class Scale:
    """What came out for so many runs at a time.

    Attributes:
        runs: How many at a time.
        seconds: Until the last month of all is everywhere.
        limit: What was busiest, and for which share of the time.
    """

    runs: int
    seconds: float
    limit: tuple[str, float]

    @property
    def months_a_minute(self) -> float:
        """Over the whole time."""
        return sum(MONTHS.values()) / self.seconds * 60


def simulate(runs: int, costs: TripCosts, warehouse_limit: int = POOL_LIMIT) -> Scale:
    """Everything ever published, with so many runs at a time."""
    env = _simpy.Environment()
    cluster = _Cluster(env, costs, warehouse_limit)
    queue = _simpy.Resource(env, runs)

    def queued(dataset: str, months: int) -> _Work:
        with queue.request() as place:
            yield place
            yield from cluster.run(dataset, months)

    # Backfills of the four datasets are launched together, so that their runs take turns.
    waiting = {dataset: list(_batches(months)) for dataset, months in MONTHS.items()}
    while any(waiting.values()):
        for dataset, batches in waiting.items():
            if batches:
                env.process(queued(dataset, batches.pop()))
    env.run()
    busiest = max(cluster.shared.values(), key=lambda each: each.used(env.now))
    used = busiest.used(env.now)
    own = ("the runs themselves", 1.0)
    return Scale(runs, env.now, (busiest.name, used) if used >= _SCARCE else own)


_SCARCE = 0.8
"""From this share on, what is shared is what limits; below, it is the number of runs."""


def _batches(months: int) -> Generator[int]:
    while months > 0:
        yield min(months, MONTHS_PER_RUN)
        months -= MONTHS_PER_RUN


def table(costs: TripCosts, warehouse_limit: int = POOL_LIMIT) -> str:
    """A table of docs/kubernetes.md, in Markdown."""
    lines = ["| runs at a time | months a minute | all months | what limits |", "|---|---|---|---|"]
    for runs in RUNS_AT_A_TIME:
        scale = simulate(runs, costs, warehouse_limit)
        hours = scale.seconds / 3600
        took = f"{hours:.1f} h" if hours > 1 else f"{hours * 60:.0f} min"
        name, used = scale.limit
        share = "" if name == "the runs themselves" else f", {used:.0%} busy"
        lines.append(f"| {runs} | {scale.months_a_minute:.1f} | {took} | {name}{share} |")
    return "\n".join(lines)


if __name__ == "__main__":
    for limit in (POOL_LIMIT, WIDER_LIMIT):
        print(f"The pool `warehouse` lets {limit} steps through at a time:\n\n{table(TripCosts.measured(), limit)}\n")
