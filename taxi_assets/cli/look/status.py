"""`taxi status`: months by layers, and where everything lies.

Belongs here: the picture. Not here: how far a month is (``taxi_assets/orchestration/month_states.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from taxi_assets.cli.shared.console import page, print_json
from taxi_assets.cli.shared.dagster_home import dagster_home
from taxi_assets.cli.shared.records import opened_records
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import ArgumentError
from taxi_assets.installation import command
from taxi_assets.orchestration.layers import LAYERS
from taxi_assets.orchestration.month_states import Ask, MonthState, State, states_of, states_without_records
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.orchestration.resources.source import Source
from taxi_assets.settings import Settings, load_settings

LOOKS: Mapping[State, tuple[str, str]] = {
    State.THERE: ("●", "green"),
    State.OLDER: ("◐", "yellow"),
    State.FAILED: ("✗", "bold red"),
    State.UNDER_WAY: ("▸", "cyan"),
    State.MISSING: ("·", "dim"),
    State.UNPUBLISHED: ("-", "dim"),
}
"""A sign and a colour. The signs differ, so that the picture says the same without colours."""

WORDS: Mapping[State, str] = {
    State.THERE: "there",
    State.OLDER: "re-issued",
    State.FAILED: "failed",
    State.UNDER_WAY: "under way",
    State.MISSING: "missing",
    State.UNPUBLISHED: "not published yet",
}

NOTHING = (State.MISSING, State.UNPUBLISHED)

MOST_REASONS = 12
"""More of them would push the picture off the screen; `--json` has all."""

States = Mapping[str, Mapping[str, MonthState]]
"""By dataset, then by month."""


def show_status(
    dataset: str | None = None, year: int | None = None, *, ask: bool = False, as_json: bool = False
) -> int:
    """Shows how far the months are and where everything lies; returns the exit code."""
    settings = load_settings()
    server = EmbeddedPostgres(settings.data_dir.postgres)
    months = {name: _months(name, year) for name in ([dataset] if dataset else DATASETS)}
    with opened_records(settings) as instance:
        states = {
            name: states_without_records(keys)
            if instance is None
            else states_of(instance, DATASETS[name], keys, _asker(settings) if ask else None)
            for name, keys in months.items()
        }
    if as_json:
        print_json(_content(states, settings, running=server.is_running()))
        return 0
    console = page()
    _draw(console, states, every_year=year is not None, settings=settings)
    console.print(f"The files are in {settings.taxi_data_dir}, Dagster's records in {dagster_home()}.", soft_wrap=True)
    console.print(server.describe(connect=command("psql", data_dir=settings.taxi_data_dir)), soft_wrap=True)
    return 0


def _months(dataset: str, year: int | None) -> list[str]:
    keys = months_of(DATASETS[dataset]).get_partition_keys()
    if year is None:
        return list(keys)
    chosen = [key for key in keys if key.startswith(f"{year}-")]
    if not chosen:
        raise ArgumentError(f"{dataset} has no months in {year}; it has {keys[0]} to {keys[-1]}")
    return chosen


def _asker(settings: Settings) -> Ask:
    return Source(source=settings.taxi_source, sample_rows=settings.taxi_sample_rows).probe


def _content(states: States, settings: Settings, *, running: bool) -> dict[str, Any]:
    return {
        "data_dir": str(settings.taxi_data_dir),
        "dagster_home": str(dagster_home()),
        "embedded_postgres": "running" if running else "stopped",
        "datasets": {
            dataset: {
                month: {
                    layer: {"state": each.state.value, "reason": each.reason, "run": each.run_id}
                    for layer, each in layers.items()
                }
                for month, layers in months.items()
            }
            for dataset, months in states.items()
        },
    }


def _draw(console: Console, states: States, *, every_year: bool, settings: Settings) -> None:
    shown = False
    for dataset, months in states.items():
        years = {year: list(keys) for year, keys in groupby(months, key=lambda month: month[:4])}
        full = [year for year, keys in years.items() if every_year or any(_has_something(months[key]) for key in keys)]
        if not full:
            continue
        shown = True
        console.print(Text.assemble((dataset, "bold"), "  ", _counted(months)))
        for year in full:
            _draw_year(console, year, {key: months[key] for key in years[year]})
        console.print()
    if not shown:
        folder = settings.taxi_data_dir
        console.print(
            f"No month of {', '.join(states)} is there yet. Begin with "
            f"`{command('load', 'yellow', '2019-01', data_dir=folder)}`, or with synthetic trips: "
            f"`{command('demo', data_dir=folder)}`.",
            soft_wrap=True,
        )
        return
    legend = Text("  ").join(Text.assemble(LOOKS[state], " ", WORDS[state]) for state in State)
    console.print(legend)
    console.print()
    _say_reasons(console, states)


def _has_something(layers: MonthState) -> bool:
    return any(each.state not in NOTHING for each in layers.values())


def _counted(months: Mapping[str, MonthState]) -> str:
    whole = sum(all(each.state is State.THERE for each in layers.values()) for layers in months.values())
    worst = Counter(
        state
        for layers in months.values()
        for state in (State.FAILED, State.OLDER, State.UNDER_WAY)
        if any(each.state is state for each in layers.values())
    )
    said = [f"{count} {WORDS[state]}" for state, count in worst.items()]
    return ", ".join([f"{whole} month{'' if whole == 1 else 's'} in every layer", *said])


def _draw_year(console: Console, year: str, months: Mapping[str, MonthState]) -> None:
    numbers = [f"{number:02}" for number in range(1, 13)]
    console.print(Text(f"  {year}  {'':<10}{' '.join(numbers)}", "dim"))
    for layer in LAYERS:
        line = Text(f"        {layer:<10}")
        for number in numbers:
            layers = months.get(f"{year}-{number}")
            # Before the dataset's first month, and after the last complete one, there is nothing to be.
            sign, style = LOOKS[layers[layer].state] if layers else (" ", "")
            line.append(f"{sign}  ", style)
        line.rstrip()
        console.print(line)


def _say_reasons(console: Console, states: States) -> None:
    reasons: list[tuple[str, str, str, State, str]] = []
    for dataset, months in states.items():
        for month, layers in months.items():
            said: set[State] = set()
            for layer, each in layers.items():
                # What follows from the first of them says nothing new.
                if each.reason and each.state in (State.FAILED, State.OLDER) and each.state not in said:
                    said.add(each.state)
                    reasons.append((dataset, month, layer, each.state, each.reason))
    for dataset, month, layer, state, reason in reasons[:MOST_REASONS]:
        console.print(Text.assemble(LOOKS[state], f" {dataset} {month} {layer}: {reason}"), soft_wrap=True)
    if len(reasons) > MOST_REASONS:
        console.print(f"… and {len(reasons) - MOST_REASONS} more; all are in `taxi status --json`.")
    if reasons:
        dataset, month, *_ = reasons[0]
        console.print(f"More about a month: taxi why {dataset} {month}")
        console.print()
