"""Runs and backfills in words: which months they take, where the UI lists them.

Belongs here: what Dagster notes of them in a form that its lists do not show. Not here: why sensors ask for runs, which
they say themselves (tag ``reason``), and alerts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from taxi_assets.datasets.months import stretches
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration import names
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from taxi_assets.orchestration.layers import LAYERS

if TYPE_CHECKING:
    from taxi_assets.orchestration.dagster_internals.backfills import PartitionBackfill

STRETCHES_SHOWN = 3
LONGEST_TITLE = 100
"""Dagster refuses longer ones."""


def months_of_run(run_tags: Mapping[str, str]) -> str:
    """``2019-01``, ``2019-01 to 2019-12``, or nothing for a run without months."""
    if PARTITION_NAME_TAG in run_tags:
        return run_tags[PARTITION_NAME_TAG]
    first, last = run_tags.get(ASSET_PARTITION_RANGE_START_TAG), run_tags.get(ASSET_PARTITION_RANGE_END_TAG)
    return _written([(first, last)]) if first and last else ""


def described(backfill: PartitionBackfill) -> PartitionBackfill:
    """The same with tags of its dataset and months, and with a title that says what and why.

    The UI gives a backfill no title, and Dagster gives one that automation asked for an evaluation's number.
    """
    data = backfill.asset_backfill_data
    if data is None:
        return backfill
    months = {
        key: set(subset.get_partition_keys())
        for key, subset in data.target_subset.partitions_subsets_by_asset_key.items()
        if key.path[0] in LAYERS
    }
    if not months:
        return backfill
    tables = sorted({key.path[-1].removesuffix("_tripdata") for key in months})
    in_words = _written(stretches({month for taken in months.values() for month in taken}))
    tags = {names.MONTHS: in_words, **backfill.tags}
    if len(tables) == 1 and tables[0] in DATASETS:
        tags = {names.DATASET: tables[0], **tags}
    title = backfill.title
    by_automation = names.REASON in tags
    if by_automation or not title:
        layers = [layer for layer in LAYERS if any(key.path[0] == layer for key in months)]
        why = f"{tags[names.REASON]}: " if by_automation else ""
        title = f"{why}{', '.join(tables)} {in_words}, {', '.join(layers)}"
    return backfill._replace(title=title[:LONGEST_TITLE], tags=tags)


def _written(months: list[tuple[str, str]]) -> str:
    shown = [first if first == last else f"{first} to {last}" for first, last in months[:STRETCHES_SHOWN]]
    return ", ".join(shown) + (" and more" if len(months) > STRETCHES_SHOWN else "")
