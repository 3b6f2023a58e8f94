"""How far each month is: there, older than what it is made from, failed with its reason, under way, or not there.

Belongs here: reading that out of Dagster's records, for whoever shows it. Not here: how it is shown, and asking a
source (``probe`` does, when it is given).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from dagster import AssetRecordsFilter, DagsterEvent, DagsterEventType, DagsterInstance

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import NotPublishedError, TaxiAssetsError
from taxi_assets.orchestration.layers import LAYERS, RAW, Layer
from taxi_assets.orchestration.names import LANDED, UNCHANGED, VALIDATOR
from taxi_assets.orchestration.partitions import months_of, newest_published, today_in_new_york
from taxi_assets.orchestration.records import failed_with, failure_reason, latest_metadata

if TYPE_CHECKING:
    from taxi_assets.steps.raw.fetch import Probe

Ask = Callable[[TripMonth], "Probe"]
"""Asks the source about a month; it may raise our errors."""


class State(str, Enum):
    """How far a month is in a layer. The values are what scripts read."""

    THERE = "there"
    OLDER = "re-issued"
    FAILED = "failed"
    UNDER_WAY = "under way"
    MISSING = "missing"
    UNPUBLISHED = "not published"


@dataclass(frozen=True)
class LayerState:
    """A month in one layer.

    Attributes:
        state: How far it is.
        reason: For a person: why it failed, or what is newer; None where there is nothing to say.
        run_id: The run that failed or goes on.
    """

    state: State
    reason: str | None = None
    run_id: str | None = None


MonthState = Mapping[str, LayerState]
"""By layer, in the order in which a month goes through them."""


def states_of(
    instance: DagsterInstance, dataset: Dataset, months: Sequence[str], ask: Ask | None = None
) -> dict[str, MonthState]:
    """The states of a dataset's months, by partition key.

    A layer is *re-issued* where a layer that it is made from has got another version since, or is to get one; raw,
    where the source has another one. Without ``ask``, nobody asks the source: then a month counts as not published
    where the source did not have it when it was last loaded, and while TLC cannot have published it yet.

    Args:
        instance: Whose records are read.
        dataset: Whose months.
        months: Partition keys of the dataset.
        ask: Asks the source, once for each month.
    """
    known = months_of(dataset)
    found: dict[str, dict[str, LayerState]] = {month: {} for month in months}
    newest = newest_published(today_in_new_york())
    for layer in LAYERS.values():
        key = layer.key(dataset.table)
        statuses = instance.get_status_by_partition(key, months, known) or {}
        before = {name: _latest(instance, LAYERS[name], dataset) for name in layer.made_from}
        here = _latest(instance, layer, dataset)
        for month in months:
            status = statuses.get(month)
            word = status.value if status else None
            if word == "IN_PROGRESS":
                found[month][layer.name] = LayerState(State.UNDER_WAY)
            elif word == "FAILED":
                found[month][layer.name] = _failed(instance, layer, TripMonth(dataset.name, month), here, before)
            elif word == "MATERIALIZED":
                found[month][layer.name] = _there(instance, TripMonth(dataset.name, month), here, before)
            else:
                late = month > newest
                found[month][layer.name] = LayerState(State.UNPUBLISHED if late else State.MISSING)
    if ask is not None:
        for month, states in found.items():
            _ask(instance, TripMonth(dataset.name, month), states, ask)
    for states in found.values():
        _hand_down(states)
    return found  # pyright: ignore[reportReturnType]  # a dict of dicts is a mapping of mappings


def states_without_records(months: Sequence[str]) -> dict[str, MonthState]:
    """The same where nothing was ever loaded."""
    newest = newest_published(today_in_new_york())
    nothing = {month: LayerState(State.UNPUBLISHED if month > newest else State.MISSING) for month in months}
    return {month: dict.fromkeys(LAYERS, state) for month, state in nothing.items()}


def _latest(instance: DagsterInstance, layer: Layer, dataset: Dataset) -> Mapping[str, int]:
    """The number in the event log of each month's latest materialization."""
    event = DagsterEventType.ASSET_MATERIALIZATION
    return instance.get_latest_storage_id_by_partition(layer.key(dataset.table), event)


