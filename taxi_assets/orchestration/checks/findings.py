"""A check of a month, what it finds, and how Dagster is told: a verdict for each month by itself.

Belongs here: checks and findings as values, and their form in Dagster. Not here: what is compared, and when
(``months.py`` and ``verdicts.py``).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    DagsterInstance,
    MetadataValue,
    PartitionsDefinition,
    PreviewWarning,
)

from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.dagster_internals.checks import AssetCheckEvaluationTargetMaterializationData
from taxi_assets.orchestration.records import latest_materialization
from taxi_assets.text import markdown_cell, markdown_line

NOT_COMPARED = "not compared"
"""How the sentence begins of a check that found nothing to compare the month with."""


@dataclass(frozen=True)
class MonthCheck:
    """One check of an asset.

    Attributes:
        name: As the UI shows it.
        description: What is so when it passes.
        blocking: Whether a month that fails goes no further: the step that makes it fails it, and no other month. To
            Dagster, whose own blocking checks hold back every month of a run, no check blocks.
        severity: What a failure is shown as.
    """

    name: str
    description: str
    blocking: bool = False
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR

    def spec(self, asset: AssetKey, months: PartitionsDefinition[str]) -> AssetCheckSpec:
        """The same in Dagster's words, of this asset: one verdict a month."""
        held_back = " A month that fails goes no further, and stays as it was." if self.blocking else ""
        with warnings.catch_warnings():
            # People who run a command need not read fifty times what Dagster has in preview.
            warnings.simplefilter("ignore", PreviewWarning)
            return AssetCheckSpec(
                self.name,
                asset=asset,
                description=f"{self.description}{held_back}",
                partitions_def=months,
            )


@dataclass(frozen=True)
class Finding:
    """What a check found in one month.

    Attributes:
        passed: Whether it is as expected.
        figures: Named figures, expected and found, shown as one line of the result's table.
        note: What is wrong, in words, or why nothing was compared; not said when all is as expected.
        severity: What this failure is shown as, where that depends on what was found; None for the check's own. Only an
            error blocks.
        compared: False when there was nothing to compare the month with.
    """

    passed: bool
    figures: Mapping[str, object] = field(default_factory=dict[str, object])
    note: str = ""
    severity: AssetCheckSeverity | None = None
    compared: bool = True

    def severity_under(self, check: MonthCheck) -> AssetCheckSeverity:
        """As it is shown when it did not pass."""
        return self.severity or check.severity

    def holds_back(self, check: MonthCheck) -> bool:
        """Whether the month goes no further."""
        return check.blocking and not self.passed and self.severity_under(check) is AssetCheckSeverity.ERROR

    @property
    def sentence(self) -> str:
        """In words."""
        if not self.compared:
            return f"{NOT_COMPARED}: {self.note}"
        return "as expected" if self.passed else self.note


def nothing_to_compare(why: str) -> Finding:
    """Of a month that there is nothing to hold against; it passes, and says so."""
    return Finding(passed=True, figures={"compared": "no"}, note=why, compared=False)


CheckFunction = Callable[[TripMonth], Finding]
"""What a check does with one month."""


def evaluation(
    instance: DagsterInstance, key: AssetCheckKey, check: MonthCheck, month: TripMonth, finding: Finding
) -> AssetCheckEvaluation:
    """The verdict on a month, about its latest materialization: that is the version which the month has."""
    latest = latest_materialization(instance, key.asset_key, month.month)
    return AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=check.name,
        passed=finding.passed,
        severity=finding.severity_under(check),
        description=_said({month: finding}),
        metadata=_metadata({month: finding}),
        blocking=check.blocking,
        partition=month.month,
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            storage_id=latest.storage_id, run_id=latest.run_id, timestamp=latest.timestamp
        )
        if latest
        else None,
    )


def all_months(key: AssetCheckKey, check: MonthCheck, findings: Mapping[TripMonth, Finding]) -> AssetCheckEvaluation:
    """What a check that was executed by itself says of all its months together."""
    severities = {finding.severity_under(check) for finding in findings.values() if not finding.passed}
    return AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=check.name,
        passed=not severities,
        severity=AssetCheckSeverity.ERROR if AssetCheckSeverity.ERROR in severities else AssetCheckSeverity.WARN,
        description=_said(findings),
        metadata=_metadata(findings),
        blocking=check.blocking,
    )


def _metadata(findings: Mapping[TripMonth, Finding]) -> dict[str, Any]:
    compared = sum(finding.compared for finding in findings.values())
    return {"months": MetadataValue.md(_table(findings)), "months compared": compared}


def _said(findings: Mapping[TripMonth, Finding]) -> str:
    """What is wrong in which month; else how many are as expected, and how many had nothing to be compared with."""
    wrong = [f"{month}: {finding.sentence}" for month, finding in findings.items() if not finding.passed]
    if wrong:
        # The UI takes it for Markdown, and it may quote a line of the file.
        return markdown_line("; ".join(wrong))
    sentences = Counter(finding.sentence for finding in findings.values())
    if len(findings) == 1:
        return markdown_line(next(iter(sentences)))
    return markdown_line("; ".join(f"{count} {sentence}" for sentence, count in sentences.most_common()))


def _table(findings: Mapping[TripMonth, Finding]) -> str:
    names = list(dict.fromkeys(name for finding in findings.values() for name in finding.figures))
    lines = ["| month | passed | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for month, finding in findings.items():
        figures = " | ".join(_shown(finding.figures.get(name)) for name in names)
        verdict = ("yes" if finding.compared else NOT_COMPARED) if finding.passed else "**no**"
        lines.append(f"| {month.month} | {verdict} | {figures} |")
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else markdown_cell(value)
