"""Fetching and the operating system: processes that are killed or meet, and disks that fill up."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.errors import StorageFullError
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets_tests.support.http_source import HoldAfter, HttpSource
from taxi_assets_tests.support.published_files import MONTH, PATH, csv_gz, leftovers, manifest, visible_files

pytestmark = pytest.mark.slow

FILE = f"{PATH}.csv.gz"
CONTENT = csv_gz(20_000)
DEADLINE = 60.0

FETCH = """
import logging, sys
from pathlib import Path
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.raw.fetch import fetch_month
logging.basicConfig(level=logging.INFO)
url, folder = sys.argv[1:3]
month = TripMonth("yellow", "2019-01")
"""
ONCE = FETCH + "print('unchanged' if fetch_month(month, url, DataDir(Path(folder))).unchanged else 'fetched')"
FOR_EVER = FETCH + "while True: fetch_month(month, url, DataDir(Path(folder)))"
WITH_SMALL_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@contextmanager
def running(code: str, server: HttpSource, data_dir: DataDir) -> Iterator[subprocess.Popen[str]]:
    """A process of its own, which does not outlive the block."""
    command = [sys.executable, "-c", code, server.url, str(data_dir.root)]
    process = subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE:.0f} s"
        time.sleep(0.01)


def test_after_a_kill_the_next_run_downloads_only_the_rest(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(HoldAfter(600_000))
    partial = data_dir.raw_dir("yellow") / ".yellow_tripdata_2019-01.csv.gz.download.partial"
    with running(ONCE, http_source, data_dir) as process:
        wait_until(lambda: partial.exists() and partial.stat().st_size > 500_000, "half of the download")
        process.kill()
        process.wait(DEADLINE)
    kept = partial.stat().st_size
    assert visible_files(data_dir) == {}
    http_source.log.clear()

    raw = fetch_month(MONTH, http_source.url, data_dir).raw

    assert raw.path.read_bytes() == CONTENT
    (asked,) = http_source.asked("GET")
    assert (asked.headers["Range"], asked.status) == (f"bytes={kept}-", 206)
    assert not leftovers(data_dir)


def test_a_kill_at_any_moment_leaves_a_whole_month_or_none(http_source: HttpSource, data_dir: DataDir) -> None:
    """Each kill falls somewhere else in a loop of downloads that replace each other as fast as they can."""
    http_source.mind(etag=False, last_modified=False)  # nothing is ever unchanged
    http_source.publish(FILE, csv_gz(300))
    dice = random.Random(2019)

    for _ in range(4):
        http_source.log.clear()
        with running(FOR_EVER, http_source, data_dir) as process:
            wait_until(lambda: len(http_source.asked("GET")) > 5, "a few downloads")
            time.sleep(dice.uniform(0, 0.1))
            process.kill()
            process.wait(DEADLINE)
        for name, content in visible_files(data_dir).items():
            whole = json.loads(content)["published_rows"] == 300 if name.endswith(".json") else content == csv_gz(300)
            assert whole, name

    assert fetch_month(MONTH, http_source.url, data_dir).raw.path.read_bytes() == csv_gz(300)
    assert manifest(data_dir).published_rows == 300
    assert not leftovers(data_dir)


def test_of_two_processes_at_once_one_downloads_and_the_other_finds_it_done(
    http_source: HttpSource, data_dir: DataDir
) -> None:
    http_source.publish(FILE, CONTENT)
    hold = HoldAfter(300_000)
    http_source.misbehave(hold)
    with running(ONCE, http_source, data_dir) as first:
        wait_until(lambda: len(http_source.asked("GET")) == 1, "the first download")
        with running(ONCE, http_source, data_dir) as second:
            assert second.stderr is not None
            lines = iter(second.stderr.readline, "")
            assert any("another run is fetching it" in line for line in lines)
            hold.release.set()
            outcomes = [process.communicate(timeout=DEADLINE)[0].strip() for process in (first, second)]

    assert outcomes == ["fetched", "unchanged"]
    assert len(http_source.asked("GET")) == 1
    assert manifest(data_dir).path.read_bytes() == CONTENT
    assert not leftovers(data_dir)


def test_a_file_size_limit_is_a_full_disk_and_leaves_the_old_month(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.publish(FILE, csv_gz(10))
    fetch_month(MONTH, http_source.url, data_dir)
    before = visible_files(data_dir)
    http_source.publish(FILE, CONTENT)

    with running(WITH_SMALL_FILES + ONCE, http_source, data_dir) as process:
        _, told = process.communicate(timeout=DEADLINE)

    assert process.returncode == 1
    assert "StorageFullError: yellow 2019-01:" in told
    assert "File too large" in told
    assert visible_files(data_dir) == before
    assert not leftovers(data_dir)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[DataDir]:
    """A data folder on a disk of 512 kB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(mount)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small disk needs root: {mounted.stderr.strip()}")
    yield DataDir(mount)
    subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.parametrize("content_length", [True, False])
def test_a_disk_that_fills_up_is_said_and_the_old_month_stays(
    http_source: HttpSource, small_disk: DataDir, content_length: bool
) -> None:
    http_source.mind(content_length=content_length)
    http_source.publish(FILE, csv_gz(10))
    fetch_month(MONTH, http_source.url, small_disk)
    before = visible_files(small_disk)
    http_source.publish(FILE, CONTENT)

    with pytest.raises(StorageFullError, match=r"is full.*free space") as refusal:
        fetch_month(MONTH, http_source.url, small_disk)

    assert str(small_disk.raw_dir("yellow")) in str(refusal.value)
    assert visible_files(small_disk) == before
    assert not leftovers(small_disk)


def test_a_disk_with_room_for_the_file_but_not_its_manifest_keeps_both_old_ones(
    http_source: HttpSource, small_disk: DataDir
) -> None:
    http_source.publish(FILE, csv_gz(10))
    fetch_month(MONTH, http_source.url, small_disk)
    before = visible_files(small_disk)
    http_source.publish(FILE, csv_gz(1000))
    disk = os.statvfs(small_disk.root)
    for_download = -(-len(csv_gz(1000)) // disk.f_bsize) + 1  # and the note beside it
    (small_disk.root / "ballast").write_bytes(bytes((disk.f_bavail - for_download) * disk.f_bsize))

    with pytest.raises(StorageFullError):
        fetch_month(MONTH, http_source.url, small_disk)

    assert visible_files(small_disk) == before
    assert not leftovers(small_disk)
    (small_disk.root / "ballast").unlink()
    assert fetch_month(MONTH, http_source.url, small_disk).raw.published_rows == 1000


def test_a_copy_that_fills_the_disk_leaves_the_old_month(small_disk: DataDir, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "yellow_tripdata_2019-01.csv.gz").write_bytes(csv_gz(10))
    fetch_month(MONTH, str(folder), small_disk)
    before = visible_files(small_disk)
    (folder / "yellow_tripdata_2019-01.csv.gz").write_bytes(CONTENT)

    with pytest.raises(StorageFullError):
        fetch_month(MONTH, str(folder), small_disk)

    assert visible_files(small_disk) == before
    assert not leftovers(small_disk)


def test_a_sample_that_fills_the_disk_leaves_the_old_month(small_disk: DataDir) -> None:
    fetch_month(MONTH, "sample", small_disk, sample_rows=100)
    before = visible_files(small_disk)

    with pytest.raises(StorageFullError):
        fetch_month(MONTH, "sample", small_disk, sample_rows=200_000)

    assert visible_files(small_disk) == before
    assert not leftovers(small_disk)
