"""Backfills: the UI and its GraphQL make them; Python has no public way, although the daemon takes them from Python."""

# Which months of which asset.
from dagster._core.definitions.selector import PartitionRangeSelector, PartitionsByAssetSelector, PartitionsSelector

# What DagsterInstance.add_backfill takes.
# Beside it, how far it is.
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

__all__ = [
    "BulkActionStatus",
    "PartitionBackfill",
    "PartitionRangeSelector",
    "PartitionsByAssetSelector",
    "PartitionsSelector",
]
