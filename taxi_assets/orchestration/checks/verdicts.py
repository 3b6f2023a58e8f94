"""The verdict on a month, spoken in the step that makes it: a month that fails goes no further, and the others do.

Belongs here: judging while the step is at work, and recording what was found. Not here: what is compared.

Dagster's own blocking checks give one verdict a run, so that one bad month would hold back all of its batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from dagster import AssetCheckKey, AssetCheckSeverity, AssetExecutionContext

from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import CheckFailedError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.checks import handed_over
from taxi_assets.orchestration.checks.findings import CheckFunction, Finding, MonthCheck, evaluation


class Verdicts:
    """What the blocking checks of an asset find in the months of its step."""

    def __init__(self, context: AssetExecutionContext) -> None:
        self._context = context
        self._found: dict[TripMonth, dict[MonthCheck, Finding]] = {}

    def judge(self, month: TripMonth, functions: Mapping[MonthCheck, CheckFunction]) -> None:
        """Asks the checks that block; those of them whose names the run's tag ``accept`` has only warn.

        Raises:
            CheckFailedError: The month is to go no further.
        """
        blocking = {check: function for check, function in functions.items() if check.blocking}
        found = {check: self._finding(check, function(month)) for check, function in blocking.items()}
        self._found[month] = found
        failed = [f"{check.name}: {finding.note}" for check, finding in found.items() if finding.holds_back(check)]
        if failed:
            raise CheckFailedError(f"{month}: the check {'; the check '.join(failed)}")

    def hand_over(self) -> None:
        """Leaves it to the checks' own step to record what was found, as soon as the months are materialized."""
        for month, found in self._found.items():
            for check, finding in found.items():
                handed_over.give(self._context.run.run_id, self._key(check), month.month, finding)

    def record(self, months: Iterable[TripMonth]) -> None:
        """Records what was found in months of a step that fails: its checks' own step is not going to run."""
        for month in months:
            for check, finding in self._found.get(month, {}).items():
                told = evaluation(self._context.instance, self._key(check), check, month, finding)
                # Dagster takes it, and lacks it in the type.
                self._context.log_event(told)  # pyright: ignore[reportArgumentType]

    def _finding(self, check: MonthCheck, finding: Finding) -> Finding:
        accepted = [name.strip() for name in self._context.run.tags.get(names.ACCEPT, "").split(",")]
        if check.name in accepted and finding.holds_back(check):
            note = f"accepted by the tag {names.ACCEPT} of run {self._context.run.run_id[:8]}: {finding.note}"
            return replace(finding, severity=AssetCheckSeverity.WARN, note=note)
        return finding

    def _key(self, check: MonthCheck) -> AssetCheckKey:
        return AssetCheckKey(self._context.asset_key, check.name)
