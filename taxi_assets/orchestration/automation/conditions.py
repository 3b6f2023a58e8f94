"""Declarative automation: each layer follows the one before it, for every month, whatever changed it.

Belongs here: when an asset is asked for by itself. Not here: when new months are looked for (``new_months.py``).

Dagster's own ``eager`` does not do, for three reasons. It sees the latest month only. It takes an update for handled
when the run that made it had planned the asset downstream too; in a batch of which one month failed that is wrong, as
everything after the failure was skipped for the good months as well. And it learns what a run had planned from the
asset's last materialization (``executed_with_root_target``), which is that of the last month of a batch: the others
look as if nobody had taken them along. So runs carry tags (``names.py``), which are read for each update.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from taxi_assets.datasets.columns import Dataset
from taxi_assets.orchestration import names
from taxi_assets.orchestration.dagster_internals.runs import SENSOR_NAME_TAG
from taxi_assets.orchestration.layers import LAYERS, Layer, followers

SENSOR = "follow_upstream"
REASON = "follow-up of a change or a failed batch"
"""Of its runs and backfills."""

Condition = dg.AutomationCondition[Any]


def follow_upstream(layer: Layer, dataset: Dataset) -> Condition:
    """When to materialize a month of ``<layer>/<dataset>_tripdata`` without being asked.

    Once for each time that

    * the layer itself changed in a run that stopped at it, or went well in a batch that failed for other months: it is
      run again, which finds the work done, so that its checks stand between it and the layers that follow;
    * the layer before it is asked for, so that one run carries the month through all that follows.

    Never while the month is in progress, and not again after a failure until something upstream changes.
    """
    stopped = _stopped_at(layer)
    # Not `since_last_handled`: a batch can be asked for, run and fail for a month all between two ticks.
    handled = dg.AutomationCondition.newly_requested() & ~stopped
    pending: Condition = stopped.since(handled | dg.AutomationCondition.initial_evaluation())
    if layer.follows:
        before = dg.AssetSelection.assets(LAYERS[layer.follows].key(dataset.table))
        asked_for: Any = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
        pending = pending | asked_for.allow(before)
    return (
        pending
        & ~dg.AutomationCondition.any_deps_missing()
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
    ).with_label(f"carry {layer.name} on")


def follow_warehouse() -> Condition:
    """When to materialize a month of a mart without being asked.

    Once for each time that a month of any service changed in the warehouse, and once when a month is there that no mart
    was ever made of, as after an upgrade. Not while a service is on its way there, whose month would ask again; a
    service whose month failed holds the others up no longer than it was in progress.
    """
    return _follow_any("follow the warehouse")


def follow_marts() -> Condition:
    """When to make the page again: once for all that changed in the marts, when none of them is on its way any more."""
    return _follow_any("follow the marts")


def _follow_any(label: str) -> Condition:
    changed = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.newly_updated())
    # A month that changes between a request and the next tick is asked for again: the run may have read it before.
    requested = dg.AutomationCondition.newly_requested() & ~changed
    never_made = dg.AutomationCondition.missing() & dg.AutomationCondition.any_deps_match(
        ~dg.AutomationCondition.missing()
    )
    pending = changed.since(requested | dg.AutomationCondition.initial_evaluation()) | never_made.newly_true().since(
        requested
    )
    return (
        pending
        & ~dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
    ).with_label(label)


def _stopped_at(layer: Layer) -> Condition:
    """Newly materialized by a run that did not, or could not, go on to every layer that follows."""
    all_new_updates = dg.AutomationCondition.all_new_updates_have_run_tags
    any_new_update = dg.AutomationCondition.any_new_update_has_run_tags
    partly_failed = names.partly_failed(layer.name)
    carrying_on = {names.takes_along(follower.name) for follower in followers(layer)}
    # Runs that go on while the project is upgraded have the tags by their former names.
    left_behind = any_new_update(tag_keys={partly_failed}) | any_new_update(tag_keys={names.formerly(partly_failed)})
    if not carrying_on:
        return left_behind.with_label(f"stopped at {layer.name}")
    # The first tick of an instance without any event cannot tell updates apart: "all have the tag" is false for those
    # that have it, while "any has it" is false too. Without the second, the first run ever would be run twice.
    ours = any_new_update(tag_keys={names.DATASET})
    went_on = all_new_updates(tag_keys=carrying_on) | all_new_updates(tag_keys=set(map(names.formerly, carrying_on)))
    # What was carried on once is not carried on again: when a layer that follows was in progress at that moment, it is
    # being taken care of, and asking again until it is done would be a run every half minute.
    carried_on = all_new_updates(tag_values={SENSOR_NAME_TAG: SENSOR})
    stopped = left_behind | (ours & ~went_on & ~carried_on)
    return (dg.AutomationCondition.newly_updated() & stopped).with_label(f"stopped at {layer.name}")


def follow_upstream_sensor() -> dg.AutomationConditionSensorDefinition:
    """Looks at the conditions every half minute. On by default: it only goes on with what a person has begun."""
    return dg.AutomationConditionSensorDefinition(
        SENSOR,
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        run_tags={names.REASON: REASON},
        description="Carries months on: when a layer changed by itself, or a batch failed for some of its months, "
        "the layers that follow are brought up to date.",
    )
