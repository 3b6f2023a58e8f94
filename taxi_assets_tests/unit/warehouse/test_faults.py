"""The DuckDB catalogue on disks that fill up, beside what others left, and in folders that one may not use."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from taxi_assets.errors import BrokenFileError, StorageFullError, StoreAccessError, StoreUnavailableError
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets_tests.support.lake_months import YELLOW, replace_file
from taxi_assets_tests.unit.warehouse.test_readers import Reloads

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, or becomes another user")

HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); held.execute(sys.argv[2]); print('open', flush=True)"

Mount = Callable[..., None]


@pytest.fixture
def place(tmp_path: Path) -> Reloads:
    """With the first version loaded."""
    place = Reloads(tmp_path)
    place.load(0)
    return place


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a file system of 2 MB below the data folder; called again, with other options."""
    folder = tmp_path / "data"
    folder.mkdir()

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)

    mount("size=2m")
    yield mount
    subprocess.run(["umount", str(folder)], check=True)


@ONLY_ROOT
@pytest.mark.slow
def test_whatever_room_is_left_the_catalogue_is_whole(tmp_path: Path, small_disk: Mount) -> None:
    place = Reloads(tmp_path)
    place.load(0)
    ballast, outcomes = place.data_dir.root / "ballast", dict[int, str]()
    for number, pages in enumerate(range(0, 140, 4)):
        version, shown = (number + 1) % 2, place.answer()
        lake = place.copy(version)
        disk = os.statvfs(place.data_dir.root)
        ballast.write_bytes(bytes((disk.f_bavail - pages) * disk.f_bsize))
        try:
            place.warehouse.refresh()
            outcomes[pages] = "new"
            assert place.answer() == place.whole(version)
        except StorageFullError:
            outcomes[pages] = "old"
            assert place.answer() == shown
        ballast.unlink()
        assert list(place.data_dir.root.glob(".*.partial")) == []
        place.warehouse.refresh()
        assert lake.stat(clean_name(YELLOW)) is not None
        assert place.answer() == place.whole(version)
    assert set(outcomes.values()) == {"old", "new"}


def _refresh_with_small_files(root: Path, limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        Reloads(root).warehouse.refresh()
    except StorageFullError:
        sys.exit(3)


@pytest.mark.slow
def test_whatever_size_files_may_have_the_catalogue_is_whole(place: Reloads) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    outcomes = set[int | None]()
    place.copy(1)
    for kilobytes in (0, 4, 8, 12, 16, 100, 200, 256, 260, 264, 268, 272, 400):
        process = context.Process(target=_refresh_with_small_files, args=(place.root, kilobytes * 1024))
        process.start()
        process.join(60)
        outcomes.add(process.exitcode)
        assert place.answer() == place.whole(1 if process.exitcode == 0 else 0), kilobytes
    assert outcomes == {3, 0}


def test_what_a_writer_left_behind_is_set_aside_and_said(place: Reloads, caplog: pytest.LogCaptureFixture) -> None:
    catalogue = str(place.data_dir.warehouse)
    write = "CREATE TABLE mine AS SELECT 42 AS answer"
    killed = f"{HOLD}; import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", killed, catalogue, write], check=False, stdout=subprocess.DEVNULL)
    assert Path(f"{catalogue}.wal").stat().st_size > 0

    with caplog.at_level(logging.WARNING):
        assert place.warehouse.refresh(), "though the views are as they should be"

    assert not Path(f"{catalogue}.wal").exists()
    assert "somebody opened it for writing" in caplog.text
    with duckdb.connect(catalogue, read_only=True) as connection:
        tables = connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
    assert tables == (0,)
    assert not place.warehouse.refresh()


def test_a_catalogue_that_was_removed_does_not_get_its_old_writers_changes(place: Reloads) -> None:
    catalogue = place.data_dir.warehouse
    catalogue.unlink()
    Path(f"{catalogue}.wal").write_bytes(b"of a catalogue that is gone")
    place.warehouse.refresh()
    assert place.answer() == place.whole(0)
    assert not Path(f"{catalogue}.wal").exists()


