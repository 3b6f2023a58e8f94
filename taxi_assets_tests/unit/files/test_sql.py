"""Paths in SQL: a path names a file, and says nothing about what is in it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from taxi_assets.steps.files.sql import literal, parquet_scan

FOLDERS = [
    "vendorid=9",
    "data [1]",
    "a*b",
    "q?x",
    "[",
    "]",
    "[!a]",
    "[[x]]",
    "*[?]*",
    "**",
    "{a,b}",
    "it's",
    "Größe",
    "a\nb",
]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_s_name_is_neither_a_pattern_nor_a_column(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    # What a pattern would find as well.
    (tmp_path / "data 1").mkdir()
    for path, vendor in ((folder / "2019-01.parquet", 1), (tmp_path / "data 1" / "2019-01.parquet", 2)):
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT {vendor} AS vendorid) TO {literal(str(path))}")
    with duckdb.connect() as connection:
        for scan in (
            parquet_scan(folder / "2019-01.parquet"),
            parquet_scan(folder, pattern="????-??.parquet"),
            parquet_scan(folder / "2019-01.parquet", union_by_name=True),
        ):
            result = connection.execute(f"FROM {scan}")
            assert [column[0] for column in result.description or []] == ["vendorid"]
            assert result.fetchall() == [(1,)]


def test_several_files_are_read_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    paths = [tmp_path / f"month={number}.parquet" for number in (2, 1, 3)]
    with duckdb.connect() as connection:
        for number, path in enumerate(paths):
            connection.execute(f"COPY (SELECT {number} AS n) TO {literal(str(path))}")
        assert connection.execute(f"FROM {parquet_scan(*paths)}").fetchall() == [(0,), (1,), (2,)]
