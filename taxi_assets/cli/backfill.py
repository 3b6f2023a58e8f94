"""`python -m taxi_assets backfill yellow --from 2019-01 --to 2020-12`: months that Dagster's daemon loads.

Belongs here: leaving the request. Not here: months that are loaded while one waits (`load`).
"""

from __future__ import annotations

import os
from argparse import Namespace

import dagster as dg

from taxi_assets.cli.dagster_home import prepare_dagster
from taxi_assets.definitions import build_defs
from taxi_assets.installation import command
from taxi_assets.orchestration.automation.backfills import request_backfill
from taxi_assets.settings import load_settings


def run_backfill(options: Namespace) -> int:
    """Leaves the request with Dagster; its daemon, which `dev` starts, carries it out."""
    settings = load_settings()
    os.environ.update(prepare_dagster(settings))
    repository = build_defs(settings).get_repository_def()
    with dg.DagsterInstance.get() as instance:
        requested = request_backfill(instance, repository, options.datasets, options.first, options.last)
    print(f"Backfill {requested.backfill_id}: {requested.describe()}.")
    print(f"It is noted in {os.environ['DAGSTER_HOME']}; the files will be in {settings.taxi_data_dir}.")
    dev = command("dev", data_dir=settings.taxi_data_dir)
    print(f"The daemon takes it up within half a minute; see Runs > Backfills in the UI (`{dev}` starts both).")
    return 0
