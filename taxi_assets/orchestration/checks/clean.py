"""Checks of ``clean``: every published line accounted for, contents as registered, losses and oddities counted."""

from collections.abc import Iterator

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
from taxi_assets.orchestration.checks.months import CheckFunction, Finding, MonthCheck, results
from taxi_assets.orchestration.layers import CLEAN
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.clean.losses import FILLED, MOST_REJECTED, MOST_UNREADABLE, find_losses
from taxi_assets.steps.files.clean_file import read_clean, rows_of
from taxi_assets.steps.files.raw_file import read_raw
from taxi_assets.steps.files.sql import identifier, parquet_scan

ACCOUNTED_FOR = MonthCheck(
    "every_line_accounted_for",
    "Data lines of the published file = rows in clean + rows in rejected.",
    blocking=True,
)
CONTENTS = MonthCheck(
    "contents_as_registered",
    "Columns and types are the registry's, the pickup time is never null, and file_month is the month of the file.",
    blocking=True,
)
LOSSES = MonthCheck(
    "losses",
    f"No line is rejected and no value is unreadable; a loss warns. Blocks above {MOST_REJECTED:.0%} of the lines, and "
    f"above {MOST_UNREADABLE:.0%} of the values of a column that at least {FILLED:.0%} of the trips fill.",
    blocking=True,
)
ODDITIES = MonthCheck(
    "oddities",
    "Trips that are odd but possible: kept, counted, shown as a warning.",
    severity=AssetCheckSeverity.WARN,
)


def clean_checks(dataset: Dataset) -> AssetChecksDefinition:
    """The checks of ``clean/<dataset>_tripdata``; all but the oddities can block what is downstream."""
    key = CLEAN.key(dataset.table)

    @multi_asset_check(
        name=f"check_clean_{dataset.table}",
        specs=[check.spec(key) for check in (ACCOUNTED_FOR, CONTENTS, LOSSES, ODDITIES)],
        can_subset=True,
    )
    def check_clean(context: AssetCheckExecutionContext, files: LocalFiles) -> Iterator[AssetCheckResult]:
        data_dir = files.data_dir
        functions: dict[MonthCheck, CheckFunction] = {
            ACCOUNTED_FOR: lambda month: accounted_for(month, data_dir),
            CONTENTS: lambda month: contents_as_registered(month, dataset, data_dir),
            LOSSES: lambda month: losses(month, data_dir),
            ODDITIES: lambda month: oddities(month, data_dir),
        }
        yield from results(context, dataset, data_dir, functions)

    return check_clean


def accounted_for(month: TripMonth, data_dir: DataDir) -> Finding:
    """Compares the raw file's line count, taken when it was fetched, with the rows that the two files hold."""
    raw = read_raw(month, data_dir)
    if raw is None:
        return Finding(passed=True, figures={"published": "raw file is gone"})
    clean, rejected = rows_of(month, data_dir)
    return Finding(
        passed=raw.published_rows == clean + rejected,
        figures={"published": raw.published_rows, "clean": clean, "rejected": rejected},
        note=f"{raw.path.name} has {raw.published_rows:,} data lines, but clean and rejected hold "
        f"{clean:,} + {rejected:,}",
    )


def contents_as_registered(month: TripMonth, dataset: Dataset, data_dir: DataDir) -> Finding:
    """Reads the clean file's own schema and statistics; it trusts nothing that the clean step reported."""
    import duckdb

    from taxi_assets.steps.files.duckdb_connection import errors_explained

    path = data_dir.clean(month)
    trips = parquet_scan(path)
    with errors_explained(path, path.parent), duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE FROM {trips}").fetchall()
        found = [(str(name), str(kind)) for name, kind, *_ in described]
        expected = [(column.name, column.type.duckdb) for column in dataset.table_columns]
        if found != expected:
            differing = sorted(set(found) ^ set(expected)) or "the order of columns differs"
            return Finding(passed=False, figures={"columns": "differ"}, note=f"{path}: columns differ: {differing}")
        counted = connection.execute(
            f"SELECT count(*) FILTER ({identifier(dataset.pickup)} IS NULL), "
            f"count(*) FILTER (file_month IS DISTINCT FROM ?) FROM {trips}",
            [month.first_day],
        ).fetchone()
    no_pickup, other_month = counted or (0, 0)
    clean = read_clean(month, data_dir)
    skipped = ", ".join(clean.skipped) if clean else ""
    return Finding(
        passed=not (no_pickup or other_month),
        figures={
            "columns": len(found),
            "columns skipped": skipped,
            "without pickup": no_pickup,
            "of another month": other_month,
        },
        note=f"{path}: {no_pickup:,} rows without a pickup time, {other_month:,} with another file_month",
    )


def losses(month: TripMonth, data_dir: DataDir) -> Finding:
    """What was published and is not in the clean file: rejected lines, and values that could not be read."""
    found = find_losses(month, data_dir)
    clean, too_many = found.clean, found.too_many
    figures = {"rejected": clean.rejected_rows, "of lines": clean.published_rows, **clean.unreadable}
    if not found.any:
        return Finding(passed=True, figures=figures)
    told = [
        f"{count:,} values of {column} ({found.unreadable_share(column):.2%})"
        for column, count in clean.unreadable.items()
    ]
    if clean.rejected_rows:
        told.insert(0, f"{clean.rejected_rows:,} lines rejected ({found.rejected_share:.2%}, in {clean.rejected_path})")
    advice = (
        f"That is {' and '.join(too_many)}, so nothing downstream is made of it: look at the file, put a better one in "
        "its place, or materialize what is downstream of this month by itself to have it as it is"
    )
    return Finding(
        passed=False,
        severity=AssetCheckSeverity.ERROR if too_many else AssetCheckSeverity.WARN,
        figures=figures,
        note=f"lost: {', '.join(told)}" + (f". {advice}" if too_many else ""),
    )


def oddities(month: TripMonth, data_dir: DataDir) -> Finding:
    """Counts what the rules call odd; the published data is kept as it is."""
    from taxi_assets.steps.clean.oddities import count_oddities

    counted = count_oddities(data_dir.clean(month), month)
    there = {name: count for name, count in counted.items() if count}
    note = ", ".join(f"{count:,} {name}" for name, count in there.items())
    return Finding(passed=not there, figures=counted, note=note)
