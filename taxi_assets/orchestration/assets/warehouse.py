"""warehouse: one month of the table that analysts ask, from the lake."""

from dagster import AssetExecutionContext, AssetsDefinition

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.assets.inputs import Inputs
from taxi_assets.orchestration.assets.materialize import Metadata, Progress, materialize_months
from taxi_assets.orchestration.assets.metadata import warehouse_metadata
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.checks.stores import warehouse_functions
from taxi_assets.orchestration.checks.verdicts import Verdicts
from taxi_assets.orchestration.layers import WAREHOUSE
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.warehouse import WarehouseResource
from taxi_assets.steps.warehouse.load import load_month


def warehouse_asset(dataset: Dataset, months_per_run: int, engine: str) -> AssetsDefinition:
    """``warehouse/<dataset>_tripdata``; ``engine`` is ``duckdb`` or ``bigquery``."""

    @trip_asset(
        WAREHOUSE,
        dataset,
        months_per_run,
        description="the month in a DuckDB catalogue of views over the lake (`local`), or in a BigQuery table (`gcp`) "
        "where it is replaced by one atomic statement.",
        kinds={WAREHOUSE.name, engine},
    )
    def warehouse_(
        context: AssetExecutionContext, files: LocalFiles, lake: LakeResource, warehouse: WarehouseResource
    ) -> None:
        inputs, verdicts = Inputs(context, files, lake), Verdicts(context)

        def load(month: TripMonth, progress: Progress) -> Metadata:
            # Not for the load, which reads the lake: its checks compare the table with the clean file.
            inputs.clean(month, progress)
            opened = warehouse.open()
            loaded = load_month(month, lake.open(), opened, run_id=context.run.run_id)
            verdicts.judge(month, warehouse_functions(dataset, opened, files.data_dir))
            return warehouse_metadata(loaded, dataset)

        materialize_months(context, dataset, load, verdicts, files)

    return warehouse_
