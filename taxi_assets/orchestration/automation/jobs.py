"""Jobs: what a person picks in the UI, and what sensors and schedules launch.

Belongs here: which assets a job takes. Not here: when it runs.
"""

from collections.abc import Mapping

import dagster as dg
from pydantic import Field

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES, TAXI_ZONES, WITHOUT_MONTHS
from taxi_assets.orchestration import names
from taxi_assets.orchestration.automation.backfills import request_backfill
from taxi_assets.orchestration.dagster_internals.runs import UnresolvedAssetJobDefinition
from taxi_assets.orchestration.layers import MARTS, REPORT


def _load_job(dataset: Dataset) -> UnresolvedAssetJobDefinition:
    """All layers of a dataset, for the months that are chosen when it is launched."""
    return dg.define_asset_job(
        f"load_{dataset.name}",
        dg.AssetSelection.groups(dataset.name),
        description=f"{dataset.title}: carries the chosen months from the published file through every layer. "
        "To load years, open the dataset in the Catalog: a backfill of its assets shows what became of each month.",
        tags={names.DATASET: dataset.name},
    )


LOAD_JOBS: Mapping[str, UnresolvedAssetJobDefinition] = {
    dataset.name: _load_job(dataset) for dataset in DATASETS.values()
}
"""By dataset: ``load_yellow``, ``load_green``, ``load_fhv``, ``load_fhvhv``."""


LOAD_ZONES = dg.define_asset_job(
    "load_taxi_zones",
    dg.AssetSelection.groups(TAXI_ZONES.name, TAXI_ZONE_SHAPES),
    description="The zone lookup, from the published file into every store, and the zones' shapes: neither has months.",
)


BUILD_MARTS = dg.define_asset_job(
    "build_marts",
    dg.AssetSelection.groups(MARTS.name),
    description="The marts of the chosen months, over all services, from the warehouse. They follow it by themselves; "
    "this makes them at once.",
    tags={names.DATASET: MARTS.name},
)


MAKE_REPORT = dg.define_asset_job(
    "make_report",
    dg.AssetSelection.groups(REPORT.name),
    description="The page of everything that is loaded. It follows the marts by itself; this makes it at once.",
)


class MonthsOfEverything(dg.Config):
    """What ``load_everything`` asks for. There is no default: all months of all datasets are hundreds of gigabytes."""

    first_month: str = Field(description="YYYY-MM, for example 2019-01")
    last_month: str = Field(description="YYYY-MM, that month included")
    datasets: list[str] = Field(default=list(DATASETS), description="Leave out what you do not need.")


@dg.op
def request_months(context: dg.OpExecutionContext, config: MonthsOfEverything) -> None:
    """Asks for a backfill; the months are loaded by its runs."""
    requested = request_backfill(
        context.instance,
        context.repository_def,
        config.datasets,
        config.first_month,
        config.last_month,
        without_months=WITHOUT_MONTHS,
    )
    context.log.info(f"backfill {requested.backfill_id}: {requested.describe()}; see Runs > Backfills")


@dg.job(
    description="All layers of all datasets, for a range of months: requests one backfill, whose runs carry it "
    "out in batches. Say which months in the Launchpad."
)
def load_everything() -> None:
    """A job cannot hold assets whose months begin at different times; a backfill can."""
    request_months()
