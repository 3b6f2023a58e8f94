"""How our errors become Dagster failures: the one place that decides what is retried.

Dagster can retry in three places, and each listens to something else. A step is tried again when it asks for that, as
ours do for passing errors; the run-retry daemon looks only at a run's status, so dagster.yaml tells it to leave
failures of steps alone and to retry crashed runs; automation conditions would ask for a failed month again, so ours
(``taxi_assets/orchestration/automation/conditions.py``) ask once for each change of what it is made from.

No asset has a ``retry_policy``: Dagster takes the interrupt by which it cancels a run for a failure of the step, and a
step with a policy would be tried again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetObservation,
    Backoff,
    Failure,
    Jitter,
    MetadataValue,
    RetryPolicy,
    RetryRequested,
)

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import PassingError, TaxiAssetsError
from taxi_assets.orchestration.names import FAILED_BECAUSE, FAILED_WITH
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.files.interrupts import interruptible
from taxi_assets.steps.files.raw_file import read_raw
from taxi_assets.text import markdown_line, plain

RETRY_PASSING = RetryPolicy(max_retries=3, delay=5, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)
"""How often, and after how long: 5, 15 and 35 seconds, give or take; on top of the retries that each step makes."""


def failure_of(errors: Mapping[str, Exception], months_done: int) -> Failure:
    """One Dagster failure for the months of a run that went wrong.

    Args:
        errors: For each bad month (partition key) what happened.
        months_done: How many months of the same run went well and are materialized.

    Returns:
        A failure that may be retried only when every one of the errors may pass by itself.
    """
    lines = [f"{month}: {_said(error)}" for month, error in errors.items()]
    kept = f" The other {months_done} months of this run are done." if months_done else ""
    return Failure(
        description="\n".join(lines) + kept,
        metadata={month: MetadataValue.text(_said(error)) for month, error in errors.items()},
        allow_retries=all(isinstance(error, PassingError) for error in errors.values()),
    )


def observation_of(
    context: AssetExecutionContext, month: TripMonth, error: Exception, files: LocalFiles | None
) -> AssetObservation:
    """What a month's own page says of its failure: the reason, the file, its version, and what happens next.

    Args:
        context: Of the step that failed for good.
        month: The bad month.
        error: What happened.
        files: Where its published file may be; None for what is made of tables.
    """
    passes = isinstance(error, PassingError)
    next_step = (
        "It may pass by itself: the sensor after_outages asks for the month again."
        if passes
        else "Nothing tries it again by itself. Do as the reason says, then materialize this month."
    )
    return AssetObservation(
        context.asset_key,
        partition=month.month,
        description=markdown_line(f"failed: {_said(error)}"),
        metadata={
            FAILED_BECAUSE: MetadataValue.md(markdown_line(_said(error))),
            FAILED_WITH: type(error).__name__,
            "what to do": next_step,
            **_published_file(month, files),
        },
    )


def _published_file(month: TripMonth, files: LocalFiles | None) -> dict[str, MetadataValue[Any]]:
    """The month's published file as it lies on this machine, where it does; nothing for what has none, as marts."""
    if files is None or month.dataset not in DATASETS:
        return {}
    raw = None
    with suppress(TaxiAssetsError):
        raw = read_raw(month, files.data_dir)
    if raw is None:
        return {"file": MetadataValue.text("none on this machine")}
    return {
        "file": MetadataValue.path(str(raw.path)),
        "version": MetadataValue.text(f"sha256 {raw.sha256}, fetched {raw.fetched_at} from {raw.source}"),
    }


def try_again_if_passing(context: AssetExecutionContext, failure: Failure) -> None:
    """Asks Dagster to try the step again, when that may help and was not done too often.

    Raises:
        dagster.RetryRequested: In that case; Dagster shows the failure as its cause.
    """
    if failure.allow_retries and context.retry_number < RETRY_PASSING.max_retries:
        seconds = RETRY_PASSING.calculate_delay(context.retry_number + 1)
        raise RetryRequested(RETRY_PASSING.max_retries, seconds) from failure


@contextmanager
def failures_as_ours(context: AssetExecutionContext, what: str) -> Generator[None]:
    """For assets without months: what goes wrong in the block is failed, tried again or cancelled by the same rules."""
    try:
        with interruptible():
            yield
    except TaxiAssetsError as error:
        failure = failure_of({what: error}, 0)
        try_again_if_passing(context, failure)
        raise failure from error


def _said(error: Exception) -> str:
    if isinstance(error, TaxiAssetsError):
        return str(error)
    return (
        f"{type(error).__name__}: {plain(str(error))}. This is a defect of taxi_assets, not of the file or the server: "
        "the run's log has the traceback; please report it"
    )
