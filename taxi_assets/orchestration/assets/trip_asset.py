"""What all trip assets share: key, group, partitions, owner, retries, and what they follow by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dagster import AssetKey, AssetsDefinition, asset

from taxi_assets.datasets.columns import Dataset
from taxi_assets.orchestration.assets.failures import RETRY_PASSING
from taxi_assets.orchestration.assets.metadata import table_schema
from taxi_assets.orchestration.automation.conditions import follow_upstream
from taxi_assets.orchestration.partitions import batches_of, months_of

OWNERS = ["team:taxi_assets"]


def key_of(layer: str, table: str) -> AssetKey:
    """``yellow_tripdata`` in the layer ``raw`` is the asset ``raw/yellow_tripdata``."""
    return AssetKey([layer, table])


def trip_asset(
    layer: str,
    dataset: Dataset,
    months_per_run: int,
    *,
    follows: Sequence[str],
    description: str,
    kinds: set[str],
    pool: str | None = None,
) -> Callable[[Callable[..., None]], AssetsDefinition]:
    """Decorates the function of ``<layer>/<dataset>_tripdata``.

    Args:
        layer: First part of the asset's key.
        dataset: Gives group, partitions, table and column schema.
        months_per_run: How many months one run of a backfill takes.
        follows: The layers that it is made from.
        description: What one partition is, after the dataset's title.
        kinds: Technologies, shown as icons in the graph.
        pool: Whose steps run one at a time; limits are in dagster.yaml.
    """
    metadata: dict[str, Any] = {}
    if layer != "raw":
        metadata["dagster/column_schema"] = table_schema(dataset)
    if layer in ("postgres", "warehouse"):
        metadata["dagster/table_name"] = f"public.{dataset.table}" if layer == "postgres" else dataset.table
    return asset(
        key=key_of(layer, dataset.table),
        deps=[key_of(before, dataset.table) for before in follows],
        description=f"{dataset.title}: {description}",
        kinds=kinds,
        pool=pool,
        metadata=metadata,
        owners=OWNERS,
        group_name=dataset.name,
        partitions_def=months_of(dataset),
        backfill_policy=batches_of(months_per_run),
        tags={"dataset": dataset.name},
        automation_condition=follow_upstream(layer, dataset),
        retry_policy=RETRY_PASSING,
    )
