"""`make clean`: removes what the project made, wherever it lies, and nothing that a person put there.

Belongs here: what of a data folder and of a DAGSTER_HOME is ours, and who is still using it. Not here: environments
and caches, which the Makefile removes, as this code runs from one of them.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from taxi_assets.cli.shared.dagster_home import dagster_home
from taxi_assets.cli.shared.running import NOTE
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.marts import MARTS
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES_FILE, TAXI_ZONES
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import StoreAccessError
from taxi_assets.installation import dagster_yaml, default_data_dir
from taxi_assets.settings import Settings, load_settings
from taxi_assets.steps.report.write import OBJECT_NAME

LAYERS = ("raw", "clean", "rejected", "lake", "report")
DAGSTER_MADE = ("storage", "history", "schedules", "logs", ".logs_queue", ".nux", ".telemetry", "dagster.yaml", NOTE)

PAGE = Path(OBJECT_NAME).name

# A month in any state: the file, its manifest, its lock, an unfinished one, a folder of spilled rows.
_MONTHS = "|".join(
    re.escape(name)
    for dataset in DATASETS.values()
    for name in (dataset.table, *(f"{dataset.name}_{mart}" for mart in MARTS))
)
_WITHOUT_MONTHS = "|".join(re.escape(Path(name).stem) for name in (TAXI_ZONES.file_name, TAXI_ZONE_SHAPES_FILE))
_OURS = re.compile(rf"\.?(({_MONTHS})_\d{{4}}-\d{{2}}|{_WITHOUT_MONTHS}|{re.escape(PAGE)})\b.*")


def clean_up() -> int:
    """Removes data and run history, unless a process still works on them; returns the exit code."""
    settings = load_settings()
    home = dagster_home()
    users = list(_users(home))
    if users:
        print("Nothing was removed, because this still runs on what would be removed:", *users, sep="\n  ")
        print("Stop it (a UI: Ctrl-C in its terminal), then run the same command again.")
        return 1
    try:
        for root in _data_folders(settings):
            _remove_data(root)
        if home.is_dir():
            _remove_run_history(home)
    except OSError as error:
        raise StoreAccessError(f"{error.filename}: cannot be removed ({error.strerror}); the rest is kept") from error
    if settings.taxi_postgres_url or settings.taxi_target == "gcp":
        print("Tables and files in servers and buckets of your own are still there.")
    return 0


def _data_folders(settings: Settings) -> list[Path]:
    """The folders that there are, each once; the last may be a link to another, and `demo-gcp` lies in it."""
    roots = (default_data_dir() / "demo-gcp", settings.data_dir.root, default_data_dir())
    return [root for root in {root.resolve(): root for root in roots}.values() if root.is_dir()]


def _users(home: Path) -> Iterator[str]:
    """Processes of the project that run from the environment that goes, or keep their records in this home."""
    for process in psutil.process_iter():
        # Processes end while they are looked at, and those of other people do not show themselves.
        with suppress(psutil.Error, OSError):
            words = process.cmdline()
            if process.pid == os.getpid() or not _is_ours(words):
                continue
            program = Path(process.cwd(), words[0])
            if program.parent.samefile(Path(sys.executable).parent) or _home_of(process) == home:
                yield f"process {process.pid}: {' '.join(words)}"


def _is_ours(words: list[str]) -> bool:
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else Path((words[1:] or [""])[0]).name
    return module == "taxi" or module.startswith(("dagster", "taxi_assets"))


def _home_of(process: psutil.Process) -> Path | None:
    home = process.environ().get("DAGSTER_HOME")
    return Path(process.cwd(), home).resolve() if home else None


def _remove_data(root: Path) -> None:
    """Removes files by name: the folder may be one in which a person keeps other things, too."""
    data_dir = DataDir(root.resolve())
    EmbeddedPostgres(data_dir.postgres).remove()
    for layer in LAYERS:
        _remove_months(data_dir.root / layer)
    for file in data_dir.root.glob(f"{data_dir.warehouse.name}*"):
        file.unlink()
    # The catalogues that were replaced, and one in the making.
    for made in data_dir.root.glob(f".{data_dir.warehouse.name}.*"):
        shutil.rmtree(made)
    # What was dropped for the landing sensor may be a person's only copy.
    _remove_empty_folders(data_dir.landing)
    _remove_if_empty(root, "the data")


def _remove_months(folder: Path) -> None:
    for parent, folders, files in os.walk(folder):
        for name in filter(_OURS.fullmatch, files):
            Path(parent, name).unlink()
        for name in filter(_OURS.fullmatch, folders):
            shutil.rmtree(Path(parent, name))
    _remove_empty_folders(folder)


def _remove_empty_folders(folder: Path) -> None:
    for parent, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(parent).rmdir()


def _remove_run_history(home: Path) -> None:
    """Removes Dagster's files where the project set Dagster up; a home with settings of its own serves others, too."""
    settings = home / "dagster.yaml"
    if not settings.is_file() or settings.read_bytes() != dagster_yaml().read_bytes():
        print(f"DAGSTER_HOME={home}: its dagster.yaml is not the project's, so nothing in it was removed.")
        return
    for name in DAGSTER_MADE:
        made = home / name
        if made.is_dir() and not made.is_symlink():
            shutil.rmtree(made)
        else:
            made.unlink(missing_ok=True)
    _remove_if_empty(home, "the run history")


def _remove_if_empty(folder: Path, what: str) -> None:
    rest = sorted(path.name for path in folder.iterdir())
    if rest:
        print(f"Removed {what} in {folder}. What the project did not make stays: {', '.join(rest)}")
        return
    folder.resolve().rmdir()
    if folder.is_symlink():
        folder.unlink()
    print(f"Removed {what} in {folder}.")
