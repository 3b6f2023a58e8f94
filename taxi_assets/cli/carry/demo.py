"""`make demo`: the main job on embedded parts, with synthetic months, seen at a terminal.

Belongs here: what the demonstration runs and shows. Not here: anything that only the demonstration could do; it
materializes the same assets as the UI does, and its runs appear there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from taxi_assets.cli.carry.bars import month_bars
from taxi_assets.cli.carry.runs import execute, say_failures
from taxi_assets.cli.shared.console import terminal
from taxi_assets.cli.shared.dagster_home import prepare_dagster
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES, TAXI_ZONE_SHAPES_FILE, TAXI_ZONES
from taxi_assets.definitions import build_defs
from taxi_assets.errors import NotMaterializedError, SettingsError
from taxi_assets.installation import command
from taxi_assets.orchestration.assets.inputs import raw_zones
from taxi_assets.orchestration.automation.jobs import BUILD_MARTS, LOAD_JOBS, LOAD_ZONES, MAKE_REPORT
from taxi_assets.orchestration.layers import CLEAN, LAYERS, POSTGRES, WAREHOUSE
from taxi_assets.orchestration.names import ROW_COUNT, SECONDS, TABLE_NAME, UNCHANGED
from taxi_assets.orchestration.records import latest_metadata
from taxi_assets.orchestration.resources.targets import lake_and_warehouse, trips_database
from taxi_assets.settings import Settings, load_settings
from taxi_assets.steps.files.clean_file import rows_of
from taxi_assets.steps.files.raw_file import PublishedFile, manifest_path, read_manifest, read_raw
from taxi_assets.steps.lake.copy import lake_rows
from taxi_assets.steps.postgres.load import count_month

DATASETS_SHOWN = ("yellow", "green")
MONTHS_SHOWN = ("2019-01", "2019-02", "2019-03")
DEMO = {"demo": "true"}
"""The tag of the demonstration's runs."""


@dataclass(frozen=True)
class ShownMonth:
    """One line of the table at the end. Rows are counted where they lie, seconds come from the assets' metadata."""

    month: TripMonth
    published: int
    clean: int
    rejected: int
    postgres: int
    lake: int
    warehouse: int
    seconds: float
    unchanged: bool


def run_demo() -> int:
    """Materializes the months and the zones, shows a progress bar and the table; returns the exit code."""
    console = terminal()
    settings = load_settings(taxi_source="sample")
    _keep_what_is_real(settings)
    console.print("Starting the embedded PostgreSQL server and loading Dagster …")
    os.environ.update(prepare_dagster(settings))
    with dg.DagsterInstance.get() as instance:
        results = _materialize(settings, instance, console)
        if not all(result.success for result in results):
            ui = command("dev", data_dir=settings.taxi_data_dir)
            console.print(f"A run failed; its log says more: `{ui}`, then Runs.", style="red")
            return 1
        _show(_shown_months(settings, instance), settings, console)
        _say_where_the_zones_are(instance, console)
    _say_where_to_look(settings, console)
    _say_links(settings, [result.run_id for result in results[1 : 1 + len(DATASETS_SHOWN)]], console)
    if settings.data_dir.report.is_file():
        console.print(f"A page of these trips, for any browser:\n  {settings.data_dir.report.as_uri()}", soft_wrap=True)
    return 0


def _keep_what_is_real(settings: Settings) -> None:
    for month in (TripMonth(dataset, key) for dataset in DATASETS_SHOWN for key in MONTHS_SHOWN):
        _check_synthetic(settings, f"{month} holds real trips", read_raw(month, settings.data_dir))
    shapes = settings.data_dir.raw_dir(TAXI_ZONE_SHAPES)
    _check_synthetic(
        settings,
        f"{TAXI_ZONE_SHAPES} holds real shapes",
        read_manifest(manifest_path(shapes, Path(TAXI_ZONE_SHAPES_FILE).stem)),
    )
    try:
        _check_synthetic(settings, f"{TAXI_ZONES.name} holds real zones", raw_zones(settings.data_dir))
    except NotMaterializedError:
        return


def _check_synthetic(settings: Settings, what: str, raw: PublishedFile | None) -> None:
    if raw is not None and not raw.synthetic:
        own = command("demo", data_dir=settings.taxi_data_dir / "demo")
        raise SettingsError(
            f"TAXI_DATA_DIR={settings.taxi_data_dir}: {what} from {raw.source}, which the demo would replace with "
            f"synthetic ones. Nothing was changed. Give the demo a folder of its own: {own}"
        )


