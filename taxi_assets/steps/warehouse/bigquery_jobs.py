"""Running BigQuery jobs so that every one can be found, repeated and paid for knowingly.

Belongs here: ids, labels, limits of cost and time, waiting, repeating and cancelling. Not here: what the jobs do
(``bigquery.py``).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tenacity import Retrying, before_sleep_log, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from taxi_assets.errors import TaxiAssetsError
from taxi_assets.steps.gcp.clients import JOB_ROLE, RETRY_SECONDS, bigquery_retry, error_reasons, explained

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, ScalarQueryParameter, SchemaField

logger = logging.getLogger(__name__)

Job: TypeAlias = Any
"""A job of Google's client, whose attributes are not typed."""

ATTEMPTS = 4
"""How often a job that failed for a passing reason is started again, under a new id."""

JOB_SECONDS = 1800.0
"""How long a job may take, with its time in BigQuery's queue. A month of 20 million trips takes about a minute to load
and less to merge; a job that is still PENDING after half an hour waits for slots or quota that others hold, and would
hold the warehouse's pool meanwhile."""

GRACE_SECONDS = 60.0
"""Google ends an overdue job by itself, if not to the second, and does not promise to: after this much more we do."""

FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.2, 2.0
"""How long we wait before we ask again whether a job has ended: most end within seconds."""

CANCEL_SECONDS = 2.0
"""How long the request to cancel a job may take: whoever gives a job up wants to be gone."""

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
    it again finds the job that is there already instead of running it twice. A job that is not waited for any longer,
    for whatever reason, is cancelled.

    Args:
        client: See :func:`taxi_assets.steps.gcp.clients.bigquery_client`.
        maximum_bytes_billed: A query that would bill more is refused before it runs.
        retry_seconds: How long one call is tried again on passing errors.
        first_wait: Seconds before a failed job is started again; doubles with each attempt.
        job_seconds: See ``JOB_SECONDS``.
        grace_seconds: See ``GRACE_SECONDS``.
    """

    def __init__(
        self,
        client: Client,
        *,
        maximum_bytes_billed: int,
        retry_seconds: float = RETRY_SECONDS,
        first_wait: float = 1.0,
        job_seconds: float = JOB_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._client = client
        self._maximum_bytes_billed = maximum_bytes_billed
        self._retry = bigquery_retry(retry_seconds)
        self._first_wait = first_wait
        self._job_seconds = job_seconds
        self._patience = job_seconds + grace_seconds

    def query(
        self, what: str, sql: str, context: JobContext, parameters: Sequence[ScalarQueryParameter] = ()
    ) -> list[tuple[Any, ...]]:
        """Runs a statement and returns its rows.

        Raises:
            TimeoutError: It did not end in time and was cancelled.
            google.api_core.exceptions.GoogleAPIError: See :func:`taxi_assets.steps.gcp.clients.explained`.
        """
        from google.cloud.bigquery import QueryJobConfig

        config = QueryJobConfig(
            job_timeout_ms=int(self._job_seconds * 1000),
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
        """Replaces the content of a table that exists with that of a Parquet object; returns its rows.

        Raises:
            TimeoutError: As :meth:`query`.
            google.api_core.exceptions.GoogleAPIError: As :meth:`query`.
        """
        from google.cloud.bigquery import CreateDisposition, LoadJobConfig, SourceFormat, WriteDisposition

        config = LoadJobConfig(
            job_timeout_ms=int(self._job_seconds * 1000),
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
                with self._cancelled_if_given_up(job_id) as waiting_for:
                    job = self._start_once(job_id, start)
                    waiting_for.append(job)
                    self._wait(job)
                result = finish(job)
                if job.ended is None:  # what we know is from when it started: without its cost
                    job.reload(retry=self._retry)
                context.tally.add(job)
                return result
        raise AssertionError("unreachable: the last attempt raises")

    def _wait(self, job: Job) -> None:
        deadline, pause = time.monotonic() + self._patience, FIRST_POLL_SECONDS
        while not job.done(retry=self._retry):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the job {job.job_id} is {job.state} after {self._patience:.0f} s and is cancelled")
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_POLL_SECONDS)

    @contextmanager
    def _cancelled_if_given_up(self, job_id: str) -> Generator[list[Job]]:
        """Whatever ends the block early, Ctrl-C and a cancelled run too, ends the job with it."""
        from google.api_core.exceptions import ClientError

        waiting_for: list[Job] = []
        try:
            yield waiting_for
        except BaseException as error:
            if waiting_for or not isinstance(error, ClientError):  # else it was refused, and there is no job
                self._cancel(job_id)
            raise

    def _cancel(self, job_id: str) -> None:
        """Asks BigQuery to end a job. That this fails changes nothing: Google ends it when its time is up."""
        try:
            with explained(f"the job {job_id}: cancelling", role=JOB_ROLE, kept="it ends when its time is up"):
                self._client.cancel_job(job_id, retry=bigquery_retry(CANCEL_SECONDS), timeout=CANCEL_SECONDS)
        except TaxiAssetsError as error:  # what counts is why the job was given up
            logger.warning("%s", error)
        else:
            logger.warning("BigQuery job %s was given up and cancelled", job_id)

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
