"""Work of the orchestration section: the months of a dataset through all assets and checks, without Dagster."""

from __future__ import annotations

from benchmarks.measures import graph_calls
from benchmarks.rig.job import Job


def prepare() -> None:
    """Loads the definitions, whose functions are called."""
    graph_calls.definitions()


def run(job: Job, parts: dict[str, float]) -> None:  # noqa: ARG001  # all works are called alike
    """Calls them."""
    graph_calls.call_plainly(job)
