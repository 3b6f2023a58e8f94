"""Bars of months: how far each is in the layers, and how far the step is that works on it.

Belongs here: the picture, drawn from what steps tell and from the events of a run, of this process or of another's log.
Not here: the runs.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from taxi_assets.orchestration.layers import RAW
from taxi_assets.orchestration.names import ROW_COUNT
from taxi_assets.steps.files.progress import Unit, from_words, in_words, watched_by

MOST_LINES = 16
"""Months on the screen at a time; of a longer batch those that are worked on."""

SECONDS_BETWEEN = 0.1
"""A step tells its progress thousands of times a second."""

WAITING, NOW, DONE, BAD = ("·", "dim"), ("▸", "cyan"), ("●", "green"), ("✗", "bold red")

_ENDED = re.compile(r"(?P<label>\S+ \d{4}-\d\d) (?P<how>done|failed) \(.*", re.DOTALL)
"""The lines of a run's log in which a step ends with a month."""


@dataclass
class _Line:
    """One month.

    Attributes:
        task: Its bar.
        marks: By layer, how far it is.
        shown: When the bar was drawn last.
        told: What the step said last.
        size: Rows, and bytes of the published file, as far as they are known.
    """

    task: TaskID
    marks: dict[str, tuple[str, str]]
    shown: float = 0.0
    told: str = ""
    size: str = ""
    megabytes: str = ""

    def note_size(self, layer: str, metadata: Mapping[str, dg.MetadataValue]) -> None:
        """Takes them from what a layer recorded."""
        rows, size = (metadata[key].value if key in metadata else None for key in (ROW_COUNT, "bytes"))
        if layer == RAW.name and isinstance(size, int):
            self.megabytes = f", {size / 1e6:,.1f} MB"
        if isinstance(rows, int):
            self.size = f"{rows:,} rows{self.megabytes}"


class _Marks(ProgressColumn):
    """A sign for each layer."""

    def render(self, task: Task) -> Text:
        """The signs of a line; the line that counts all has none."""
        marks: dict[str, tuple[str, str]] = task.fields.get("marks", {})
        return Text.assemble(*marks.values())


@dataclass
class MonthBars:
    """A line for each month, and one that counts what is done: each month of each layer is one.

    Attributes:
        progress: What they are drawn on.
        total: How many there are to do.
        done: Layers and months (or the dataset, where it has none) that are through.
    """

    progress: Progress
    total: int
    done: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _lines: dict[str, _Line] = field(default_factory=dict[str, _Line])
    _layer: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._all = self.progress.add_task("starting", total=self.total, said="")

    @property
    def console(self) -> Console:
        """What the bars are shown on."""
        return self.progress.console

    def stop(self) -> None:
        """Leaves the terminal as it was."""
        self.progress.stop()

    def say(self, text: str) -> None:
        """Beside the bar that counts all."""
        self.progress.update(self._all, description=text)

    def expect(self, lines: Mapping[str, Sequence[str]]) -> None:
        """These come now, each through its layers; the lines of those before go, unless something failed there."""
        with self._lock:
            for line in self._lines.values():
                self.progress.update(line.task, visible=BAD in line.marks.values())
            for number, (label, layers) in enumerate(lines.items()):
                marks = {layer: DONE if (layer, label) in self.done else WAITING for layer in layers}
                if label in self._lines:
                    self._lines[label].marks = marks
                    self.progress.update(self._lines[label].task, visible=True, marks=marks)
                    continue
                visible = number < MOST_LINES
                task = self.progress.add_task(label, total=None, visible=visible, start=False, marks=marks, said="")
                self._lines[label] = _Line(task, marks)

    def see(self, entry: dg.EventLogEntry) -> None:
        """Takes an event of a run; Dagster calls it for each. The log's lines tell what a step elsewhere does."""
        event = entry.dagster_event
        if event is None:
            self._read(entry.user_message)
        elif event.is_step_start and event.step_key:
            self._layer = event.step_key.partition("__")[0]
            self.say(event.step_key.replace("__", "/"))
        elif event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            table = materialization.asset_key.path[-1]
            dataset = table.removesuffix("_tripdata")
            label = f"{dataset} {materialization.partition}" if materialization.partition else dataset
            if label in self._lines:
                self._lines[label].note_size(materialization.asset_key.path[0], materialization.metadata)
            self._mark(materialization.asset_key.path[0], label, DONE, recorded=True)

    def _read(self, message: str) -> None:
        said = from_words(message)
        ended = _ENDED.fullmatch(message)
        if said is not None:
            self.told(*said)
        elif ended is not None:
            self.ended(ended["label"], well=ended["how"] == "done")

    def began(self, label: str) -> None:
        """As :class:`taxi_assets.steps.files.progress.Watcher` says."""
        self._mark(self._layer, label, NOW)

    def told(self, label: str, what: str, unit: Unit, done: int, total: int | None) -> None:
        """Likewise."""
        line, now = self._lines.get(label), time.monotonic()
        if line is None or now - line.shown < SECONDS_BETWEEN:
            return
        line.shown, line.told = now, in_words(what, unit, done, total).partition(": ")[2]
        if line.marks.get(self._layer) != NOW:
            self._mark(self._layer, label, NOW)
        self.progress.start_task(line.task)
        self.progress.update(line.task, completed=done, total=total, said=f"{self._layer} {line.told}", visible=True)

    def ended(self, label: str, *, well: bool) -> None:
        """Likewise."""
        self._mark(self._layer, label, DONE if well else BAD)

    def _mark(self, layer: str, label: str, mark: tuple[str, str], *, recorded: bool = False) -> None:
        with self._lock:
            line = self._lines.get(label)
            if line is not None and layer in line.marks:
                line.marks[layer] = mark
                whole = all(each == DONE for each in line.marks.values())
                said = (
                    "failed in " + layer
                    if mark == BAD
                    else (line.size or "done")
                    if whole
                    else layer
                    if mark == NOW
                    else line.told
                )
                self.progress.start_task(line.task)
                self.progress.update(
                    line.task, marks=line.marks, said=said, completed=1 if whole else 0, total=1 if whole else None
                )
            # What has no line of its own is counted by its materialization alone.
            if mark == DONE and (line is not None or recorded):
                self.done.add((layer, label))
                self.progress.update(self._all, completed=len(self.done), said=f"{len(self.done)}/{self.total}")


@contextmanager
def month_bars(console: Console, total: int) -> Generator[MonthBars]:
    """Shows the bars while the block goes on; the steps of this process tell theirs, too."""
    columns = (
        TextColumn("{task.description:<22.22}", markup=False),
        _Marks(),
        BarColumn(16),
        TextColumn("{task.fields[said]:<28.28}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars = MonthBars(progress, total)
        with watched_by(bars):
            yield bars
        bars.say("done" if len(bars.done) == total else "ended")
