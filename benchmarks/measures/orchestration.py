"""What Dagster adds: to one month, to a batch, to a run that is launched as the UI does, and to a backfill.

Belongs here: these four comparisons. The work is that of all assets and checks of a dataset. It is done twice, by
Dagster and as plain function calls (``graph_calls.py``); the difference is the orchestrator's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from benchmarks.measures import graph_calls
from benchmarks.rig.cost import Cost, alternating, median_cost
from benchmarks.rig.dagster_processes import RunningDagster, make_home, running_dagster, wait_until
from benchmarks.rig.job import Job
from benchmarks.rig.server import Database
from benchmarks.rig.workshop import Workshop

DATASETS = ("yellow", "green")
_RUN_SECONDS = 300
_MONTH_SECONDS = 60
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True)
class Compared:
    """The same months with and without Dagster.

    Attributes:
        months: How many.
        rows: Trips in each.
        steps: Steps of the run: assets and their checks.
        dagster: Median cost of the run, from the moment its process is up.
        plain: Median cost of the plain calls.
    """

    months: int
    rows: int
    steps: int
    dagster: Cost
    plain: Cost


@dataclass(frozen=True)
class Launched:
    """A one-month run that was launched through the webserver, in seconds between events of its log; medians.

    Attributes:
        queued: From the click to the daemon's decision to start it.
        worker_up: From there until the run worker executes.
        first_step: From there to the start of the first step.
        run: From the worker's start to the end of the run.
    """

    queued: float
    worker_up: float
    first_step: float
    run: float


@dataclass(frozen=True)
class Backfilled:
    """A backfill of several datasets, launched as the UI's dialog does.

    Attributes:
        months: Of each dataset.
        datasets: Which.
        rows: Trips a month.
        runs: Runs that the backfills became.
        seconds: From the first launch to the end of the last backfill.
        work: Seconds of the same work as plain calls, one after the other.
    """

    months: int
    datasets: tuple[str, ...]
    rows: int
    runs: int
    seconds: float
    work: float


@dataclass(frozen=True)
class Orchestration:
    """All four."""

    month: Compared
    batch: Compared
    launched: Launched
    backfill: Backfilled


def measure_orchestration(workshop: Workshop) -> Orchestration:
    """Measures all four; Dagster keeps its records on the same server, as `make dev` has it."""
    plan = workshop.plan
    with workshop.server.database() as records:
        small = Job(source="sample", month="2019-01", rows=plan.small_rows)
        workshop.say("orchestration: one small month, with and without Dagster")
        month = _compared(workshop, records, small, plan.repeats)
        workshop.say(
            f"orchestration: {plan.batch_months} months of {plan.batch_rows:,} trips, with and without Dagster"
        )
        batch_job = replace(small, rows=plan.batch_rows, months=plan.batch_months)
        source = workshop.source(plan.batch_rows, batch_job.month_keys, distinct=False)
        batch = _compared(workshop, records, replace(batch_job, source=str(source)), max(1, plan.repeats // 2))
    launched, backfill = _through_the_ui(workshop, replace(small, months=plan.backfill_months))
    return Orchestration(month, batch, launched, backfill)


def _compared(workshop: Workshop, records: Database, job: Job, repeats: int) -> Compared:
    costs: dict[str, list[Cost]] = {"plain_run": [], "dagster_run": []}
    for work in alternating(list(costs), repeats):
        folder = workshop.folder(work)
        with workshop.server.database() as trips:
            mine = replace(job, folder=str(folder), conninfo=trips.conninfo, url=trips.url)
            workshop.server.settle()
            costs[work].append(
                workshop.measure(f"benchmarks.measures.{work}", mine, _environment(workshop, records, mine))
            )
        workshop.discard(folder)
    dagster, plain = median_cost(costs["dagster_run"]), median_cost(costs["plain_run"])
    return Compared(job.months, job.rows, int(dagster.parts["steps"]), dagster, plain)


def _environment(workshop: Workshop, records: Database, job: Job) -> dict[str, str]:
    home = workshop.plan.folder / "dagster-home"
    make_home(home)
    return {**graph_calls.environment(job), "DAGSTER_HOME": str(home), "DAGSTER_POSTGRES_URL": records.url}


def _through_the_ui(workshop: Workshop, job: Job) -> tuple[Launched, Backfilled]:
    """Launched runs on a Dagster that is idle, then the backfill."""
    with own_dagster(workshop, job) as (dagster, mine):
        workshop.say("orchestration: launching one-month runs")
        launched = _launched(dagster, mine, workshop.plan.repeats)
        workshop.say(f"orchestration: launching a backfill of {job.months} months of {' and '.join(DATASETS)}")
        runs, seconds = backfill(dagster, mine, DATASETS)
    work = sum(_plain_seconds(workshop, replace(job, dataset=dataset)) for dataset in DATASETS)
    return launched, Backfilled(job.months, DATASETS, job.rows, runs, seconds, work)


@contextmanager
def own_dagster(workshop: Workshop, job: Job, **variables: str) -> Generator[tuple[RunningDagster, Job]]:
    """Code server, webserver and daemon with databases of their own, their sensors off, and the job told of them."""
    folder = workshop.folder("ui")
    with workshop.server.database() as records, workshop.server.database() as trips:
        mine = replace(job, folder=str(folder / "data"), conninfo=trips.conninfo, url=trips.url)
        environment = {**graph_calls.environment(mine), "DAGSTER_POSTGRES_URL": records.url, **variables}
        workshop.say("starting the webserver, the daemon and the code server")
        with running_dagster(folder / "home", environment) as dagster:
            # The backfill's months must not be asked for twice.
            for sensor in dagster.running_sensors():
                dagster.stop_sensor(sensor)
            yield dagster, mine
    workshop.discard(folder)


def _plain_seconds(workshop: Workshop, job: Job) -> float:
    folder = workshop.folder("plain")
    with workshop.server.database() as trips:
        mine = replace(job, folder=str(folder), conninfo=trips.conninfo, url=trips.url)
        cost = workshop.measure("benchmarks.measures.plain_run", mine, graph_calls.environment(mine))
    workshop.discard(folder)
    return cost.seconds


def _keys(dataset: str) -> list[str]:
    return [f"{layer}/{dataset}_tripdata" for layer in graph_calls.LAYERS]


def _launched(dagster: RunningDagster, job: Job, repeats: int) -> Launched:
    """Each run takes another month, long before those of the backfill; the first, which warms up, is not counted."""
    months = replace(job, month="2015-01", months=repeats + 1).month_keys
    timed = [_one_run(dagster, month) for month in months][1:]
    return Launched(**{name: statistics.median(one[name] for one in timed) for name in timed[0]})


def _one_run(dagster: RunningDagster, month: str) -> dict[str, float]:
    clicked = time.time()
    run_id = dagster.materialize(_keys("yellow"), month)
    wait_until(lambda: dagster.run(run_id)["status"] in _ENDED, "the run's end", _RUN_SECONDS)
    if dagster.run(run_id)["status"] != "SUCCESS":
        raise RuntimeError(
            f"the run of {month} failed; the log of the code server ends:\n{dagster.code_server.log[-3000:]}"
        )
    at = _events(dagster, run_id)
    return {
        "queued": at["RUN_STARTING"] - clicked,
        "worker_up": at["RUN_START"] - at["RUN_STARTING"],
        "first_step": at["STEP_START"] - at["RUN_START"],
        "run": at["RUN_SUCCESS"] - at["RUN_START"],
    }


def _events(dagster: RunningDagster, run_id: str) -> dict[str, float]:
    """When each kind of event happened first, in seconds since 1970."""
    first: dict[str, float] = {}
    for event in dagster.events(run_id):
        first.setdefault(event["eventType"], float(event["timestamp"]) / 1000)
    return first


def backfill(dagster: RunningDagster, job: Job, datasets: Sequence[str]) -> tuple[int, float]:
    """Launches one backfill a dataset at once; gives the number of runs, and seconds to the end of the last."""
    before = len(dagster.runs())
    began = time.monotonic()
    backfills = [dagster.backfill(_keys(dataset), job.month_keys) for dataset in datasets]

    def ended() -> bool:
        states = {dagster.backfill_status(backfill) for backfill in backfills}
        if states & {"FAILED", "COMPLETED_FAILED", "CANCELED"}:
            raise RuntimeError(f"a backfill ended as {states}; the daemon's log ends:\n{dagster.daemon.log[-3000:]}")
        return states == {"COMPLETED_SUCCESS"}

    patience = _RUN_SECONDS + _MONTH_SECONDS * job.months * len(datasets)
    wait_until(ended, "the end of the backfills", patience)
    return len(dagster.runs()) - before, time.monotonic() - began
