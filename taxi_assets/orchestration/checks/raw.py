"""Checks of ``raw``: row counts that others published, against the publisher's own files."""

from collections.abc import Callable, Iterator
from functools import partial

from dagster import (
    AssetCheckExecutionContext,
    AssetChecksDefinition,
    AssetCheckSeverity,
    Output,
    multi_asset_check,
)

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.checks.findings import CheckFunction, Finding, MonthCheck, nothing_to_compare
from taxi_assets.orchestration.checks.months import results
from taxi_assets.orchestration.checks.published_counts import expected_rows
from taxi_assets.orchestration.layers import RAW
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.files.raw_file import RawFile, read_raw
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
    """``raw/<dataset>_tripdata`` against counts of the same format; a month with missing rows goes no further."""
    key = RAW.key(dataset.table)

    @multi_asset_check(
        name=f"check_raw_{dataset.table}",
        specs=[check.spec(key, months_of(dataset)) for check in CHECKS],
        can_subset=True,
    )
    def check_raw(context: AssetCheckExecutionContext, files: LocalFiles) -> Iterator[Output[None]]:
        functions = raw_functions(lambda month: read_raw(month, files.data_dir))
        yield from results(context, dataset, files.data_dir, functions)

    return check_raw


def raw_functions(raw_of: Callable[[TripMonth], RawFile | None]) -> dict[MonthCheck, CheckFunction]:
    """The checks of months whose file ``raw_of`` gives; None where it is gone."""
    return {check: partial(compare, check, raw_of) for check in CHECKS}


def compare(check: MonthCheck, raw_of: Callable[[TripMonth], RawFile | None], month: TripMonth) -> Finding:
    """One month under one of the three checks.

    Only the publishers' own files are compared: an extract in somebody's folder has as many rows as somebody took, and
    a synthetic month as many as were asked for.
    """
    raw = raw_of(month)
    if raw is None:
        return nothing_to_compare("the file is not on this machine")
    if not raw.source.startswith((COURSE_RELEASES.base, TLC.base)):
        return nothing_to_compare("counts are known of the publishers' own files, and this is none")
    known = expected_rows(month, raw.format)
    wanted = "second-hand" if check == UNPROVEN_COUNT else "confirmed"
    if known is None or known[1] != wanted:
        return nothing_to_compare(f"no {wanted} count of this month in this format is known")
    expected, found = known[0], raw.published_rows
    return Finding(
        passed=found >= expected if check == NO_ROWS_MISSING else found == expected,
        figures={"compared": "yes", "expected": expected, "found": found},
        note=f"{raw.path.name} has {found:,} rows, its {wanted} count is {expected:,}",
    )
