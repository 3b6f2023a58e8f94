"""raw: the month's file exactly as published."""

from dagster import AssetExecutionContext, AssetsDefinition

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.assets.materialize import Metadata, Progress, materialize_months
from taxi_assets.orchestration.assets.metadata import raw_metadata
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.checks.raw import raw_functions
from taxi_assets.orchestration.checks.verdicts import Verdicts
from taxi_assets.orchestration.layers import RAW
from taxi_assets.orchestration.names import LANDED, LANDED_FILE
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.source import Source
from taxi_assets.steps.files.raw_file import RawFile


def raw_asset(dataset: Dataset, months_per_run: int) -> AssetsDefinition:
    """``raw/<dataset>_tripdata``."""

    @trip_asset(
        RAW,
        dataset,
        months_per_run,
        description=f"the file of the month exactly as published, verified to its last byte. {dataset.description}",
        kinds={RAW.name, "file"},
    )
    def raw(context: AssetExecutionContext, source: Source, files: LocalFiles) -> None:
        verdicts = Verdicts(context)

        def judge(file: RawFile) -> None:
            verdicts.judge(file.month, raw_functions(lambda _: file))

        def fetch(month: TripMonth, progress: Progress) -> Metadata:
            on_progress = progress("fetched", "bytes")
            if LANDED_FILE in context.run.tags:
                fetched = source.fetch_landed(month, files.data_dir, judge, on_progress)
                return {**raw_metadata(fetched.raw, unchanged=fetched.unchanged), LANDED: True}
            fetched = source.fetch(month, files.data_dir, judge, on_progress)
            return raw_metadata(fetched.raw, unchanged=fetched.unchanged)

        materialize_months(context, dataset, fetch, verdicts, files)

    return raw
