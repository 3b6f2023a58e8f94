"""The sensor ``new_months``: asks the source for months that are missing or have been re-issued.

Belongs here: which months are asked for in which tick, and what becomes a run. Not here: how a source is asked
(``taxi_assets/steps/raw/fetch.py``) and when TLC publishes (``partitions.py``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING

import dagster as dg

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import SourceUnavailableError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.automation.jobs import LOAD_JOBS
from taxi_assets.orchestration.dagster_internals.runs import (
    AUTO_RETRY_RUN_ID_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
    RunFailureReason,
)
from taxi_assets.orchestration.layers import RAW
from taxi_assets.orchestration.partitions import newest_months, today_in_new_york
from taxi_assets.orchestration.records import latest_metadata
from taxi_assets.orchestration.resources.source import Source

if TYPE_CHECKING:
    from taxi_assets.steps.raw.fetch import Probe

WATCHED_MONTHS = 12
"""A dataset's newest months are looked for when missing; older gaps are left to backfills, which a person starts."""

MISSING_PER_TICK, MATERIALIZED_PER_TICK = 12, 12
"""Most questions to the source in one tick, about months that are missing and months that are there."""

REQUESTS_PER_TICK = 3
"""Most runs that one tick asks for."""

TRIES = 24
"""Most runs for one version whose failures were passing ones: with a tick an hour, a day of trying."""

SECONDS_PER_TICK = 30.0
"""No further month is asked about after this long; a tick has 60 seconds."""


@dataclass(frozen=True)
class MaterializedVersion:
    """Which version of a month's file is materialized.

    Attributes:
        validator: Of the file, as the source gave it when it was fetched.
        landed: A person dropped the file into the landing folder; the source's is not wanted in its place.
    """

    validator: str
    landed: bool


@dataclass
class Cursor:
    """What the sensor keeps: in which tick each month was last asked about, so that all have their turn."""

    tick: int = 0
    asked: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def from_text(cls, text: str | None) -> Cursor:
        """Reads a cursor; None, or one that a person has edited beyond reading, gives an empty one."""
        try:
            content = json.loads(text or "{}")
            return cls(int(content.get("tick", 0)), {str(key): int(tick) for key, tick in content["asked"].items()})
        except (ValueError, TypeError, AttributeError, KeyError):
            return cls()

    def to_text(self) -> str:
        """As Dagster keeps it."""
        return json.dumps({"tick": self.tick, "asked": self.asked}, sort_keys=True)


def months_to_ask(missing: Sequence[TripMonth], there: Sequence[TripMonth], cursor: Cursor) -> list[TripMonth]:
    """The months of this tick: those asked about longest ago first, and of these the newest first."""

    def turn(months: Sequence[TripMonth], most: int) -> list[TripMonth]:
        newest_first = sorted(months, key=lambda month: (month.month, month.dataset), reverse=True)
        return sorted(newest_first, key=lambda month: cursor.asked.get(str(month), -1))[:most]

    return turn(missing, MISSING_PER_TICK) + turn(there, MATERIALIZED_PER_TICK)


@dataclass
class Tick:
    """What one poll of the source gave."""

    requests: list[dg.RunRequest] = field(default_factory=list[dg.RunRequest])
    seen: dict[str, list[str]] = field(default_factory=dict[str, "list[str]"])

    def note(self, what: str, month: TripMonth) -> None:
        """Remembers for the report."""
        self.seen.setdefault(what, []).append(str(month))

    def report(self) -> str:
        """``2 not published yet (yellow 2026-09, green 2026-09), 14 unchanged``."""
        few = 6
        parts = [
            f"{len(months)} {what}" + (f" ({', '.join(months)})" if len(months) <= few else "")
            for what, months in self.seen.items()
        ]
        return ", ".join(parts) or "no month to ask about"


class Outcome(Enum):
    """What became of the runs that were asked for, for a version of a month."""

    NEVER = "never asked for"
    UNDER_WAY = "under way"
    CANCELLED = "cancelled by a person, so another version is waited for"
    FOR_GOOD = "failed for good, so another version is waited for"
    ENOUGH = f"tried {TRIES} times, so another version is waited for"
    AGAIN = "to be tried again"


@dataclass(frozen=True)
class Attempts:
    """The runs for a version so far.

    Attributes:
        outcome: Of the last of them.
        count: How many there were.
    """

    outcome: Outcome = Outcome.NEVER
    count: int = 0


def poll(
    months: Sequence[TripMonth],
    materialized: Mapping[TripMonth, MaterializedVersion],
    probe: Callable[[TripMonth], Probe],
    cursor: Cursor,
    *,
    attempts_at: Callable[[str], Attempts] = lambda _: Attempts(),
    out_of_time: Callable[[], bool] = lambda: False,
) -> Tick:
    """Asks the source about each month in turn and asks for runs of what is new; notes in ``cursor`` what was asked.

    Ends early when the source is down, when ``REQUESTS_PER_TICK`` runs are asked for, or when time is up; what was
    not asked about then comes first in the next tick.
    """
    tick = Tick()
    cursor.tick += 1
    for month in months:
        if len(tick.requests) == REQUESTS_PER_TICK or out_of_time():
            break
        try:
            answer = probe(month)
        except SourceUnavailableError as error:
            tick.note(f"not asked about, as the source is down ({error})", month)
            break
        cursor.asked[str(month)] = cursor.tick
        _decide(month, answer, materialized.get(month), tick, attempts_at)
    return tick


