"""The report: Markdown for people, JSON for programs, a chart for the README.

Belongs here: how results look. Not here: measuring and judging them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measures.months import TITLES, Measured
from benchmarks.report.chart import draw_chart
from benchmarks.report.goals import Goal, goals
from benchmarks.report.results import Results
from benchmarks.rig.cost import Cost
from benchmarks.rig.plan import Plan

CHART = Path("images") / "bench.png"
_INTRODUCTION = """\
Made by `make bench`. All figures come from one call, in which contenders take turns on the same file and the same
server (fsync, synchronous commit and full page writes on). Each measurement runs in a fresh process, after imports;
into a fresh database, after a checkpoint. Figures are medians; only their ratios mean anything on another machine.
Months are synthetic (the `sample` source, without rejected lines).
"""


def write_report(results: Results, plan: Plan, machine: dict[str, str], versions: dict[str, str], load: str) -> Path:
    """Writes `benchmarks.md`, `benchmarks.json` and the chart; returns the Markdown file."""
    judged = goals(results)
    folder = plan.report
    (folder / CHART).parent.mkdir(parents=True, exist_ok=True)
    if results.months is not None:
        draw_chart(results.months, results.growth, folder / CHART)
    facts = {"machine": machine, "versions": versions, "load average": load, "plan": _plan_facts(plan)}
    content = {**facts, "goals": [{**asdict(goal), "met": goal.met} for goal in judged], "results": _as_json(results)}
    (folder / "benchmarks.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    markdown = folder / "benchmarks.md"
    markdown.write_text(_markdown(results, plan, judged, machine, versions, load), encoding="utf-8")
    return markdown


def _plan_facts(plan: Plan) -> dict[str, Any]:
    return {name: value for name, value in asdict(plan).items() if name not in ("folder", "report")}


def _as_json(results: Results) -> dict[str, Any]:
    return {name: value for name, value in asdict(results).items() if value is not None}


def _markdown(
    results: Results, plan: Plan, judged: list[Goal], machine: dict[str, str], versions: dict[str, str], load: str
) -> str:
    parts = ["# Benchmarks", _INTRODUCTION, _machine(machine, versions, load, plan)]
    if results.months is not None:
        parts.append(f"![Seconds for a month, and how they grow]({CHART.as_posix()})")
    parts += ["## Goals", _goals(judged)]
    parts += _months(results) + _growth(results) + _memory(results) + _unchanged(results)
    parts += _orchestration(results) + _imports(results)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _machine(machine: dict[str, str], versions: dict[str, str], load: str, plan: Plan) -> str:
    what = ", ".join(f"{name}: {value}" for name, value in machine.items())
    with_ = ", ".join(f"{name} {value}" for name, value in versions.items())
    return (
        f"Machine: {what}. Load average when the run began: {load}.\nVersions: {with_}.\nRepetitions: {plan.repeats}."
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _goals(judged: list[Goal]) -> str:
    return table(
        ["goal", "promised", "measured", "met"],
        [[goal.name, goal.promise, goal.result, "yes" if goal.met else "**no**"] for goal in judged],
    )


def _cost_header() -> list[str]:
    return ["CPU s, client", "CPU s, server", "peak MB, client", "peak MB, server", "MB written, client",
            "MB written, server"]  # fmt: skip


def _cost(cost: Cost) -> list[str]:
    return [
        f"{cost.client_cpu:.2f}",
        f"{cost.server_cpu:.2f}",
        *(_megabytes(value) for value in (cost.client_memory, cost.server_memory)),
        *(_megabytes(value) for value in (cost.client_written, cost.server_written)),
    ]


def _megabytes(value: int | None) -> str:
    return "n/a" if value is None else f"{value / 1e6:,.0f}"


def _months(results: Results) -> list[str]:
    months = results.months
    if months is None:
        return []
    ours = months["ours"]
    rows = ours.rows
    lines: list[list[str]] = []
    for name, one in months.items():
        fraction = f" ({one.rows:,} rows, extrapolated)" if one.rows < rows else ""
        seconds = one.seconds_for(rows)
        ratio = "" if name.startswith("floor") else f"{seconds / ours.cost.seconds:.2f} x"
        per_second = f"{one.rows / one.cost.seconds:,.0f}"
        lines.append([TITLES[name] + fraction, f"{seconds:.2f}", ratio, per_second, *_cost(one.cost)])
    header = ["contender", "seconds", "against ours", "rows/s", *_cost_header()]
    return [
        "## A month, end to end",
        f"{rows:,} trips from a published `csv.gz` on the local disk into empty tables. CPU, memory and bytes are "
        "those of the rows that were loaded, not extrapolated.",
        table(header, lines),
        _parts(months),
        "The floor of clean takes the file's word for everything: it counts, checks, sets aside and syncs nothing. The "
        "floor of load sends rows that were encoded beforehand into a table without index, constraint or statistics.",
    ]


def _parts(months: dict[str, Measured]) -> str:
    lines = [
        [TITLES[name], ", ".join(f"{part} {seconds:.2f}" for part, seconds in one.cost.parts.items())]
        for name, one in months.items()
        if one.cost.parts
    ]
    return table(["contender", "seconds of its parts"], lines)


def _growth(results: Results) -> list[str]:
    growth = results.growth
    if growth is None:
        return []
    milestones = sorted(growth.costs["ours"])
    header = ["contender", *(f"month {number}" for number in milestones), "last against first"]
    lines = [
        [
            TITLES[name],
            *(f"{costs[number].seconds:.2f} s" for number in milestones),
            f"{costs[milestones[-1]].seconds / costs[milestones[0]].seconds:.2f} x",
        ]
        for name, costs in growth.costs.items()
    ]
    lines.append(
        ["taxi_assets at that time, into empty tables", *(f"{growth.empty[n].seconds:.2f} s" for n in milestones), ""]
    )
    return [
        "## Growth",
        f"The same tables, month after month, {growth.rows:,} trips each. Each figure is the median of neighbouring "
        "months. The staged merge's table was filled directly up to the months that are measured; ours by loading "
        "each month.",
        table(header, lines),
    ]


def _memory(results: Results) -> list[str]:
    if results.memory is None:
        return []
    lines = [[f"{rows:,}", f"{cost.seconds:.1f}", *_cost(cost)] for rows, cost in results.memory.costs.items()]
    return [
        "## Memory",
        "One month end to end; the larger file holds the smaller one several times over and is measured once.",
        table(["trips", "seconds", *_cost_header()], lines),
    ]


def _unchanged(results: Results) -> list[str]:
    found = results.unchanged
    if found is None:
        return []
    lines = [
        [name, f"{cost.seconds:.2f}", *_cost(cost)]
        for name, cost in (("the first time", found.first), ("again", found.again))
    ]
    asked = ", ".join(f"`{request}`" for request in found.requests)
    return [
        "## A month that has not changed",
        "A local HTTP server publishes the month; it is carried end to end, then again.",
        table(["", "seconds", *_cost_header()], lines),
        f"Asked of the source the second time: {asked}.",
    ]


def _orchestration(results: Results) -> list[str]:
    found = results.orchestration
    if found is None:
        return []
    compared = [
        [
            f"{one.months} x {one.rows:,} trips, {one.steps} steps",
            f"{one.plain.seconds:.2f}",
            f"{one.dagster.seconds:.2f}",
            f"{one.dagster.seconds - one.plain.seconds:.2f}",
            f"{(one.dagster.seconds - one.plain.seconds) / one.steps:.3f}",
            f"{one.dagster.seconds / one.plain.seconds:.2f} x",
        ]
        for one in (found.month, found.batch)
    ]
    launched, backfill = found.launched, found.backfill
    return [
        "## What Dagster adds",
        "All assets and checks of yellow, once in a Dagster run (its records in Postgres, from the moment the process "
        "is up) and once as plain function calls. Steps are assets and checks.",
        table(["months", "plain s", "Dagster s", "added s", "added s a step", "ratio"], compared),
        "A one-month run launched through the webserver, daemon and code server being idle: "
        f"queued for {launched.queued:.1f} s, run worker up after another {launched.worker_up:.1f} s, first step after "
        f"{launched.first_step:.1f} s, {launched.run:.1f} s from the worker's start to the run's end.",
        f"A backfill of {backfill.months} months of {' and '.join(backfill.datasets)} ({backfill.rows:,} trips each), "
        f"launched as the UI does: {backfill.seconds:.0f} s in {backfill.runs} runs; the work itself takes "
        f"{backfill.work:.0f} s as plain calls.",
    ]


def _imports(results: Results) -> list[str]:
    if results.imports is None:
        return []
    lines = [[f"`import {module}`", f"{seconds:.2f}"] for module, seconds in results.imports.items()]
    return ["## Imports", "In fresh interpreters.", table(["", "seconds"], lines)]
