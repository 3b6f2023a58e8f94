"""Checks of ``clean``: every published line accounted for, contents as registered, losses and oddities counted."""

from collections.abc import Callable, Iterator
from pathlib import Path

from dagster import (
    AssetCheckExecutionContext,
    AssetChecksDefinition,
    AssetCheckSeverity,
    Output,
    multi_asset_check,
)

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration import names
from taxi_assets.orchestration.checks.findings import CheckFunction, Finding, MonthCheck, nothing_to_compare
from taxi_assets.orchestration.checks.months import results
from taxi_assets.orchestration.layers import CLEAN
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.clean.locate import PLACES, filled_values, has_coordinates, zones_left_empty
from taxi_assets.steps.clean.rules.losses import FILLED, MOST_REJECTED, MOST_UNREADABLE, find_losses
from taxi_assets.steps.clean.rules.usual import unusual
from taxi_assets.steps.files.clean_file import CleanFile, clean_on_disk, rows_in
from taxi_assets.steps.files.raw_file import RawFile, read_raw
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
    "Trips that are odd but possible are kept and counted; a share that no known month of the dataset comes near "
    "warns.",
    severity=AssetCheckSeverity.WARN,
)

ZONES_LOCATED = MonthCheck(
    "zones_located",
    "Where a month has coordinates and no zones, its zones were located in TLC's zone shapes.",
    severity=AssetCheckSeverity.WARN,
)


def clean_checks(dataset: Dataset) -> AssetChecksDefinition:
    """The checks of ``clean/<dataset>_tripdata``; all but the last two can hold a month back."""
    key = CLEAN.key(dataset.table)
    checks = (ACCOUNTED_FOR, CONTENTS, LOSSES, ODDITIES, *([ZONES_LOCATED] if has_coordinates(dataset) else []))

    @multi_asset_check(
        name=f"check_clean_{dataset.table}",
        specs=[check.spec(key, months_of(dataset)) for check in checks],
        can_subset=True,
    )
    def check_clean(context: AssetCheckExecutionContext, files: LocalFiles) -> Iterator[Output[None]]:
        data_dir = files.data_dir
        functions = clean_functions(
            dataset, lambda month: read_raw(month, data_dir), lambda month: clean_on_disk(month, data_dir)
        )
        yield from results(context, dataset, data_dir, functions)

    return check_clean


def clean_functions(
    dataset: Dataset, raw_of: Callable[[TripMonth], RawFile | None], clean_of: Callable[[TripMonth], CleanFile]
) -> dict[MonthCheck, CheckFunction]:
    """The checks of months whose files the two give; ``raw_of`` None where the raw file is gone."""
    return {
        ACCOUNTED_FOR: lambda month: accounted_for(raw_of(month), clean_of(month)),
        CONTENTS: lambda month: contents_as_registered(clean_of(month), dataset),
        LOSSES: lambda month: losses(clean_of(month)),
        ODDITIES: lambda month: oddities(clean_of(month)),
        ZONES_LOCATED: lambda month: zones_located(clean_of(month)),
    }


def accounted_for(raw: RawFile | None, clean_file: CleanFile) -> Finding:
    """Compares the raw file's line count, taken when it was fetched, with the rows that the two files hold."""
    if raw is None:
        return nothing_to_compare("the raw file is not on this machine")
    if not clean_file.rejected_path.is_file():
        return nothing_to_compare("the clean file came from the lake, which has no rejected lines")
    clean, rejected = rows_in(clean_file.path), rows_in(clean_file.rejected_path)
    return Finding(
        passed=raw.published_rows == clean + rejected,
        figures={"published": raw.published_rows, "clean": clean, "rejected": rejected},
        note=f"{raw.path.name} has {raw.published_rows:,} data lines, but clean and rejected hold "
        f"{clean:,} + {rejected:,}",
    )


