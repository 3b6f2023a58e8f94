"""marts: one month over all services of a table that answers a common question, from the warehouse."""

from typing import Any

from dagster import AssetDep, AssetExecutionContext, AssetsDefinition, TimeWindowPartitionMapping, asset

from taxi_assets.datasets.marts import SCHEMA, Mart
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.orchestration.assets.materialize import Metadata, Progress, materialize_months
from taxi_assets.orchestration.assets.metadata import lookup_schema, mart_metadata
from taxi_assets.orchestration.assets.trip_asset import OWNERS
from taxi_assets.orchestration.automation.conditions import follow_warehouse
from taxi_assets.orchestration.checks.marts import mart_functions
from taxi_assets.orchestration.checks.verdicts import Verdicts
from taxi_assets.orchestration.layers import MARTS, WAREHOUSE
from taxi_assets.orchestration.names import COLUMN_SCHEMA, TABLE_NAME
from taxi_assets.orchestration.partitions import MartMonths, batches_of, months_of_all
from taxi_assets.orchestration.resources.warehouse import WarehouseResource
from taxi_assets.steps.marts.build import build_mart


def mart_asset(mart: Mart, months_per_run: int, engine: str) -> AssetsDefinition:
    """``marts/zone_hours`` and the others; ``engine`` is ``duckdb`` or ``bigquery``."""
    # A service that began later has no such month; those that have one are enough.
    whole_history = TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    metadata: dict[str, Any] = {COLUMN_SCHEMA: lookup_schema(mart), TABLE_NAME: f"{SCHEMA}.{mart.name}"}

    @asset(
        key=MARTS.key(mart.name),
        deps=[
            AssetDep(WAREHOUSE.key(dataset.table), partition_mapping=whole_history) for dataset in TLC_DATASETS.values()
        ],
        description=f"{mart.title}: {mart.description} A month over all services, replaced service by service; it "
        "follows the warehouse by itself.",
        kinds={MARTS.name, engine},
        pool=MARTS.pool,
        metadata=metadata,
        owners=OWNERS,
        group_name=MARTS.name,
        partitions_def=months_of_all(),
        backfill_policy=batches_of(months_per_run),
        tags={"dataset": MARTS.name, "layer": MARTS.name},
        automation_condition=follow_warehouse(),
    )
    def mart_(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
        opened, store, verdicts = warehouse.open(), warehouse.marts(), Verdicts(context)

        def build(month: TripMonth, progress: Progress) -> Metadata:
            del progress
            built = build_mart(mart, month.month, store, run_id=context.run.run_id)
            verdicts.judge(month, mart_functions(mart, opened, store))
            return mart_metadata(built)

        materialize_months(context, MartMonths(mart.name), build, verdicts)

    return mart_
