"""The process in which one piece of work is done, so that its memory and CPU are its own.

Belongs here: both ends of the pipe between it and the process that measures. The worker imports what it needs, says
so, waits for the word, works, tells how long it took, and stays until its counters have been read.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from benchmarks.rig.cost import Cost, Watch
from benchmarks.rig.job import Job
from benchmarks.rig.plan import PROJECT_ROOT

_LOG_TAIL = 3000
_PROJECTS_OWN = ("TAXI_", "GCP_", "DAGSTER_", "SECRET_GCP", "STORAGE_EMULATOR", "BIGQUERY_EMULATOR")


def neutral_environment() -> dict[str, str]:
    """This process's, without what would change the project: nobody's own store or target is measured, or touched."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_PROJECTS_OWN)}


def measured(
    work: str,
    job: Job,
    *,
    server: int | None,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Cost:
    """Does ``work`` in a process of its own and measures it.

    Args:
        work: Module with ``prepare()`` and ``run(job, parts)``.
        job: Handed to it.
        server: Process id of the server's main process, where there is one to be watched.
        log: Takes what the worker prints.
        environment: Added to the neutral one.

    Raises:
        RuntimeError: The work failed; the message ends with what it printed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.rig.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            cwd=PROJECT_ROOT,
            env={**neutral_environment(), **(environment or {})},
        )
        assert process.stdin
        assert process.stdout
        try:
            _send(process.stdin, {"work": work, "job": job.as_json()})
            _expect(process.stdout, work, log)
            watch = Watch(process.pid, server)
            watch.start()
            _send(process.stdin, {})
            done = _expect(process.stdout, work, log)
            return watch.stop(done["seconds"], done["parts"])
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()


def _send(pipe: IO[str], message: dict[str, Any]) -> None:
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()


def _expect(pipe: IO[str], work: str, log: Path) -> dict[str, Any]:
    line = pipe.readline()
    if not line:
        said = log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
        raise RuntimeError(f"{work} failed:\n{said}")
    return json.loads(line)


def main() -> None:
    """The worker's end. What libraries print goes to stderr, so that it does not get between the messages."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    task = json.loads(sys.stdin.readline())
    module, job = importlib.import_module(task["work"]), Job(**task["job"])
    module.prepare()
    _send(answers, {"ready": asdict(job)})
    sys.stdin.readline()
    parts: dict[str, float] = {}
    began = time.perf_counter()
    module.run(job, parts)
    _send(answers, {"seconds": time.perf_counter() - began, "parts": parts})
    sys.stdin.read()


if __name__ == "__main__":
    main()
