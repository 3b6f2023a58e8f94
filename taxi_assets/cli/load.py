"""`python -m taxi_assets load yellow 2019-01`: months from a terminal, recorded like those that the UI launches.

Belongs here: which months and layers a command line means, and the runs that carry them. Not here: months that are
loaded in the background (`backfill.py`).

`dagster asset materialize` would do the work as well, but where DAGSTER_HOME is unset it records its run nowhere:
Postgres has the month, the UI does not know it, and the layers that follow never follow.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Sequence

import dagster as dg
from rich.console import Console

from taxi_assets.cli.dagster_home import prepare_dagster
from taxi_assets.cli.runs import RunBar, execute, failures_of, run_bar, say_failures, terminal
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import WITHOUT_MONTHS
from taxi_assets.definitions import build_defs
from taxi_assets.errors import ArgumentError
from taxi_assets.installation import command
from taxi_assets.orchestration import names as tags
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.settings import Settings, load_settings


def run_load(options: Namespace) -> int:
    """Carries the months through the layers; returns the exit code."""
    settings = load_settings()
    dataset, months = options.dataset, _months(options.dataset, options.months)
    defs = build_defs(settings)
    assets = _assets(defs, dataset, options.to)
    console = terminal()
    console.print("Starting Dagster …")
    os.environ.update(prepare_dagster(settings))
    job = defs.resolve_job_def(f"load_{dataset}")
    with dg.DagsterInstance.get() as instance, run_bar(console, len(assets) * max(len(months), 1)) as bar:
        failed = _carry(job, instance, bar, assets, _batches(months, settings.taxi_months_per_run))
    for result in failed:
        say_failures(result, console)
    if failed:
        _say_how_to_go_on(settings, options, console)
    else:
        console.print(f"{_named(options)} is in {', '.join(key.path[0] for key in assets)}.")
    _say_where_to_look(settings, console)
    return 1 if failed else 0


def _months(dataset: str, text: str | None) -> list[str]:
    """The partition keys that ``2019-01`` or ``2019-01..2019-12`` means.

    Raises:
        ArgumentError: The dataset does not have them.
    """
    if dataset in WITHOUT_MONTHS:
        if text:
            raise ArgumentError(f"{dataset} has no months, so {text} means nothing; leave it out")
        return []
    keys = months_of(DATASETS[dataset]).get_partition_keys()
    first, _, last = (text or "").partition("..")
    wanted = [key for key in keys if first <= key <= (last or first)]
    if first in wanted and (last or first) in wanted:
        return wanted
    raise ArgumentError(
        f"{dataset} has the months {keys[0]} to {keys[-1]}{f', not {text}' if text else ''}; write 2019-01 for one of "
        "them, 2019-01..2019-12 for several"
    )


def _assets(defs: dg.Definitions, dataset: str, last_layer: str | None) -> list[dg.AssetKey]:
    """The dataset's assets, upstream first: all, or the layer and what it is made from.

    Raises:
        ArgumentError: The dataset has no such layer.
    """
    graph = defs.resolve_asset_graph()
    all_of_it = dg.AssetSelection.groups(dataset)
    wanted = (all_of_it & dg.AssetSelection.key_prefixes(last_layer)).upstream() if last_layer else all_of_it
    there, chosen = all_of_it.resolve(graph), wanted.resolve(graph)
    if not chosen:
        layers = ", ".join(key.path[0] for key in graph.toposorted_asset_keys if key in there)
        raise ArgumentError(f"{dataset} has no layer {last_layer!r}; it has {layers}")
    return [key for key in graph.toposorted_asset_keys if key in chosen]


def _batches(months: Sequence[str], size: int) -> list[list[str]]:
    """As many months a run as in a backfill; one empty batch for what has no months."""
    return [list(months[start : start + size]) for start in range(0, len(months), size)] or [[]]


def _carry(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    bar: RunBar,
    assets: Sequence[dg.AssetKey],
    batches: list[list[str]],
) -> list[dg.ExecuteInProcessResult]:
    """Runs the batches; returns the runs that failed.

    Dagster skips what is downstream of a failed step for all months of a run. So the good months of a batch with a bad
    one go on in runs of their own, as they do after a backfill.
    """
    failed: list[dg.ExecuteInProcessResult] = []
    waiting = list(batches)
    while waiting:
        batch = waiting.pop(0)
        result = execute(job, instance, bar, assets=assets, months=batch)
        if result.success:
            continue
        failed.append(result)
        bad = _bad_months(result)
        if not bad or not _is_permanent(result, instance):
            # The source, a store or a setting: the next batch would say the same.
            break
        waiting = [*_stretches(batch, bad), *waiting]
    return failed


def _bad_months(result: dg.ExecuteInProcessResult) -> set[str]:
    """The months that a run failed for; none when it failed as a whole."""
    failures = [event.step_failure_data.user_failure_data for event in failures_of(result) if event.is_step_failure]
    return {month for failure in failures if failure for month in failure.metadata}


def _is_permanent(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> bool:
    run = instance.get_run_by_id(result.run_id)
    return run is not None and run.tags.get(tags.FAILURE) == "permanent"


def _stretches(batch: Sequence[str], bad: set[str]) -> Iterator[list[str]]:
    """The months between the bad ones: a run takes months that follow one another."""
    stretch: list[str] = []
    for month in batch:
        if month not in bad:
            stretch.append(month)
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _named(options: Namespace) -> str:
    return " ".join(filter(None, (options.dataset, options.months)))


def _say_how_to_go_on(settings: Settings, options: Namespace, console: Console) -> None:
    only = ("--to", options.to) if options.to else ()
    again = command("load", *_named(options).split(), *only, data_dir=settings.taxi_data_dir)
    console.print(f"What was finished is kept. To try the rest again: {again}")


def _say_where_to_look(settings: Settings, console: Console) -> None:
    folder = settings.taxi_data_dir
    console.print(f"The files are in {folder}, Dagster's records in {os.environ['DAGSTER_HOME']}.")
    console.print(f"{command('dev', data_dir=folder)} opens the UI, where these runs can be seen.")
