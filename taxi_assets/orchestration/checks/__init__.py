"""What is verified about each asset, and what it blocks.

Checks look at the stores themselves and trust no figure that a step reported. In a run they look at the run's
months; executed by themselves, at every month on this machine.
"""

from __future__ import annotations

from dagster import AssetChecksDefinition

from taxi_assets.datasets.columns import Dataset
from taxi_assets.orchestration.checks.clean import clean_checks
from taxi_assets.orchestration.checks.raw import raw_check
from taxi_assets.orchestration.checks.stores import lake_check, postgres_checks, warehouse_checks


def checks_of(dataset: Dataset) -> list[AssetChecksDefinition]:
    """All checks of a dataset's assets."""
    return [
        raw_check(dataset),
        clean_checks(dataset),
        postgres_checks(dataset),
        lake_check(dataset),
        warehouse_checks(dataset),
    ]
