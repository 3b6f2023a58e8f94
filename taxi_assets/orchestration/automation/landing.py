"""The sensor ``landing``: a file dropped into ``TAXI_DATA_DIR/landing`` becomes a run of its month.

Belongs here: waiting until a file is whole, moving it, asking for its run. Not here: telling what a file is
(``taxi_assets/steps/clean/recognise.py``).

The way of a file: ``landing/`` until its size and time stay the same over two ticks; then, under the name that TLC
would give it, ``landing/accepted/<dataset>/``, which the run reads as it would read a source; or, when it is no month
of any dataset, ``landing/unrecognised/`` with a note beside it. Moving comes first and the request follows from what
lies in ``accepted``, so that a tick that dies in between loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.automation.jobs import LOAD_JOBS
from taxi_assets.orchestration.partitions import months_of
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.text import plain

if TYPE_CHECKING:
    from taxi_assets.steps.clean.recognise import LandedFile

INTERVAL_SECONDS = 15
"""A file is left alone until it has not changed for this long."""

UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".download", ".filepart")
"""Endings that browsers and transfer programs give a file while they write it."""


@dataclass
class Cursor:
    """What the sensor keeps from tick to tick.

    Attributes:
        waiting: Size and modification time (ns) of each file in ``landing`` at the last tick.
        requested: What has been asked for: path below ``accepted`` and the moment (ns) it was moved there.
    """

    waiting: dict[str, str] = field(default_factory=dict[str, str])
    requested: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def from_text(cls, text: str | None) -> Cursor:
        """Reads a cursor; None, or one that cannot be read, gives an empty one, which only means to wait again."""
        try:
            content = json.loads(text or "{}")
            return cls(dict(content["waiting"]), dict(content["requested"]))
        except (ValueError, TypeError, KeyError):
            return cls()

    def to_text(self) -> str:
        """As Dagster keeps it."""
        return json.dumps({"waiting": self.waiting, "requested": self.requested}, sort_keys=True)


def accept_finished(data_dir: DataDir, cursor: Cursor, ignore: Set[str] = frozenset()) -> list[str]:
    """Moves the files that have stopped changing; returns what was done, for the log.

    ``ignore`` are names of columns that are skipped on purpose, each as ``plain_name`` makes it.
    """
    done: list[str] = []
    now = {path.name: _state(path) for path in _dropped(data_dir.landing)}
    for name, state in now.items():
        if cursor.waiting.get(name) != state:
            done.append(f"{name}: waiting until it stays the same")
            continue
        done.append(_place(data_dir.landing / name, data_dir, ignore))
    cursor.waiting = {name: state for name, state in now.items() if (data_dir.landing / name).exists()}
    return [plain(line) for line in done]


def run_requests(data_dir: DataDir, cursor: Cursor) -> list[dg.RunRequest]:
    """A run for each accepted file that has none yet."""
    accepted = {
        str(path.relative_to(data_dir.accepted)): path
        for path in sorted(data_dir.accepted.glob("*/*_tripdata_????-??.*"))
    }
    # The inode's change time is the moment of the move: the same file, dropped again, is a new wish.
    moved = {name: str(path.stat().st_ctime_ns) for name, path in accepted.items()}
    wanted = [name for name in moved if cursor.requested.get(name) != moved[name]]
    cursor.requested = moved
    return [_request(accepted[name], moved[name]) for name in wanted]


def _request(path: Path, moved: str) -> dg.RunRequest:
    month = TripMonth.from_file_name(path.name)
    return dg.RunRequest(
        run_key=f"{month.dataset}/{month.month}/landed {moved}",
        job_name=LOAD_JOBS[month.dataset].name,
        partition_key=month.month,
        tags={names.DATASET: month.dataset, names.LANDED_FILE: path.name, names.REASON: "dropped into landing"},
    )


def _dropped(landing: Path) -> Iterator[Path]:
    if not landing.is_dir():
        return
    for path in sorted(landing.iterdir()):
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(UNFINISHED):
            yield path


def _state(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} bytes, {status.st_mtime_ns} ns"


def _place(path: Path, data_dir: DataDir, ignore: Set[str]) -> str:
    from taxi_assets.steps.clean.recognise import recognise

    if path.is_symlink():
        # Unread: whoever may drop something here need not be allowed to read what this account can.
        return _set_aside(path, data_dir, f"{path.name}: it is a link, which is not followed; drop the file itself")
    try:
        landed = recognise(path, ignore)
        _reject_month_that_cannot_be(landed.month, path)
    except (BrokenFileError, LayoutError) as error:
        return _set_aside(path, data_dir, str(error))
    return _accept(path, landed, data_dir)


def _reject_month_that_cannot_be(month: TripMonth, path: Path) -> None:
    keys = months_of(DATASETS[month.dataset]).get_partition_keys()
    if month.month not in keys:
        raise BrokenFileError(f"{path.name}: it is {month}, but {month.dataset} has the months {keys[0]} to {keys[-1]}")


def _accept(path: Path, landed: LandedFile, data_dir: DataDir) -> str:
    folder = data_dir.accepted / landed.month.dataset
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{landed.month.stem}.{landed.format}"
    for other in folder.glob(f"{landed.month.stem}.*"):
        # A month has one file; another format that was dropped before would be found first.
        if other != target:
            other.unlink()
    path.replace(target)
    return f"{path.name}: accepted as {landed.month}, {landed.recognised_by}"


def _set_aside(path: Path, data_dir: DataDir, why: str) -> str:
    folder = data_dir.unrecognised
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    path.replace(target)
    note = (
        f"{why}\n\nNothing was loaded from this file, and it is not looked at again. Correct it, or give it the name\n"
        f"<dataset>_tripdata_YYYY-MM.csv, .csv.gz or .parquet (dataset: {', '.join(DATASETS)}), and drop it into\n"
        "the landing folder once more.\n"
    )
    target.with_name(f"{target.name}.txt").write_text(note, encoding="utf-8")
    return f"{path.name}: set aside, {why}"


@dg.sensor(
    name="landing",
    jobs=list(LOAD_JOBS.values()),
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Loads the files that someone drops into TAXI_DATA_DIR/landing: any dataset and year, csv, csv.gz or "
    "parquet. What is no month of any dataset goes to landing/unrecognised with a note.",
)
def landing_sensor(context: dg.SensorEvaluationContext, files: LocalFiles) -> dg.SensorResult:
    """On by default: it acts only on files that a person puts there."""
    cursor = Cursor.from_text(context.cursor)
    done = accept_finished(files.data_dir, cursor, files.ignore)
    for line in done:
        context.log.info(line)
    wanted = run_requests(files.data_dir, cursor)
    skipped = None if wanted else "; ".join(done) or f"{files.data_dir.landing} is empty"
    return dg.SensorResult(run_requests=wanted, skip_reason=skipped, cursor=cursor.to_text())
