"""Which months a check looks at, and how it reports them together.

Belongs here: the loop that all checks share. Not here: what is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    MetadataValue,
)

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth


@dataclass(frozen=True)
class Finding:
    """What a check found in one month.

    Attributes:
        passed: Whether it is as expected.
        figures: Named figures, expected and found, shown as one line of the result's table.
        note: What is wrong, in words; empty when it passed.
    """

    passed: bool
    figures: Mapping[str, object] = field(default_factory=dict[str, object])
    note: str = ""


def months_to_check(context: AssetCheckExecutionContext, dataset: Dataset, data_dir: DataDir) -> list[TripMonth]:
    """The partitions of the run; of a check that is executed by itself, every month that is clean on this machine."""
    run = context.run
    if run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start"):
        return [TripMonth(dataset.name, key) for key in context.op_execution_context.partition_keys]
    files = sorted((data_dir.root / "clean" / dataset.name).glob(f"{dataset.table}_????-??.parquet"))
    return [TripMonth(dataset.name, path.stem.removeprefix(f"{dataset.table}_")) for path in files]


def result_of(
    months: list[TripMonth],
    look: Callable[[TripMonth], Finding],
    *,
    asset_key: AssetKey,
    check_name: str,
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR,
) -> AssetCheckResult:
    """Looks at each month and reports them as one result: a table, and in words what is wrong in which month."""
    findings = {month: look(month) for month in months}
    wrong = [f"{month}: {finding.note}" for month, finding in findings.items() if not finding.passed]
    return AssetCheckResult(
        asset_key=asset_key,
        check_name=check_name,
        passed=not wrong,
        severity=severity,
        description="; ".join(wrong) or f"{len(months)} month{'' if len(months) == 1 else 's'} as expected",
        metadata={"months": MetadataValue.md(_table(findings)), "months checked": len(months)},
    )


def _table(findings: Mapping[TripMonth, Finding]) -> str:
    names = list(dict.fromkeys(name for finding in findings.values() for name in finding.figures))
    lines = ["| month | passed | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for month, finding in findings.items():
        figures = " | ".join(_shown(finding.figures.get(name)) for name in names)
        lines.append(f"| {month.month} | {'yes' if finding.passed else '**no**'} | {figures} |")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)
