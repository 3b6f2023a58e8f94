"""The sample source: synthetic months of every dataset in every era's published layout.

Belongs here: writing such a month, and the zone lookup, to a file. Not here: what is in them (``journeys.py`` and
its neighbours) and where the file belongs (``fetch.py``).

The same month, row count and recipe give the same lines on every machine, whatever its threads; the gzip bytes
around them depend on the compression library. DuckDB makes the lines as text, chunk by chunk on every core, Arrow
hands them over without a copy, and ISA-L compresses them into one gzip member like the real releases.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import FIRST_ZONE, LAST_ZONE
from taxi_assets.errors import NotPublishedError
from taxi_assets.steps.files.duckdb_connection import draw_no_progress
from taxi_assets.steps.files.formats import Format
from taxi_assets.steps.files.interrupts import stopped_by
from taxi_assets.steps.sample import figures
from taxi_assets.steps.sample.dice import Dice
from taxi_assets.steps.sample.dirt import REJECTED_SHARE
from taxi_assets.steps.sample.for_hire import fhv_trips, fhvhv_trips
from taxi_assets.steps.sample.journeys import journeys
from taxi_assets.steps.sample.layouts import CsvEra, Era, ParquetEra, ParquetType, csv_layouts, parquet_layout
from taxi_assets.steps.sample.spelling import csv_lines, parquet_columns, published_columns
from taxi_assets.steps.sample.taxi import taxi_trips

SAMPLE_VERSION = 1
"""The recipe. Raise it when the same month would come out differently; months are then made again."""

_LAST_CSV_MONTH = "2021-07"
_CHUNK_ROWS = 1 << 18
_MOST_WORKERS = 4
_COMPRESSION_LEVEL = 1
_ARROW_TYPES: dict[ParquetType, Any] = {
    ParquetType.INT32: pa.int32(),
    ParquetType.INT64: pa.int64(),
    ParquetType.DOUBLE: pa.float64(),
    ParquetType.STRING: pa.string(),
    ParquetType.LARGE_STRING: pa.large_string(),
    ParquetType.TIMESTAMP: pa.timestamp("us"),
    ParquetType.NULL: pa.null(),
}

_Made = TypeVar("_Made")

logger = logging.getLogger(__name__)


def sample_format(month: TripMonth) -> Format:
    """The format of a synthetic month: ``csv.gz`` through 2021-07, like the course's releases, ``parquet`` after."""
    return "csv.gz" if month.month <= _LAST_CSV_MONTH else "parquet"


def sample_layout(month: TripMonth) -> Era:
    """The published layout that a synthetic month is written in: of its first issue in the format of its time.

    Raises:
        NotPublishedError: The month precedes the first one of its dataset, or nobody knows the dataset.
    """
    if sample_format(month) == "csv.gz":
        for layout in csv_layouts(month):
            return layout
    try:
        return parquet_layout(month)
    except LookupError:
        raise NotPublishedError(
            f"{month}: this month was never published, so there is no layout to make a sample in; nothing was written. "
            f"Ask for a month since {', '.join(f'{d.first_month} ({d.name})' for d in DATASETS.values())}"
        ) from None


def write_sample_month(
    month: TripMonth,
    path: Path,
    rows: int,
    *,
    rejected_share: float = REJECTED_SHARE,
    layout: Era | None = None,
) -> None:
    """Writes a synthetic month of exactly ``rows`` data lines to ``path``.

    Args:
        month: Which month. Its layout, surcharges and dirt are those of its time.
        path: Where to write; not atomic, the caller gives the finished file its name.
        rows: Data lines: neither the header nor a blank second line counts.
        rejected_share: Share of lines that no reader can take for a trip; 0 for none.
        layout: Write this layout instead of the one of ``sample_layout``, for example that of a re-issue.

    Raises:
        NotPublishedError: The month precedes the first one of its dataset, or nobody knows the dataset.
        ValueError: ``rows`` is not positive, or ``rejected_share`` is not in [0, 1].
    """
    if rows < 1:
        raise ValueError(f"a month of {rows} rows cannot be made; ask for 1 or more")
    if not 0 <= rejected_share <= 1:
        raise ValueError(f"rejected_share is a share between 0 and 1, not {rejected_share}")
    layout = layout or sample_layout(month)
    recipe = _Recipe(month, rows, rejected_share, layout)
    if isinstance(layout, CsvEra):
        _write_csv(recipe, layout, path)
    else:
        _write_parquet(recipe, layout, path)
    logger.info("%s: made %d synthetic rows, %d bytes", month, rows, path.stat().st_size)


