"""An independent reading of published files and of every store: no code of the project, as a test of the house sees to.

Belongs here: what a file says, what a store holds, as the same plain tuples. Not here: what should be there.

A trip is told by its pickup and dropoff (New York's clock, as text) and its amount (dollars, or None where a dataset
has none); months are compared as multisets of these, so that lost, doubled and mixed months differ, and sums too.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

PICKUPS = ("trip_pickup_datetime", "tpep_pickup_datetime", "lpep_pickup_datetime", "pickup_datetime", "pickup_date")
DROPOFFS = tuple(name.replace("pickup", "dropoff") for name in PICKUPS)
AMOUNTS = ("total_amount", "total_amt", "base_passenger_fare")

Trip = tuple[str | None, str | None, float | None]


@dataclass(frozen=True)
class Line:
    """A published line that is neither the header nor blank; its number counts every line from 1."""

    number: int
    text: str
    trip: Trip


@dataclass(frozen=True)
class Month:
    """A month as a store holds it.

    Attributes:
        trips: How often each trip is there.
        rejected: Number and text of the rejected lines, where the store has them.
        version: What the store says which contents these are, where it does.
    """

    trips: Counter[Trip]
    rejected: tuple[tuple[int, str], ...] = ()
    version: str | None = None


def published_lines(content: bytes) -> list[Line]:
    """The lines of a CSV: they end with LF, carriage returns are nobody's, the first not blank is the header."""
    lines = [line.replace(b"\r", b"") for line in content.split(b"\n")]
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line]
    if not filled:
        return []
    header = [name.strip().strip('"').lower() for name in filled[0][1].decode("latin-1").split(",")]
    roles = [_position(header, names) for names in (PICKUPS, DROPOFFS, AMOUNTS)]
    return [Line(number, text, _trip_of(text, roles)) for number, line in filled[1:] for text in [_decoded(line)]]


def published_rows(content: bytes) -> list[Trip]:
    """The rows of a published Parquet file."""
    return list(_trips(pq.read_table(io.BytesIO(content))))


def published_count(content: bytes) -> int:
    """How many rows a published Parquet file says it has, broken pages or not."""
    return int(pq.ParquetFile(io.BytesIO(content)).metadata.num_rows)


def unpacked(content: bytes, file_format: str) -> bytes:
    """The text of a CSV as it is published."""
    return gzip.decompress(content) if file_format == "csv.gz" else content


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        # As the Windows machines write it on which such bytes were typed; five of them mean nothing there.
        return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in line)


def _trip_of(text: str, roles: Sequence[int | None]) -> Trip:
    fields = [field.strip().strip('"') for field in text.split(",")]
    pickup, dropoff, amount = (None if at is None or at >= len(fields) else fields[at] for at in roles)
    return _moment(pickup), _moment(dropoff), _dollars(amount)


