"""The code location: ``taxi_assets.definitions:defs``.

Belongs here: putting the parts together. ``build_defs`` is used by production and by tests alike; nothing is read
or started when this module is imported, apart from the environment.
"""

from __future__ import annotations

import warnings

from dagster import BetaWarning, Definitions, in_process_executor

from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration.assets.clean import clean_asset
from taxi_assets.orchestration.assets.lake import lake_asset
from taxi_assets.orchestration.assets.postgres import postgres_asset
from taxi_assets.orchestration.assets.raw import raw_asset
from taxi_assets.orchestration.assets.warehouse import warehouse_asset
from taxi_assets.orchestration.assets.zones import zone_assets
from taxi_assets.orchestration.automation.everything import alerts_of, automation
from taxi_assets.orchestration.checks.everything import checks_of
from taxi_assets.orchestration.resources.targets import resources_for
from taxi_assets.settings import Settings, load_settings


def build_defs(settings: Settings, **resource_overrides: object) -> Definitions:
    """The whole project for these settings.

    Args:
        settings: The validated environment.
        resource_overrides: Resources by name that replace those of the target.
    """
    months_per_run = settings.taxi_months_per_run
    with warnings.catch_warnings():
        # backfill_policy is beta in Dagster 1.13; people who run a command need not read that twenty times.
        warnings.simplefilter("ignore", BetaWarning)
        assets = [
            make(dataset, months_per_run)
            for dataset in DATASETS.values()
            for make in (raw_asset, clean_asset, postgres_asset, lake_asset, warehouse_asset)
        ]
        assets += zone_assets()
    return Definitions(
        assets=assets,
        asset_checks=[check for dataset in DATASETS.values() for check in checks_of(dataset)],
        **automation(settings),
        resources={**resources_for(settings), "alerts": alerts_of(settings), **resource_overrides},
        # Starting a process a step would cost more than most steps do.
        executor=in_process_executor,
    )


defs = build_defs(load_settings())
