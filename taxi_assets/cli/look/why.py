"""`taxi why yellow 2019-02`: what happened to a month.

Belongs here: the page. Not here: the facts (``taxi_assets/orchestration/month_history.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from taxi_assets.cli.look.status import LOOKS, WORDS
from taxi_assets.cli.shared.console import page, print_json
from taxi_assets.cli.shared.records import opened_records
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import ArgumentError
from taxi_assets.orchestration.month_history import MonthHistory, history_of
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.settings import load_settings
from taxi_assets.text import shown

LONGEST_LINE = 300
"""Characters of a rejected line; the file has all of it."""


def show_why(month: TripMonth, *, as_json: bool = False) -> int:
    """Shows what happened to a month; returns the exit code."""
    settings = load_settings()
    _must_be_one_of(DATASETS[month.dataset], month)
    with opened_records(settings) as instance:
        history = history_of(instance, month, settings.data_dir)
    if as_json:
        print_json(_content(history))
    else:
        _draw(page(), history)
    return 0


def _must_be_one_of(dataset: Dataset, month: TripMonth) -> None:
    keys = months_of(dataset).get_partition_keys()
    if month.month not in keys:
        raise ArgumentError(f"{dataset.name} has the months {keys[0]} to {keys[-1]}, not {month.month}")


def _content(history: MonthHistory) -> dict[str, Any]:
    raw, clean = history.raw, history.clean
    return {
        "dataset": history.month.dataset,
        "month": history.month.month,
        "file": raw
        and {
            "path": raw.path,
            "source": raw.source,
            "format": raw.format,
            "synthetic": raw.synthetic,
            "bytes": raw.bytes,
            "rows": raw.published_rows,
            "sha256": raw.sha256,
            "etag": raw.etag,
            "last_modified": raw.last_modified,
            "fetched_at": raw.fetched_at,
        },
        "clean": clean
        and {
            "path": clean.path,
            "rows": clean.rows,
            "rejected": clean.rejected_rows,
            "unreadable": {name: count for name, count in clean.unreadable.items() if count},
            "skipped_columns": list(clean.skipped),
            "content_id": clean.content_id,
        },
        "rejected": history.rejected,
        "rejected_examples": [vars(line) for line in history.examples],
        "layers": {
            name: {
                "state": layer.state.state.value,
                "reason": layer.state.reason,
                "materialized": layer.materialized,
                "rows": layer.rows,
                "seconds": layer.seconds,
                "unchanged": layer.unchanged,
                "run": layer.run_id,
            }
            for name, layer in history.layers.items()
        },
        "checks": [vars(check) for check in history.checks],
        "runs": [vars(run) for run in history.runs],
        "advice": history.advice,
    }


def _draw(console: Console, history: MonthHistory) -> None:
    console.print(Text(str(history.month), "bold"), soft_wrap=True)
    _facts(console, "file", _of_file(history))
    _facts(console, "clean", _of_clean(history))
    _draw_layers(console, history)
    _draw_rejected(console, history)
    _draw_checks(console, history)
    if history.runs:
        console.print(Text("\nruns", "bold"))
        for run in history.runs:
            style = {"failure": "red", "success": "green"}.get(run.status, "")
            console.print(Text.assemble(f"  {_time(run.begun)}  {run.run_id[:8]}  {run.job}  ", (run.status, style)))
    console.print(Text("\nwhat to do", "bold"))
    for advice in history.advice:
        console.print(Padding(Text(advice), (0, 0, 0, 2)))


def _facts(console: Console, title: str, facts: Iterable[tuple[str, str]]) -> None:
    console.print(Text(f"\n{title}", "bold"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    # A path or a hash that is cut in two cannot be copied.
    table.add_column(overflow="fold")
    for name, fact in facts:
        table.add_row(name, Text(fact))
    console.print(Padding(table, (0, 0, 0, 2)))


def _of_file(history: MonthHistory) -> Iterable[tuple[str, str]]:
    raw = history.raw
    if raw is None:
        yield ("", history.broken or "not on this machine")
        return
    yield ("source", f"{raw.source}{'  (synthetic, not real trips)' if raw.synthetic else ''}")
    yield ("lies in", str(raw.path))
    yield ("holds", f"{raw.published_rows:,} rows, {raw.bytes / 1e6:,.1f} MB, {raw.format}")
    yield ("sha256", raw.sha256)
    dated = f"last modified {shown(raw.last_modified)}, " if raw.last_modified else ""
    yield ("dates", f"{dated}fetched {raw.fetched_at}")


def _of_clean(history: MonthHistory) -> Iterable[tuple[str, str]]:
    clean = history.clean
    if clean is None:
        yield ("", "not on this machine")
        return
    yield ("lies in", str(clean.path))
    yield ("holds", f"{clean.rows:,} trips of {clean.published_rows:,} lines; {clean.rejected_rows:,} rejected")
    unreadable = ", ".join(f"{count:,} in {name}" for name, count in clean.unreadable.items() if count)
    yield ("unreadable", f"{unreadable or 'no value'}{', left empty' if unreadable else ''}")
    if clean.skipped:
        yield ("skipped", ", ".join(map(shown, clean.skipped)))
    yield ("content id", clean.content_id)


def _draw_layers(console: Console, history: MonthHistory) -> None:
    console.print(Text("\nlayers", "bold"))
    for name, layer in history.layers.items():
        state = layer.state.state
        line = Text.assemble("  ", LOOKS[state], f" {name:<10} ", (f"{WORDS[state]:<11}", LOOKS[state][1]))
        if layer.materialized is not None:
            rows = f"{layer.rows:,} rows" if layer.rows is not None else ""
            line.append(f"{_time(layer.materialized)}  {rows:>16}")
            line.append("  unchanged" if layer.unchanged else f"  {layer.seconds or 0:.1f} s", "dim")
        line.rstrip()
        console.print(line)
        if layer.state.reason:
            console.print(Padding(Text(layer.state.reason, LOOKS[state][1]), (0, 0, 0, 15)))


def _draw_rejected(console: Console, history: MonthHistory) -> None:
    if not history.rejected:
        return
    console.print(Text("\nrejected lines", "bold"))
    console.print(Text("  " + ", ".join(f"{count:,} {shown(reason)}" for reason, count in history.rejected.items())))
    for each in history.examples:
        console.print(Text(f"  line {each.line_number:,}: {shown(each.reason)}"))
        console.print(Padding(Text(shown(each.line, LONGEST_LINE), "dim"), (0, 0, 0, 4)))


def _draw_checks(console: Console, history: MonthHistory) -> None:
    if not history.checks:
        return
    console.print(Text("\nchecks", "bold"))
    table = Table.grid(padding=(0, 1))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in history.checks:
        look = ("●", "green") if check.passed else ("✗", "bold red") if check.severity == "ERROR" else ("!", "yellow")
        table.add_row(Text(*look), f"{check.layer}/{check.name}", Text("" if check.passed else shown(check.said, 600)))
    console.print(Padding(table, (0, 0, 0, 2)))


def _time(moment: datetime | None) -> str:
    """UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else f"{'not begun':<20}"
