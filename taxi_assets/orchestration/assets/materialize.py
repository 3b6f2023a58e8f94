"""From the partitions of a run to months, one after the other: what every trip asset does around its step.

Belongs here: looping, timing, progress in the log, and keeping one bad month from hiding or undoing the others.
Not here: what is done to a month (``taxi_assets/steps``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dagster import AssetExecutionContext, AssetMaterialization, MetadataValue

from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import TaxiAssetsError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.assets.failures import failure_of, observation_of, try_again_if_passing
from taxi_assets.orchestration.checks.verdicts import Verdicts
from taxi_assets.orchestration.dagster_internals.runs import BACKFILL_ID_TAG
from taxi_assets.orchestration.partitions import HasMonths
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.files.interrupts import interruptible
from taxi_assets.steps.files.progress import OnProgress, ProgressLines, Unit

Metadata = dict[str, Any]

Progress = Callable[[str, Unit], OnProgress]
"""Gives the hook for what is about to be counted, ``progress("fetched", "bytes")``; its figures go to the run's log."""


def materialize_months(
    context: AssetExecutionContext,
    dataset: HasMonths,
    step: Callable[[TripMonth, Progress], Metadata],
    verdicts: Verdicts | None = None,
    files: LocalFiles | None = None,
) -> None:
    """Runs ``step`` for each partition of the run and gives every month its own metadata.

    A month that takes long has lines in the run's log that say how far it is.

    When months fail for good, the others are still recorded as materialized, so that Dagster shows exactly the bad
    ones as failed; the run is tagged, so that automation carries the others on.

    What ``verdicts`` found, which ``step`` asks, is recorded for its month: here, when the step fails for any month,
    else by the checks' own step right after. A month that failed for good says why on its own page; ``files`` is where
    its published file is looked for.

    An interrupt, by which Dagster cancels a run, ends it at once: no other month is begun and none is recorded.

    Raises:
        dagster.RetryRequested: One or more months failed, and all of them may go well the next time.
        dagster.Failure: One or more months failed for good; see :func:`failure_of`.
        KeyboardInterrupt: The run was cancelled.
    """
    tag_run(context, dataset)
    errors: dict[str, Exception] = {}
    done: dict[str, Metadata] = {}
    keys = context.partition_keys
    for number, key in enumerate(keys, start=1):
        month = TripMonth(dataset.name, key)
        begun = time.monotonic()
        try:
            with ProgressLines(str(month), context.log.info) as lines, interruptible():
                metadata = step(month, lines.of)
        except TaxiAssetsError as error:
            # Without a traceback: what there is to know is in the message.
            context.log.log("ERROR", f"{month} failed ({number} of {len(keys)}): {error}")
            errors[key] = error
            continue
        except Exception as error:  # a defect that one month shows must not hide or undo the others
            context.log.exception(f"{month} failed ({number} of {len(keys)}) in a way that taxi_assets does not know")
            errors[key] = error
            continue
        done[key] = with_speed(metadata, time.monotonic() - begun)
        context.log.info(f"{month} done ({number} of {len(keys)}, {time.monotonic() - begun:.1f} s)")
    if errors:
        failure = failure_of(errors, len(done))
        try_again_if_passing(context, failure)
        kind = "passing" if failure.allow_retries else "permanent"
        context.instance.add_run_tags(context.run.run_id, {names.FAILURE: kind})
        _record(context, done)
        if verdicts:
            verdicts.record(TripMonth(dataset.name, key) for key in keys)
        for key, error in errors.items():
            context.log_event(observation_of(context, TripMonth(dataset.name, key), error, files))
        raise failure
    for key, metadata in done.items():
        context.add_asset_metadata(metadata, partition_key=key)
    if verdicts:
        verdicts.hand_over()


def tag_run(context: AssetExecutionContext, dataset: HasMonths) -> None:
    """Names the run's dataset and layers, however it was launched (see ``taxi_assets/orchestration/names.py``)."""
    run = context.run
    wanted = {names.DATASET: dataset.name}
    if BACKFILL_ID_TAG in run.tags:
        wanted[names.BACKFILL] = "true"
    # Dagster notes the assets of a run only when they are a selection of the job's.
    for key in run.asset_selection or context.job_def.asset_layer.executable_asset_keys:
        if key.path[-1] == dataset.table:
            wanted[names.takes_along(key.path[0])] = "true"
    missing = {name: value for name, value in wanted.items() if name not in run.tags}
    if missing:
        context.instance.add_run_tags(run.run_id, missing)


def _record(context: AssetExecutionContext, done: dict[str, Metadata]) -> None:
    """The months of a failing batch that went well. The tag first: automation reads it with the first of them."""
    if not done:
        return
    context.instance.add_run_tags(context.run.run_id, {names.partly_failed(context.asset_key.path[0]): "true"})
    for key, metadata in done.items():
        context.log_event(AssetMaterialization(context.asset_key, partition=key, metadata=metadata))


def with_speed(metadata: Metadata, seconds: float) -> Metadata:
    """Adds seconds, and rows per second where work was done on rows."""
    rows = metadata.get(names.ROW_COUNT)
    timed: Metadata = {**metadata, names.SECONDS: MetadataValue.float(round(seconds, 3))}
    if rows and not metadata.get(names.UNCHANGED):
        timed["rows per second"] = MetadataValue.int(int(rows / max(seconds, 1e-3)))
    return timed