def _position(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _moment(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    try:
        return None if value is None else datetime.fromisoformat(str(value)).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None


def _dollars(value: object) -> float | None:
    try:
        dollars = None if value is None else float(str(value))
    except ValueError:
        return None
    return None if dollars is None or not math.isfinite(dollars) else round(dollars, 4) + 0.0


def _trips(table: Any) -> Iterator[Trip]:
    names = [name.lower() for name in table.column_names]
    columns: list[list[object]] = []
    for wanted in (PICKUPS, DROPOFFS, AMOUNTS):
        at = _position(names, wanted)
        columns.append([None] * table.num_rows if at is None else values_of(table.column(at)))
    yield from ((_moment(a), _moment(b), _dollars(c)) for a, b, c in zip(*columns, strict=True))


def values_of(column: Any) -> list[Any]:
    """A column's values; moments beyond Python's calendar as text."""
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()
    microseconds = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_pylist()
    return [None if value is None else _at(value) for value in microseconds]


def _at(microseconds: int) -> datetime | str:
    try:
        return datetime(1970, 1, 1) + timedelta(microseconds=microseconds)  # noqa: DTZ001  # no zone has it
    except OverflowError:
        return f"{microseconds} microseconds"


@dataclass(frozen=True)
class Stores:
    """Where a month lies.

    Attributes:
        data: The data folder.
        conninfo: The trips' database.
        dataset: ``yellow`` and so on.
        month: ``2019-01``.
    """

    data: Path
    conninfo: str
    dataset: str
    month: str

    @property
    def stem(self) -> str:
        return f"{self.dataset}_tripdata_{self.month}"

    def raw(self) -> str | None:
        """The sha256 of the file that the manifest names; None where either is missing."""
        folder = self.data / "raw" / self.dataset
        try:
            told = json.loads((folder / f"{self.stem}.manifest.json").read_bytes())
            return hashlib.sha256((folder / told["path"]).read_bytes()).hexdigest()
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def clean(self) -> Month | None:
        """Clean and rejected file together; None where they do not belong together, by what their footers say."""
        clean, rejected = (self.data / layer / self.dataset / f"{self.stem}.parquet" for layer in ("clean", "rejected"))
        if not clean.exists() or not rejected.exists():
            return None
        kept, put_aside = pq.read_table(clean), pq.read_table(rejected)
        footers = [(table.schema.metadata or {}).get(b"taxi_assets") for table in (kept, put_aside)]
        if footers[0] is None or footers[0] != footers[1]:
            return None
        lines = tuple(zip(put_aside["line_number"].to_pylist(), put_aside["line"].to_pylist(), strict=True))
        return Month(Counter(_trips(kept)), lines)

    def postgres(self) -> Month | None:
        """What people read of the month, and the comment of its partition."""
        with psycopg.connect(self.conninfo) as connection:
            table = f"{self.dataset}_tripdata"
            found = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s",
                [table],
            ).fetchall()
            names = [str(name) for (name,) in found]
            if not names:
                return None
            rows = connection.execute(
                f"SELECT {_selected(names)} FROM public.{table} WHERE file_month = %s",
                [f"{self.month}-01"],
            ).fetchall()
        return Month(Counter((_moment(a), _moment(b), _dollars(c)) for a, b, c in rows)) if rows else None

    def tables_beside(self) -> list[str]:
        """Tables of months that are no partition of anything: what a load left behind."""
        with psycopg.connect(self.conninfo) as connection:
            return [
                str(name)
                for (name,) in connection.execute(
                    "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
                    "WHERE nspname = 'partitions' AND relkind = 'r' AND NOT relispartition"
                )
            ]

    def lake(self) -> Month | None:
        """The clean object, under its stable name."""
        path = self.data / "lake" / "clean" / self.dataset / f"{self.stem}.parquet"
        return Month(Counter(_trips(pq.read_table(path)))) if path.exists() else None

    def lake_raw(self) -> str | None:
        """The sha256 of the one published file in the lake."""
        found = sorted((self.data / "lake" / "raw" / self.dataset).glob(f"{self.stem}.*"))
        return ",".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in found) or None

    def warehouse(self) -> Month | None:
        """The month in the view."""
        catalogue = self.data / "warehouse.duckdb"
        if not catalogue.exists():
            return None
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{catalogue}' AS catalogue (READ_ONLY)")
            connection.execute("USE catalogue")
            table = f"{self.dataset}_tripdata"
            names = [str(row[0]) for row in connection.execute(f"DESCRIBE {table}").fetchall()]
            rows = connection.execute(
                f"SELECT {_selected(names)} FROM {table} WHERE file_month = ?", [f"{self.month}-01"]
            ).fetchall()
        return Month(Counter((_moment(a), _moment(b), _dollars(c)) for a, b, c in rows)) if rows else None

    def half_files(self) -> list[str]:
        """Files in the making that lie about."""
        return sorted(str(path.relative_to(self.data)) for path in self.data.rglob("*.partial"))


def _selected(names: Sequence[str]) -> str:
    found = (next((name for name in wanted if name in names), "NULL") for wanted in (PICKUPS, DROPOFFS, AMOUNTS))
    return ", ".join(found)
