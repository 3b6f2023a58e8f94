"""Which months exist: one monthly partitions definition a dataset.

Belongs here: partitions and how many of them one run takes. Not here: when runs are asked for.
"""

from dagster import BackfillPolicy, MonthlyPartitionsDefinition

from taxi_assets.datasets.columns import Dataset

TIMEZONE = "America/New_York"
"""TLC's own clock: partitions begin and schedules fire by it."""


def months_of(dataset: Dataset) -> MonthlyPartitionsDefinition:
    """Every complete month since the dataset's first published one, with keys like ``2019-01``."""
    return MonthlyPartitionsDefinition(start_date=dataset.first_month, fmt="%Y-%m", timezone=TIMEZONE)


def batches_of(months_per_run: int) -> BackfillPolicy:
    """A backfill takes this many months a run: starting a run costs more than a small month does."""
    return BackfillPolicy.multi_run(max_partitions_per_run=months_per_run)
