"""The checks of a dataset's assets, put together for the code location.

Belongs here: the list of them. Not here: what they look at.
"""

from __future__ import annotations

from dagster import AssetChecksDefinition

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.marts import MARTS
from taxi_assets.orchestration.checks.clean import clean_checks
from taxi_assets.orchestration.checks.marts import mart_checks
from taxi_assets.orchestration.checks.raw import raw_check
from taxi_assets.orchestration.checks.stores import lake_check, postgres_checks, warehouse_checks


def checks_of_marts() -> list[AssetChecksDefinition]:
    """All checks of the marts."""
    return [mart_checks(mart) for mart in MARTS.values()]


def checks_of(dataset: Dataset) -> list[AssetChecksDefinition]:
    """All checks of a dataset's assets."""
    return [
        raw_check(dataset),
        clean_checks(dataset),
        postgres_checks(dataset),
        lake_check(dataset),
        warehouse_checks(dataset),
    ]
