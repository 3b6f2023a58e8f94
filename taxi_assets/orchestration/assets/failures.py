"""How our errors become Dagster failures: the one place that decides what is retried.

Dagster can retry in three places, and each listens to something else. A step's ``RetryPolicy`` obeys
``Failure(allow_retries=…)``; the run-retry daemon looks only at a run's status, so dagster.yaml tells it to leave
failures of steps alone and to retry crashed runs; automation conditions would ask for a failed month again, so ours
(``taxi_assets/orchestration/automation/conditions.py``) ask once for each change of what it is made from.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from dagster import Backoff, Failure, Jitter, MetadataValue, RetryPolicy

from taxi_assets.errors import PassingError, TaxiAssetsError
from taxi_assets.text import plain

RETRY_PASSING = RetryPolicy(max_retries=3, delay=5, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)
"""5, 10 and 20 seconds, give or take: on top of the retries that each step makes by itself."""


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


@contextmanager
def failures_as_ours(what: str) -> Generator[None]:
    """For assets without months: turns our errors inside the block into a Dagster failure that obeys the same rules."""
    try:
        yield
    except TaxiAssetsError as error:
        raise failure_of({what: error}, 0) from error


def _said(error: Exception) -> str:
    if isinstance(error, TaxiAssetsError):
        return str(error)
    return (
        f"{type(error).__name__}: {plain(str(error))}. This is a defect of taxi_assets, not of the file or the server: "
        "the run's log has the traceback; please report it"
    )
