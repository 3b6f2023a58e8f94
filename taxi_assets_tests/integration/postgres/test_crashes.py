"""Postgres that is away, refuses, dies or is full, and loads that are killed: the old month stays."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from taxi_assets.datasets.months import TripMonth
from taxi_assets.embedded_postgres.account import server_account
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import StorageFullError, StoreAccessError, StoreUnavailableError
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets.steps.postgres.load import count_month, load_month
from taxi_assets_tests.integration.postgres.test_readers import until, waiting_for_a_lock
from taxi_assets_tests.support.clean_months import write_clean

JANUARY = TripMonth("yellow", "2019-01")

# A load in a process of its own that says when it has come to a phase and stays there until it is killed.
LOADER = """
import pickle, sys, time
from taxi_assets.steps.postgres import load as load_postgres
from taxi_assets.steps.postgres import copy_streams as postgres_copy, swap
clean, conninfo, phase = pickle.load(sys.stdin.buffer)

def stay(*_, **__):
    print("there", flush=True)
    time.sleep(600)

def after(function):
    def run(*arguments, **options):
        result = function(*arguments, **options)
        stay()
        return result
    return run

options = {"on_progress": stay} if phase == "copying" else {}
if phase == "table made":
    postgres_copy.copy_parquet = stay
if phase == "copied":
    postgres_copy.copy_parquet = after(postgres_copy.copy_parquet)
if phase == "finished":
    load_postgres.swap_in = stay
if phase == "swapping":
    swap.attached_partition = after(swap.attached_partition)
    load_postgres._holds = lambda *_: False
if phase == "waiting":
    print("there", flush=True)
