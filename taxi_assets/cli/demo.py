"""`make demo`: the main job on embedded parts, with synthetic months, seen at a terminal.

Belongs here: what the demonstration runs and shows. Not here: anything that only the demonstration could do; it
materializes the same assets as the UI does, and its runs appear there.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from taxi_assets.cli.dev import prepare_dagster
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import SettingsError
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.orchestration.layers import CLEAN, POSTGRES, RAW
from taxi_assets.orchestration.names import SECONDS, UNCHANGED
from taxi_assets.orchestration.records import failure_reason, latest_metadata
from taxi_assets.settings import PROJECT_ROOT, Settings, load_settings
from taxi_assets.steps.files.raw_file import read_raw

DATASETS_SHOWN = ("yellow", "green")
MONTHS_SHOWN = ("2019-01", "2019-02", "2019-03")


@dataclass(frozen=True)
class ShownMonth:
    """One line of the table at the end. Rows are counted in each store, seconds come from the asset's metadata."""

    month: TripMonth
    published: int
    clean: int
    refused: int
    postgres: int
    seconds: float
    unchanged: bool


def run_demo(settings: Settings) -> int:
    """Materializes the months, shows a progress bar and the table; returns the exit code."""
    console = Console()
    settings = load_settings(**{**settings.model_dump(exclude_unset=True), "taxi_source": "sample"})
    _keep_real_trips(settings)
    console.print("Starting the embedded PostgreSQL server and loading Dagster …")
    os.environ.update(prepare_dagster(settings))
    with dg.DagsterInstance.get() as instance:
        succeeded = _materialize(settings, instance, console)
        if not succeeded:
            console.print("[red]A run failed; its log says why: `make dev`, then Runs.[/red]")
            return 1
        _show(_shown_months(settings, instance), settings, console)
    return 0


def _keep_real_trips(settings: Settings) -> None:
    for month in (TripMonth(dataset, key) for dataset in DATASETS_SHOWN for key in MONTHS_SHOWN):
        raw = read_raw(month, settings.data_dir)
        if raw is not None and not raw.synthetic:
            raise SettingsError(
                f"TAXI_DATA_DIR={settings.taxi_data_dir}: {month} holds real trips from {raw.source}, which the demo "
                "would replace with synthetic ones. Nothing was changed. Give the demo a folder of its own: "
                "TAXI_DATA_DIR=demo-data make demo"
            )


def _materialize(settings: Settings, instance: dg.DagsterInstance, console: Console) -> bool:
    from taxi_assets.definitions import build_defs

    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description:<42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console,
    )  # fmt: skip
    advance: dict[str, Any] = {}

    @dg.success_hook
    def tick(context: dg.HookContext) -> None:
        bar.update(advance["task"], advance=1, description=context.op.name.replace("__", "/"))

    jobs = [
        dg.define_asset_job(f"demo_{dataset}", dg.AssetSelection.groups(dataset), hooks={tick})
        for dataset in DATASETS_SHOWN
    ]
    defs = dg.Definitions.merge(build_defs(settings), dg.Definitions(jobs=jobs))
    resolved = [defs.resolve_job_def(job.name) for job in jobs]
    with bar:
        advance["task"] = bar.add_task("starting", total=sum(len(job.graph.nodes) for job in resolved))
        for job in resolved:
            result = job.execute_in_process(
                instance=instance,
                tags={
                    ASSET_PARTITION_RANGE_START_TAG: MONTHS_SHOWN[0],
                    ASSET_PARTITION_RANGE_END_TAG: MONTHS_SHOWN[-1],
                    "demo": "true",
                },
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
            if not result.success:
                bar.stop()
                for failure in result.filter_events(lambda event: event.is_step_failure or event.is_run_failure):
                    console.print(
                        f"[red]{failure.step_key or job.name}:[/red] {failure_reason(failure)}", highlight=False
                    )
                return False
    return True


def _shown_months(settings: Settings, instance: dg.DagsterInstance) -> list[ShownMonth]:
    from taxi_assets.orchestration.resources.targets import trips_database
    from taxi_assets.steps.files.clean_file import rows_of
    from taxi_assets.steps.postgres.load import count_month

    conninfo = trips_database(settings)
    shown: list[ShownMonth] = []
    for month in (TripMonth(dataset, key) for dataset in DATASETS_SHOWN for key in MONTHS_SHOWN):
        raw = read_raw(month, settings.data_dir)
        clean, refused = rows_of(month, settings.data_dir)
        layers = [latest_metadata(instance, layer.key(month.table), month.month) for layer in (RAW, CLEAN, POSTGRES)]
        shown.append(
            ShownMonth(
                month=month,
                published=raw.published_rows if raw else 0,
                clean=clean,
                refused=refused,
                postgres=count_month(conninfo, month),
                seconds=sum(float(layer[SECONDS]) for layer in layers),
                unchanged=all(layer[UNCHANGED] for layer in layers),
            )
        )
    return shown


def _show(shown: list[ShownMonth], settings: Settings, console: Console) -> None:
    # Fits the 80 columns of a plain terminal.
    table = Table(title="Synthetic trips, published to Postgres", box=SIMPLE_HEAD)
    for name in ("dataset", "month"):
        table.add_column(name)
    for name in ("rows published", "clean", "refused", "in Postgres", "seconds"):
        table.add_column(name, justify="right")
    for line in shown:
        counts = (line.published, line.clean, line.refused, line.postgres)
        table.add_row(line.month.dataset, line.month.month, *(f"{count:,}" for count in counts), f"{line.seconds:.2f}")
    console.print(table)
    if all(line.unchanged for line in shown):
        console.print("Nothing changed: every month was there already, so no file and no table was written.")
    data = settings.taxi_data_dir
    where = data.relative_to(PROJECT_ROOT) if data.is_relative_to(PROJECT_ROOT) else data
    # Where the folder is not the one that a plain `make` takes, its commands have to name it.
    make = "make" if where == Path("data") else f"TAXI_DATA_DIR={shlex.quote(str(where))} make"
    console.print(f"The files are in {where}/, the tables in the embedded server: `{make} psql`.", soft_wrap=True)
    console.print(
        f"Next: `{make} dev` opens the Dagster UI, where these runs and every asset can be seen.", soft_wrap=True
    )
