"""Months as the steps before the lake hand them over, made on the spot from the registry."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Column, ColumnType
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.files.clean_file import FOOTER_KEY, CleanFile
from taxi_assets.steps.files.formats import Format
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.files.sql import identifier, literal
from taxi_assets_tests.support.clean_months import footer_of

YELLOW = TripMonth("yellow", "2019-01")
GREEN = TripMonth("green", "2019-01")


def write_month(
    data_dir: DataDir, month: TripMonth, rows: int, *, seed: int = 1, file_format: Format = "csv.gz"
) -> tuple[RawFile, CleanFile]:
    """Writes a raw file and a clean Parquet; equal seeds give equal bytes."""
    raw = write_raw(data_dir, month, rows, seed=seed, file_format=file_format)
    path = data_dir.clean(month)
    clean = CleanFile(
        month=month,
        path=path,
        rejected_path=data_dir.rejected(month),
        rows=rows,
        rejected_rows=0,
        published_rows=rows,
        content_id=f"content-{seed}-{rows}",
        raw_sha256=raw.sha256,
        source=raw.source,
        synthetic=True,
        unreadable={},
    )
    write_clean(path, month, rows, seed=seed, footer=footer_of(clean))
    return raw, clean


def write_raw(
    data_dir: DataDir, month: TripMonth, rows: int, *, seed: int = 1, file_format: Format = "csv.gz"
) -> RawFile:
    path = data_dir.raw_dir(month.dataset) / f"{month.stem}.{file_format}"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = f"{month} {file_format} {seed}\n".encode() * rows
    replace_file(path, content)
    return RawFile(
        month=month,
        path=path,
        source=f"sample (seed {seed})",
        format=file_format,
        synthetic=True,
        bytes=len(content),
        uncompressed_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        etag=None,
        last_modified=None,
        fetched_at="2026-01-01T00:00:00+00:00",
        published_rows=rows,
    )


def write_clean(
    path: Path, month: TripMonth, rows: int, *, seed: int = 1, without: tuple[str, ...] = (), footer: str = ""
) -> None:
    """Writes a clean Parquet, as a rename like every writer of the project; ``without`` leaves columns out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [column for column in DATASETS[month.dataset].table_columns if column.name not in without]
    selected = ", ".join(f"{_value(column, month, seed)} AS {identifier(column.name)}" for column in columns)
    partial = path.with_name(f".{path.name}.partial")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {selected} FROM range({rows}) AS trips(n)) TO {literal(str(partial))} "
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{FOOTER_KEY}: {literal(footer)}}})"
        )
    partial.replace(path)


def replace_file(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _value(column: Column, month: TripMonth, seed: int) -> str:
    number = f"(n * 7 + {len(column.name)} * 31 + {seed}) % 200"
    values = {
        ColumnType.CODE: number,
        ColumnType.INTEGER: number,
        # Quarters are exact in a double, so sums do not depend on the order.
        ColumnType.NUMBER: f"({number}) / 4.0",
        ColumnType.TEXT: f"CASE WHEN n % 10 = 0 THEN NULL ELSE 'text ' || ({number}) END",
        ColumnType.TIME: f"TIMESTAMP '{month.month}-01' + INTERVAL 1 SECOND * (n * 37 + {len(column.name)})",
        ColumnType.DATE: f"DATE '{month.first_day.isoformat()}'",
    }
    # DuckDB writes a column in which it sees no NULL as REQUIRED; this condition always holds, which it cannot see.
    return f"if(random() < 2, CAST({values[column.type]} AS {column.type.duckdb}), NULL)"