load_postgres.load_month(clean, conninfo, application_name="doomed", **options)
"""


def start_loader(clean: CleanFile, conninfo: str, phase: str) -> subprocess.Popen[bytes]:
    loader = subprocess.Popen([sys.executable, "-c", LOADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert loader.stdin is not None
    assert loader.stdout is not None
    loader.stdin.write(pickle.dumps((clean, conninfo, phase)))
    loader.stdin.close()
    assert loader.stdout.readline() == b"there\n"
    return loader


def connections_of_the_doomed(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'doomed%%' "
            "AND datname = current_database()"
        )
        return (found.fetchone() or [0])[0]


def tables_of_partitions(conninfo: str) -> list[Any]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute("SELECT tablename::text FROM pg_tables WHERE schemaname = 'partitions'").fetchall()


@pytest.mark.parametrize(
    ("phase", "before"),
    [("copying", 0), ("table made", 1000), ("copying", 1000), ("copied", 1000), ("finished", 1000), ("swapping", 1000)],
)
def test_a_load_that_is_killed_leaves_the_old_month_and_nothing_else(
    postgres: str, tmp_path: Path, phase: str, before: int
) -> None:
    if before:
        load_month(write_clean(tmp_path, JANUARY, before), postgres)
    new = write_clean(tmp_path, JANUARY, 1200)
    loader = start_loader(new, postgres, phase)
    loader.send_signal(signal.SIGKILL)
    assert loader.wait() == -signal.SIGKILL
    until(lambda: connections_of_the_doomed(postgres) == 0, "the server notices")
    assert count_month(postgres, JANUARY) == before
    loaded = load_month(new, postgres)
    assert (loaded.rows, loaded.unchanged) == (1200, False)
    assert count_month(postgres, JANUARY) == 1200
    assert tables_of_partitions(postgres) == [("yellow_tripdata_2019_01",)]


def test_a_load_that_is_killed_while_it_waits_for_another_run_of_its_month_goes_away(
    postgres: str, tmp_path: Path
) -> None:
    new = write_clean(tmp_path, JANUARY, 1200)
    first = start_loader(new, postgres, "copied")
    second = start_loader(new, postgres, "waiting")
    until(lambda: waiting_for_a_lock(postgres, "advisory"), "the second run waits")
    for loader in (second, first):
        loader.kill()
        loader.wait()
    until(lambda: connections_of_the_doomed(postgres) == 0, "the server notices")
    assert load_month(new, postgres).rows == 1200
    assert tables_of_partitions(postgres) == [("yellow_tripdata_2019_01",)]


def test_a_load_that_is_cancelled_in_the_middle_cleans_up_by_itself(postgres: str, tmp_path: Path) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)

    def cancel(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_month(write_clean(tmp_path, JANUARY, 1200), postgres, on_progress=cancel)
    assert count_month(postgres, JANUARY) == 1000
    assert tables_of_partitions(postgres) == [("yellow_tripdata_2019_01",)]


def test_a_signal_to_the_waiting_main_thread_ends_the_load(postgres: str, tmp_path: Path) -> None:
    new = write_clean(tmp_path, JANUARY, 5000)
    may_go_on = threading.Event()

    def interrupt(done: int, total: int | None) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        # The main thread is told now; the streams go on until they learn of it.
        may_go_on.wait(0.2)

    with pytest.raises(KeyboardInterrupt):
        load_month(new, postgres, on_progress=interrupt)
    assert count_month(postgres, JANUARY) == 0
    assert tables_of_partitions(postgres) == []


@pytest.mark.parametrize("victim", ["doomed", "doomed copy 1"])
def test_a_connection_that_the_server_ends_is_a_passing_failure(postgres: str, tmp_path: Path, victim: str) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    ended = threading.Event()

    def end(done: int, total: int | None) -> None:
        if not ended.is_set():
            ended.set()
            with psycopg.connect(postgres) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                    "WHERE application_name = %s AND datname = current_database()",
                    [victim],
                )

    new = write_clean(tmp_path, JANUARY, 1200)
    with pytest.raises(StoreUnavailableError, match="went away"):
        load_month(new, postgres, application_name="doomed", on_progress=end)
    assert count_month(postgres, JANUARY) == 1000
    assert load_month(new, postgres).rows == 1200
    assert tables_of_partitions(postgres) == [("yellow_tripdata_2019_01",)]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "own server")
    server.start()
    yield server
    server.remove()


def postmaster_pid(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.conninfo()) as connection:
        [data] = connection.execute("SHOW data_directory").fetchone() or [""]
    return int((Path(data) / "postmaster.pid").read_text().splitlines()[0])


def test_a_server_that_dies_in_the_middle_of_a_copy_keeps_the_old_month(
    own_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), own_server.conninfo())
    pid = postmaster_pid(own_server)

    def kill(done: int, total: int | None) -> None:
        if own_server.is_running():
            os.kill(pid, signal.SIGKILL)
            until(lambda: not own_server.is_running(), "the server is gone")

    # More than fits in the buffers between us and the server.
    new = write_clean(tmp_path, JANUARY, 60_000, row_group=5000)
    with pytest.raises(StoreUnavailableError, match="went away"):
        load_month(new, own_server.conninfo(), on_progress=kill)
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        count_month(own_server.conninfo(), JANUARY)
    own_server.start()
    assert count_month(own_server.conninfo(), JANUARY) == 1000
    load_month(new, own_server.conninfo())
    assert count_month(own_server.conninfo(), JANUARY) == 60_000
    assert tables_of_partitions(own_server.conninfo()) == [("yellow_tripdata_2019_01",)]


def test_a_server_that_is_stopped_in_the_middle_is_a_passing_failure(
    own_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    def stop(done: int, total: int | None) -> None:
        own_server.stop()

    new = write_clean(tmp_path, JANUARY, 60_000, row_group=5000)
    with pytest.raises(StoreUnavailableError):
        load_month(new, own_server.conninfo(), on_progress=stop)
    own_server.start()
    assert count_month(own_server.conninfo(), JANUARY) == 0
    assert load_month(new, own_server.conninfo()).rows == 60_000


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 12 MB that the server's user may write."""
    account = server_account()
    if not account.switched:
        pytest.skip("needs root to mount a small file system")
    folder = Path(tempfile.mkdtemp(prefix="taxi_assets-full-"))
    options = f"size=12m,mode=0700,uid={account.uid},gid={account.gid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"this root may not mount a file system: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_keeps_the_old_month_and_is_permanent(
    own_server: EmbeddedPostgres, small_disk: Path, tmp_path: Path
) -> None:
    conninfo = own_server.conninfo()
    load_month(write_clean(tmp_path, JANUARY, 1000), conninfo)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'".encode())
        connection.execute("ALTER DATABASE ny_taxi SET default_tablespace = small")
    big = write_clean(tmp_path, JANUARY, 100_000, row_group=10_000)
    with pytest.raises(StorageFullError, match="No space left on device"):
        load_month(big, conninfo)
    assert count_month(conninfo, JANUARY) == 1000
    assert tables_of_partitions(conninfo) == [("yellow_tripdata_2019_01",)]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("ALTER DATABASE ny_taxi RESET default_tablespace")
    assert load_month(big, conninfo).rows == 100_000
    own_server.stop()


