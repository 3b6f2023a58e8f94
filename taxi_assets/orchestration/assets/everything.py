"""The assets of a dataset, put together for the code location.

Belongs here: the list of them. Not here: what they do.
"""

from __future__ import annotations

from functools import partial

from dagster import AssetsDefinition

from taxi_assets.datasets.columns import Dataset
from taxi_assets.orchestration.assets.clean import clean_asset
from taxi_assets.orchestration.assets.lake import lake_asset
from taxi_assets.orchestration.assets.postgres import postgres_asset
from taxi_assets.orchestration.assets.raw import raw_asset
from taxi_assets.orchestration.assets.warehouse import warehouse_asset
from taxi_assets.settings import Settings
from taxi_assets.steps.postgres.database import Schemas


def assets_of(dataset: Dataset, settings: Settings) -> list[AssetsDefinition]:
    """A dataset's assets, one a layer, in the order in which a month goes through them.

    Args:
        dataset: One of the registry.
        settings: Say how many months one run of a backfill takes, and in which schema Postgres' tables are.
    """
    postgres = partial(postgres_asset, schemas=Schemas(settings.taxi_postgres_schema))
    warehouse = partial(warehouse_asset, engine=engine_of(settings))
    return [
        make(dataset, settings.taxi_months_per_run)
        for make in (raw_asset, clean_asset, postgres, lake_asset, warehouse)
    ]


def engine_of(settings: Settings) -> str:
    """What the warehouse of these settings is, as the kind of its assets."""
    return "duckdb" if settings.taxi_target == "local" else "bigquery"
