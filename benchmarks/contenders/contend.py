"""Running one contender: on a server that has settled, and counting what it loaded.

Belongs here: what is done around the work of each of them alike. Not here: what is compared with what.
"""

from __future__ import annotations

import psycopg

from benchmarks.contenders.contender import contender
from benchmarks.rig.cost import Cost
from benchmarks.rig.job import Job
from benchmarks.rig.workshop import Workshop


def contend(workshop: Workshop, name: str, job: Job) -> Cost:
    """Runs a contender after the server has settled, and counts its rows.

    Raises:
        RuntimeError: It did not load what it was asked to.
    """
    table = contender(name).TABLE
    before = _rows(job.conninfo, table)
    workshop.server.settle()
    cost = workshop.measure(f"benchmarks.contenders.{name}", job)
    loaded = None if table is None else _rows(job.conninfo, table) - before
    if loaded not in (None, job.rows):
        raise RuntimeError(f"{name} loaded {loaded:,} rows of {job.rows:,}")
    return cost


def _rows(conninfo: str, table: str | None) -> int:
    if table is None:
        return 0
    with psycopg.connect(conninfo) as server:
        there = server.execute("SELECT to_regclass(%s)", [table]).fetchone()
        if not there or there[0] is None:
            return 0
        found = server.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found[0]) if found else 0
