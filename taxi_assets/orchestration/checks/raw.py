"""Checks of ``raw``: row counts that others published, against the publisher's own files."""

from collections.abc import Iterator
from functools import partial

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    multi_asset_check,
)

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.checks.months import Finding, MonthCheck, results
from taxi_assets.orchestration.checks.published_counts import expected_rows
from taxi_assets.orchestration.layers import RAW
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.files.raw_file import read_raw
from taxi_assets.steps.raw.sources import COURSE_RELEASES, TLC

NO_ROWS_MISSING = MonthCheck(
    "no_rows_missing", "The file has no fewer rows than the confirmed count of its format.", blocking=True
)
PUBLISHED_COUNT = MonthCheck("published_count", "The file has exactly the confirmed count of its format.")
UNPROVEN_COUNT = MonthCheck(
    "unproven_count",
    "The file has the count of its format that is known at second hand; a difference warns.",
    severity=AssetCheckSeverity.WARN,
)
CHECKS = (NO_ROWS_MISSING, PUBLISHED_COUNT, UNPROVEN_COUNT)


def raw_check(dataset: Dataset) -> AssetChecksDefinition:
    """``raw/<dataset>_tripdata`` against counts of the same format; missing rows block what is downstream."""
    key = RAW.key(dataset.table)

    @multi_asset_check(name=f"check_raw_{dataset.table}", specs=[check.spec(key) for check in CHECKS], can_subset=True)
    def check_raw(context: AssetCheckExecutionContext, files: LocalFiles) -> Iterator[AssetCheckResult]:
        functions = {check: partial(compare, check, files.data_dir) for check in CHECKS}
        yield from results(context, dataset, files.data_dir, functions)

    return check_raw


def compare(check: MonthCheck, data_dir: DataDir, month: TripMonth) -> Finding:
    """One month under one of the three checks.

    Only the publishers' own files are compared: an extract in somebody's folder has as many rows as somebody took, and
    a synthetic month as many as were asked for.
    """
    raw = read_raw(month, data_dir)
    if raw is None or not raw.source.startswith((COURSE_RELEASES.base, TLC.base)):
        return Finding(passed=True, figures={"compared": "no: not the publisher's own file"})
    known = expected_rows(month, raw.format)
    wanted = "second-hand" if check == UNPROVEN_COUNT else "confirmed"
    if known is None or known[1] != wanted:
        return Finding(passed=True, figures={"compared": f"no: no {wanted} count of this format"})
    expected, found = known[0], raw.published_rows
    return Finding(
        passed=found >= expected if check == NO_ROWS_MISSING else found == expected,
        figures={"compared": "yes", "expected": expected, "found": found},
        note=f"{raw.path.name} has {found:,} rows, its {wanted} count is {expected:,}",
    )
