"""Runs: tags that Dagster gives them, and the type of a job that is not resolved yet."""

# What define_asset_job returns, for annotations. The function is public, the type of its result is not.
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

# What RUN_FAILURE_REASON_TAG holds.
from dagster._core.events import RunFailureReason

# Dagster documents how its tags are spelled; of the constants, dagster exports MAX_RUNTIME_SECONDS_TAG alone.
# A run in the records has nothing but tags to tell its months, its backfill, its sensor, its retries and the code
# server to which the launcher gave it by.
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    GRPC_INFO_TAG,
    PARTITION_NAME_TAG,
    RUN_FAILURE_REASON_TAG,
    SENSOR_NAME_TAG,
    WILL_RETRY_TAG,
)

__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "AUTO_RETRY_RUN_ID_TAG",
    "BACKFILL_ID_TAG",
    "GRPC_INFO_TAG",
    "PARTITION_NAME_TAG",
    "RUN_FAILURE_REASON_TAG",
    "SENSOR_NAME_TAG",
    "WILL_RETRY_TAG",
    "RunFailureReason",
    "UnresolvedAssetJobDefinition",
]
