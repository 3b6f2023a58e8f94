"""postgres: one month of ``public.<dataset>_tripdata``, swapped in whole."""

from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, AssetsDefinition, MetadataValue

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.assets.inputs import Inputs
from taxi_assets.orchestration.assets.materialize import Metadata, Progress, materialize_months
from taxi_assets.orchestration.assets.metadata import table_schema
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.checks.stores import postgres_functions
from taxi_assets.orchestration.checks.verdicts import Verdicts
from taxi_assets.orchestration.layers import POSTGRES
from taxi_assets.orchestration.names import COLUMN_SCHEMA, ROW_COUNT, TABLE_NAME, UNCHANGED
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.steps.postgres.database import Schemas

if TYPE_CHECKING:
    from taxi_assets.steps.postgres.load import LoadedMonth


def postgres_asset(dataset: Dataset, months_per_run: int, schemas: Schemas) -> AssetsDefinition:
    """``postgres/<dataset>_tripdata``."""
    shown = schemas.text(dataset.table)

    @trip_asset(
        POSTGRES,
        dataset,
        months_per_run,
        description=f"the month as a partition of `{shown}`. Readers see the old month or the new one, "
        "never a part; running it again changes nothing.",
        kinds={POSTGRES.name},
        table=shown,
    )
    def postgres_(context: AssetExecutionContext, postgres: Postgres, files: LocalFiles, lake: LakeResource) -> None:
        from taxi_assets.steps.postgres.load import load_month

        database, inputs, verdicts = postgres.database(), Inputs(context, files, lake), Verdicts(context)
        checks = postgres_functions(dataset, database, files.data_dir)

        def load(month: TripMonth, progress: Progress) -> Metadata:
            loaded = load_month(
                inputs.clean(month, progress),
                database,
                application_name=f"taxi {context.run.run_id[:8]} {month}",
                on_progress=progress("loaded into Postgres", "rows"),
            )
            verdicts.judge(month, checks)
            return _metadata(loaded, dataset)

        materialize_months(context, dataset, load, verdicts, files)

    return postgres_


def _metadata(loaded: "LoadedMonth", dataset: Dataset) -> Metadata:
    return {
        ROW_COUNT: loaded.rows,
        TABLE_NAME: loaded.table,
        COLUMN_SCHEMA: table_schema(dataset),
        "partition": loaded.partition,
        "bytes": loaded.bytes_loaded,
        "query": MetadataValue.md(f"```sql\nselect * from {loaded.table} where file_month = '…' limit 10;\n```"),
        UNCHANGED: loaded.unchanged,
    }