def _there(
    instance: DagsterInstance,
    month: TripMonth,
    here: Mapping[str, int],
    before: Mapping[str, Mapping[str, int]],
) -> LayerState:
    mine = here.get(month.month, 0)
    for name, latest in before.items():
        # Most layers were made after what they are made from; only the others take a look at the metadata.
        if latest.get(month.month, 0) > mine and _changed_since(instance, LAYERS[name], month, mine):
            return LayerState(State.OLDER, f"{name} has got another version since")
    return LayerState(State.THERE)


def _changed_since(instance: DagsterInstance, layer: Layer, month: TripMonth, storage_id: int) -> bool:
    """Whether the month was written in a layer since then, and not only found to be there."""
    wanted = AssetRecordsFilter(layer.key(month.table), [month.month], after_storage_id=storage_id)
    made = (each.asset_materialization for each in instance.fetch_materializations(wanted, limit=50).records)
    return any(each is not None and not _is_unchanged(each.metadata) for each in made)


def _is_unchanged(metadata: Mapping[str, object]) -> bool:
    return bool(getattr(metadata.get(UNCHANGED), "value", False))


def _failed(
    instance: DagsterInstance,
    layer: Layer,
    month: TripMonth,
    here: Mapping[str, int],
    before: Mapping[str, Mapping[str, int]],
) -> LayerState:
    """Failed in this layer; not published; or, where its run ended before its turn, still as it was before."""
    is_there = month.month in here
    planned = instance.get_latest_planned_materialization_info(layer.key(month.table), month.month)
    if planned is None:
        return LayerState(State.FAILED)
    kept = " The month as it was before is still there." if is_there else ""
    reason = failure_of_month(instance, planned.run_id, layer, month)
    if reason is not None:
        error = failed_with(instance, layer.key(month.table), month.month, planned.run_id)
        waits = error == NotPublishedError.__name__ and not is_there
        return LayerState(State.UNPUBLISHED if waits else State.FAILED, reason + kept, planned.run_id)
    # Its turn never came: what stopped the run says so in its own layer.
    if is_there:
        return _there(instance, month, here, before)
    return LayerState(State.MISSING, "its run ended before its turn", planned.run_id)


def failure_of_month(instance: DagsterInstance, run_id: str, layer: Layer, month: TripMonth) -> str | None:
    """Why a run failed for a month in a layer; None when it did not fail there, or not for this month."""
    failures = instance.get_records_for_run(run_id, of_type={DagsterEventType.STEP_FAILURE}).records
    for record in failures:
        event = record.event_log_entry.dagster_event
        if event is not None and _layer_of(event) == layer.name:
            data = event.step_failure_data.user_failure_data
            if data is None or not data.metadata:
                return failure_reason(event)
            if month.month in data.metadata:
                return str(data.metadata[month.month].value)
    return None


def _layer_of(event: DagsterEvent) -> str:
    """Steps are called as their assets: ``raw__yellow_tripdata``."""
    return (event.step_key or "").partition("__")[0]


def _hand_down(states: dict[str, LayerState]) -> None:
    """What waits for a version, or for a month, that the layer before it has not got either."""
    for name, state in states.items():
        before = {states[other].state: other for other in LAYERS[name].made_from}
        if state.state is State.THERE and State.OLDER in before:
            states[name] = LayerState(State.OLDER, f"{before[State.OLDER]} has to take the new version first")
        elif state.state is State.MISSING and State.UNPUBLISHED in before:
            states[name] = LayerState(State.UNPUBLISHED)


def _ask(instance: DagsterInstance, month: TripMonth, states: dict[str, LayerState], ask: Ask) -> None:
    raw = states[RAW.name]
    try:
        answer = ask(month)
    except TaxiAssetsError as error:
        states[RAW.name] = LayerState(raw.state, raw.reason or f"the source could not be asked: {error}", raw.run_id)
        return
    if raw.state is State.THERE:
        metadata = latest_metadata(instance, RAW.key(month.table), month.month)
        has_other = answer.validator is not None and answer.validator != metadata.get(VALIDATOR)
        if answer.published and has_other and LANDED not in metadata:
            states[RAW.name] = LayerState(State.OLDER, f"the source has another version: {answer.url}")
        return
    for name, state in states.items():
        if state.state in (State.MISSING, State.UNPUBLISHED):
            word = State.MISSING if answer.published else State.UNPUBLISHED
            states[name] = LayerState(word, state.reason, state.run_id)
