"""What one piece of work costs: seconds, CPU, memory and bytes written, of the client and of the server apart.

Belongs here: reading the operating system's counters of processes from outside, so that whoever is measured need
not take part. Not here: what is measured.

CPU seconds and bytes are the kernel's own sums, those of processes that have ended included: the server's main
process inherits the counters of each backend that exits. Memory is sampled. Bytes written are pages made dirty, on
Linux only; on a RAM disk nobody writes any.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

SAMPLE_SECONDS = 0.05
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Cost:
    """What a piece of work took.

    Attributes:
        seconds: On the clock.
        client_cpu: CPU seconds of the client and its children, user and system.
        server_cpu: The same of all of the server's processes.
        client_memory: Highest resident bytes of the client and its children together.
        server_memory: Highest bytes of the server: private memory of all its processes, and what they share once.
        client_written: Bytes that the client wrote to disk; None where the system does not tell.
        server_written: The same of the server, its log included.
        parts: Seconds of named parts of the work, where the work told them.
    """

    seconds: float
    client_cpu: float
    server_cpu: float
    client_memory: int
    server_memory: int
    client_written: int | None
    server_written: int | None
    parts: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)


def median_cost(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""

    def middle(values: Iterable[float | None]) -> Any:
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    names = costs[0].parts
    return Cost(
        **{
            name: middle(getattr(cost, name) for cost in costs) for name in Cost.__dataclass_fields__ if name != "parts"
        },
        parts={name: middle(cost.parts[name] for cost in costs) for name in names},
    )


def alternating(names: Sequence[_Value], repeats: int) -> list[_Value]:
    """Each name ``repeats`` times; every other round runs backwards, so that no one always comes after the same one."""
    return [name for turn in range(repeats) for name in (names if turn % 2 == 0 else list(reversed(names)))]


class Watch:
    """Watches a client and a server from outside, from ``start`` to ``stop``."""

    def __init__(self, client: int, server: int | None) -> None:
        self._client = psutil.Process(client)
        self._server = psutil.Process(server) if server else None
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._client_memory = 0
        self._server_memory = 0
        self._began = _Counters(0.0, 0.0, None, None)

    def start(self) -> None:
        self._began = self._counters()
        self._sampler.start()

    def stop(self, seconds: float, parts: dict[str, float]) -> Cost:
        """The cost of what happened since ``start``; ``seconds`` and ``parts`` come from the work's own clock."""
        ended = self._counters()
        self._ended.set()
        self._sampler.join()
        return Cost(
            seconds=seconds,
            client_cpu=ended.client_cpu - self._began.client_cpu,
            server_cpu=ended.server_cpu - self._began.server_cpu,
            client_memory=max(self._client_memory, _highest_resident(self._client.pid)),
            server_memory=self._server_memory,
            client_written=_less(ended.client_written, self._began.client_written),
            server_written=_less(ended.server_written, self._began.server_written),
            parts=parts,
        )

    def _counters(self) -> _Counters:
        client, server = _family(self._client), _family(self._server)
        return _Counters(_cpu(client), _cpu(server), _written(client), _written(server))

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            client = [memory.rss for memory in _memory(_family(self._client))]
            self._client_memory = max(self._client_memory, sum(client))
            server = _memory(_family(self._server))
            shared = [getattr(memory, "shared", 0) for memory in server]
            private = sum(memory.rss for memory in server) - sum(shared)
            self._server_memory = max(self._server_memory, private + max(shared, default=0))


@dataclass(frozen=True)
class _Counters:
    client_cpu: float
    server_cpu: float
    client_written: int | None
    server_written: int | None


def _less(later: int | None, earlier: int | None) -> int | None:
    return None if later is None or earlier is None else later - earlier


def _family(process: psutil.Process | None) -> list[psutil.Process]:
    """A process and its living descendants."""
    if process is None:
        return []
    found = [process]
    for member in found:
        found += _children(member)
    return found


def _children(process: psutil.Process) -> list[psutil.Process]:
    # Linux lists a thread's children; psutil would read every process of the machine, twenty times a second.
    try:
        lists = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/children")]
        pids = [int(pid) for text in lists for pid in text.split()]
        if lists:
            return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        return process.children()
    except (OSError, psutil.NoSuchProcess):
        return []


def _each(processes: Iterable[psutil.Process], read: Callable[[psutil.Process], _Value]) -> Generator[_Value]:
    """What ``read`` tells of those processes that have not ended meanwhile."""
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            yield read(process)


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(_each(processes, lambda process: sum(process.cpu_times()[:4])))


def _memory(processes: list[psutil.Process]) -> list[Any]:
    return list(_each(processes, lambda process: process.memory_info()))


def _written(processes: list[psutil.Process]) -> int | None:
    if not processes or not hasattr(processes[0], "io_counters"):
        return None
    try:
        return sum(_each(processes, lambda process: process.io_counters().write_bytes))
    except psutil.AccessDenied:
        return None


def _highest_resident(pid: int) -> int:
    """What a short peak between two samples would hide, on Linux; else 0."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


@contextmanager
def stopwatch(parts: dict[str, float], name: str) -> Generator[None]:
    """Adds the block's seconds to ``parts[name]``."""
    began = time.perf_counter()
    yield
    parts[name] = parts.get(name, 0.0) + time.perf_counter() - began
