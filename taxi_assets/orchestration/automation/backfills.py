"""Backfills: asking for many months of many layers at once, as the UI's dialog does.

Belongs here: turning datasets and months into one of Dagster's backfills. Not here: how it is carried out; Dagster's
daemon makes runs of it, ``TAXI_MONTHS_PER_RUN`` months each.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import dagster as dg

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import ArgumentError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.partitions import months_of

if TYPE_CHECKING:
    from taxi_assets.orchestration.dagster_internals.backfills import PartitionsByAssetSelector


@dataclass(frozen=True)
class RequestedBackfill:
    """What was asked for.

    Attributes:
        backfill_id: As the UI shows it.
        months: For each dataset its first and last month.
    """

    backfill_id: str
    months: dict[str, tuple[str, str]]

    def describe(self) -> str:
        """In words: ``yellow 2019-01 to 2019-12, green 2019-01 to 2019-12``."""
        return ", ".join(f"{dataset} {first} to {last}" for dataset, (first, last) in self.months.items())


def request_backfill(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    datasets: list[str],
    first: str,
    last: str,
    *,
    without_months: Collection[str] = (),
    layers: Collection[str] | None = None,
) -> RequestedBackfill:
    """Asks Dagster's daemon for these months.

    Args:
        instance: Where the daemon finds the request.
        repository: The code location's, with the assets.
        datasets: Names in the registry.
        first: First month, ``YYYY-MM``. A dataset that begins later begins where it does.
        last: Last month.
        without_months: What comes along of what has no months: the zone lookup, the zones' shapes.
        layers: Names of the layers; None for every one.

    Raises:
        ArgumentError: A dataset or month that there is not.
    """
    from taxi_assets.orchestration.dagster_internals.backfills import PartitionBackfill, PartitionsByAssetSelector

    graph = repository.asset_graph
    months = {name: _range(_known(name), first, last) for name in dict.fromkeys(datasets)}
    selectors: list[PartitionsByAssetSelector] = []
    for key in sorted(graph.materializable_asset_keys):
        if layers is not None and key.path[0] not in layers:
            continue
        dataset = DATASETS.get(key.path[-1].removesuffix("_tripdata"))
        if key.path[-1] in without_months:
            selectors.append(PartitionsByAssetSelector(asset_key=key))
        elif dataset is not None and dataset.name in months:
            selectors.append(_of_months(key, *months[dataset.name]))
    backfill_id = uuid4().hex[:8]
    instance.add_backfill(
        PartitionBackfill.from_partitions_by_assets(
            backfill_id=backfill_id,
            asset_graph=graph,
            backfill_timestamp=time.time(),
            tags={names.BACKFILL: "true"},
            dynamic_partitions_store=instance,
            partitions_by_assets=selectors,
            title=f"{', '.join(months)}: {first} to {last}" if months else ", ".join(without_months),
            description=None,
            run_config=None,
        )
    )
    return RequestedBackfill(backfill_id, months)


def _known(name: str) -> Dataset:
    try:
        return DATASETS[name]
    except KeyError:
        raise ArgumentError(f"{name!r} is not a dataset; choose from {', '.join(DATASETS)}") from None


def _range(dataset: Dataset, first: str, last: str) -> tuple[str, str]:
    """The months of the dataset from ``first`` to ``last``."""
    try:
        asked = (TripMonth(dataset.name, first).month, TripMonth(dataset.name, last).month)
    except ValueError as error:
        raise ArgumentError(str(error)) from None
    there = [key for key in months_of(dataset).get_partition_keys() if asked[0] <= key <= asked[1]]
    if not there:
        raise ArgumentError(f"{dataset.name} has no month from {first} to {last}; its first is {dataset.first_month}")
    return there[0], there[-1]


def _of_months(key: dg.AssetKey, first: str, last: str) -> PartitionsByAssetSelector:
    from taxi_assets.orchestration.dagster_internals.backfills import (
        PartitionRangeSelector,
        PartitionsByAssetSelector,
        PartitionsSelector,
    )

    return PartitionsByAssetSelector(
        asset_key=key, partitions=PartitionsSelector(ranges=[PartitionRangeSelector(start=first, end=last)])
    )
