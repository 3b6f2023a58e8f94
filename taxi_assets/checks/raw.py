"""Check of ``raw``: row counts that others published, against the publisher's own files."""

from collections.abc import Iterator

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    multi_asset_check,
)

from taxi_assets.checks.months import Finding, months_to_check, result_of
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.published_counts import expected_rows
from taxi_assets.resources.local_files import LocalFiles
from taxi_assets.steps.handover import RawFile, read_manifest
from taxi_assets.steps.sources import COURSE_RELEASES, TLC

NO_ROWS_MISSING = "no_rows_missing"
PUBLISHED_COUNT = "published_count"
UNPROVEN_COUNT = "unproven_count"


def raw_check(dataset: Dataset) -> AssetChecksDefinition:
    """``raw/<dataset>_tripdata`` against counts of the same edition; missing rows block what is downstream."""
    key = AssetKey(["raw", dataset.table])

    @multi_asset_check(
        name=f"check_raw_{dataset.table}",
        specs=[
            AssetCheckSpec(
                NO_ROWS_MISSING,
                asset=key,
                blocking=True,
                description="The file has no fewer rows than the confirmed count of its edition.",
            ),
            AssetCheckSpec(
                PUBLISHED_COUNT, asset=key, description="The file has exactly the confirmed count of its edition."
            ),
            AssetCheckSpec(
                UNPROVEN_COUNT,
                asset=key,
                description="The file has the count of its edition that is known at second hand; a difference warns.",
            ),
        ],
        can_subset=True,
    )
    def check_raw(context: AssetCheckExecutionContext, files: LocalFiles) -> Iterator[AssetCheckResult]:
        data_dir = files.data_dir
        months = months_to_check(context, dataset, data_dir)
        selected = {check.name for check in context.selected_asset_check_keys}
        error, warn = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN
        for name, severity in ((NO_ROWS_MISSING, error), (PUBLISHED_COUNT, error), (UNPROVEN_COUNT, warn)):
            if name in selected:
                yield result_of(
                    months,
                    lambda month, name=name: compare(name, month, read_manifest(data_dir.raw_dir(dataset.name), month)),
                    asset_key=key,
                    check_name=name,
                    severity=severity,
                )

    return check_raw


def compare(check_name: str, month: TripMonth, raw: RawFile | None) -> Finding:
    """One month under one of the three checks.

    Only the publishers' own files are compared: an extract in somebody's folder is not an edition, and synthetic
    months have as many rows as were asked for.
    """
    if raw is None or not raw.source.startswith((COURSE_RELEASES.base, TLC.base)):
        return Finding(passed=True, figures={"compared": "no: not the publisher's own file"})
    known = expected_rows(month, raw.edition)
    wanted = "second-hand" if check_name == UNPROVEN_COUNT else "confirmed"
    if known is None or known[1] != wanted:
        return Finding(passed=True, figures={"compared": f"no: no {wanted} count of this edition"})
    expected, found = known[0], raw.published_rows
    return Finding(
        passed=found >= expected if check_name == NO_ROWS_MISSING else found == expected,
        figures={"compared": "yes", "expected": expected, "found": found},
        note=f"{raw.path.name} has {found:,} rows, its {wanted} count is {expected:,}",
    )
