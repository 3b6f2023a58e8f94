"""`taxi load yellow 2019-01`: months from a terminal, recorded like those that the UI launches.

Belongs here: which months and layers a command line means, and the runs that carry them: of this process, or of the
instance that is up. Not here: months that nobody waits for (`backfill.py`).

`dagster asset materialize` would do the work as well, but where DAGSTER_HOME is unset it records its run nowhere:
Postgres has the month, the UI does not know it, and the layers that follow never follow.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg
from rich.console import Console
from rich.text import Text

from taxi_assets.cli.carry.bars import MonthBars, month_bars
from taxi_assets.cli.carry.follow import Followed, failures_in, instance_that_is_up, nothing_is_lost_by_ctrl_c
from taxi_assets.cli.carry.runs import execute, failures_of, said_of
from taxi_assets.cli.shared.codes import DONE, FAILED, TRY_AGAIN
from taxi_assets.cli.shared.console import print_json, terminal
from taxi_assets.cli.shared.dagster_home import dagster_home, prepare_dagster
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import WITHOUT_MONTHS
from taxi_assets.definitions import build_defs
from taxi_assets.errors import ArgumentError
from taxi_assets.installation import command
from taxi_assets.orchestration import names as tags
from taxi_assets.orchestration.automation.backfills import request_backfill
from taxi_assets.orchestration.automation.jobs import LOAD_JOBS, LOAD_ZONES
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.orchestration.records import latest_metadata
from taxi_assets.settings import Settings, load_settings


@dataclass(frozen=True)
class Wanted:
    """What a command line means.

    Attributes:
        dataset: Its name, or that of something without months.
        written: The months as they were written.
        months: Partition keys.
        to: The last layer; None for all.
        assets: The assets, upstream first.
    """

    dataset: str
    written: str | None
    months: list[str]
    to: str | None
    assets: list[dg.AssetKey]

    @property
    def words(self) -> list[str]:
        """As a person writes it."""
        return [self.dataset, *([self.written] if self.written else []), *(("--to", self.to) if self.to else ())]

    @property
    def layers(self) -> list[str]:
        """In their order."""
        return [key.path[0] for key in self.assets]


@dataclass
class Outcome:
    """How it went.

    Attributes:
        where: Which process or instance loaded them.
        failures: For each the asset and what a person should read of it.
        passing: All of them may go well another time.
    """

    where: str
    failures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    passing: bool = True

    @property
    def code(self) -> int:
        """The exit code."""
        return DONE if not self.failures else TRY_AGAIN if self.passing else FAILED

    def add(self, failures: Sequence[dg.DagsterEvent], run: dg.DagsterRun | None) -> None:
        """Notes why a run failed."""
        self.failures += [(where, reason) for event in failures for where, reason in said_of(event)]
        self.passing &= run is not None and run.tags.get(tags.FAILURE) == "passing"


def run_load(dataset: str, written: str | None, to: str | None, *, here: bool = False, as_json: bool = False) -> int:
    """Carries the months through the layers; returns the exit code."""
    settings = load_settings()
    months = _months(dataset, written)
    defs = build_defs(settings)
    wanted = Wanted(dataset, written, months, to, _assets(defs, dataset, to))
    console = terminal(results_are_json=as_json)
    console.print("Starting Dagster …")
    records_elsewhere = bool(os.environ.get("DAGSTER_POSTGRES_URL"))
    os.environ.update(prepare_dagster(settings))
    with dg.DagsterInstance.get() as instance:
        up = None if here else instance_that_is_up(instance, dagster_home(), records_elsewhere=records_elsewhere)
        with month_bars(console, len(wanted.assets) * max(len(months), 1)) as bars:
            if up:
                outcome = _ask_the_instance(defs, instance, bars, wanted, up)
            else:
                job = defs.resolve_job_def((LOAD_ZONES if dataset in WITHOUT_MONTHS else LOAD_JOBS[dataset]).name)
                outcome = _carry(job, instance, bars, wanted.assets, _batches(months, settings.taxi_months_per_run))
            through = set(bars.done)
        optional = None if months else latest_metadata(instance, wanted.assets[0]).get(tags.NOT_PUBLISHED)
    for where, reason in outcome.failures:
        console.print(Text(f"{where}:", "red"), reason)
    if as_json:
        print_json(_content(wanted, outcome, through, settings))
        return outcome.code
    if outcome.failures:
        again = command("load", *wanted.words, data_dir=settings.taxi_data_dir)
        console.print(f"What was finished is kept. To try the rest again: {again}")
    elif optional:
        console.print(optional)
    else:
        named = " ".join(filter(None, (dataset, written)))
        console.print(f"{named} is in {', '.join(wanted.layers)}.")
    _say_where_to_look(settings, console, up)
    return outcome.code


def _content(wanted: Wanted, outcome: Outcome, through: set[tuple[str, str]], settings: Settings) -> dict[str, object]:
    labels = {f"{wanted.dataset} {month}": month for month in wanted.months} or {wanted.dataset: None}
    return {
        "dataset": wanted.dataset,
        "months": {
            month or "": [layer for layer in wanted.layers if (layer, label) in through]
            for label, month in labels.items()
        },
        "layers": wanted.layers,
        "failures": [{"asset": asset, "reason": reason} for asset, reason in outcome.failures],
        "loaded_by": outcome.where,
        "data_dir": str(settings.taxi_data_dir),
        "dagster_home": os.environ["DAGSTER_HOME"],
    }


def _ask_the_instance(
    defs: dg.Definitions, instance: dg.DagsterInstance, bars: MonthBars, wanted: Wanted, up: str
) -> Outcome:
    """Leaves the months with the instance that is up, and watches them there."""
    has_months = bool(wanted.months)
    backfill = request_backfill(
        instance,
        defs.get_repository_def(),
        [wanted.dataset] if has_months else [],
        *((wanted.months[0], wanted.months[-1]) if has_months else ("", "")),
        without_months=[] if has_months else [wanted.dataset],
        layers=wanted.layers,
    )
    bars.console.print(f"The instance that is up loads them ({up}): backfill {backfill.backfill_id}.")
    labels = [f"{wanted.dataset} {month}" for month in wanted.months] or [wanted.dataset]
    bars.expect(dict.fromkeys(labels, wanted.layers))
    with nothing_is_lost_by_ctrl_c(backfill, bars):
        runs = Followed(instance, backfill).follow(bars)
    outcome = Outcome(f"{up}, backfill {backfill.backfill_id}")
    for run in runs:
        failures = list(failures_in(instance, [run]))
        if failures:
            outcome.add(failures, instance.get_run_by_id(run.run_id))
    stopped = [run for run in runs if run.status is dg.DagsterRunStatus.CANCELED]
    if stopped or not runs:
        what = f"{len(stopped)} of its runs were cancelled" if stopped else "it ended without a run"
        outcome.failures.append((f"backfill {backfill.backfill_id}", f"{what}; Runs > Backfills in the UI says why"))
        outcome.passing = False
    return outcome


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
    bars: MonthBars,
    assets: Sequence[dg.AssetKey],
    batches: list[list[str]],
) -> Outcome:
    """Runs the batches in this process.

    Dagster skips what is downstream of a failed step for all months of a run. So the good months of a batch with a bad
    one go on in runs of their own, as they do after a backfill.
    """
    outcome = Outcome("this process")
    waiting = list(batches)
    while waiting:
        batch = waiting.pop(0)
        result = execute(job, instance, bars, assets=assets, months=batch)
        if result.success:
            continue
        outcome.add(failures_of(result), instance.get_run_by_id(result.run_id))
        bad = _bad_months(result)
        if not bad or not _is_permanent(result, instance):
            # The source, a store or a setting: the next batch would say the same.
            break
        waiting = [*_stretches(batch, bad), *waiting]
    return outcome


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


def _say_where_to_look(settings: Settings, console: Console, up: str | None) -> None:
    folder = settings.taxi_data_dir
    console.print(f"The files are in {folder}, Dagster's records in {os.environ['DAGSTER_HOME']}.")
    if up is None:
        console.print(f"{command('dev', data_dir=folder)} opens the UI, where these runs can be seen.")
