"""Checks of ``postgres``: the month's rows are those of the clean file, and its zones are in the lookup."""

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

from taxi_assets.checks.clean import clean_rows
from taxi_assets.checks.months import Finding, months_to_check, result_of
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.resources.local_files import LocalFiles
from taxi_assets.resources.postgres import Postgres

ROWS_EQUAL_CLEAN = "rows_equal_clean"
ZONES_ARE_KNOWN = "zones_are_known"


def postgres_checks(dataset: Dataset) -> AssetChecksDefinition:
    """Row parity of ``postgres/<dataset>_tripdata`` with ``clean``, which blocks, and zones, which warn."""
    key = AssetKey(["postgres", dataset.table])

    @multi_asset_check(
        name=f"check_postgres_{dataset.table}",
        specs=[
            AssetCheckSpec(
                ROWS_EQUAL_CLEAN,
                asset=key,
                blocking=True,
                description=f"Rows of the month in public.{dataset.table} = rows of the clean file, counted in both.",
            ),
            AssetCheckSpec(
                ZONES_ARE_KNOWN,
                asset=key,
                description="Every pickup and dropoff zone is in public.taxi_zones, as a foreign key would demand; "
                "others are kept, and warned about.",
            ),
        ],
        can_subset=True,
    )
    def check_postgres(
        context: AssetCheckExecutionContext, postgres: Postgres, files: LocalFiles
    ) -> Iterator[AssetCheckResult]:
        from taxi_assets.steps.load_postgres import count_month

        conninfo, data_dir = postgres.conninfo(), files.data_dir

        def same_rows(month: TripMonth) -> Finding:
            expected = clean_rows(data_dir, month)
            found = count_month(conninfo, month)
            return Finding(
                passed=expected == found,
                figures={"clean": expected, "postgres": found},
                note=f"public.{dataset.table} has {found:,} rows of this month, its clean file {expected:,}; "
                f"materialize postgres/{dataset.table} of this month again",
            )

        months = months_to_check(context, dataset, data_dir)
        selected = {check.name for check in context.selected_asset_check_keys}
        if ROWS_EQUAL_CLEAN in selected:
            yield result_of(months, same_rows, asset_key=key, check_name=ROWS_EQUAL_CLEAN)
        if ZONES_ARE_KNOWN in selected:
            yield result_of(
                months,
                lambda month: known_zones(conninfo, month),
                asset_key=key,
                check_name=ZONES_ARE_KNOWN,
                severity=AssetCheckSeverity.WARN,
            )

    return check_postgres


def known_zones(conninfo: str, month: TripMonth) -> Finding:
    """Counts trips whose zones are not in the lookup."""
    from taxi_assets.steps.load_postgres_zones import count_unknown_zones

    unknown = count_unknown_zones(conninfo, month)
    if unknown is None:
        return Finding(passed=True, figures={"compared": "no: materialize postgres/taxi_zones first"})
    return Finding(
        passed=not any(unknown.values()),
        figures=unknown,
        note=", ".join(f"{count:,} trips with an unknown {column}" for column, count in unknown.items() if count),
    )
