"""Parquet with flipped bytes: every reader says that the file is broken, and never that the project is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import taxi_assets
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, LayoutError, PermanentError
from taxi_assets.orchestration.checks.clean import contents_as_registered
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.rules.oddities import count_oddities
from taxi_assets.steps.files.clean_file import clean_file_of, clean_rows, read_clean, total_of
from taxi_assets.steps.files.duckdb_connection import errors_explained
from taxi_assets.steps.files.formats import parquet_rows
from taxi_assets.steps.raw.verify import verify
from taxi_assets_tests.support.clean_months import clean_table
from taxi_assets_tests.support.damage import damaged_parquet
from taxi_assets_tests.support.raw_months import MONTH, parquet_month

YELLOW = DATASETS["yellow"]


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.mark.slow
def test_a_raw_file_is_broken_or_is_read_whatever_was_flipped(data_dir: DataDir) -> None:
    raw = parquet_month(data_dir, clean_table(YELLOW, MONTH, 200).drop_columns(["file_month"]))
    told: list[str] = []
    for content in damaged_parquet(raw.path.read_bytes(), range(200)):
        raw.path.write_bytes(content)
        try:
            clean_month(replace(raw, sha256=hashlib.sha256(content).hexdigest()), data_dir, threads=1)
        except (BrokenFileError, LayoutError) as error:  # a column's name may be hit as well
            told.append(str(error).replace(str(data_dir.root), ""))
    assert len(told) > 100
    assert all(f"{MONTH.stem}.parquet" in message and len(message) < 1_200 for message in told)


def pages_and_footer(path: Path) -> None:
    verify(path, "parquet", path.name)


FIGURES = dict.fromkeys(("rows", "rejected_rows", "published_rows"), 200) | dict.fromkeys(
    ("content_id", "raw_sha256", "source", "synthetic", "unreadable"), ""
)

READERS: dict[str, Callable[[DataDir], object]] = {
    "load_trips": lambda files: taxi_assets.load_trips("yellow", MONTH.month, data_dir=files.root),
    "scan_trips().arrow()": lambda files: list(
        taxi_assets.scan_trips("yellow", MONTH.month, data_dir=files.root).arrow()
    ),
    "scan_trips().relation()": lambda files: taxi_assets.scan_trips(
        "yellow", MONTH.month, data_dir=files.root
    ).relation(),
    "oddities": lambda files: count_oddities(files.clean(MONTH), MONTH),
    "contents_as_registered": lambda files: contents_as_registered(clean_file_of(MONTH, files, FIGURES), YELLOW),
    "total_of": lambda files: total_of(MONTH, files, "total_amount"),
    "clean_rows": lambda files: clean_rows(MONTH, files),
    "read_clean": lambda files: read_clean(MONTH, files),
    "verify": lambda files: pages_and_footer(files.clean(MONTH)),
}


@pytest.mark.slow
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_clean_file_is_broken_or_is_read_whatever_was_flipped(
    read: Callable[[DataDir], object], data_dir: DataDir
) -> None:
    path = data_dir.clean(MONTH)
    path.parent.mkdir(parents=True)
    pq.write_table(clean_table(YELLOW, MONTH, 200), path, row_group_size=100, compression="zstd")
    told: list[str] = []
    for content in damaged_parquet(path.read_bytes(), range(60)):
        path.write_bytes(content)
        try:
            read(data_dir)
        except BrokenFileError as error:
            told.append(str(error))
    assert all(path.name in message for message in told)
    assert len(told) > 10 or read is READERS["read_clean"]


def test_the_footer_of_a_stream_is_a_number_of_rows_or_a_value_error(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(clean_table(YELLOW, MONTH, 20), path)
    wrong = 0
    for content in damaged_parquet(path.read_bytes(), range(0, 120, 2)):
        path.write_bytes(content)
        with path.open("rb") as stream:
            try:
                parquet_rows(stream)
            except ValueError:
                wrong += 1
    assert wrong > 10


@pytest.mark.parametrize(
    "error",
    [
        duckdb.InterruptException("INTERRUPT Error: Interrupted!"),
        duckdb.ParserException("Parser Error: syntax error"),
        duckdb.OutOfMemoryException("Out of Memory Error"),
        RuntimeError("Query interrupted"),
        KeyboardInterrupt(),
        FileNotFoundError(2, "No such file or directory"),
        LayoutError("ours"),
    ],
)
def test_what_does_not_speak_of_the_file_is_let_through(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as raised, errors_explained(tmp_path / "x.parquet", tmp_path):
        raise error
    assert raised.value is error


def test_what_an_engine_says_is_shown_in_one_bounded_line(tmp_path: Path) -> None:
    with pytest.raises(PermanentError) as raised, errors_explained(tmp_path / "x.parquet", tmp_path):
        raise duckdb.Error("don't know what type: \x0e" + "x" * 5_000 + "\n\nLINE 1: SELECT secret")
    assert r"don't know what type: \x0exxx" in str(raised.value)
    assert "LINE 1" not in str(raised.value)
    assert len(str(raised.value)) < 600
