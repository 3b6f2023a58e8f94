"""What was promised, and whether this run keeps it. All goals are ratios within the run, seconds of overhead, or bytes.

Belongs here: each goal once, with its limit. Not here: how the figures were measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.report.results import Results

MEMORY_LIMIT = 800_000_000
_MORE_WITHIN = 1e-9


@dataclass(frozen=True)
class Goal:
    """One promise.

    Attributes:
        name: What is promised.
        found: What was measured.
        limit: What it is held against.
        unit: ``x`` for ratios, ``s``, ``MB``, or what is counted.
        better: Whether more or less is better.
    """

    name: str
    found: float
    limit: float
    unit: str
    better: Literal["more", "less"]

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        if self.better == "more":
            return self.found >= self.limit - _MORE_WITHIN
        return self.found <= self.limit + _MORE_WITHIN

    @property
    def promise(self) -> str:
        """The limit in words."""
        return f"{'at least' if self.better == 'more' else 'at most'} {shown(self.limit, self.unit)}"

    @property
    def result(self) -> str:
        """What was measured, in words."""
        return shown(self.found, self.unit)


def shown(value: float, unit: str) -> str:
    """A figure with its unit."""
    if unit == "x":
        return f"{value:.2f} x" if value < 10 else f"{value:.0f} x"  # noqa: PLR2004  # enough digits for a ratio
    if unit == "s":
        return f"{value:.1f} s"
    if unit == "MB":
        return f"{value / 1e6:,.0f} MB"
    return f"{value:g} {unit}"


def goals(results: Results) -> list[Goal]:
    """All goals that the run's sections allow to judge."""
    return [*_months(results), *_growth(results), *_memory(results), *_unchanged(results), *_starting(results)]


def _months(results: Results) -> Iterator[Goal]:
    months = results.months
    if months is None:
        return
    ours, rows = months["ours"], months["ours"].rows
    for name, title, limit in (
        ("staged_merge", "staged merge", 5.0),
        ("dlt_pipeline", "dlt", 2.5),
        ("pandas_to_sql", "pandas (extrapolated)", 30.0),
    ):
        times = months[name].seconds_for(rows) / ours.cost.seconds
        yield Goal(f"A month into an empty table, times as fast as {title}", times, limit, "x", "more")
    clean = ours.cost.parts["clean"] / months["floor_clean"].cost.seconds
    load = ours.cost.parts["load"] / months["floor_load"].cost.seconds
    yield Goal("The clean step, against its floor", clean, 1.25, "x", "less")
    yield Goal("The load step, against its floor", load, 1.25, "x", "less")


def _growth(results: Results) -> Iterator[Goal]:
    growth = results.growth
    if growth is None:
        return
    ours, theirs = growth.costs["ours"], growth.costs["staged_merge"]
    last = max(ours)
    yield Goal(
        f"Month {last} of growing tables, times as fast as the staged merge",
        theirs[last].seconds / ours[last].seconds,
        10,
        "x",
        "more",
    )
    ratio = ours[last].seconds / growth.empty[last].seconds
    yield Goal(f"Month {last}, against a first month at the same time", ratio, 1.1, "x", "less")


def _memory(results: Results) -> Iterator[Goal]:
    if results.memory is None:
        return
    (small, less), (large, more) = sorted(results.memory.costs.items())
    name = f"Peak memory of the client, {large:,} trips against {small:,}"
    yield Goal(name, more.client_memory / less.client_memory, 1.1, "x", "less")
    yield Goal(f"Peak memory of the client, {large:,} trips", more.client_memory, MEMORY_LIMIT, "MB", "less")


def _unchanged(results: Results) -> Iterator[Goal]:
    if results.unchanged is None:
        return
    asked = results.unchanged.requests
    others = sum(not request.startswith("HEAD ") for request in asked)
    yield Goal("An unchanged month: requests to the source", len(asked), 1, "request(s)", "less")
    yield Goal("… of them other than HEAD", others, 0, "request(s)", "less")


def _starting(results: Results) -> Iterator[Goal]:
    found = results.orchestration
    if found is not None:
        batch, month, backfill = found.batch, found.month, found.backfill
        name = f"{batch.months} months of {batch.rows:,} trips through Dagster, against the same calls without it"
        yield Goal(name, batch.dagster.seconds / batch.plain.seconds, 1.1, "x", "less")
        yield Goal("A run worker is up after being launched", found.launched.worker_up, 5.0, "s", "less")
        added = month.dagster.seconds - month.plain.seconds
        yield Goal(f"What Dagster adds to a one-month run of {month.steps} steps", added, 1.0, "s", "less")
        name = f"What a backfill of {backfill.months} months of {len(backfill.datasets)} datasets adds to the work"
        yield Goal(name, backfill.seconds - backfill.work, 60.0, "s", "less")
    if results.imports is not None:
        ratio = results.imports["taxi_assets.definitions"] / results.imports["dagster"]
        yield Goal("import taxi_assets.definitions, against import dagster", ratio, 1.3, "x", "less")
