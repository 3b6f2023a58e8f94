"""When what is published: twice the same is done once, a kill leaves the previous month, a change makes it anew."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets import registry
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.clean import clean as clean_step
from taxi_assets.steps.clean.clean import clean_month, content_id
from taxi_assets.steps.files.clean_file import read_clean
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets_tests.support.raw_months import MONTH, YELLOW_2019, YELLOW_TRIP, csv_month, parquet_month, rows

pytestmark = pytest.mark.slow

TWO = f"{YELLOW_2019}\n{YELLOW_TRIP}\nbad\n{YELLOW_TRIP.replace('151', 'zone')}\n"


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def files(data_dir: DataDir) -> list[str]:
    return sorted(
        str(path.relative_to(data_dir.root))
        for folder in ("clean", "rejected")
        for path in (data_dir.root / folder).rglob("*")
        if path.suffix != ".lock" and (path.is_file() or path.name.startswith("."))
    )


PUBLISHED = ["clean/yellow/yellow_tripdata_2019-01.parquet", "rejected/yellow/yellow_tripdata_2019-01.parquet"]


def test_the_figures_are_kept_in_the_footers_and_read_back(data_dir: DataDir) -> None:
    raw = csv_month(data_dir, TWO)
    clean = clean_month(raw, data_dir)
    assert (clean.rows, clean.rejected_rows, clean.published_rows) == (2, 1, 3)
    assert clean.unreadable == {"pulocationid": 1}
    assert (clean.raw_sha256, clean.source, clean.synthetic) == (raw.sha256, "a test", False)
    assert read_clean(MONTH, data_dir) == clean
    assert files(data_dir) == PUBLISHED


def test_cleaning_again_changes_nothing_and_says_so(data_dir: DataDir) -> None:
    raw = csv_month(data_dir, TWO)
    first = clean_month(raw, data_dir)
    stamps = [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in (first.path, first.rejected_path)]

    again = clean_month(raw, data_dir)

    assert again == replace(first, unchanged=True)
    assert [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path, *_ in stamps] == stamps


def test_a_corrected_file_replaces_the_month(data_dir: DataDir) -> None:
    first = clean_month(csv_month(data_dir, TWO), data_dir)
    second = clean_month(csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\n"), data_dir)
    assert (second.rows, second.rejected_rows, second.unchanged) == (1, 0, False)
    assert second.content_id != first.content_id
    assert rows(second.rejected_path) == []


def test_the_same_bytes_are_other_rows_in_another_month_and_with_another_registry(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = csv_month(data_dir, TWO)
    here = content_id(raw)
    assert here == content_id(replace(raw, source="elsewhere", etag="x"))
    assert here != content_id(replace(raw, month=TripMonth("yellow", "2019-02")))
    yellow = registry.DATASETS["yellow"]
    described = dataclasses.replace(yellow.columns[0], description="Said in other words.")
    monkeypatch.setitem(registry.DATASETS._known, "yellow", replace(yellow, columns=(described, *yellow.columns[1:])))
    assert content_id(raw) == here
    renamed = dataclasses.replace(yellow.columns[0], aliases=("vendor",))
    monkeypatch.setitem(registry.DATASETS._known, "yellow", replace(yellow, columns=(renamed, *yellow.columns[1:])))
    assert content_id(raw) != here


@pytest.mark.parametrize("missing", ["clean", "rejected"])
def test_a_month_of_which_one_file_is_gone_is_made_again(missing: str, data_dir: DataDir) -> None:
    raw = csv_month(data_dir, TWO)
    first = clean_month(raw, data_dir)
    (first.path if missing == "clean" else first.rejected_path).unlink()
    assert read_clean(MONTH, data_dir) is None
    assert clean_month(raw, data_dir) == first


def test_files_of_two_runs_do_not_pass_for_one_month(data_dir: DataDir) -> None:
    first = clean_month(csv_month(data_dir, TWO), data_dir)
    old_clean = first.path.read_bytes()
    raw = csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\n")
    clean_month(raw, data_dir)
    # What a kill between the two renames leaves: the new rejected file beside the old clean one.
    first.path.write_bytes(old_clean)
    assert read_clean(MONTH, data_dir) is None
    assert clean_month(raw, data_dir).rows == 1


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_a_file_that_is_not_ours_is_no_clean_month(content: bytes, data_dir: DataDir) -> None:
    clean = clean_month(csv_month(data_dir, TWO), data_dir)
    clean.path.write_bytes(content)
    assert read_clean(MONTH, data_dir) is None


def test_a_parquet_file_that_someone_else_wrote_is_no_clean_month(data_dir: DataDir) -> None:
    import pyarrow as pa

    other = parquet_month(data_dir, pa.table({"a": [1]}))
    for path in (data_dir.clean(MONTH), data_dir.rejected(MONTH)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(other.path.read_bytes())
    assert read_clean(MONTH, data_dir) is None


def test_two_runs_of_a_month_at_once_end_in_one_month(data_dir: DataDir) -> None:
    raw = csv_month(data_dir, "\n".join([YELLOW_2019, *[YELLOW_TRIP] * 20_000, "bad", ""]))
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: clean_month(raw, data_dir), range(3)))
    assert sorted(one.unchanged for one in made) == [False, True, True]
    clean = read_clean(MONTH, data_dir)
    assert clean is not None
    assert (clean.rows, clean.rejected_rows, files(data_dir)) == (20_000, 1, PUBLISHED)


def test_little_memory_spills_into_the_data_folder_and_leaves_nothing_there(data_dir: DataDir) -> None:
    lines = [YELLOW_TRIP if number % 3 == 0 else f"bad line number {number} {'x' * 200}" for number in range(120_000)]
    raw = csv_month(data_dir, "\n".join([YELLOW_2019, *lines, ""]), packed=True)
    clean = clean_month(raw, data_dir, threads=2, memory_limit="120MB")
    assert (clean.rows, clean.rejected_rows, files(data_dir)) == (40_000, 80_000, PUBLISHED)


def test_progress_goes_up_to_the_bytes_of_the_file(data_dir: DataDir) -> None:
    raw = csv_month(data_dir, "\n".join([YELLOW_2019, *[YELLOW_TRIP] * 50_000, ""]), packed=True)
    told: list[tuple[int, int | None]] = []
    clean_month(raw, data_dir, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (raw.bytes, raw.bytes)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


_CLEAN = """
import sys
from pathlib import Path
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets_tests.support.raw_months import raw_file