def test_somebody_who_holds_it_for_writing_is_told_of_in_a_passing_error(place: Reloads) -> None:
    command = [sys.executable, "-c", f"{HOLD}; sys.stdin.read()", str(place.data_dir.warehouse), "SELECT 1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as person:
        assert person.stdout is not None
        assert person.stdout.readline() == "open\n"
        with pytest.raises(StoreUnavailableError, match="open for writing, they should use `duckdb -readonly`"):
            place.warehouse.count(YELLOW)
        assert place.warehouse.refresh()
        assert place.warehouse.count(YELLOW) == 20
        person.communicate()


def test_a_folder_in_its_place_is_named(place: Reloads) -> None:
    place.data_dir.warehouse.unlink()
    place.data_dir.warehouse.mkdir()
    for ask in (place.warehouse.refresh, lambda: place.warehouse.count(YELLOW)):
        with pytest.raises(StoreAccessError, match=r"warehouse\.duckdb: is a folder"):
            ask()


def test_broken_pages_are_told_with_the_file(place: Reloads) -> None:
    lake_file = place.data_dir.lake / clean_name(YELLOW)
    content = lake_file.read_bytes()
    replace_file(lake_file, content[:4] + b"\xff" * 2000 + content[2004:])
    place.warehouse.refresh()
    with pytest.raises(BrokenFileError, match=rf"{clean_name(YELLOW)}: a file of the lake cannot be read"):
        place.warehouse.total(YELLOW, "total_amount")


def test_a_version_that_somebody_removed_is_a_passing_error_and_comes_back(place: Reloads) -> None:
    for version in place.versions():
        version.unlink()
    with pytest.raises(StoreUnavailableError, match="cannot be read now"):
        place.warehouse.count(YELLOW)
    place.warehouse.refresh()
    assert place.warehouse.count(YELLOW) == 20


def test_a_catalogue_of_somebody_else_is_told_of_and_replaced(place: Reloads) -> None:
    place.data_dir.warehouse.unlink()
    duckdb.connect(str(place.data_dir.warehouse)).close()
    with pytest.raises(StoreUnavailableError, match="so somebody else made it"):
        place.warehouse.count(YELLOW)
    place.load(0)
    assert place.warehouse.count(YELLOW) == 20


def test_an_interrupt_is_none_of_a_broken_file(place: Reloads) -> None:
    with pytest.raises(duckdb.InterruptException), place.warehouse._errors("here"):
        raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")


@ONLY_ROOT
def test_a_read_only_file_system_is_no_access(tmp_path: Path, small_disk: Mount) -> None:
    place = Reloads(tmp_path)
    place.load(0)
    small_disk("remount,ro")
    with pytest.raises(StoreAccessError, match="Read-only file system"):
        place.warehouse.refresh()
    with pytest.raises(StoreAccessError, match="Read-only file system"):
        place.lake.put(place.made(1), clean_name(YELLOW), metadata={})
    assert place.warehouse.count(YELLOW) == 20


def _as_somebody_else(root: Path) -> None:
    place = Reloads(root)
    os.setegid(65534)
    os.seteuid(65534)
    asked: list[Callable[[], object]] = [
        place.warehouse.refresh,
        lambda: place.warehouse.count(YELLOW),
        lambda: place.lake.names("clean/yellow/"),
        lambda: place.lake.stat(clean_name(YELLOW)),
        lambda: place.lake.put(place.made(1), clean_name(YELLOW), metadata={}),
        lambda: place.lake.delete(clean_name(YELLOW)),
    ]
    for ask in asked:
        with pytest.raises(StoreAccessError):
            ask()


@ONLY_ROOT
def test_the_data_folder_of_another_user_is_no_access(place: Reloads) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_as_somebody_else, args=(place.root,))
    process.start()
    process.join(60)
    assert process.exitcode == 0