def _decide(
    month: TripMonth,
    answer: Probe,
    there: MaterializedVersion | None,
    tick: Tick,
    attempts_at: Callable[[str], Attempts],
) -> None:
    if not answer.published:
        tick.note("not published" if there else "not published yet", month)
    elif there and answer.validator is None:
        tick.note("without anything to tell versions apart by", month)
    elif there and answer.validator == there.validator:
        tick.note("unchanged", month)
    else:
        version = version_key(month, answer, there)
        attempts = attempts_at(version)
        if attempts.outcome in (Outcome.NEVER, Outcome.AGAIN):
            reason = "re-issued" if there else "new month"
            tick.note("re-issued" if there else "new", month)
            tick.requests.append(_request(month, answer, version, attempts.count, reason))
        else:
            tick.note(attempts.outcome.value, month)


def version_key(month: TripMonth, answer: Probe, there: MaterializedVersion | None) -> str:
    """Names one version of a month, and the version that it replaces, so that a re-issue can be taken back."""
    return "/".join([month.dataset, month.month, answer.validator or "unknown", there.validator if there else "new"])


def _request(month: TripMonth, answer: Probe, version: str, attempts: int, reason: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{version}/again {attempts}" if attempts else version,
        job_name=LOAD_JOBS[month.dataset].name,
        partition_key=month.month,
        tags={
            names.DATASET: month.dataset,
            names.VERSION: version,
            names.REASON: reason,
            names.SOURCE: answer.url,
        },
    )


def attempts_so_far(instance: dg.DagsterInstance, version: str) -> Attempts:
    """What became of the runs that this sensor asked for, for a version.

    A run whose failure was permanent tells all about the version. After one that failed in passing, or crashed more
    often than it is started again, the same may go well an hour later: a source that is up for a probe and down for
    the download, a database that was gone for a while.
    """
    spelled = (names.VERSION, names.formerly(names.VERSION))
    asked_for = [run for name in spelled for run in instance.get_runs(dg.RunsFilter(tags={name: version}))]
    runs = [run for run in asked_for if not _is_retried(run)]
    if not runs:
        return Attempts()
    last, count = runs[0], len(runs)
    if not last.is_finished or (last.status is dg.DagsterRunStatus.FAILURE and last.tags.get(WILL_RETRY_TAG) == "true"):
        return Attempts(Outcome.UNDER_WAY, count)
    if last.status is dg.DagsterRunStatus.CANCELED:
        return Attempts(Outcome.CANCELLED, count)
    failed_step = last.tags.get(RUN_FAILURE_REASON_TAG) == RunFailureReason.STEP_FAILURE.value
    if failed_step and last.tags.get(names.FAILURE) != "passing":
        return Attempts(Outcome.FOR_GOOD, count)
    # Also after a success: the publisher has gone back and forth between two versions.
    return Attempts(Outcome.AGAIN if count < TRIES else Outcome.ENOUGH, count)


def _is_retried(run: dg.DagsterRun) -> bool:
    """Dagster starts a crashed run again as a run of its own, which counts in its place."""
    return AUTO_RETRY_RUN_ID_TAG in run.tags


def missing_months(dataset: Dataset, materialized: set[str], today: date) -> list[TripMonth]:
    """The newest months that can exist and are not there. None for a dataset that nobody has begun with."""
    if not materialized:
        return []
    newest = newest_months(dataset, today, WATCHED_MONTHS)
    return [TripMonth(dataset.name, month) for month in newest if month not in materialized]


def materialized_version(instance: dg.DagsterInstance, month: TripMonth) -> MaterializedVersion:
    """What the month's last materialization recorded."""
    metadata = latest_metadata(instance, RAW.key(month.table), month.month)
    return MaterializedVersion(str(metadata.get(names.VALIDATOR, "none")), landed=names.LANDED in metadata)


def new_months_sensor(probe_minutes: float) -> dg.SensorDefinition:
    """``new_months``. Off until someone switches it on: it downloads."""

    @dg.sensor(
        name="new_months",
        jobs=list(LOAD_JOBS.values()),
        minimum_interval_seconds=round(probe_minutes * 60),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Asks the source for the newest {WATCHED_MONTHS} months of each dataset that has been begun with, "
        "and whether months that are there have been re-issued; loads what is new, newest first.",
    )
    def new_months(context: dg.SensorEvaluationContext, source: Source) -> dg.SensorResult:
        return evaluate(context, source)

    return new_months


def evaluate(context: dg.SensorEvaluationContext, source: Source) -> dg.SensorResult:
    """One tick."""
    begun = time.monotonic()
    cursor = Cursor.from_text(context.cursor)
    today = today_in_new_york()
    missing: list[TripMonth] = []
    there: list[TripMonth] = []
    for dataset in DATASETS.values():
        materialized = context.instance.get_materialized_partitions(RAW.key(dataset.table))
        missing += missing_months(dataset, materialized, today)
        there += [TripMonth(dataset.name, month) for month in materialized]
    known = {str(month) for month in (*missing, *there)}
    cursor.asked = {month: tick for month, tick in cursor.asked.items() if month in known}
    chosen = months_to_ask(missing, there, cursor)
    versions = {month: materialized_version(context.instance, month) for month in chosen if month in set(there)}
    landed = {month for month, version in versions.items() if version.landed}
    cursor.asked |= {str(month): cursor.tick + 1 for month in landed}
    tick = poll(
        [month for month in chosen if month not in landed],
        versions,
        source.probe,
        cursor,
        attempts_at=lambda version: attempts_so_far(context.instance, version),
        out_of_time=lambda: time.monotonic() - begun > SECONDS_PER_TICK,
    )
    context.log.info(tick.report())
    skipped = None if tick.requests else f"Nothing new: {tick.report()}"
    return dg.SensorResult(run_requests=tick.requests, skip_reason=skipped, cursor=cursor.to_text())
