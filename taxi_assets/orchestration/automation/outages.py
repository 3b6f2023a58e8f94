"""After an outage: what failed in passing is asked for again, later and later, until what was away is back.

Belongs here: which runs, and when. Not here: the tries within a step (``failures.py`` of the assets), and versions that
the sensor ``new_months`` asked for, which it asks for again itself.

A step tries again for about half a minute. A service that is away for longer (Google, a database, a source) leaves a
failed run behind, tagged ``passing``; the layers that did not need it are done. Of such a run the failed layers and
what follows them are requested again as a run of their own, which is made up for in the same way should it fail. So are
the failed ones of a run of marts; the page follows them by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg

from taxi_assets.datasets.marts import MARTS as ALL_MARTS
from taxi_assets.datasets.months import months_between, stretches
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration import names
from taxi_assets.orchestration.automation.jobs import BUILD_MARTS, LOAD_JOBS
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)
from taxi_assets.orchestration.layers import LAYERS, MARTS, with_followers
from taxi_assets.orchestration.records import latest_materialization

TRIES = 24
"""Within a day: after 1, 2, 4, 8, 16 and 32 minutes, then every hour."""

LONGEST_WAIT = timedelta(hours=1)
MEMORY = timedelta(days=2)
"""Older failures are history: somebody has seen them."""

_JOBS = {**LOAD_JOBS, MARTS.name: BUILD_MARTS}
"""By what a run is tagged with as its dataset."""


def wait_before(number: int) -> timedelta:
    """How long after a failure the next try begins, of which it is the ``number``-th, counted from 1."""
    return min(timedelta(minutes=2 ** min(number - 1, 10)), LONGEST_WAIT)


def requests_after_outages(instance: dg.DagsterInstance, now: datetime) -> list[dg.RunRequest]:
    """The runs that are due at ``now``, an aware time."""
    failed = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE], tags={names.FAILURE: "passing"}, updated_after=now - MEMORY
    )
    found: list[dg.RunRequest] = []
    for record in instance.get_run_records(failed):
        run, number = record.dagster_run, _try_of(record.dagster_run) + 1
        ended = datetime.fromtimestamp(record.end_time or 0, timezone.utc)
        made_up_elsewhere = names.has(run.tags, names.VERSION) or run.tags.get(WILL_RETRY_TAG) == "true"
        if made_up_elsewhere or number > TRIES or now < ended + wait_before(number):
            continue
        if not _is_made_up(instance, run.run_id):
            found += _requests(instance, record, number)
    return found


def will_be_made_up(run: dg.DagsterRun) -> bool:
    """Whether a failed run is one in a row of tries that goes on."""
    return run.tags.get(names.FAILURE) == "passing" and 0 < _try_of(run) < TRIES


def _try_of(run: dg.DagsterRun) -> int:
    return int(run.tags.get(names.TRY, run.tags.get(names.formerly(names.TRY), 0)))


def _is_made_up(instance: dg.DagsterInstance, run_id: str) -> bool:
    spelled = (names.MAKES_UP, names.formerly(names.MAKES_UP))
    return any(instance.get_runs_count(dg.RunsFilter(tags={name: run_id})) for name in spelled)


def _requests(instance: dg.DagsterInstance, record: dg.RunRecord, number: int) -> Iterator[dg.RunRequest]:
    run = record.dagster_run
    name = run.tags.get(names.DATASET, "")
    if name not in _JOBS:
        return
    kept = {name: run.tags[name] for name in (names.LANDED_FILE, names.BACKFILL) if name in run.tags}
    for failed, carried in _failed_assets(instance, run, name):
        missing = [month for month in _months(run) if not _done_since(instance, record, failed, month)]
        for first, last in stretches(missing):
            yield dg.RunRequest(
                run_key=f"{run.run_id}/{failed.to_user_string()}/{first}",
                job_name=_JOBS[name].name,
                asset_selection=carried,
                tags={
                    **kept,
                    names.DATASET: name,
                    names.MAKES_UP: run.run_id,
                    names.TRY: str(number),
                    names.REASON: f"try {number} after the outage that run {run.run_id[:8]} met",
                    ASSET_PARTITION_RANGE_START_TAG: first,
                    ASSET_PARTITION_RANGE_END_TAG: last,
                },
            )


def _failed_assets(
    instance: dg.DagsterInstance, run: dg.DagsterRun, name: str
) -> Iterator[tuple[dg.AssetKey, list[dg.AssetKey]]]:
    """Those whose step failed itself, each with what comes along: itself, and what was skipped after it."""
    events = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    steps = {record.event_log_entry.step_key for record in events}
    if name == MARTS.name:
        keys = [MARTS.key(mart) for mart in ALL_MARTS]
        yield from ((key, [key]) for key in keys if _step_of(key) in steps)
        return
    table = DATASETS[name].table
    for layer in LAYERS.values():
        if _step_of(layer.key(table)) in steps:
            carried = [each for each in with_followers(layer) if names.has(run.tags, names.takes_along(each.name))]
            yield layer.key(table), [each.key(table) for each in carried]


def _step_of(asset: dg.AssetKey) -> str:
    return "__".join(asset.path)


def _months(run: dg.DagsterRun) -> list[str]:
    if PARTITION_NAME_TAG in run.tags:
        return [run.tags[PARTITION_NAME_TAG]]
    first, last = run.tags.get(ASSET_PARTITION_RANGE_START_TAG), run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
    return months_between(first, last) if first and last else []


def _done_since(instance: dg.DagsterInstance, record: dg.RunRecord, asset: dg.AssetKey, month: str) -> bool:
    """The month was materialized in the run itself, or by whoever was faster than this sensor."""
    latest = latest_materialization(instance, asset, month)
    return latest is not None and latest.timestamp >= (record.start_time or 0)


@dg.sensor(
    name="after_outages",
    jobs=list(_JOBS.values()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
    description="Makes up for runs that failed in passing, as when a store or a source was away: asks for the failed "
    f"layers and what follows them again, after 1, 2, 4 … minutes, then hourly, {TRIES} times at most.",
)
def after_outages(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One tick."""
    requests = requests_after_outages(context.instance, datetime.now(timezone.utc))
    return dg.SensorResult(run_requests=requests, skip_reason=None if requests else "Nothing is to be made up for.")
