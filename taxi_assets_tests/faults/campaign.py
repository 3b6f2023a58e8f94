"""The campaign: which faults and mutants, one after the other, and the table of what came of them.

Belongs here: numbers, seeds and the table. Not here: what a fault is (``kinds.py``), what a mutant is (``mutants.py``).

Everything that happens in a fault is drawn from its seed, its kind and its number, so each can be repeated by itself:
``python -m taxi_assets_tests.faults --seed 7 --only kill-clean --number 41``. The moments of a kill are drawn too, but
what a process has come to at that moment is not: repeat it some times.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets_tests.faults.kinds import KINDS
from taxi_assets_tests.faults.mutants import violations_of
from taxi_assets_tests.faults.scene import scene_of
from taxi_assets_tests.faults.work import LONGEST_SECONDS

Say = Callable[[str], object]


@dataclass
class Tally:
    """What came of a kind: how many were tried, were whole right afterwards, and were new after the repair."""

    tried: int = 0
    held: int = 0
    healed: int = 0
    violations: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Task:
    """One fault or mutant."""

    seed: int
    kind: str
    number: int

    @property
    def dice(self) -> random.Random:
        return random.Random(f"{self.seed} {self.kind} {self.number}")

    @property
    def again(self) -> str:
        return f"python -m taxi_assets_tests.faults --seed {self.seed} --only {self.kind} --number {self.number}"


Note = Callable[[Task, Sequence[str], Sequence[str]], None]


def tasks(seed: int, kinds: Sequence[str], count: int) -> Iterator[Task]:
    """So many, of each kind in turn."""
    yield from (Task(seed, kinds[number % len(kinds)], number // len(kinds)) for number in range(count))


def run(work: Sequence[Task], folder: Path, say: Say = print) -> dict[str, Tally]:
    """Does the work, faults beside mutants, and says each violation when it is found."""
    tallies = {kind: Tally() for kind in dict.fromkeys(task.kind for task in work)}

    def note(task: Task, after: Sequence[str], repaired: Sequence[str]) -> None:
        tally = tallies[task.kind]
        tally.tried += 1
        tally.held += not after
        tally.healed += not repaired
        for said in (*after, *(f"after the repair: {one}" for one in repaired)):
            tally.violations.append(said)
            say(f"VIOLATION {task.kind} {task.number}: {said}\n    {task.again}")
        done = sum(one.tried for one in tallies.values())
        if done % 100 == 0:
            say(f"{done} of {len(work)} tried")

    faults = [task for task in work if task.kind in KINDS]
    mutations = [task for task in work if task.kind not in KINDS]
    with ThreadPoolExecutor(2) as threads:
        sides = [threads.submit(_faults, faults, folder / "postgres", note), threads.submit(_mutants, mutations, note)]
        for side in sides:
            side.result()
    return tallies


def _faults(work: Sequence[Task], cluster: Path, note: Note) -> None:
    if not work:
        return
    server = EmbeddedPostgres(cluster)
    server.start()
    try:
        for task in work:
            note(task, *_fault(task, server))
    finally:
        server.remove()


def _fault(task: Task, server: EmbeddedPostgres) -> tuple[list[str], list[str]]:
    """What is wrong after the fault, and after the repair run."""
    try:
        with scene_of(task.dice, server) as scene:
            KINDS[task.kind](scene)
            return scene.violations_after_the_fault(), scene.violations_after_the_repair()
    except Exception as error:  # noqa: BLE001  # one that cannot be judged does not end a campaign
        return [f"it cannot be judged: {type(error).__name__}: {error}"], []


def _mutants(work: Sequence[Task], note: Note) -> None:
    """In a process of their own, as a broken Parquet file may end it."""
    pool = _one_process()
    for task in work:
        future = pool.submit(violations_of, task.kind, task.dice)
        try:
            found = future.result(LONGEST_SECONDS)
        except (BrokenProcessPool, futures.TimeoutError) as error:
            found = [f"the process died or hung: {type(error).__name__}"]
            pool.shutdown(wait=False, cancel_futures=True)
            pool = _one_process()
        except Exception as error:  # noqa: BLE001  # as above
            found = [f"it cannot be judged: {type(error).__name__}: {error}"]
        note(task, found, ())
    pool.shutdown()


def _one_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver"))


def table(tallies: dict[str, Tally]) -> str:
    """The table by kind, in Markdown."""
    lines = ["| kind | tried | held | healed | violations |", "|---|---:|---:|---:|---:|"]
    for kind, tally in tallies.items():
        # A mutant has nothing to heal: it is right or an error.
        healed = str(tally.healed) if kind in KINDS else ""
        lines.append(f"| `{kind}` | {tally.tried} | {tally.held} | {healed} | {len(tally.violations)} |")
    total = Tally(*(sum(getattr(one, name) for one in tallies.values()) for name in ("tried", "held", "healed")))
    count = sum(len(one.violations) for one in tallies.values())
    return "\n".join([*lines, f"| together | {total.tried} | {total.held} | | {count} |"])


def flushed(text: str) -> None:
    """Prints at once: a campaign takes its time."""
    print(text, file=sys.stdout, flush=True)
