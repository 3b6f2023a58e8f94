"""Checks of ``postgres``, ``lake`` and ``warehouse``: the rows of the clean file in every store, and its money.

Belongs here: what two places say of the same month, counted in both. Not here: what is wrong within the clean file.
"""

from collections.abc import Callable, Iterator

from dagster import (
    AssetCheckExecutionContext,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    Output,
    multi_asset_check,
)

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.zones import zone_columns
from taxi_assets.orchestration.checks.findings import CheckFunction, Finding, MonthCheck, nothing_to_compare
from taxi_assets.orchestration.checks.months import results
from taxi_assets.orchestration.layers import LAKE, POSTGRES, WAREHOUSE
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.orchestration.resources.warehouse import WarehouseResource
from taxi_assets.steps.files.clean_file import clean_rows, total_of
from taxi_assets.steps.lake.copy import lake_rows, lake_total
from taxi_assets.steps.lake.lake import Lake
from taxi_assets.steps.postgres.database import Database
from taxi_assets.steps.warehouse.warehouse import Warehouse

ZONES_ARE_KNOWN = MonthCheck(
    "zones_are_known",
    "Every pickup and dropoff zone is in taxi_zones, as a foreign key would demand; others are kept, and warned about.",
    severity=AssetCheckSeverity.WARN,
)

CENTS_PER_MILLION_ROWS = 0.01
"""Stores add doubles in different orders; a cent per million rows is far above that error and far below a fare."""


def postgres_checks(dataset: Dataset) -> AssetChecksDefinition:
    """Parity of ``postgres/<dataset>_tripdata`` with ``clean``, which blocks, and zones, which warn."""
    key = POSTGRES.key(dataset.table)
    checks = (rows_in_postgres(dataset), *totals_equal_clean(dataset, "in Postgres"), *_zones_are_known(dataset))

    @multi_asset_check(
        name=f"check_postgres_{dataset.table}",
        specs=[check.spec(key, months_of(dataset)) for check in checks],
        can_subset=True,
    )
    def check_postgres(
        context: AssetCheckExecutionContext, postgres: Postgres, files: LocalFiles
    ) -> Iterator[Output[None]]:
        functions = postgres_functions(dataset, postgres.database(), files.data_dir)
        yield from results(context, dataset, files.data_dir, functions)

    return check_postgres


def postgres_functions(dataset: Dataset, database: Database, data_dir: DataDir) -> dict[MonthCheck, CheckFunction]:
    """What these checks do with a month."""
    from taxi_assets.steps.postgres.load import count_month, sum_month

    key = POSTGRES.key(dataset.table)
    return {
        rows_in_postgres(dataset): same_rows(key, data_dir, lambda month: count_month(database, month)),
        **{
            check: same_total(key, data_dir, column, lambda month, name: sum_month(database, month, name))
            for check, column in totals_equal_clean(dataset, "in Postgres").items()
        },
        **{check: lambda month: known_zones(database, month) for check in _zones_are_known(dataset)},
    }


def _zones_are_known(dataset: Dataset) -> list[MonthCheck]:
    """A dataset of somebody's own may have no zones."""
    return [ZONES_ARE_KNOWN] if zone_columns(dataset) else []


def lake_check(dataset: Dataset) -> AssetChecksDefinition:
    """The blocking parity of ``lake/<dataset>_tripdata`` with ``clean``."""
    key = LAKE.key(dataset.table)
    checks = (ROWS_IN_LAKE, *totals_equal_clean(dataset, "in the lake's Parquet"))

    @multi_asset_check(
        name=f"check_lake_{dataset.table}",
        specs=[check.spec(key, months_of(dataset)) for check in checks],
        can_subset=True,
    )
    def check_lake(
        context: AssetCheckExecutionContext, lake: LakeResource, files: LocalFiles
    ) -> Iterator[Output[None]]:
        functions = lake_functions(dataset, lake.open(), files.data_dir)
        yield from results(context, dataset, files.data_dir, functions)

    return check_lake


def lake_functions(dataset: Dataset, lake: Lake, data_dir: DataDir) -> dict[MonthCheck, CheckFunction]:
    """What these checks do with a month."""
    key = LAKE.key(dataset.table)
    return {
        ROWS_IN_LAKE: same_rows(key, data_dir, lambda month: lake_rows(lake, month)),
        **{
            check: same_total(key, data_dir, column, lambda month, name: lake_total(lake, month, name))
            for check, column in totals_equal_clean(dataset, "in the lake's Parquet").items()
        },
    }


