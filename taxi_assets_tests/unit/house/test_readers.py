"""Files are told to DuckDB in one place, so that what a path may look like is thought of once."""

from __future__ import annotations

import re

import pytest

from taxi_assets_tests.support.findings import none_of
from taxi_assets_tests.support.imports import HERE

ONE_PLACE = {
    r"(read_parquet|parquet_scan)\(['\"\[\{?]|\.read_parquet\(": "steps/files/sql.py",
}


@pytest.mark.parametrize(("reader", "place"), ONE_PLACE.items())
def test_one_module_writes_how_files_are_read(reader: str, place: str) -> None:
    found = [
        f"{path}:{number}: {line.strip()}; let {place} write it"
        for path in sorted(HERE.rglob("*.py"))
        if path != HERE / place
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(reader, line)
    ]
    none_of(found)


@pytest.mark.parametrize("place", ONE_PLACE.values())
def test_it_takes_no_folder_for_a_column(place: str) -> None:
    assert "hive_partitioning" in (HERE / place).read_text(encoding="utf-8")
