"""What the UI shows of a month: table schemas, previews and figures as Dagster metadata.

Belongs here: turning figures and files into metadata values. Not here: computing what is stored, and drawing
(``pictures.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster import MetadataValue, TableColumn, TableSchema

from taxi_assets.datasets.columns import Column, Dataset, Lookup
from taxi_assets.datasets.marts import SCHEMA, Mart
from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.assets.pictures import rejected_by_rule, trips_by_day_and_hour
from taxi_assets.orchestration.names import (
    COLUMN_SCHEMA,
    CONTENT_ID,
    REJECTED_LINES,
    REJECTED_ROWS,
    ROW_COUNT,
    SHA256,
    TABLE_NAME,
    UNCHANGED,
    URI,
    VALIDATOR,
    ZONE_SHAPES,
)
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets.steps.files.raw_file import PublishedFile
from taxi_assets.steps.files.sql import parquet_scan
from taxi_assets.steps.lake.copy import LakeMonth
from taxi_assets.steps.marts.build import MartMonth
from taxi_assets.steps.raw.sources import validator_of
from taxi_assets.steps.warehouse.warehouse import WarehouseMonth
from taxi_assets.text import markdown_cell, plain

PREVIEW_ROWS = 5


def table_schema(dataset: Dataset) -> TableSchema:
    """The registry's columns as Dagster shows them, with units in the descriptions."""
    return TableSchema(columns=[_table_column(column) for column in dataset.table_columns])


def lookup_schema(table: Lookup | Mart) -> TableSchema:
    """The same for a table that is of no dataset."""
    return TableSchema(columns=[_table_column(column) for column in table.columns])


def _table_column(column: Column) -> TableColumn:
    return TableColumn(name=column.name, type=column.type.postgres, description=column.full_description)


def raw_metadata(raw: PublishedFile, *, unchanged: bool) -> dict[str, Any]:
    """What was published, where it came from and how it was verified."""
    return {
        ROW_COUNT: raw.published_rows,
        URI: raw.source,
        "path": MetadataValue.path(str(raw.path)),
        "format": raw.format,
        "bytes": raw.bytes,
        "uncompressed bytes": raw.uncompressed_bytes,
        SHA256: raw.sha256,
        "etag": plain(raw.etag or "none"),
        VALIDATOR: validator_of(raw) or "none",
        "last modified": plain(raw.last_modified or "unknown"),
        "fetched at (UTC)": raw.fetched_at,
        "synthetic": raw.synthetic,
        UNCHANGED: unchanged,
    }


def clean_metadata(clean: CleanFile, dataset: Dataset, month: TripMonth) -> dict[str, Any]:
    """Pictures of the month and a preview, which a page shows first; rows kept and rejected."""
    unreadable = {column: count for column, count in clean.unreadable.items() if count}
    return {
        "pickups by hour": MetadataValue.md(trips_by_day_and_hour(clean.path, dataset, month)),
        "rejected by rule": MetadataValue.md(rejected_by_rule(clean.rejected_path, clean.published_rows)),
        "preview": MetadataValue.md(preview(clean.path)),
        ROW_COUNT: clean.rows,
        URI: str(clean.path),
        COLUMN_SCHEMA: table_schema(dataset),
        "published rows": clean.published_rows,
        REJECTED_ROWS: clean.rejected_rows,
        "unreadable optional values": MetadataValue.json(unreadable),
        "skipped columns": ", ".join(clean.skipped) or "none",
        **_located(clean),
        "bytes": clean.path.stat().st_size,
        "path": MetadataValue.path(str(clean.path)),
        REJECTED_LINES: MetadataValue.path(str(clean.rejected_path)),
        "source": clean.source,
        "synthetic": clean.synthetic,
        CONTENT_ID: clean.content_id,
        UNCHANGED: clean.unchanged,
    }


def _located(clean: CleanFile) -> dict[str, Any]:
    """That zones were not published but located, and with which shapes."""
    if not clean.located:
        return {}
    return {
        "zones located": f"{', '.join(clean.located)}: from the coordinates, with TLC's zone shapes",
        ZONE_SHAPES: clean.zone_shapes,
    }


def lake_metadata(copied: LakeMonth) -> dict[str, Any]:
    """Where the month's objects are, and whether anything had to be written."""
    return {
        ROW_COUNT: copied.rows,
        URI: copied.clean_uri,
        "raw object": copied.raw_uri,
        "bytes": copied.bytes,
        "objects written": copied.uploaded,
        "objects removed": copied.removed,
        CONTENT_ID: copied.content_id,
        UNCHANGED: copied.unchanged,
    }


def warehouse_metadata(loaded: WarehouseMonth, dataset: Dataset) -> dict[str, Any]:
    """Rows in the warehouse, and what BigQuery did and bills for it."""
    return {
        ROW_COUNT: loaded.rows,
        TABLE_NAME: loaded.table,
        COLUMN_SCHEMA: table_schema(dataset),
        "bytes billed": loaded.bytes_billed if loaded.bytes_billed is not None else "nothing is billed",
        "slot milliseconds": loaded.slot_ms if loaded.slot_ms is not None else "not reported",
        UNCHANGED: loaded.unchanged,
    }


def mart_metadata(built: MartMonth) -> dict[str, Any]:
    """Rows and trips of a mart's month, by service with the version that they were made from."""
    head = "| service | rows | trips | made from | unchanged |\n|---|---:|---:|---|---|"
    lines = [
        f"| {part.month.dataset} | {part.rows:,} | {part.trips:,} | `{part.version[:12]}` | "
        f"{'yes' if part.unchanged else 'no'} |"
        for part in built.parts
    ]
    return {
        ROW_COUNT: built.rows,
        TABLE_NAME: f"{SCHEMA}.{built.mart.name}",
        COLUMN_SCHEMA: lookup_schema(built.mart),
        "trips": built.trips,
        "services": MetadataValue.md("\n".join([head, *lines])),
        UNCHANGED: built.unchanged,
    }


def preview(parquet: Path) -> str:
    """The first rows as a Markdown table, one line a column so that wide tables stay readable."""
    import duckdb

    with duckdb.connect() as connection:
        relation = connection.sql(f"FROM {parquet_scan(parquet)} LIMIT {PREVIEW_ROWS}")
        names, rows = relation.columns, relation.fetchall()
    header = "| column | " + " | ".join(f"row {number}" for number in range(1, len(rows) + 1)) + " |"
    lines = [header, "|---" * (len(rows) + 1) + "|"]
    for position, name in enumerate(names):
        values = " | ".join(markdown_cell(row[position]) for row in rows)
        lines.append(f"| {name} | {values} |")
    return "\n".join(lines)
