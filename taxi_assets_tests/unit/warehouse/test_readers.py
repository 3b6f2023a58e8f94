"""Readers of the DuckDB warehouse while months are replaced: whole months only, for as long as anybody reads them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

from taxi_assets.data_dir import DataDir, published_atomically
from taxi_assets.steps.files.sql import literal
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.warehouse import versions
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse
from taxi_assets.steps.warehouse.load import load_month
from taxi_assets.steps.warehouse.versions import Catalogues, FileVersions, is_open
from taxi_assets_tests.support.lake_months import YELLOW, write_clean

ASK = "SELECT count(*), sum(total_amount), sum(trip_distance), max(store_and_fwd_flag) FROM "

READ = f"""
import select, sys, time
import duckdb
kind, catalogue = sys.argv[1:]
ask = "{ASK} yellow_tripdata"
held = duckdb.connect(catalogue, read_only=True)
answers = {{held.execute(ask).fetchone()}}
if kind == "transaction":
    held.execute("BEGIN")
elif kind == "prepared":
    held.execute("PREPARE ask AS " + ask)
    ask = "EXECUTE ask"
elif kind == "new":
    held.close()
print("reading", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    if kind == "new":
        held = duckdb.connect(catalogue, read_only=True)
    answers.add(held.execute(ask).fetchone())
    if kind == "new":
        held.close()
    else:
        time.sleep(0.05)  # the machine is for those who open the catalogue anew
print(sorted(answers))
"""


@dataclass
class Reloads:
    """A data folder whose yellow 2019-01 changes between two versions, each time in a new file."""

    root: Path
    rows: tuple[int, int] = (20, 30)
    grace: timedelta = timedelta(0)
    seed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        for version, rows in enumerate(self.rows):
            if not self.made(version).exists():
                write_clean(self.made(version), YELLOW, rows, seed=version)

    def made(self, version: int) -> Path:
        return self.root / f"version-{version}.parquet"

    @property
    def data_dir(self) -> DataDir:
        return DataDir(self.root / "data")

    @property
    def lake(self) -> FolderLake:
        return FolderLake(self.data_dir.lake)

    @property
    def warehouse(self) -> DuckDbWarehouse:
        return DuckDbWarehouse(self.data_dir.warehouse, self.data_dir.lake, grace=self.grace)

    def copy(self, version: int) -> FolderLake:
        with published_atomically(self.data_dir.clean(YELLOW)) as partial:
            shutil.copyfile(self.made(version), partial)
        self.lake.put(self.data_dir.clean(YELLOW), clean_name(YELLOW), metadata={})
        return self.lake

    def load(self, version: int) -> None:
        load_month(YELLOW, self.copy(version), self.warehouse)

    def whole(self, version: int) -> tuple[Any, ...]:
        """What a reader may be answered."""
        return duckdb.execute(f"{ASK} {literal(str(self.made(version)))}").fetchone() or ()

    def answer(self) -> tuple[Any, ...]:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {literal(str(self.data_dir.warehouse))} AS catalogue (READ_ONLY)")
            return connection.execute(f"{ASK} catalogue.yellow_tripdata").fetchone() or ()

    def versions(self) -> list[Path]:
        return [path for path in (self.data_dir.lake / ".versions").rglob("*") if path.is_file()]

    def catalogues(self) -> list[str]:
        return sorted(path.suffix for path in (self.data_dir.root / ".warehouse.duckdb.versions").iterdir())


@pytest.mark.slow
def test_four_kinds_of_readers_see_whole_versions_during_a_hundred_reloads(tmp_path: Path) -> None:
    place = Reloads(tmp_path, rows=(20_000, 30_000), grace=timedelta(seconds=1))
    place.load(0)
    most = 0
    with ExitStack() as stack:
        readers = {
            kind: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", READ, kind, str(place.data_dir.warehouse)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for kind in ("new", "held", "transaction", "prepared")
        }
        for reader in readers.values():
            assert reader.stdout is not None
            assert reader.stdout.readline() == "reading\n"
        for reload in range(1, 101):
            place.load(reload % 2)
            most = max(most, len(place.versions()))
        said = {kind: reader.communicate("end\n", timeout=60) for kind, reader in readers.items()}
    whole = [place.whole(version) for version in (0, 1)]
    assert said == {kind: (f"{whole if kind == 'new' else whole[:1]}\n", "") for kind in readers}
    assert most < 60, "old versions go while others are still read"

    time.sleep(place.grace.total_seconds())
    place.warehouse.refresh()
    assert [path.samefile(place.data_dir.clean(YELLOW)) for path in place.versions()] == [True]
    assert place.catalogues() == [".files"]


def test_a_replaced_catalogue_stays_while_another_process_has_it_open(tmp_path: Path) -> None:
    place = Reloads(tmp_path)
    place.load(0)
    with subprocess.Popen(
        [sys.executable, "-c", READ, "held", str(place.data_dir.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        for version in (1, 0, 1):
            place.load(version)
            assert len(place.versions()) == 2, "the one that is read and today's"
        assert reader.communicate("end\n", timeout=60)[0] == f"{[place.whole(0)]}\n"
    place.warehouse.refresh()
    assert len(place.versions()) == 1


def test_a_reader_in_the_process_that_loads_is_seen_too(tmp_path: Path) -> None:
    place = Reloads(tmp_path)
    place.load(0)
    with duckdb.connect(str(place.data_dir.warehouse), read_only=True) as reader:
        for version in (1, 0, 1):
            place.load(version)
            assert reader.execute(f"{ASK} yellow_tripdata").fetchone() == place.whole(0)
    place.warehouse.refresh()
    assert len(place.versions()) == 1


def test_a_catalogue_is_kept_for_a_while_when_nobody_is_seen_to_read_it(tmp_path: Path) -> None:
    place = Reloads(tmp_path, grace=timedelta(hours=1))
    for version in (0, 1, 0):
        place.load(version)
    assert len(place.versions()) == 3
    place.grace = timedelta(0)
    place.warehouse.refresh()
    assert len(place.versions()) == 1


def test_where_links_are_impossible_time_alone_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for a file system without links: one cannot be mounted everywhere.
    def impossible(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", impossible)
    place = Reloads(tmp_path)
    for version in (0, 1, 0):
        place.load(version)
    assert place.answer() == place.whole(0)
    assert set(place.catalogues()) == {".files"}
    assert len(place.versions()) == 3
    named = Catalogues(place.data_dir.warehouse, timedelta(0), unknown_grace=timedelta(0)).forget_unread()
    FileVersions(place.data_dir.lake).remove_all_but(named)
    assert place.catalogues() == [".files"]
    assert [path.read_bytes() for path in place.versions()] == [place.made(0).read_bytes()]


def test_what_cannot_be_told_is_not_taken_for_unread(tmp_path: Path) -> None:
    assert is_open(tmp_path / "gone.duckdb") is None
    assert versions.GRACE < versions.UNKNOWN_GRACE


def test_a_lake_and_a_catalogue_without_versions_are_taken_over(tmp_path: Path) -> None:
    place = Reloads(tmp_path)
    place.copy(0)
    pattern = place.data_dir.lake / "clean" / "yellow" / "yellow_tripdata_????-??.parquet"
    with duckdb.connect(str(place.data_dir.warehouse)) as old:
        old.execute(f"CREATE VIEW yellow_tripdata AS SELECT * FROM read_parquet({literal(str(pattern))})")
    assert place.answer() == place.whole(0)

    assert place.warehouse.refresh()
    assert place.answer() == place.whole(0)
    place.copy(1)
    assert place.answer() == place.whole(0), "until it is loaded"
    assert place.warehouse.refresh()
    assert place.answer() == place.whole(1)
    assert not place.warehouse.refresh()


def test_patterns_of_people_find_each_trip_once(tmp_path: Path) -> None:
    place = Reloads(tmp_path, grace=timedelta(hours=1))
    for version in (0, 1):
        place.load(version)
    assert len(place.versions()) == 2
    everything = literal(f"{place.data_dir.lake}/**/*.parquet")
    assert duckdb.execute(f"{ASK} read_parquet({everything})").fetchone() == place.whole(1)


CHANGES = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.utime", "open"}


def _load_until(root: Path, version: int, last: int) -> None:
    """Replaces the month; the process is killed before its ``last`` change of a file."""
    place = Reloads(root)
    lake, seen = place.copy(version), count(1)

    def kill(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event != "open" or arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if event in CHANGES and writes and str(root) in str(arguments[0]) and next(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    load_month(YELLOW, lake, place.warehouse)


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_a_whole_catalogue_and_the_next_load_heals(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    place = Reloads(tmp_path)
    place.load(0)
    for last in count(1):
        version = last % 2
        process = context.Process(target=_load_until, args=(tmp_path, version, last))
        process.start()
        process.join(60)
        assert place.answer() in (place.whole(0), place.whole(1)), f"killed at {last}"
        place.load(version)
        assert place.answer() == place.whole(version), f"killed at {last}"
        assert list(place.data_dir.root.rglob("*.partial")) == []
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert last > 8, "it was killed in the middle of its work"
    # What was noted for catalogues that never came to be waits for its time.
    Catalogues(place.data_dir.warehouse, timedelta(0), unknown_grace=timedelta(0)).forget_unread()
    place.warehouse.refresh()
    assert (len(place.versions()), place.catalogues()) == (1, [".files"])
