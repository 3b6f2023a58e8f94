"""What Dagster has recorded, read back: the latest materialization, and why a step failed.

Belongs here: questions to the run history that several places ask. Not here: what follows from the answers.
"""

from __future__ import annotations

from typing import Any

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    EventLogRecord,
)

from taxi_assets.orchestration.names import FAILED_BECAUSE, FAILED_WITH


def latest_materialization(instance: DagsterInstance, asset: AssetKey, partition: str | None) -> EventLogRecord | None:
    """The record of the latest materialization of a month, or of an asset without months; None when there is none."""
    months = None if partition is None else [partition]
    found = instance.fetch_materializations(AssetRecordsFilter(asset, asset_partitions=months), limit=1).records
    return found[0] if found else None


def latest_metadata(instance: DagsterInstance, asset: AssetKey, partition: str | None = None) -> dict[str, Any]:
    """The metadata of that materialization as plain values; empty when there is none, as in a new run history."""
    record = latest_materialization(instance, asset, partition)
    return metadata_of(record) if record else {}


def metadata_of(record: EventLogRecord) -> dict[str, Any]:
    """The metadata of a materialization as plain values."""
    materialization = record.asset_materialization
    return {key: value.value for key, value in materialization.metadata.items()} if materialization else {}


def failure_reason(event: DagsterEvent) -> str:
    """What a person should read of a failed step or run: our own description, else the innermost error."""
    if event.is_step_failure:
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        error = data.error
    else:
        # Before the first step: a resource that could not be set up.
        error = event.job_failure_data.error if event.is_run_failure else None
    while error and error.cause:
        error = error.cause
    return (error.message.strip() if error else event.message) or "no reason given"


def reasons_by_month(event: DagsterEvent) -> dict[str, str]:
    """Why each month failed, where the failure tells it of each, as our assets' do; else nothing."""
    data = event.step_failure_data.user_failure_data if event.is_step_failure else None
    return {month: str(said.value) for month, said in data.metadata.items()} if data else {}


def why_it_failed(instance: DagsterInstance, asset: AssetKey, month: str) -> str:
    """What the page of a failed month says, or nothing where an earlier version failed it."""
    return _said_of_failure(_latest_observation(instance, asset, month), FAILED_BECAUSE)


def failed_with(instance: DagsterInstance, asset: AssetKey, month: str, run_id: str) -> str:
    """The class of the error by which that run failed the month; empty where its page does not say."""
    record = _latest_observation(instance, asset, month)
    return _said_of_failure(record, FAILED_WITH) if record and record.run_id == run_id else ""


def _latest_observation(instance: DagsterInstance, asset: AssetKey, month: str) -> EventLogRecord | None:
    found = instance.fetch_observations(AssetRecordsFilter(asset, asset_partitions=[month]), limit=1).records
    return found[0] if found else None


def _said_of_failure(record: EventLogRecord | None, name: str) -> str:
    observation = record.asset_observation if record else None
    said = observation.metadata.get(name) if observation else None
    return str(said.value) if said else ""


def what_broke(instance: DagsterInstance, run_id: str) -> str:
    """The error of a run that came to no step, such as a code location that cannot be loaded; empty where none is.

    Dagster says of such a run only that it was marked as failed from outside.
    """
    for entry in reversed(instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)):
        error = entry.dagster_event.engine_event_data.error if entry.dagster_event else None
        while error and error.cause:
            error = error.cause
        if error:
            return error.message.strip()
    return ""


def failure_reasons(event: DagsterEvent) -> list[str]:
    """The same a month, where the failure tells it of each, as our assets' do; else the one reason."""
    return list(reasons_by_month(event).values()) or [failure_reason(event)]
