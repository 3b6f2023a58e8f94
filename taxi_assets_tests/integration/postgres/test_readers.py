"""Loads beside readers and beside each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from taxi_assets.datasets.columns import ColumnType
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import StoreUnavailableError
from taxi_assets.steps.postgres.load import count_month, load_month
from taxi_assets.steps.postgres.tables import Names, prepare_database
from taxi_assets_tests.support.clean_months import write_clean

JANUARY = TripMonth("yellow", "2019-01")
FEBRUARY = TripMonth("yellow", "2019-02")
COUNT = "SELECT count(*) FROM yellow_tripdata"


def until(happened: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Waits for a state of the server that comes by itself; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def waiting_for_a_lock(conninfo: str, kind: str) -> bool:
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database() "
            "WHERE NOT granted AND locktype = %s",
            [kind],
        )
        return found.fetchone() is not None


def test_readers_see_the_old_month_or_the_new_one(postgres: str, tmp_path: Path) -> None:
    sizes = (1000, 1500)
    months = [write_clean(tmp_path, JANUARY, rows) for rows in sizes]
    prepare_database(postgres, [DATASETS["yellow"]])
    seen: tuple[list[int], list[int]] = ([], [])
    done = threading.Event()

    def read(mine: list[int], prepared: bool) -> None:
        with psycopg.connect(postgres, autocommit=True) as connection:
            while not done.is_set():
                row = connection.execute(COUNT, prepare=prepared).fetchone()
                assert row is not None
                mine.append(row[0])

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read, mine, prepared) for mine, prepared in zip(seen, (False, True), strict=True)]
        try:
            until(lambda: all(seen), "both read before the first load")
            for size, month in zip(sizes * 6, months * 6, strict=True):
                read_before = [len(mine) for mine in seen]
                load_month(month, postgres)
                until(
                    lambda: all(size in mine[begin:] for mine, begin in zip(seen, read_before, strict=True)),  # noqa: B023  # used at once
                    "both read the new month",
                )
        finally:
            done.set()
        for reader in readers:
            reader.result()
    for mine in seen:
        assert set(mine) == {0, *sizes}, "nothing at first, then all of one file or all of the other"
        assert 0 not in mine[mine.index(1000) :], "never nothing once a month was there"


def test_two_runs_of_one_month_take_turns(postgres: str, tmp_path: Path) -> None:
    inside, may_go_on = threading.Event(), threading.Event()
    first, second = write_clean(tmp_path, JANUARY, 1000), write_clean(tmp_path, JANUARY, 1200)

    def hold(done: int, total: int | None) -> None:
        inside.set()
        assert may_go_on.wait(30)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(load_month, first, postgres, on_progress=hold)
        assert inside.wait(30)
        other = pool.submit(load_month, second, postgres)
        until(lambda: waiting_for_a_lock(postgres, "advisory"), "the second run waits for the first")
        assert not other.done()
        may_go_on.set()
        assert (one.result().rows, other.result().rows) == (1000, 1200)
    assert count_month(postgres, JANUARY) == 1200


def test_two_runs_of_one_content_load_it_once(postgres: str, tmp_path: Path) -> None:
    clean = write_clean(tmp_path, JANUARY, 1000)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(load_month, clean, postgres) for _ in range(2)]
        assert sorted(run.result().unchanged for run in runs) == [False, True]
    assert count_month(postgres, JANUARY) == 1000


def test_two_months_load_side_by_side(postgres: str, tmp_path: Path) -> None:
    inside, may_go_on = threading.Event(), threading.Event()

    def hold(done: int, total: int | None) -> None:
        inside.set()
        assert may_go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        january = pool.submit(load_month, write_clean(tmp_path, JANUARY), postgres, on_progress=hold)
        try:
            assert inside.wait(30)
            load_month(write_clean(tmp_path, FEBRUARY, 300), postgres)
            assert (count_month(postgres, JANUARY), count_month(postgres, FEBRUARY)) == (0, 300)
        finally:
            may_go_on.set()
        january.result()
    assert count_month(postgres, JANUARY) == 1000


def test_many_months_and_datasets_at_once(postgres: str, tmp_path: Path) -> None:
    months = [TripMonth(name, f"2021-0{number}") for name in DATASETS for number in (1, 2)]
    with ThreadPoolExecutor(len(months)) as pool:
        loads = [pool.submit(load_month, write_clean(tmp_path, month, 300), postgres) for month in months]
        assert [load.result().rows for load in loads] == [300] * len(months)
    assert [count_month(postgres, month) for month in months] == [300] * len(months)


def test_a_reader_that_holds_the_table_is_waited_for_and_others_are_not_kept_waiting(
    postgres: str, tmp_path: Path
) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    new = write_clean(tmp_path, JANUARY, 1100)
    with psycopg.connect(postgres) as reader, ThreadPoolExecutor(1) as pool:
        assert reader.execute(COUNT).fetchone() == (1000,)
        load = pool.submit(load_month, new, postgres)
        until(lambda: waiting_for_a_lock(postgres, "relation"), "the swap waits for the reader")
        with psycopg.connect(postgres, autocommit=True) as other:
            # Behind the waiting swap for as long as it tries once, then through.
            other.execute("SET statement_timeout = '20s'")
            assert other.execute(COUNT).fetchone() == (1000,)
        assert not load.done()
        assert reader.execute(COUNT).fetchone() == (1000,)
        reader.rollback()
        assert load.result(timeout=60).rows == 1100
    assert count_month(postgres, JANUARY) == 1100


def test_a_reader_that_does_not_let_go_is_named_and_the_old_month_stays(postgres: str, tmp_path: Path) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    with psycopg.connect(postgres, application_name="a dashboard") as reader:
        reader.execute(COUNT)
        with pytest.raises(StoreUnavailableError, match=r"held it for 1 s \(process \d+ of a dashboard\)"):
            load_month(write_clean(tmp_path, JANUARY, 1100), postgres, swap_patience=1)
        assert reader.execute(COUNT).fetchone() == (1000,)
        tables = reader.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'partitions'").fetchall()
        assert tables == [("yellow_tripdata_2019_01",)]


def test_the_first_load_of_a_month_does_not_wait_for_readers(postgres: str, tmp_path: Path) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    with psycopg.connect(postgres) as reader:
        reader.execute(COUNT)
        load_month(write_clean(tmp_path, FEBRUARY, 300), postgres, swap_patience=0)
        assert reader.execute(COUNT).fetchone() == (1300,)


def test_what_nobody_loads_any_more_is_dropped_and_what_is_being_loaded_is_not(postgres: str, tmp_path: Path) -> None:
    prepare_database(postgres, [DATASETS["yellow"]])
    leftover, living = Names(JANUARY).loading("00000000"), Names(FEBRUARY).loading("11111111")
    with psycopg.connect(postgres, autocommit=True) as other:
        for name in (leftover, living):
            other.execute(f"CREATE TABLE partitions.{name} ()".encode())
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [Names(FEBRUARY).lock])
        load_month(write_clean(tmp_path, JANUARY), postgres)
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'partitions' ORDER BY 1"
        assert other.execute(tables).fetchall() == [("yellow_tripdata_2019_01",), (living,)]
        other.execute("SELECT pg_advisory_unlock_all()")
        prepare_database(postgres, [DATASETS["yellow"]])
        assert other.execute(tables).fetchall() == [("yellow_tripdata_2019_01",)]


def test_a_reader_in_the_way_of_a_new_column_makes_it_fail_in_passing(postgres: str) -> None:
    yellow = DATASETS["yellow"]
    prepare_database(postgres, [replace(yellow, columns=yellow.columns[:-1])])
    assert yellow.columns[-1].type is ColumnType.NUMBER
    with psycopg.connect(postgres) as reader:
        reader.execute(COUNT)
        with pytest.raises(StoreUnavailableError, match="somebody holds a table"):
            prepare_database(postgres, [yellow])
    prepare_database(postgres, [yellow])
