"""What all trip assets share: key, group, partitions, owner, and what they follow by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dagster import AssetsDefinition, asset

from taxi_assets.datasets.columns import Dataset
from taxi_assets.orchestration.assets.descriptions import code_of, read_it
from taxi_assets.orchestration.assets.metadata import table_schema
from taxi_assets.orchestration.automation.conditions import follow_upstream
from taxi_assets.orchestration.layers import LAYERS, POSTGRES, RAW, WAREHOUSE, Layer
from taxi_assets.orchestration.names import COLUMN_SCHEMA, TABLE_NAME
from taxi_assets.orchestration.partitions import batches_of, months_of
from taxi_assets.steps.files.interrupts import interruptible

OWNERS = ["team:taxi_assets"]


def trip_asset(
    layer: Layer,
    dataset: Dataset,
    months_per_run: int,
    *,
    description: str,
    kinds: set[str],
    table: str | None = None,
) -> Callable[[Callable[..., None]], AssetsDefinition]:
    """Decorates the function of ``<layer>/<dataset>_tripdata``.

    Args:
        layer: Gives key, pool, and the assets that it is made from.
        dataset: Gives group, partitions, table and column schema.
        months_per_run: How many months one run of a backfill takes.
        description: What one partition is, after the names of layer and dataset.
        kinds: Technologies, shown as icons in the graph, and the layer: all nodes of a dataset have one name there.
        table: What people query, where that is not the dataset's table without a schema.
    """
    metadata: dict[str, Any] = code_of(layer)
    if layer is not RAW:
        metadata[COLUMN_SCHEMA] = table_schema(dataset)
    if layer in (POSTGRES, WAREHOUSE):
        metadata[TABLE_NAME] = table or dataset.table
    as_asset = asset(
        key=layer.key(dataset.table),
        deps=[LAYERS[before].key(dataset.table) for before in layer.made_from],
        description=f"{layer.name}: {dataset.title}, {description}{read_it(layer, dataset, table or dataset.table)}",
        kinds=kinds,
        pool=layer.pool,
        metadata=metadata,
        owners=OWNERS,
        group_name=dataset.name,
        partitions_def=months_of(dataset),
        backfill_policy=batches_of(months_per_run),
        tags={"dataset": dataset.name, "layer": layer.name},
        automation_condition=follow_upstream(layer, dataset),
    )
    # The whole function: imports, and a server that is started, are cancelled as the months are.
    return lambda function: as_asset(interruptible()(function))