def refused(conninfo: str) -> str:
    with pytest.raises(StoreAccessError) as raised:
        count_month(conninfo, JANUARY)
    causes = str(raised.value) + str(raised.value.__cause__)
    assert "s3cr" not in causes
    return str(raised.value)


def test_a_wrong_password_is_permanent_and_not_shown(postgres: str) -> None:
    parts = {**conninfo_to_dict(postgres), "passfile": os.devnull}
    said = refused(make_conninfo("", **parts, password="s3cret"))
    assert "password authentication failed" in said
    assert "TAXI_POSTGRES_URL" in said
    assert "no password supplied" in refused(make_conninfo("", **parts))


def test_a_database_or_user_that_does_not_exist_is_permanent(postgres: str) -> None:
    parts = conninfo_to_dict(postgres)
    assert 'database "nowhere" does not exist' in refused(make_conninfo("", **{**parts, "dbname": "nowhere"}))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr@et@127.0.0.1:1/trips",
        "postgresql://me:s3cr/et@127.0.0.1:1/trips",
        "postgresql://me:s3cr et@127.0.0.1:1/trips",
        "postgresql://me:s3cr%et@127.0.0.1:1/trips",
        "postgresql://me:s3cr:et@127.0.0.1:1x/trips",
        "postgresql://me:s3cr#et?x=y@127.0.0.1/trips",
    ],
)
def test_a_url_with_an_unescaped_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises((StoreAccessError, StoreUnavailableError)) as raised:
        count_month(url, JANUARY)
    shown = [raised.value, raised.value.__cause__, raised.value.__context__ if raised.value.__cause__ else None]
    assert "s3cr" not in " ".join(map(str, shown))
    assert "et@" not in " ".join(map(str, shown))


def test_a_server_that_is_not_there_is_a_passing_failure(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1.*cannot be reached"):
        count_month("postgresql://me:s3cret@127.0.0.1:1/trips", JANUARY)
    with pytest.raises(StoreUnavailableError, match="No such file or directory"):
        count_month(f"host={tmp_path} dbname=trips user=me", JANUARY)


def test_a_user_without_rights_is_told_which(postgres: str, tmp_path: Path) -> None:
    parts = conninfo_to_dict(postgres)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 's3cret'")
    guest = make_conninfo("", **{**parts, "user": "guest", "password": "s3cret", "passfile": os.devnull})
    with pytest.raises(StoreAccessError, match=r"permission denied for .*needs CREATE on the database"):
        load_month(write_clean(tmp_path, JANUARY), guest)


def test_two_processes_may_load_at_once(postgres: str, tmp_path: Path) -> None:
    months = [TripMonth("yellow", f"2020-0{number}") for number in (1, 2)]
    code = (
        "import pickle, sys; from taxi_assets.steps.postgres.load import load_month; "
        "load_month(*pickle.load(sys.stdin.buffer))"
    )

    def load(month: TripMonth) -> int:
        given = pickle.dumps((write_clean(tmp_path, month, 500), postgres))
        return subprocess.run([sys.executable, "-c", code], input=given, check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(load, months)) == [0, 0]
    assert [count_month(postgres, month) for month in months] == [500, 500]
