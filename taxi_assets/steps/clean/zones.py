"""The zone lookup, typed: raw to clean for the one table that has no months.

Belongs here: reading and checking 265 lines. Not here: what they mean (``taxi_assets/datasets/zones.py``).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, cast

from taxi_assets.data_dir import DataDir, published_atomically
from taxi_assets.datasets.columns import arrow_schema
from taxi_assets.datasets.zones import FIRST_ZONE, LAST_ZONE, TAXI_ZONES
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.raw_file import PublishedFile
from taxi_assets.steps.raw.as_fetched import as_fetched


def clean_zones(raw: PublishedFile, data_dir: DataDir) -> Path:
    """Makes ``clean/taxi_zones/taxi_zone_lookup.parquet`` with ``locationid, borough, zone, service_zone``.

    Texts are kept as published: ``N/A`` and ``Unknown`` are what TLC writes for the two numbers that are no zones.

    Raises:
        LayoutError: The columns are not those of the lookup.
        BrokenFileError: A number is not one, is missing or comes twice, or the file is not what was fetched.
        FileChangedError: Another run replaced the raw file meanwhile.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with as_fetched(raw):
        rows = _read(raw)
    numbers = [int(row[TAXI_ZONES.key]) for row in rows]
    if sorted(numbers) != list(range(FIRST_ZONE, LAST_ZONE + 1)):
        raise BrokenFileError(
            f"{raw.path}: it should have each zone from {FIRST_ZONE} to {LAST_ZONE} once, but has {len(numbers)} lines "
            f"with {len(set(numbers))} different numbers. Nothing was changed. If TLC drew new zones, change LAST_ZONE "
            "in taxi_assets/datasets/zones.py"
        )
    texts = {column.name: [row[column.name] for row in rows] for column in TAXI_ZONES.columns[1:]}
    table = cast("Any", pa.table({TAXI_ZONES.key: numbers, **texts}, arrow_schema(TAXI_ZONES.columns)))
    path = data_dir.root / "clean" / TAXI_ZONES.name / "taxi_zone_lookup.parquet"
    with disk_errors_explained(TAXI_ZONES.name, path.parent), published_atomically(path) as partial:
        parquet.write_table(table, partial, compression="zstd")
    return path


def _read(raw: PublishedFile) -> list[dict[str, str]]:
    """The lines, by canonical column name; the file is small and properly quoted."""
    with raw.path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    names = [name.strip().lower() for name in header]
    expected = [column.name for column in TAXI_ZONES.columns]
    if sorted(names) != sorted(expected):
        raise LayoutError(
            f"{raw.path}: the lookup should have the columns {', '.join(expected)}, this file has {', '.join(header)}. "
            "Nothing was changed; if TLC changed it, change taxi_assets/datasets/zones.py"
        )
    return [_named(names, row, raw.path) for row in rows if row]


def _named(names: list[str], row: list[str], path: Path) -> dict[str, str]:
    if len(row) != len(names) or not row[names.index(TAXI_ZONES.key)].isdecimal():
        raise BrokenFileError(
            f"{path}: this line is not a zone number with {', '.join(names)}: {','.join(row)}. Nothing was changed"
        )
    return dict(zip(names, row, strict=True))
