"""A month's way through every layer, in a process of its own to which things happen.

Belongs here: what the process does, and the faults that it brings with it. Not here: which faults, and when
(``kinds.py``).
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

# What a load imports late; here, so that it is imported once and not by every process.
import taxi_assets.steps.postgres.copy_streams  # noqa: F401
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import PassingError, TaxiAssetsError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.postgres.load import load_month as load_postgres
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets.steps.raw.http_retries import HttpPolicy
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse
from taxi_assets.steps.warehouse.load import load_month as load_warehouse

LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")
IMPATIENT = HttpPolicy(attempts=4, first_wait=0.01, longest_wait=0.05, longest_retry_after=0.05, read_timeout=0.5)
LONGEST_SECONDS = 120.0
_FILE_EVENTS = frozenset(("open", "os.rename", "os.remove", "os.link", "os.mkdir", "os.truncate"))

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Place:
    """Where a month is carried from and to."""

    dataset: str
    month: str
    source: str
    data: Path
    conninfo: str


@dataclass(frozen=True)
class Plan:
    """What the process brings upon itself.

    Attributes:
        layers: The layers that it goes through.
        stops_at: It says when it begins with this layer.
        dies_at: The number of the file operation within that layer at which it is killed, from 1.
        largest_file: Bytes beyond which no file grows, as on a full disk.
        clock: Seconds by which its clock jumps now and then.
        waits: Whether it waits, where it stops, until it is told to go on.
    """

    layers: tuple[str, ...] = LAYERS
    stops_at: str = ""
    dies_at: int = 0
    largest_file: int = 0
    clock: float = 0.0
    waits: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a process ended: ``done``, ``killed``, the name of an error of the project, or what nobody foresaw."""

    how: str
    message: str = ""
    foreseen: bool = True


def carry(place: Place, layers: tuple[str, ...] = LAYERS, begins: Callable[[str], None] = lambda _: None) -> None:
    """One run: each layer on what the one before it handed on."""
    data_dir, month = DataDir(place.data), TripMonth(place.dataset, place.month)
    lake = FolderLake(data_dir.lake)
    for layer in layers:
        begins(layer)
        if layer == "raw":
            raw = fetch_month(month, place.source, data_dir, http=IMPATIENT).raw
        elif layer == "clean":
            clean = clean_month(raw, data_dir, threads=2)
        elif layer == "postgres":
            load_postgres(clean, place.conninfo, swap_patience=20)
        elif layer == "lake":
            copy_month(raw, clean, lake)
        else:
            load_warehouse(month, lake, DuckDbWarehouse(data_dir.warehouse, data_dir.lake))


def carry_with_retries(place: Place) -> None:
    """What a later run does: Dagster tries passing errors again."""
    for _ in range(2):
        with suppress(PassingError):
            carry(place)
            return
        time.sleep(0.2)
    carry(place)


@dataclass
class Running:
    """A process on its way."""

    process: BaseProcess
    pipe: Connection

    def wait_for_layer(self) -> bool:
        """Until it begins with the layer of its plan; False when it ended before."""
        return self.pipe.poll(LONGEST_SECONDS) and self._received() == "begins"

    def go_on(self) -> None:
        self.pipe.send("go on")

    def kill(self) -> None:
        if self.process.pid is not None and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)

    def end(self) -> Outcome:
        """Waits for it, and says how it ended."""
        outcome = Outcome("killed")
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            if not self.pipe.poll(max(0.0, deadline - time.monotonic())):
                self.kill()
                self.process.join()
                return Outcome("hung", f"still at it after {LONGEST_SECONDS:.0f} s", foreseen=False)
            said = self._received()
            if isinstance(said, Outcome):
                outcome = said
            elif said is None:
                break
        self.process.join()
        self.pipe.close()
        return outcome

    def _received(self) -> object:
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return None


def start(place: Place, plan: Plan = Plan()) -> Running:  # noqa: B008  # it is frozen
    """Starts a run in a process of its own, forked from one that has imported everything and done nothing."""
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=_run, args=(place, plan, theirs), daemon=True)
    process.start()
    theirs.close()
    return Running(process, ours)


def _run(place: Place, plan: Plan, pipe: Connection) -> None:
    logging.disable(logging.WARNING)  # what is tried again is told at length
    if plan.largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan.largest_file, resource.RLIM_INFINITY))
    if plan.clock:
        _let_the_clock_jump(plan.clock)

    def begins(layer: str) -> None:
        if layer == plan.stops_at:
            if plan.dies_at:
                _die_at(plan.dies_at)
            pipe.send("begins")
            if plan.waits:
                pipe.recv()

    try:
        carry(place, plan.layers, begins)
        pipe.send(Outcome("done"))
    except TaxiAssetsError as error:
        pipe.send(Outcome(type(error).__name__, str(error)))
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is what the campaign looks for
        pipe.send(Outcome(type(error).__name__, str(error), foreseen=False))


def _die_at(number: int) -> None:
    left = number

    def count(event: str, _: object) -> None:
        nonlocal left
        if event in _FILE_EVENTS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def _let_the_clock_jump(seconds: float) -> None:
    """As after a correction by the network, or on a laptop that was asleep; back and forth at each second question."""
    real, dice = time.time, random.Random(seconds)
    time.time = lambda: real() + dice.choice((0.0, seconds))
