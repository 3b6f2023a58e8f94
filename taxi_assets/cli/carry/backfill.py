"""`taxi backfill yellow --from 2019-01 --to 2020-12`: months that Dagster's daemon loads.

Belongs here: leaving the request. Not here: months that are loaded while one waits (`load`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import dagster as dg

from taxi_assets.cli.shared.dagster_home import prepare_dagster
from taxi_assets.definitions import build_defs
from taxi_assets.installation import command
from taxi_assets.orchestration.automation.backfills import request_backfill
from taxi_assets.settings import load_settings


def run_backfill(datasets: Sequence[str], first: str, last: str, *, as_json: bool = False) -> int:
    """Leaves the request with Dagster; its daemon, which `up` starts, carries it out."""
    settings = load_settings()
    os.environ.update(prepare_dagster(settings))
    repository = build_defs(settings).get_repository_def()
    with dg.DagsterInstance.get() as instance:
        requested = request_backfill(instance, repository, list(datasets), first, last)
    if as_json:
        print(json.dumps({"backfill": requested.backfill_id, "months": requested.months}, indent=2))
        return 0
    print(f"Backfill {requested.backfill_id}: {requested.describe()}.")
    print(f"It is noted in {os.environ['DAGSTER_HOME']}; the files will be in {settings.taxi_data_dir}.")
    dev = command("dev", data_dir=settings.taxi_data_dir)
    print(f"The daemon takes it up within half a minute; see Runs > Backfills in the UI (`{dev}` starts both).")
    return 0
