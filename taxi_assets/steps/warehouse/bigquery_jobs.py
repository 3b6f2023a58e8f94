"""Running BigQuery jobs so that every one can be found, repeated and paid for knowingly.

Belongs here: ids, labels, cost limits, waiting and repeating. Not here: what the jobs do (``bigquery.py``).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tenacity import Retrying, before_sleep_log, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from taxi_assets.steps.gcp.clients import RETRY_SECONDS, bigquery_retry, error_reasons

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, ScalarQueryParameter, SchemaField

logger = logging.getLogger(__name__)

Job: TypeAlias = Any
"""A job of Google's client, whose attributes are not typed."""

ATTEMPTS = 4
"""How often a job that failed for a passing reason is started again, under a new id."""

_PASSING_REASONS = frozenset(
    {"backendError", "internalError", "jobBackendError", "jobInternalError", "jobRateLimitExceeded",
     "rateLimitExceeded", "tableUnavailable"}
)  # fmt: skip
_CONFLICT = "Could not serialize access"
"""What BigQuery says when two statements wrote the same partition at once; the one that lost changed nothing."""


@dataclass
class JobTally:
    """What the jobs of one load cost together."""

    bytes_billed: int | None = None
    slot_ms: int | None = None

    def add(self, job: Job) -> None:
        """Adds a finished job. Load jobs cost nothing, and the emulator says nothing of cost."""
        billed, slots = getattr(job, "total_bytes_billed", None), getattr(job, "slot_millis", None)
        if billed is not None:
            self.bytes_billed = (self.bytes_billed or 0) + int(billed)
        if slots is not None:
            self.slot_ms = (self.slot_ms or 0) + int(slots)


@dataclass(frozen=True)
class JobContext:
    """What belongs to all jobs of one load.

    Attributes:
        load_id: Part of every job's id.
        labels: On every job; see :func:`label`.
        tally: Where their cost is added up.
    """

    load_id: str
    labels: Mapping[str, str]
    tally: JobTally = field(default_factory=JobTally)


class JobRunner:
    """Starts jobs and waits for them.

    A job's id is made from what it does, the load and the attempt. When the answer to starting it is lost, starting
    it again finds the job that is there already instead of running it twice.

    Args:
        client: See :func:`taxi_assets.steps.gcp.clients.bigquery_client`.
        maximum_bytes_billed: A query that would bill more is refused before it runs.
        retry_seconds: How long one call is tried again on passing errors.
        first_wait: Seconds before a failed job is started again; doubles with each attempt.
    """

    def __init__(
        self,
        client: Client,
        *,
        maximum_bytes_billed: int,
        retry_seconds: float = RETRY_SECONDS,
        first_wait: float = 1.0,
    ) -> None:
        self._client = client
        self._maximum_bytes_billed = maximum_bytes_billed
        self._retry = bigquery_retry(retry_seconds)
        self._first_wait = first_wait

    def query(
        self, what: str, sql: str, context: JobContext, parameters: Sequence[ScalarQueryParameter] = ()
    ) -> list[tuple[Any, ...]]:
        """Runs a statement and returns its rows."""
        from google.cloud.bigquery import QueryJobConfig

        config = QueryJobConfig(
            labels=dict(context.labels),
            maximum_bytes_billed=self._maximum_bytes_billed,
            query_parameters=list(parameters),
        )

        def start(job_id: str) -> Job:
            return self._client.query(sql, job_id=job_id, job_config=config, retry=self._retry, job_retry=None)

        def rows_of(job: Job) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in job.result(retry=self._retry, job_retry=None)]

        return self._run(what, context, start, rows_of)

    def load_parquet(self, what: str, uri: str, table: str, schema: Sequence[SchemaField], context: JobContext) -> int:
        """Replaces the content of a table that exists with that of a Parquet object; returns its rows."""
        from google.cloud.bigquery import CreateDisposition, LoadJobConfig, SourceFormat, WriteDisposition

        config = LoadJobConfig(
            labels=dict(context.labels),
            source_format=SourceFormat.PARQUET,
            schema=list(schema),
            create_disposition=CreateDisposition.CREATE_NEVER,
            write_disposition=WriteDisposition.WRITE_TRUNCATE,
        )

        def start(job_id: str) -> Job:
            return self._client.load_table_from_uri(uri, table, job_id=job_id, job_config=config, retry=self._retry)

        return self._run(what, context, start, lambda job: int(job.result(retry=self._retry).output_rows or 0))

    def _run(self, what: str, context: JobContext, start: Callable[[str], Job], finish: Callable[[Job], Any]) -> Any:
        repeat = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=self._first_wait, max=60) + wait_random(0, self._first_wait),
            retry=retry_if_exception(_may_pass),
            before_sleep=before_sleep_log(logger, logging.WARNING),
            reraise=True,
        )
        for attempt in repeat:
            with attempt:
                job_id = f"taxi_assets_{what}_{context.load_id}_{attempt.retry_state.attempt_number}"
                job = self._start_once(job_id, start)
                result = finish(job)
                if job.ended is None:  # what we know is from when it started: without its cost
                    job.reload(retry=self._retry)
                context.tally.add(job)
                return result
        raise AssertionError("unreachable: the last attempt raises")

    def _start_once(self, job_id: str, start: Callable[[str], Job]) -> Job:
        from google.api_core.exceptions import Conflict

        try:
            return start(job_id)
        except Conflict:
            logger.info("BigQuery job %s was started already; waiting for it", job_id)
            job: Job = self._client.get_job(job_id, retry=self._retry)
            return job


def label(value: str) -> str:
    """A text as BigQuery wants label values: lower case, digits, ``_`` and ``-``, at most 63 of them."""
    return re.sub(r"[^a-z0-9_-]", "_", value.lower())[:63]


def _may_pass(error: BaseException) -> bool:
    """Whether the job itself failed for a reason that may pass, as opposed to a call about it."""
    from google.api_core.exceptions import GoogleAPICallError

    if not isinstance(error, GoogleAPICallError):
        return False
    return bool(error_reasons(error) & _PASSING_REASONS) or _CONFLICT in str(error)
