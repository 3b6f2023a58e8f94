"""What happened to a month: its files as they lie here, its layers, its checks and its runs.

Belongs here: putting together what files and Dagster's records say of one month, and what a person can do about it. Not
here: how it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagster import AssetKey, AssetRecordsFilter, DagsterEventType, DagsterInstance, DagsterRunStatus

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError
from taxi_assets.orchestration.layers import LAYERS, RAW
from taxi_assets.orchestration.month_states import Ask, LayerState, State, states_of, states_without_records
from taxi_assets.orchestration.names import ROW_COUNT, SECONDS, UNCHANGED
from taxi_assets.orchestration.records import latest_materialization
from taxi_assets.steps.files.clean_file import CleanFile, read_clean
from taxi_assets.steps.files.raw_file import RawFile, read_raw
from taxi_assets.steps.files.sql import parquet_scan

EXAMPLES, RUNS = 5, 5
"""Rejected lines and runs that are told."""


@dataclass(frozen=True)
class RejectedLine:
    """A line that is no trip."""

    line_number: int
    reason: str
    line: str


@dataclass(frozen=True)
class LayerHistory:
    """The month in one layer.

    Attributes:
        state: How far it is.
        materialized: When it was materialized last, UTC; None when it never was.
        rows: Then.
        seconds: That it took.
        unchanged: It was there already, so nothing was written.
        run_id: The run that materialized it.
    """

    state: LayerState
    materialized: datetime | None = None
    rows: int | None = None
    seconds: float | None = None
    unchanged: bool = False
    run_id: str | None = None


@dataclass(frozen=True)
class CheckResult:
    """The last result of a check that took the month along."""

    layer: str
    name: str
    passed: bool
    severity: str
    said: str


@dataclass(frozen=True)
class MonthRun:
    """A run that took the month along."""

    run_id: str
    status: str
    begun: datetime | None
    job: str


@dataclass(frozen=True)
class MonthHistory:
    """All of it.

    Attributes:
        month: Which month.
        raw: Its published file as it lies here, or None.
        clean: Its clean file, or None.
        broken: What is wrong with a file here that cannot be read; None when nothing is.
        rejected: How many lines were rejected, by reason.
        examples: A few of them.
        given_up: Where the lines lie of a file that was given up; None when there is none.
        layers: By layer.
        checks: Their last results, failed ones first.
        runs: The latest, newest first.
        advice: What a person can do, in sentences; the first is the most urgent.
    """

    month: TripMonth
    raw: RawFile | None
    clean: CleanFile | None
    broken: str | None
    rejected: dict[str, int]
    examples: list[RejectedLine]
    given_up: Path | None
    layers: dict[str, LayerHistory]
    checks: list[CheckResult] = field(default_factory=list[CheckResult])
    runs: list[MonthRun] = field(default_factory=list[MonthRun])
    advice: list[str] = field(default_factory=list[str])


def history_of(
    instance: DagsterInstance | None, month: TripMonth, data_dir: DataDir, ask: Ask | None = None
) -> MonthHistory:
    """Everything that files and records say of a month; without records, what the files say."""
    raw, clean, broken = _files(month, data_dir)
    given_up = data_dir.given_up(month)
    counted, examples = _rejected(given_up if clean is None and given_up.is_file() else data_dir.rejected(month))
    layers = _layers(instance, month, ask)
    runs = _runs(instance, month) if instance else []
    history = MonthHistory(
        month=month,
        raw=raw,
        clean=clean,
        broken=broken,
        rejected=counted,
        examples=examples,
        given_up=given_up if given_up.is_file() else None,
        layers=layers,
        checks=_checks(instance, month, layers, runs) if instance else [],
        runs=runs,
    )
    history.advice.extend(_advice(history))
    return history


def _files(month: TripMonth, data_dir: DataDir) -> tuple[RawFile | None, CleanFile | None, str | None]:
    clean = read_clean(month, data_dir)
    try:
        return read_raw(month, data_dir), clean, None
    except BrokenFileError as error:
        return None, clean, str(error)


def _rejected(path: Path) -> tuple[dict[str, int], list[RejectedLine]]:
    import duckdb

    from taxi_assets.steps.files.duckdb_connection import errors_explained

    if not path.is_file():
        return {}, []
    lines = parquet_scan(path)
    with errors_explained(path, path.parent), duckdb.connect() as connection:
        counted = connection.execute(f"SELECT reason, count(*) FROM {lines} GROUP BY reason ORDER BY 2 DESC, 1")
        reasons = {str(reason): int(count) for reason, count in counted.fetchall()}
        found = connection.execute(
            f"SELECT line_number, reason, line FROM {lines} ORDER BY line_number LIMIT {EXAMPLES}"
        )
        return reasons, [RejectedLine(*row) for row in found.fetchall()]


def _layers(instance: DagsterInstance | None, month: TripMonth, ask: Ask | None) -> dict[str, LayerHistory]:
    if instance is None:
        states = states_without_records([month.month])[month.month]
        return {name: LayerHistory(state) for name, state in states.items()}
    states = states_of(instance, DATASETS[month.dataset], [month.month], ask)[month.month]
    return {name: _layer(instance, LAYERS[name].key(month.table), month, state) for name, state in states.items()}


def _layer(instance: DagsterInstance, key: AssetKey, month: TripMonth, state: LayerState) -> LayerHistory:
    record = latest_materialization(instance, key, month.month)
    if record is None or record.asset_materialization is None:
        return LayerHistory(state)
    metadata: dict[str, Any] = {name: each.value for name, each in record.asset_materialization.metadata.items()}
    return LayerHistory(
        state,
        datetime.fromtimestamp(record.timestamp, timezone.utc),
        metadata.get(ROW_COUNT),
        metadata.get(SECONDS),
        bool(metadata.get(UNCHANGED)),
        record.run_id,
    )


def _runs(instance: DagsterInstance, month: TripMonth) -> list[MonthRun]:
    """Runs that planned to make the month in any layer."""
    latest: dict[str, int] = {}
    for layer in LAYERS.values():
        wanted = AssetRecordsFilter(layer.key(month.table), [month.month])
        for record in instance.fetch_planned_materializations(wanted, limit=RUNS).records:
            latest[record.run_id] = max(record.storage_id, latest.get(record.run_id, 0))
    newest = sorted(latest, key=lambda run_id: latest[run_id], reverse=True)[:RUNS]
    records = (instance.get_run_record_by_id(run_id) for run_id in newest)
    return [
        MonthRun(
            record.dagster_run.run_id,
            record.dagster_run.status.value.lower(),
            datetime.fromtimestamp(record.start_time, timezone.utc) if record.start_time else None,
            record.dagster_run.job_name,
        )
        for record in records
        if record is not None
    ]


def _checks(
    instance: DagsterInstance, month: TripMonth, layers: dict[str, LayerHistory], runs: Sequence[MonthRun]
) -> list[CheckResult]:
    """What the checks of the runs that made the month as it is said of it; failed ones first."""
    made_it = {layer.run_id for layer in layers.values()} | {run.run_id for run in runs[:1]}
    found: dict[tuple[str, str], CheckResult] = {}
    # The newest run comes last, so that its results stay.
    ordered = [run.run_id for run in reversed(runs) if run.run_id in made_it]
    for run_id in ordered:
        evaluated = instance.get_records_for_run(run_id, of_type={DagsterEventType.ASSET_CHECK_EVALUATION}).records
        for record in evaluated:
            event = record.event_log_entry.dagster_event
            if event is None:
                continue
            check = event.asset_check_evaluation_data
            if check.asset_key.path[-1] != month.table or check.partition not in (None, month.month):
                continue
            layer = check.asset_key.path[0]
            text = (check.description or "").strip("`")
            # One that is over all months, as those of earlier versions were, fails for the months that it names.
            said = _of_month(text, month) or (text if check.partition else "")
            passed = check.passed or not said
            found[layer, check.check_name] = CheckResult(layer, check.check_name, passed, check.severity.value, said)
    return sorted(found.values(), key=lambda result: (result.passed, list(LAYERS).index(result.layer), result.name))


def _of_month(description: str, month: TripMonth) -> str:
    """The part of a check's sentence that is about the month: ``yellow 2019-01: …; yellow 2019-02: …``."""
    parts = (part.partition(f"{month}: ") for part in description.split("; "))
    return "; ".join(said for before, found, said in parts if found and not before)