def _materialize(settings: Settings, instance: dg.DagsterInstance, console: Console) -> list[dg.ExecuteInProcessResult]:
    """The runs of the zones, of each dataset, of the marts and of the page, in this order."""
    defs = build_defs(settings)
    zones = defs.resolve_job_def(LOAD_ZONES.name)
    trips = [defs.resolve_job_def(LOAD_JOBS[dataset].name) for dataset in DATASETS_SHOWN]
    marts, page = defs.resolve_job_def(BUILD_MARTS.name), defs.resolve_job_def(MAKE_REPORT.name)
    monthly = [*trips, *([marts] if _assets(marts) else [])]
    total = len(_assets(zones)) + len(MONTHS_SHOWN) * sum(len(_assets(job)) for job in monthly) + len(_assets(page))
    with month_bars(console, total) as bars:
        results = [execute(zones, instance, bars, tags=DEMO)]
        results += [execute(job, instance, bars, months=MONTHS_SHOWN, tags=DEMO) for job in monthly]
        results += [execute(page, instance, bars, tags=DEMO)] if _assets(page) else []
    for result in results:
        say_failures(result, console)
    return results


def _assets(job: dg.JobDefinition) -> set[dg.AssetKey]:
    return set(job.asset_layer.executable_asset_keys)


def _shown_months(settings: Settings, instance: dg.DagsterInstance) -> list[ShownMonth]:
    database = trips_database(settings)
    lake, warehouse = lake_and_warehouse(settings)
    shown: list[ShownMonth] = []
    for month in (TripMonth(dataset, key) for dataset in DATASETS_SHOWN for key in MONTHS_SHOWN):
        raw = read_raw(month, settings.data_dir)
        clean, rejected = rows_of(month, settings.data_dir)
        recorded = {layer: latest_metadata(instance, layer.key(month.table), month.month) for layer in LAYERS.values()}
        shown.append(
            ShownMonth(
                month=month,
                published=raw.published_rows if raw else 0,
                clean=clean,
                rejected=rejected,
                postgres=count_month(database, month),
                lake=lake_rows(lake, month),
                warehouse=warehouse.count(month),
                seconds=sum(float(metadata[SECONDS]) for metadata in recorded.values()),
                unchanged=all(metadata[UNCHANGED] for metadata in recorded.values()),
            )
        )
    return shown


def _show(shown: list[ShownMonth], settings: Settings, console: Console) -> None:
    stores = ("Postgres", *(("GCS", "BigQuery") if settings.taxi_target == "gcp" else ("lake", "DuckDB")))
    # Fits the 80 columns of a plain terminal, with months of a million trips.
    table = Table(
        title="Synthetic trips, from the published file to every store", box=SIMPLE_HEAD, padding=0, show_edge=False
    )
    table.add_column("month")
    for name in ("published", "clean", "rejected", *stores, "s"):
        table.add_column(name, justify="right")
    for line in shown:
        counts = (line.published, line.clean, line.rejected, line.postgres, line.lake, line.warehouse)
        table.add_row(str(line.month), *(f"{count:,}" for count in counts), f"{line.seconds:.2f}")
    console.print(table, soft_wrap=False)
    if all(line.unchanged for line in shown):
        console.print("Nothing changed: every month was there already, so no file and no table of trips was written.")


def _say_where_the_zones_are(instance: dg.DagsterInstance, console: Console) -> None:
    postgres, warehouse = (latest_metadata(instance, layer.key(TAXI_ZONES.name)) for layer in (POSTGRES, WAREHOUSE))
    console.print(
        f"The taxi zones are there too: {postgres[ROW_COUNT]} in Postgres ({postgres[TABLE_NAME]}), "
        f"{warehouse[ROW_COUNT]} in the warehouse ({warehouse[TABLE_NAME]})."
    )


def _say_where_to_look(settings: Settings, console: Console) -> None:
    folder = settings.taxi_data_dir
    dev, psql, stop = (command(name, data_dir=folder) for name in ("dev", "psql", "stop"))
    lines = [f"The files are in {folder}, Dagster's records in {os.environ['DAGSTER_HOME']}."]
    if settings.bigquery_emulator_host:
        lines.append(
            "The bucket and the BigQuery dataset are gone now, with their emulators. What is left can be seen:"
        )
    lines += [
        f"`{dev}` opens the Dagster UI, where these runs and what they say of each month can be seen.",
        f"`{psql}` opens psql on the tables in Postgres; `{stop}` stops the embedded server.",
    ]
    for line in lines:
        console.print(line)


def _say_links(settings: Settings, run_ids: list[str], console: Console) -> None:
    """Pages of the UI that are worth a look first; they open once it runs."""
    port = os.environ.get("TAXI_UI_PORT")
    ui = f"http://127.0.0.1:{port}" if port and "TAXI_UI_URL" not in os.environ else settings.taxi_ui_url.rstrip("/")
    month = TripMonth(DATASETS_SHOWN[0], MONTHS_SHOWN[0])
    asset = "/".join(CLEAN.key(month.table).path)
    console.print("There, once it runs:")
    console.print(f"  the first month  {ui}/assets/{asset}?view=partitions&partition={month.month}")
    for dataset, run_id in zip(DATASETS_SHOWN, run_ids, strict=True):
        console.print(f"  the run of {dataset:<6} {ui}/runs/{run_id}")
