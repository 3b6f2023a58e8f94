"""The processes behind the Dagster UI: begun together, started again when one dies, ended together.

Belongs here: their life. Not here: what has to be right before they start (``up.py``).

It is what `dagster dev` does, and more: that leaves processes behind when it is told to end by anything but Ctrl-C,
cannot be told to end at all when a script started it in the background, does not notice that the process which holds
the project's code has died, and starts its webserver without our guard.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

LOCATION = "taxi_assets.definitions"
"""As `dagster dev -m` calls the code location: what is switched on or off there is remembered under this name."""

LOOK_SECONDS = 0.2
CODE_SECONDS = 120.0
"""How long the others wait for the code server to load the project."""

CHILDREN_SECONDS = 3.0
"""How often it is looked whether the process that holds the project's code is there. A reload in the UI starts the new
one before it ends the old."""

WEBSERVER_SECONDS, GRACE_SECONDS = 3.0, 12.0
"""After this long, what was told to end is killed. The webserver loses nothing, but waits for each open page; a worker
takes a second to record that it was interrupted, or as long as an import when it has just begun."""

SHORTEST_LIFE = 10.0
"""A process that dies sooner would die again."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Part:
    """One of the processes, with all that it starts in a process group of its own."""

    name: str
    words: list[str]
    environment: Mapping[str, str]
    _process: subprocess.Popen[bytes] | None = None
    _begun: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Begins it, in the background of the terminal: Ctrl-C reaches it through us."""
        command = [sys.executable, "-m", *self.words]
        self._begun = time.monotonic()
        self._process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._begun

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it lives."""
        return self._process.poll() if self._process else None

    @property
    def has_children(self) -> bool:
        """Whether it has started anything that still lives."""
        if self._process is None:
            return False
        asked = ["pgrep", "-P", str(self._process.pid)]
        return subprocess.run(asked, capture_output=True, check=False).returncode != 1

    def kill(self) -> None:
        """Ends the process itself, and not what it has started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def tell(self, number: int) -> bool:
        """Sends a signal (0: none) to it and to what it has started; False when nothing of that is there."""
        if self._process is None:
            return False
        self._process.poll()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
            return True
        return False


def run_together(environment: Mapping[str, str], host: str, port: int) -> int:
    """Shows the UI until somebody ends it with Ctrl-C, SIGTERM or by closing the terminal.

    Returns:
        The exit code: 128 and the signal's number, as shells have it; 1 when a process could not be kept alive.
    """
    with _noted_signals() as told, tempfile.TemporaryDirectory(prefix="taxi-") as folder:
        place = Path(folder) / "code.sock"
        workspace = Path(folder) / "workspace.yaml"
        workspace.write_text(
            f"load_from:\n  - grpc_server: {{socket: {place}, location_name: {LOCATION}}}\n", encoding="utf-8"
        )
        code = ["dagster", "code-server", "start", "-m", LOCATION, "--socket", str(place), "--location-name", LOCATION]
        shown = ["--workspace", str(workspace)]
        ui = ["taxi_assets.orchestration.webserver", "--host", host, "--port", str(port), *shown]
        left_behind = Part("end of dead runs", ["taxi_assets.orchestration.instance.dead_runs"], environment)
        parts = [
            Part("code server", [*code, "--inject-env-vars-from-instance", "--log-level", "warning"], environment),
            Part("webserver", [*ui, "--dagster-log-level", "warning"], environment),
            Part("daemon", ["dagster._daemon", "run", *shown, "--log-level", "warning"], environment),
        ]
        try:
            return _watch(parts, left_behind, place, told)
        finally:
            _end([left_behind, *parts])


def _watch(parts: list[Part], left_behind: Part, place: Path, told: list[int]) -> int:
    code_server, *others = parts
    looked, had_children = time.monotonic(), False
    left_behind.start()
    code_server.start()
    while not told and code_server.ended is None and not _answers(place) and code_server.age < CODE_SECONDS:
        time.sleep(LOOK_SECONDS)
    # Before the daemon, which may start runs.
    while not told and left_behind.ended is None and left_behind.age < CODE_SECONDS:
        time.sleep(LOOK_SECONDS)
    for part in others:
        part.start()
    while not told:
        if time.monotonic() - looked > CHILDREN_SECONDS:
            has_children, looked = code_server.has_children, time.monotonic()
            if had_children and not has_children:
                code_server.kill()
            had_children = has_children
        for part in parts:
            if part.ended is None:
                continue
            if part.age < SHORTEST_LIFE:
                _say(f"The {part.name} ended with code {part.ended} as soon as it had begun; what it said is above.")
                return 1
            _say(f"The {part.name} ended with code {part.ended} and is started again.")
            if part is code_server:
                place.unlink(missing_ok=True)
            part.start()
        time.sleep(LOOK_SECONDS)
    return 128 + told[0]


def _end(parts: list[Part]) -> None:
    """Tells all to end, run workers too, and kills what has not ended in time."""
    begun = time.monotonic()
    left = [part for part in parts if part.tell(signal.SIGINT)]
    while left and time.monotonic() - begun < GRACE_SECONDS:
        time.sleep(LOOK_SECONDS)
        if time.monotonic() - begun > WEBSERVER_SECONDS:
            for part in left:
                if part.name == "webserver":
                    part.tell(signal.SIGKILL)
        left = [part for part in left if part.tell(0)]
    for part in left:
        part.tell(signal.SIGKILL)


@contextmanager
def _noted_signals() -> Generator[list[int]]:
    """The signals that came. Also SIGINT where it was ignored, as in what a script starts in the background."""
    told: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in _ENDING}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(place)) == 0


def _say(text: str) -> None:
    # The terminal may be closed.
    with suppress(OSError):
        print(text, flush=True)