def _advice(history: MonthHistory) -> Iterator[str]:
    month, states = history.month, {name: layer.state for name, layer in history.layers.items()}
    again = f"taxi load {month.dataset} {month.month}"
    if history.broken:
        yield f"{history.broken}: {again}"
    failed = [name for name, state in states.items() if state.state is State.FAILED]
    if failed:
        yield f"See to what the reason of {failed[0]} says, then run: {again}"
    elif any(state.state is State.UNDER_WAY for state in states.values()):
        yield "A run is carrying it; wait for its end: taxi status"
    elif all(state.state is State.UNPUBLISHED for state in states.values()):
        asked = history.layers[RAW.name].state.reason is not None
        yield (
            f"The source did not have it. When it has, or with another TAXI_SOURCE, run: {again}"
            if asked
            else "TLC publishes a month about two months after its end. Wait, or ask the source now: "
            f"taxi status {month.dataset} --year {month.month[:4]} --ask"
        )
    elif any(state.state is State.OLDER for state in states.values()):
        yield f"A newer version waits; take it through the layers: {again}"
    elif any(state.state is State.MISSING for state in states.values()):
        yield f"Carry it through the layers that lack it: {again}"
    elif all(state.state is State.THERE for state in states.values()):
        yield "Nothing has to be done: it is in every layer, in the version that lies here."
    if any(run.status == DagsterRunStatus.CANCELED.value.lower() for run in history.runs[:1]):
        yield f"Its last run was stopped; the same command goes on: {again}"
    blocked = [check for check in history.checks if not check.passed and check.severity == "ERROR"]
    if blocked and not failed:
        yield (
            f"The check {blocked[0].layer}/{blocked[0].name} failed: look at the file, put a better one in its place, "
            f"then run: {again}"
        )
    if history.clean is None and history.given_up is not None:
        yield f"All rejected lines of the file that was given up: {history.given_up}"
    elif history.rejected:
        yield f"All rejected lines: {history.clean.rejected_path if history.clean else history.given_up}"
