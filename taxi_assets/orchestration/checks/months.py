"""What all checks share: they go through months one by one, and report them together.

Belongs here: which months, the loop over them and its table. Not here: what is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
)

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration.assets.materialize import HasMonths
from taxi_assets.steps.files.interrupts import interruptible
from taxi_assets.text import markdown_cell, markdown_line


@dataclass(frozen=True)
class MonthCheck:
    """One check of an asset.

    Attributes:
        name: As the UI shows it.
        description: What is so when it passes.
        blocking: Whether a failure keeps what is downstream from being materialized.
        severity: What a failure is shown as.
    """

    name: str
    description: str
    blocking: bool = False
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR

    def spec(self, asset: AssetKey) -> AssetCheckSpec:
        """The same in Dagster's words, of this asset."""
        return AssetCheckSpec(self.name, asset=asset, description=self.description, blocking=self.blocking)


@dataclass(frozen=True)
class Finding:
    """What a check found in one month.

    Attributes:
        passed: Whether it is as expected.
        figures: Named figures, expected and found, shown as one line of the result's table.
        note: What is wrong, in words; empty when it passed.
        severity: What this failure is shown as, where that depends on what was found; None for the check's own. Only an
            error blocks.
    """

    passed: bool
    figures: Mapping[str, object] = field(default_factory=dict[str, object])
    note: str = ""
    severity: AssetCheckSeverity | None = None


CheckFunction = Callable[[TripMonth], Finding]
"""What a check does with one month."""


def results(
    context: AssetCheckExecutionContext,
    dataset: HasMonths,
    data_dir: DataDir,
    functions: Mapping[MonthCheck, CheckFunction],
) -> Iterator[AssetCheckResult]:
    """The results of those checks that are selected, each over all its months."""
    months = months_to_check(context, dataset, data_dir)
    selected = {check.name: check.asset_key for check in context.selected_asset_check_keys}
    for check, function in functions.items():
        if check.name in selected:
            # Not around the yield: between two results, signals are Dagster's.
            with interruptible():
                findings = {month: function(month) for month in months}
            yield _result(check, selected[check.name], findings)


def months_to_check(context: AssetCheckExecutionContext, dataset: HasMonths, data_dir: DataDir) -> list[TripMonth]:
    """The partitions of the run; of a check that is executed by itself, every month that is clean on this machine."""
    run = context.op_execution_context
    if run.has_partition_key or run.has_partition_key_range:
        return [TripMonth(dataset.name, key) for key in run.partition_keys]
    if dataset.name in DATASETS:
        files = sorted((data_dir.root / "clean" / dataset.name).glob(f"{dataset.table}_????-??.parquet"))
        return [TripMonth.from_file_name(path.name) for path in files]
    # What is made over all datasets.
    files = (data_dir.root / "clean").glob("*/*_tripdata_????-??.parquet")
    return [TripMonth(dataset.name, month) for month in sorted({TripMonth.from_file_name(f.name).month for f in files})]


def _result(check: MonthCheck, asset: AssetKey, findings: Mapping[TripMonth, Finding]) -> AssetCheckResult:
    """One result: a table, and in words what is wrong in which month."""
    wrong = [f"{month}: {finding.note}" for month, finding in findings.items() if not finding.passed]
    severities = {finding.severity or check.severity for finding in findings.values() if not finding.passed}
    return AssetCheckResult(
        asset_key=asset,
        check_name=check.name,
        passed=not wrong,
        severity=AssetCheckSeverity.ERROR if AssetCheckSeverity.ERROR in severities else AssetCheckSeverity.WARN,
        # The UI takes it for Markdown, and it may quote a line of the file.
        description=markdown_line("; ".join(wrong))
        or f"{len(findings)} month{'' if len(findings) == 1 else 's'} as expected",
        metadata={"months": MetadataValue.md(_table(findings)), "months checked": len(findings)},
    )


def _table(findings: Mapping[TripMonth, Finding]) -> str:
    names = list(dict.fromkeys(name for finding in findings.values() for name in finding.figures))
    lines = ["| month | passed | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for month, finding in findings.items():
        figures = " | ".join(_shown(finding.figures.get(name)) for name in names)
        lines.append(f"| {month.month} | {'yes' if finding.passed else '**no**'} | {figures} |")
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else markdown_cell(value)
