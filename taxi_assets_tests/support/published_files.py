"""Small files as they are published, and what a test asks of a data folder after a fetch."""

from __future__ import annotations

import gzip
import io
import random
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.files.raw_file import RawFile, read_raw
from taxi_assets.steps.raw.http_retries import HttpPolicy

MONTH = TripMonth("yellow", "2019-01")
PATH = "yellow/yellow_tripdata_2019-01"


def csv_text(rows: int, seed: int = 1) -> bytes:
    """A CSV of random trips, which gzip hardly shrinks below fifty bytes a line."""
    dice = random.Random(seed)
    lines = (f"{n},{dice.randbytes(40).hex()}\r\n" for n in range(rows))
    return ("VendorID,trip\r\n" + "".join(lines)).encode()


def csv_gz(rows: int, seed: int = 1) -> bytes:
    return gzip.compress(csv_text(rows, seed), mtime=0)


def parquet(rows: int) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"VendorID": range(rows)}), file)
    return file.getvalue()


@dataclass
class Patience:
    """A policy that does not sleep, and the waits that it was told to sleep."""

    waits: list[float] = field(default_factory=list)
    attempts: int = 4
    read_timeout: float = 10.0

    @property
    def policy(self) -> HttpPolicy:
        return HttpPolicy(attempts=self.attempts, read_timeout=self.read_timeout, sleep=self.waits.append)


def visible_files(data_dir: DataDir, dataset: str = "yellow") -> dict[str, bytes]:
    """What a person sees in a raw folder, with contents."""
    return {path.name: path.read_bytes() for path in _files(data_dir, dataset) if not path.name.startswith(".")}


def leftovers(data_dir: DataDir, dataset: str = "yellow") -> list[str]:
    """Hidden files in a raw folder, without the locks, which stay."""
    names = [path.name for path in _files(data_dir, dataset)]
    return [name for name in names if name.startswith(".") and not name.endswith(".lock")]


def manifest(data_dir: DataDir, month: TripMonth = MONTH) -> RawFile:
    raw = read_raw(month, data_dir)
    assert raw is not None
    return raw


def _files(data_dir: DataDir, dataset: str) -> list[Path]:
    folder = data_dir.raw_dir(dataset)
    return sorted(folder.iterdir()) if folder.exists() else []
