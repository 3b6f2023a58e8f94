"""Months that the running instance loads, followed at a terminal: what `load` does while a UI with its daemon is up.

Belongs here: leaving the request, and watching its runs until they end. Not here: the bars (``bars.py``), and months
that this process loads (``runs.py``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from taxi_assets.cli.carry.bars import MonthBars
from taxi_assets.cli.shared.running import running_ui
from taxi_assets.orchestration.automation.backfills import RequestedBackfill
from taxi_assets.orchestration.dagster_internals.backfills import BulkActionStatus
from taxi_assets.orchestration.dagster_internals.runs import BACKFILL_ID_TAG

LOOK_SECONDS = 0.5

HEARTBEAT_SECONDS = 90.0
"""A daemon tells every half minute that it lives."""

UNDER_WAY = {BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING}


def instance_that_is_up(instance: dg.DagsterInstance, home: Path, *, records_elsewhere: bool) -> str | None:
    """Where the running instance is, in words; None when none is.

    Args:
        instance: Its records.
        home: DAGSTER_HOME.
        records_elsewhere: A person has named the database of the records: then a daemon of another machine or container
            may work on them, and its heartbeat says so. Those of the embedded server are this machine's alone.
    """
    ui = running_ui(home)
    if ui is not None:
        return ui.url
    if not records_elsewhere:
        return None
    beats = [
        status.last_heartbeat.timestamp for status in instance.get_daemon_statuses().values() if status.last_heartbeat
    ]
    return "a daemon elsewhere" if beats and time.time() - max(beats) < HEARTBEAT_SECONDS else None


@dataclass
class Followed:
    """A backfill while it goes on.

    Attributes:
        instance: Where it is recorded.
        backfill: What was asked for.
        seen: How far each run's log was read.
    """

    instance: dg.DagsterInstance
    backfill: RequestedBackfill
    seen: dict[str, str | None] = field(default_factory=dict[str, "str | None"])

    def follow(self, bars: MonthBars) -> list[dg.DagsterRun]:
        """Watches until it has ended; returns its runs."""
        bars.say(f"backfill {self.backfill.backfill_id} waits")
        while True:
            over, runs = self._is_over(), self._runs()
            for run in reversed(runs):
                self._read(run, bars)
            if over and all(run.is_finished for run in runs):
                return runs
            time.sleep(LOOK_SECONDS)

    def _is_over(self) -> bool:
        found = self.instance.get_backfill(self.backfill.backfill_id)
        return found is None or found.status not in UNDER_WAY

    def _runs(self) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(tags={BACKFILL_ID_TAG: self.backfill.backfill_id})))

    def _read(self, run: dg.DagsterRun, bars: MonthBars) -> None:
        while True:
            new = self.instance.get_records_for_run(run.run_id, cursor=self.seen.get(run.run_id))
            for record in new.records:
                bars.see(record.event_log_entry)
            self.seen[run.run_id] = new.cursor
            if not new.has_more:
                return


def failures_in(instance: dg.DagsterInstance, runs: Collection[dg.DagsterRun]) -> Generator[dg.DagsterEvent]:
    """The events that say why runs failed, of each its steps' or its own."""
    for run in runs:
        if run.status is not dg.DagsterRunStatus.FAILURE:
            continue
        for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
            records = instance.get_records_for_run(run.run_id, of_type=kind).records
            events = [event for record in records if (event := record.event_log_entry.dagster_event) is not None]
            yield from events
            if events:
                break


@contextmanager
def nothing_is_lost_by_ctrl_c(backfill: RequestedBackfill, bars: MonthBars) -> Generator[None]:
    """Says that the instance goes on, whoever stops to watch."""
    try:
        yield
    except KeyboardInterrupt:
        bars.stop()
        bars.console.print(
            f"Not watched any more; backfill {backfill.backfill_id} goes on in the running instance. `taxi status` "
            "says how far it is; Runs > Backfills in the UI stops it."
        )
        raise
