"""`taxi sql "…"`: a query on a store, as a table, CSV, JSON or a Parquet file.

Belongs here: how rows are shown. Not here: how a store is asked (``queries.py``).
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from taxi_assets.cli.look.queries import Answer, asked
from taxi_assets.cli.shared.console import page
from taxi_assets.data_dir import published_atomically
from taxi_assets.errors import ArgumentError
from taxi_assets.settings import load_settings
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.text import plain

ROWS_SHOWN = 40
"""A table on a screen; files and scripts get all rows."""

ROWS_DOWN = 5
"""Rows that are shown down the page."""

NARROWEST = 6
"""Columns narrower than this tell nothing: then each row is shown down the page, a column a line."""


def run_sql(
    query: str, store: str | None = None, *, as_csv: bool = False, as_json: bool = False, parquet: Path | None = None
) -> int:
    """Asks and shows; returns the exit code.

    Args:
        query: One SELECT.
        store: ``duckdb``, ``postgres`` or ``bigquery``; None for the warehouse of the target.
        as_csv: To stdout, with a header.
        as_json: To stdout, an object a row.
        parquet: A file that gets the rows with the store's types.
    """
    if as_csv + as_json + (parquet is not None) > 1:
        raise ArgumentError("choose one of --csv, --json and --parquet")
    if query == "-":
        query = sys.stdin.read()
    settings = load_settings()
    warehouse = "bigquery" if settings.taxi_target == "gcp" else "duckdb"
    with asked(store or warehouse, query, settings) as answer:
        if as_csv:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(answer.columns)
            writer.writerows(answer.rows)
        elif as_json:
            _write_json(answer)
        elif parquet is not None:
            _write_parquet(answer, parquet)
        else:
            _show(answer)
    return 0


def _write_json(answer: Answer) -> None:
    """An array, written row by row: it may be longer than memory."""
    separator = "[\n"
    for row in answer.rows:
        sys.stdout.write(separator + json.dumps(dict(zip(answer.columns, row, strict=True)), default=str))
        separator = ",\n"
    sys.stdout.write("\n]\n" if separator != "[\n" else "[]\n")


def _write_parquet(answer: Answer, path: Path) -> None:
    from pyarrow import parquet

    written = 0
    with disk_errors_explained(str(path), path.parent), published_atomically(path.absolute()) as partial:
        writer = cast("Any", parquet.ParquetWriter(partial, answer.arrow, compression="zstd"))
        with writer:
            for batch in answer.batches:
                writer.write_batch(batch)
                written += batch.num_rows
    print(f"{path}: {written:,} row{'' if written == 1 else 's'}.", file=sys.stderr)


def _show(answer: Answer) -> None:
    console = page()
    rows = list(islice(answer.rows, ROWS_SHOWN + 1))
    more, rows = len(rows) > ROWS_SHOWN, rows[:ROWS_SHOWN]
    if NARROWEST * len(answer.columns) > console.width:
        more, rows = more or len(rows) > ROWS_DOWN, rows[:ROWS_DOWN]
        _show_down(answer.columns, rows)
    else:
        table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        for name, field in zip(answer.columns, answer.arrow, strict=True):
            table.add_column(Text(plain(name)), justify="right" if _is_number(field.type) else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        console.print(table)
    count = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    console.print(
        Text(f"The first {count}; all of them: --csv, --json or --parquet FILE" if more else count, "dim"),
        soft_wrap=True,
    )


def _show_down(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    console = page()
    for number, row in enumerate(rows, start=1):
        console.print(Text(f"row {number}", "bold"))
        table = Table.grid(padding=(0, 2, 0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in zip(columns, row, strict=True):
            table.add_row(plain(name), _cell(value))
        console.print(table)


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _cell(value: Any) -> Text:
    """Values as they are: thousands are not grouped, as a year is a number too."""
    if value is None:
        return Text("NULL", "dim")
    if isinstance(value, float):
        return Text(f"{value:.10g}")
    return Text(plain(str(value)))