def contents_as_registered(clean: CleanFile, dataset: Dataset) -> Finding:
    """Reads the clean file's own schema and statistics; it trusts nothing that the clean step reported."""
    import duckdb

    from taxi_assets.steps.files.duckdb_connection import errors_explained

    path = clean.path
    trips = parquet_scan(path)
    with errors_explained(path, path.parent), duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE FROM {trips}").fetchall()
        found = [(str(name), str(kind)) for name, kind, *_ in described]
        expected = [(column.name, column.type.duckdb) for column in dataset.table_columns]
        if found != expected:
            differing = sorted(set(found) ^ set(expected)) or "the order of columns differs"
            return Finding(passed=False, figures={"columns": "differ"}, note=f"columns differ: {differing}")
        counted = connection.execute(
            f"SELECT count(*) FILTER ({identifier(dataset.pickup)} IS NULL), "
            f"count(*) FILTER (file_month IS DISTINCT FROM ?) FROM {trips}",
            [clean.month.first_day],
        ).fetchone()
    no_pickup, other_month = counted or (0, 0)
    return Finding(
        passed=not (no_pickup or other_month),
        figures={
            "columns": len(found),
            "columns skipped": ", ".join(clean.skipped),
            "without pickup": no_pickup,
            "of another month": other_month,
        },
        note=f"{no_pickup:,} rows without a pickup time, {other_month:,} with another file_month",
    )


def losses(clean: CleanFile) -> Finding:
    """What was published and is not in the clean file: rejected lines, and values that could not be read."""
    found = find_losses(clean)
    too_many = found.too_many
    figures = {"rejected": clean.rejected_rows, "of lines": clean.published_rows, **clean.unreadable}
    if not found.any:
        return Finding(passed=True, figures=figures)
    told = [
        f"{count:,} values of {column} ({found.unreadable_share(column):.2%})"
        for column, count in clean.unreadable.items()
    ]
    folder = DataDir(Path())
    trips, lines = folder.held_back(clean.month)
    if clean.rejected_rows:
        where = lines if too_many else folder.rejected(clean.month)
        told.insert(0, f"{clean.rejected_rows:,} lines rejected ({found.rejected_share:.2%}, in {where})")
    advice = (
        f"That is {' and '.join(too_many)}, so the month goes no further; what came of the file is kept in {trips} of "
        f"the data folder. Look at it, put a better file in its place, or have it as it is: materialize the month with "
        f"the tag {names.ACCEPT}: {LOSSES.name}"
    )
    return Finding(
        passed=False,
        severity=AssetCheckSeverity.ERROR if too_many else AssetCheckSeverity.WARN,
        figures=figures,
        note=f"lost: {', '.join(told)}" + (f". {advice}" if too_many else ""),
    )


def oddities(clean: CleanFile) -> Finding:
    """Counts what the rules call odd, and warns of what is unusual; the published data is kept as it is."""
    from taxi_assets.steps.clean.rules.oddities import count_oddities

    month = clean.month
    counted, trips = count_oddities(clean.path, month), rows_in(clean.path)
    told = [
        f"{rule} {counted[rule] / trips:.2%} of {trips:,} trips (usual {known.share:.2%}: {known.source}; warns above "
        f"{known.most:.0%})"
        for rule, known in unusual(counted, month, trips).items()
    ]
    return Finding(passed=not told, figures=counted, note="; ".join(told))


def zones_located(clean: CleanFile) -> Finding:
    """By the clean file's own statistics: whether it has coordinates, and no zone beside any of them."""
    month, filled, empty = clean.month, filled_values(clean.path), zones_left_empty(clean.path)
    located = max(filled[place[0]] for place in PLACES.values())
    if not located:
        return nothing_to_compare("the month has no coordinates")
    return Finding(
        passed=not empty,
        figures={
            "trips with coordinates": located,
            "located with zone shapes": clean.zone_shapes or "no",
        },
        note=f"{' and '.join(empty)} are empty though there are coordinates: materialize raw/taxi_zone_shapes, whose "
        "shapes they are located with. When these are there, the sensor new_zone_shapes asks for the month by itself; "
        f"without a daemon, materialize clean/{month.table} {month.month} again",
    )