def warehouse_checks(dataset: Dataset) -> AssetChecksDefinition:
    """The blocking parity of ``warehouse/<dataset>_tripdata`` with ``clean``."""
    key = WAREHOUSE.key(dataset.table)
    checks = (ROWS_IN_WAREHOUSE, *totals_equal_clean(dataset, "in the warehouse"))

    @multi_asset_check(
        name=f"check_warehouse_{dataset.table}",
        specs=[check.spec(key, months_of(dataset)) for check in checks],
        can_subset=True,
    )
    def check_warehouse(
        context: AssetCheckExecutionContext, warehouse: WarehouseResource, files: LocalFiles
    ) -> Iterator[Output[None]]:
        functions = warehouse_functions(dataset, warehouse.open(), files.data_dir)
        yield from results(context, dataset, files.data_dir, functions)

    return check_warehouse


def warehouse_functions(dataset: Dataset, warehouse: Warehouse, data_dir: DataDir) -> dict[MonthCheck, CheckFunction]:
    """What these checks do with a month."""
    key = WAREHOUSE.key(dataset.table)
    return {
        ROWS_IN_WAREHOUSE: same_rows(key, data_dir, warehouse.count),
        **{
            check: same_total(key, data_dir, column, warehouse.total)
            for check, column in totals_equal_clean(dataset, "in the warehouse").items()
        },
    }


def rows_in_postgres(dataset: Dataset) -> MonthCheck:
    """The check of the rows, which names the table."""
    return rows_equal_clean(f"Rows of the month in {dataset.table}")


def rows_equal_clean(rows: str) -> MonthCheck:
    """The check that every store has; ``rows`` says in words which ones are counted."""
    return MonthCheck("rows_equal_clean", f"{rows} = rows of the clean file, counted in both.", blocking=True)


ROWS_IN_LAKE = rows_equal_clean("Rows in the lake's Parquet, by its own footer")
ROWS_IN_WAREHOUSE = rows_equal_clean("Rows of the month in the warehouse")


def same_rows(asset: AssetKey, data_dir: DataDir, count: Callable[[TripMonth], int]) -> CheckFunction:
    """Compares what ``count`` finds in the store with the footer of the month's clean file."""
    layer = asset.path[0]

    def compare(month: TripMonth) -> Finding:
        expected, found = clean_rows(month, data_dir), count(month)
        return Finding(
            passed=expected == found,
            figures={"clean": expected, layer: found},
            note=f"{layer} has {found:,} rows of this month, its clean file {expected:,}; materialize "
            f"{asset.to_user_string()} of this month again",
        )

    return compare


def totals_equal_clean(dataset: Dataset, where: str) -> dict[MonthCheck, str]:
    """The check of the money that every store has, and the column that it adds up; none for fhv, which has no money."""
    if not dataset.total:
        return {}
    sentence = f"sum({dataset.total}) {where} = in the clean file, to a cent per million rows."
    return {MonthCheck("totals_equal_clean", sentence, blocking=True): dataset.total}


def same_total(
    asset: AssetKey, data_dir: DataDir, column: str, total: Callable[[TripMonth, str], float | None]
) -> CheckFunction:
    """Compares what ``total`` adds up in the store with the same column of the month's clean file."""
    layer = asset.path[0]

    def compare(month: TripMonth) -> Finding:
        expected, found = total_of(month, data_dir, column), total(month, column)
        allowed = CENTS_PER_MILLION_ROWS * max(1.0, clean_rows(month, data_dir) / 1_000_000)
        return Finding(
            passed=(found is None and expected is None) or abs((found or 0.0) - (expected or 0.0)) <= allowed,
            figures={"clean": expected, layer: found, "allowed difference": allowed},
            note=f"sum({column}) is {found} in {layer} and {expected} in the clean file, so values were changed there; "
            f"remove the month there, then materialize {asset.to_user_string()} of this month again",
        )

    return compare


def known_zones(database: Database, month: TripMonth) -> Finding:
    """Counts trips whose zones are not in the lookup."""
    from taxi_assets.steps.postgres.zones import count_unknown_zones

    unknown = count_unknown_zones(database, month)
    if unknown is None:
        return nothing_to_compare("taxi_zones is not there; materialize postgres/taxi_zones, then this check")
    return Finding(
        passed=not any(unknown.values()),
        figures=unknown,
        note=", ".join(f"{count:,} trips with an unknown {column}" for column, count in unknown.items() if count),
    )
