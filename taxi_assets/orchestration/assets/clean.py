"""clean: typed, normalised Parquet of the month; rejected lines beside it with a reason."""

from dagster import AssetExecutionContext, AssetsDefinition

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.assets.inputs import Inputs, zone_shapes_file
from taxi_assets.orchestration.assets.materialize import Metadata, Progress, materialize_months
from taxi_assets.orchestration.assets.metadata import clean_metadata
from taxi_assets.orchestration.assets.trip_asset import trip_asset
from taxi_assets.orchestration.checks.clean import clean_functions
from taxi_assets.orchestration.checks.verdicts import Verdicts
from taxi_assets.orchestration.layers import CLEAN
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles


def clean_asset(dataset: Dataset, months_per_run: int) -> AssetsDefinition:
    """``clean/<dataset>_tripdata``."""

    @trip_asset(
        CLEAN,
        dataset,
        months_per_run,
        description="the month's trips, typed, under one set of column names for all years. Lines that cannot be a "
        "trip are set aside with number, reason and text; the two add up to what was published.",
        kinds={CLEAN.name, "parquet"},
    )
    def clean(context: AssetExecutionContext, files: LocalFiles, lake: LakeResource) -> None:
        from taxi_assets.steps.clean.clean import clean_month
        from taxi_assets.steps.clean.locate import why_not_located, zones_to_locate

        inputs, verdicts = Inputs(context, files, lake), Verdicts(context)

        def clean_one(month: TripMonth, progress: Progress) -> Metadata:
            raw = inputs.raw(month, progress)
            zones = zones_to_locate(raw, files.ignore)
            zone_shapes = zone_shapes_file(files.data_dir, lake) if zones else None
            if zones and (why := why_not_located(raw, zone_shapes)):
                context.log.warning(f"{month}: {' and '.join(zones)} stay empty though there are coordinates, as {why}")
            cleaned = clean_month(
                raw,
                files.data_dir,
                ignore=files.ignore,
                judge=lambda made: verdicts.judge(month, clean_functions(dataset, lambda _: raw, lambda _: made)),
                zone_shapes=zone_shapes,
                on_progress=progress("raw file read", "bytes"),
            )
            return clean_metadata(cleaned, dataset, month)

        materialize_months(context, dataset, clean_one, verdicts, files)

    return clean
