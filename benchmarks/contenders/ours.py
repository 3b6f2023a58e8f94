"""taxi_assets: source to raw to clean to Postgres, by the same calls as the assets make."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contenders.contender import load_modules
from benchmarks.rig.cost import stopwatch
from benchmarks.rig.job import Job

TABLE = "public.yellow_tripdata"


def prepare() -> None:
    """Loads the steps and the engines that they load when they are used."""
    load_modules(
        "taxi_assets.steps.raw.fetch", "taxi_assets.steps.clean.clean", "taxi_assets.steps.postgres.load",
        "taxi_assets.steps.postgres.copy_streams", "pyarrow.parquet",
    )  # fmt: skip


def run(job: Job, parts: dict[str, float]) -> None:
    """The months, end to end, one after the other."""
    from taxi_assets.data_dir import DataDir
    from taxi_assets.datasets.months import TripMonth
    from taxi_assets.datasets.registry import DATASETS
    from taxi_assets.steps.clean.clean import clean_month
    from taxi_assets.steps.postgres.load import load_month
    from taxi_assets.steps.postgres.tables import prepare_database
    from taxi_assets.steps.raw.fetch import fetch_month

    data_dir = DataDir(Path(job.folder))
    for month in (TripMonth(job.dataset, key) for key in job.month_keys):
        with stopwatch(parts, "raw"):
            raw = fetch_month(month, job.source, data_dir).raw
        with stopwatch(parts, "clean"):
            clean = clean_month(raw, data_dir)
        with stopwatch(parts, "load"):
            prepare_database(job.conninfo, [DATASETS[job.dataset]])
            load_month(clean, job.conninfo)