raw = raw_file(Path(sys.argv[2]), "csv.gz")
print("cleaning", flush=True)
clean_month(raw, DataDir(Path(sys.argv[1])))
print("cleaned", flush=True)
"""


def big_month(data_dir: DataDir) -> RawFile:
    """Enough lines for about a second of work, bad ones among them, so that both passes run."""
    lines = [YELLOW_TRIP.replace("9.95", str(number)) for number in range(200_000)]
    lines[1_000] = "bad"
    return csv_month(data_dir, "\n".join([YELLOW_2019, *lines, ""]), packed=True)


def in_the_making(data_dir: DataDir) -> bool:
    return any(name.endswith(".partial") for name in files(data_dir))


@pytest.mark.parametrize("when", ["as soon as a file is begun", "a little later", "in the second pass"])
def test_sigkill_in_the_middle_leaves_the_previous_month_and_the_next_run_cleans_up(
    when: str, data_dir: DataDir
) -> None:
    clean_month(csv_month(data_dir, TWO), data_dir)
    previous = data_dir.clean(MONTH).read_bytes()
    raw = big_month(data_dir)
    process = subprocess.Popen(
        [sys.executable, "-c", _CLEAN, str(data_dir.root), str(raw.path)], stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    wanted = "-sound.partial" if when == "in the second pass" else ".partial"
    while not any(name.endswith(wanted) for name in files(data_dir)) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    if when == "a little later":
        time.sleep(0.15)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"
    assert data_dir.clean(MONTH).read_bytes() == previous

    clean = clean_month(raw, data_dir)

    assert (clean.rows, clean.rejected_rows, clean.unchanged) == (199_999, 1, False)
    assert files(data_dir) == PUBLISHED


def test_a_file_in_the_making_of_a_process_that_lives_is_left_alone(data_dir: DataDir) -> None:
    clean = clean_month(csv_month(data_dir, TWO), data_dir)
    theirs = clean.path.with_name(f".{clean.path.name}.{os.getppid()}-0a1b2c3d.partial")
    theirs.write_bytes(b"someone is writing this")
    clean_month(csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\n"), data_dir)
    assert theirs.exists()


def test_row_groups_are_of_the_size_that_readers_share_work_by(data_dir: DataDir) -> None:
    from pyarrow import parquet

    clean = clean_month(big_month(data_dir), data_dir)
    metadata = parquet.read_metadata(clean.path)
    sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert len(sizes) == 2
    assert max(sizes) <= clean_step.ROW_GROUP_ROWS + 2_048  # older engines close a group after a whole vector
    assert {metadata.row_group(0).column(number).compression for number in range(metadata.num_columns)} == {"ZSTD"}
