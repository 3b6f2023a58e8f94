"""Checks of ``lake`` and ``warehouse``: the same rows in every store, and the same money."""

from collections.abc import Iterator

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetKey,
    asset_check,
    multi_asset_check,
)

from taxi_assets.checks.clean import clean_rows, total_of
from taxi_assets.checks.months import Finding, months_to_check, result_of
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.resources.lake import LakeResource
from taxi_assets.resources.local_files import LocalFiles
from taxi_assets.resources.warehouse import WarehouseResource
from taxi_assets.steps.copy_to_lake import lake_rows

ROWS_EQUAL_CLEAN = "rows_equal_clean"
TOTALS_EQUAL_CLEAN = "totals_equal_clean"

CENTS_PER_MILLION_ROWS = 0.01
"""Stores add doubles in different orders; a cent per million rows is far above that error and far below a fare."""


def lake_check(dataset: Dataset) -> AssetChecksDefinition:
    """The blocking row parity of ``lake/<dataset>_tripdata`` with ``clean``."""
    key = AssetKey(["lake", dataset.table])

    @asset_check(
        asset=key,
        name=ROWS_EQUAL_CLEAN,
        blocking=True,
        description="Rows in the lake's Parquet, by its own footer = rows of the clean file on this machine.",
    )
    def check_lake(context: AssetCheckExecutionContext, lake: LakeResource, files: LocalFiles) -> AssetCheckResult:
        opened = lake.open()

        def compare(month: TripMonth) -> Finding:
            expected = clean_rows(files.data_dir, month)
            found = lake_rows(opened, month)
            return Finding(
                passed=expected == found,
                figures={"clean": expected, "lake": found},
                note=f"the lake has {found:,} rows of this month, its clean file {expected:,}; materialize "
                f"lake/{dataset.table} of this month again",
            )

        months = months_to_check(context, dataset, files.data_dir)
        return result_of(months, compare, asset_key=key, check_name=ROWS_EQUAL_CLEAN)

    return check_lake


def warehouse_checks(dataset: Dataset) -> AssetChecksDefinition:
    """Parity of ``warehouse/<dataset>_tripdata`` with ``clean``: rows, and the summed total where there is one."""
    key = AssetKey(["warehouse", dataset.table])
    specs = [
        AssetCheckSpec(
            ROWS_EQUAL_CLEAN,
            asset=key,
            blocking=True,
            description="Rows of the month in the warehouse = rows of the clean file, counted in both.",
        )
    ]
    if dataset.total:
        specs.append(
            AssetCheckSpec(
                TOTALS_EQUAL_CLEAN,
                asset=key,
                blocking=True,
                description=f"sum({dataset.total}) in the warehouse = in the clean file, to a cent per million rows.",
            )
        )

    @multi_asset_check(name=f"check_warehouse_{dataset.table}", specs=specs, can_subset=True)
    def check_warehouse(
        context: AssetCheckExecutionContext, warehouse: WarehouseResource, files: LocalFiles
    ) -> Iterator[AssetCheckResult]:
        opened, data_dir = warehouse.open(), files.data_dir

        def same_rows(month: TripMonth) -> Finding:
            expected = clean_rows(data_dir, month)
            found = opened.count(month)
            return Finding(
                passed=expected == found,
                figures={"clean": expected, "warehouse": found},
                note=f"the warehouse has {found:,} rows of this month, its clean file {expected:,}; materialize "
                f"warehouse/{dataset.table} of this month again",
            )

        def same_total(month: TripMonth) -> Finding:
            rows = clean_rows(data_dir, month)
            expected = total_of(data_dir, month, dataset.total or "")
            found = opened.total(month, dataset.total or "")
            allowed = CENTS_PER_MILLION_ROWS * max(1.0, rows / 1_000_000)
            return Finding(
                passed=(found is None and expected is None) or abs((found or 0.0) - (expected or 0.0)) <= allowed,
                figures={"clean": expected, "warehouse": found, "allowed difference": allowed},
                note=f"sum({dataset.total}) is {found} in the warehouse and {expected} in the clean file",
            )

        months = months_to_check(context, dataset, data_dir)
        selected = {check.name for check in context.selected_asset_check_keys}
        for name, look in ((ROWS_EQUAL_CLEAN, same_rows), (TOTALS_EQUAL_CLEAN, same_total)):
            if name in selected:
                yield result_of(months, look, asset_key=key, check_name=name)

    return check_warehouse
