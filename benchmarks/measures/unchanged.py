"""A month that the source has not changed: what is asked of the source, and what is done.

Belongs here: a local HTTP server that counts its requests, and a second pass over a month that is there already.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.contenders.contend import contend
from benchmarks.rig.cost import Cost, median_cost
from benchmarks.rig.workshop import Workshop


@dataclass(frozen=True)
class Unchanged:
    """The first pass over a month, and the passes after it.

    Attributes:
        first: Cost of the first.
        again: Median cost of the later ones.
        requests: What the source was asked in one later pass: method and path, in order.
    """

    first: Cost
    again: Cost
    requests: list[str]


def measure_unchanged(workshop: Workshop) -> Unchanged:
    """Carries a month from a local HTTP server, then again and again."""
    workshop.say("unchanged: a month that is there already")
    source, folder = workshop.source(workshop.plan.rows), workshop.folder("unchanged")
    requests: list[str] = []
    with workshop.server.database() as database, _publishing(source, requests) as url:
        job = replace(workshop.job(source, database, folder), source=url)
        first = contend(workshop, "ours", job)
        again: list[Cost] = []
        for _ in range(workshop.plan.repeats):
            requests.clear()
            again.append(contend(workshop, "ours", replace(job, rows=0)))
    workshop.discard(folder)
    return Unchanged(first, median_cost(again), list(requests))


@contextmanager
def _publishing(folder: Path, requests: list[str]) -> Generator[str]:
    handler = partial(_Counting, requests, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Counting(SimpleHTTPRequestHandler):
    """Serves a folder, with Last-Modified, and notes each request."""

    def __init__(self, requests: list[str], *args: object, **options: object) -> None:
        self._requests = requests
        super().__init__(*args, **options)  # type: ignore[arg-type]

    def log_request(self, code: object = "-", size: object = "-") -> None:  # noqa: ARG002  # as it is called
        self._requests.append(f"{self.command} {self.path}")
