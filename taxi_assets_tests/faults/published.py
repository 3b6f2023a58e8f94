"""Months as they are published, in as many versions as are wanted: synthetic, small, and known line by line.

Belongs here: making the bytes of a version, and saying what is in them. Not here: what is done to them.
"""

from __future__ import annotations

import gzip
import io
import random
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.sample.layouts import CSV_LAYOUTS, PARQUET_LAYOUTS, Era
from taxi_assets.steps.sample.write import write_sample_month
from taxi_assets_tests.faults.reading import Trip, published_lines, published_rows, unpacked

POOL_ROWS = 3_500
BAD_LINES = ("not,a,trip", '"', "2,,,,,", "2019-01-01", ",,,,,,,,,,")

MONTHS = (("yellow", "2019-01"), ("green", "2020-02"), ("fhv", "2019-05"), ("fhvhv", "2023-04"))
"""One of each dataset: yellow and fhv as gzip, green as plain text, fhvhv as Parquet."""


@dataclass(frozen=True)
class Version:
    """One version of a published month.

    Attributes:
        name: Where the source publishes it, below its base.
        content: The file.
        trips: Those that belong into every store.
        rejected: Number and text of the lines that are rejected; for Parquet only as many.
    """

    name: str
    content: bytes
    trips: Counter[Trip]
    rejected: tuple[tuple[int, str], ...]


def version(dataset: str, month: str, dice: random.Random) -> Version:
    """A version that no other is like: other lines of the same pool, other amounts, other bad lines."""
    return _parquet_version(dataset, month, dice) if dataset == "fhvhv" else _csv_version(dataset, month, dice)


def _name(dataset: str, month: str, file_format: str) -> str:
    return f"{dataset}/{dataset}_tripdata_{month}.{file_format}"


def _csv_version(dataset: str, month: str, dice: random.Random) -> Version:
    header, *pool = unpacked(pool_of(dataset, month), "csv.gz").replace(b"\r", b"").splitlines()
    sound = [line for line in pool if _is_sound(header, line, has_amount=dataset != "fhv")]
    lines = dice.sample(sound, dice.randrange(300, 1_500))
    for bad in dice.sample(BAD_LINES, dice.randrange(len(BAD_LINES))):
        lines.insert(dice.randrange(len(lines)), bad.encode())
    content = b"\r\n".join([header, *lines]) + b"\r\n"
    found = published_lines(content)
    trips = Counter(line.trip for line in found if line.text not in BAD_LINES)
    rejected = tuple((line.number, line.text) for line in found if line.text in BAD_LINES)
    if dataset == "green":
        return Version(_name(dataset, month, "csv"), content, trips, rejected)
    return Version(_name(dataset, month, "csv.gz"), gzip.compress(content, mtime=0), trips, rejected)


def _is_sound(header: bytes, line: bytes, *, has_amount: bool) -> bool:
    [found] = published_lines(header + b"\n" + line + b"\n")
    complete = line.count(b",") == header.count(b",")
    pickup, dropoff, amount = found.trip
    return complete and pickup is not None and dropoff is not None and (amount is not None or not has_amount)


def _parquet_version(dataset: str, month: str, dice: random.Random) -> Version:
    pool = pq.read_table(io.BytesIO(pool_of(dataset, month)))
    table = pool.take(dice.sample(range(pool.num_rows), dice.randrange(300, 1_500)))
    at = table.schema.get_field_index("pickup_datetime")
    pickups = table.column(at).to_pylist()
    bad = dice.sample(range(len(pickups)), dice.randrange(4))
    for row in bad:
        pickups[row] = None
    table = table.set_column(at, table.schema.field(at), pa.array(pickups, table.schema.field(at).type))
    file = io.BytesIO()
    pq.write_table(table, file)
    trips = Counter(trip for trip in published_rows(file.getvalue()) if trip[0] is not None)
    return Version(_name(dataset, month, "parquet"), file.getvalue(), trips, tuple((0, "") for _ in bad))


@lru_cache
def pool_of(dataset: str, month: str, rows: int = POOL_ROWS, layout: Era | None = None) -> bytes:
    """A synthetic month without rejected lines, in the layout in which it was published."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample"
        write_sample_month(TripMonth(dataset, month), path, rows, rejected_share=0, layout=layout)
        return path.read_bytes()


def layouts() -> list[tuple[str, str, Era, str]]:
    """Dataset, first month, layout and format of each layout that there ever was."""
    found: list[tuple[str, str, Era, str]] = [(era.dataset, era.first_month, era, "csv.gz") for era in CSV_LAYOUTS]
    found += [(era.dataset, era.first_month, era, "parquet") for era in PARQUET_LAYOUTS]
    return found