@dataclass(frozen=True)
class _Recipe:
    """Everything that decides what a synthetic month contains, besides ``SAMPLE_VERSION``."""

    month: TripMonth
    rows: int
    rejected_share: float
    layout: Era

    def chunk(self, lines: range) -> Any:
        """Some of the lines as an Arrow table."""
        # A connection of its own: settings and temporary state are nobody else's. One thread, because a numbered
        # series is scanned by one; chunks run side by side instead.
        with duckdb.connect(config={"threads": 1}) as connection, stopped_by(connection.interrupt):
            draw_no_progress(connection)
            return connection.sql(self._sql(lines)).to_arrow_table()

    def _sql(self, lines: range) -> str:
        month, layout = self.month, self.layout
        seed = f"taxi_assets sample {SAMPLE_VERSION} {month}"
        dice = Dice(seed)
        source = journeys(month, self.rows, lines, seed=seed, rejected_share=self.rejected_share)
        if month.dataset == "fhv":
            trips = fhv_trips(source, month, dice)
        elif month.dataset == "fhvhv":
            trips = fhvhv_trips(source, month, dice)
        else:
            published = {column.name for column in published_columns(layout) if column}
            trips = taxi_trips(source, month, dice, published, parquet=isinstance(layout, ParquetEra))
        if isinstance(layout, CsvEra):
            return csv_lines(trips, layout, month, self.rows)
        return f"SELECT {parquet_columns(layout, month)} FROM ({trips})"


def _write_csv(recipe: _Recipe, layout: CsvEra, path: Path) -> None:
    def text(lines: range) -> Sequence[bytes | memoryview]:
        texts = [_bytes_of(array) for array in recipe.chunk(lines).column(0).chunks]
        # In the published files a stray blank is Latin-1, one byte; DuckDB's texts are UTF-8, where it has two.
        return [bytes(text).replace(b"\xc2\xa0", b"\xa0") for text in texts] if layout.dataset == "fhv" else texts

    # Without a name and time in its header the file depends on its content only.
    with path.open("wb") as raw, igzip.GzipFile("", "wb", _COMPRESSION_LEVEL, raw, mtime=0) as packed:
        packed.write(layout.head.encode("ascii"))
        with closing(_side_by_side(text, recipe.rows)) as chunks:
            for part in chain.from_iterable(chunks):
                packed.write(part)


def _bytes_of(texts: Any) -> memoryview:
    """The texts of an Arrow array one after the other: a part of its data buffer, without a copy."""
    _, offsets, data = texts.buffers()
    borders = memoryview(offsets).cast("B").cast("q" if pa.types.is_large_string(texts.type) else "i")
    return memoryview(data)[borders[texts.offset] : borders[texts.offset + len(texts)]]


def _write_parquet(recipe: _Recipe, layout: ParquetEra, path: Path) -> None:
    schema = cast("Any", pa).schema([(name, _ARROW_TYPES[kind]) for name, kind in layout.columns])
    with (
        pq.ParquetWriter(path, schema, compression="zstd") as writer,
        closing(_side_by_side(recipe.chunk, recipe.rows)) as chunks,
    ):
        for table in chunks:
            writer.write_table(_typed(table, schema))


def _typed(table: Any, schema: Any) -> Any:
    """``table`` with the types of ``schema``; to Arrow's null type, which DuckDB has not, nothing can be cast."""
    columns: list[Any] = [
        cast("Any", pa).nulls(table.num_rows) if field.type == pa.null() else column.cast(field.type)
        for field, column in zip(schema, table.columns, strict=True)
    ]
    return cast("Any", pa).table(columns, schema=schema)


def _side_by_side(make: Callable[[range], _Made], rows: int) -> Generator[_Made]:
    """``make`` of each chunk of lines, in order, computed in threads; no more wait in memory than are computed."""
    chunks = [range(first, min(first + _CHUNK_ROWS, rows)) for first in range(0, rows, _CHUNK_ROWS)]
    workers = min(len(chunks), os.cpu_count() or 1, _MOST_WORKERS)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sample")
    try:
        waiting: deque[Future[_Made]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(make, chunk))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # A full disk ends the loop early: what nobody will write need not be computed.
        pool.shutdown(cancel_futures=True)


def write_sample_zones(path: Path) -> None:
    """Writes a zone lookup in the layout of ``taxi_zone_lookup.csv``: 265 zones with made-up names.

    Boroughs are the real ones; the real file's names are TLC's and stay with TLC.
    """
    boroughs = {zone: borough for borough, zones in figures.BOROUGHS.items() for zone in zones}
    lines = ['"LocationID","Borough","Zone","service_zone"']
    lines += [
        f'{zone},"{boroughs[zone]}","Zone {zone} (synthetic)","{figures.service_zone(zone)}"'
        for zone in range(FIRST_ZONE, LAST_ZONE + 1)
    ]
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("ascii"))
