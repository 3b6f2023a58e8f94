"""Whether `taxi up` runs on these records, and where: its note in DAGSTER_HOME.

Belongs here: the note. Not here: starting and ending it (``cli/serve``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

NOTE = "up.json"


@dataclass(frozen=True)
class RunningUi:
    """The process of a `taxi up`, and the address of its UI."""

    pid: int
    url: str


@contextmanager
def noted_as_running(home: Path, url: str) -> Generator[None]:
    """Leaves the note while the block goes on."""
    note = home / NOTE
    me = psutil.Process()
    # Numbers of processes are given again after a kill: the time of its beginning tells whether it still is this one.
    note.write_text(json.dumps({"pid": me.pid, "begun": me.create_time(), "url": url}), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def running_ui(home: Path) -> RunningUi | None:
    """The `taxi up` of these records; None when there is none, or its process is gone."""
    try:
        said = json.loads((home / NOTE).read_text(encoding="utf-8"))
        ui, begun = RunningUi(int(said["pid"]), str(said["url"])), float(said["begun"])
        if ui.pid != os.getpid() and psutil.Process(ui.pid).create_time() == begun:
            return ui
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        pass
    return None
