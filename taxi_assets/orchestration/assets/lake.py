"""lake: the raw file and the clean Parquet of the month, copied whole."""

from dagster import AssetExecutionContext, AssetsDefinition

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.assets.inputs import Inputs
from taxi_assets.orchestration.assets.materialize import Metadata, Progress, materialize_months
from taxi_assets.orchestration.assets.metadata import lake_metadata
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.checks.stores import lake_functions
from taxi_assets.orchestration.checks.verdicts import Verdicts
from taxi_assets.orchestration.layers import LAKE
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.lake.copy import copy_month


def lake_asset(dataset: Dataset, months_per_run: int) -> AssetsDefinition:
    """``lake/<dataset>_tripdata``."""

    @trip_asset(
        LAKE,
        dataset,
        months_per_run,
        description="the published file and the clean Parquet, in a folder (`local`) or a GCS bucket (`gcp`) laid out "
        "alike. Each object is there whole or not at all; unchanged ones are not copied again.",
        kinds={LAKE.name, "parquet"},
    )
    def lake_(context: AssetExecutionContext, lake: LakeResource, files: LocalFiles) -> None:
        inputs, verdicts = Inputs(context, files, lake), Verdicts(context)

        def copy(month: TripMonth, progress: Progress) -> Metadata:
            raw, clean = inputs.raw(month, progress), inputs.clean(month, progress)
            opened = lake.open()
            copied = copy_month(raw, clean, opened, on_progress=progress("copied to the lake", "bytes"))
            verdicts.judge(month, lake_functions(dataset, opened, files.data_dir))
            return lake_metadata(copied)

        materialize_months(context, dataset, copy, verdicts, files)

    return lake_
