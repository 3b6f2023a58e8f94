"""What every measure works with: the plan, the server, and published months to load.

Belongs here: making synthetic months, and running a piece of work in a process of its own. Not here: what is compared
with what.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.rig.cost import Cost
from benchmarks.rig.job import Job
from benchmarks.rig.plan import Plan
from benchmarks.rig.server import BenchServer, Database
from benchmarks.rig.worker import measured
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.sample.write import sample_layout, write_sample_month

DATASET = "yellow"
FIRST_MONTH = "2019-01"
LAYOUT_OF = "2019-03"
"""All months are laid out as this one is. The files of 2019-01 and 2019-02 end their last line with LF and all others
with CRLF, which COPY rejects: the staged merge could not load them."""


@dataclass(frozen=True)
class Workshop:
    """One call of the benchmark."""

    plan: Plan
    server: BenchServer

    def say(self, text: str) -> None:
        """Tells whoever waits at the terminal what is being measured."""
        print(text, flush=True)

    def source(self, rows: int, months: Sequence[str] = (FIRST_MONTH,), *, distinct: bool = True) -> Path:
        """A folder that publishes months of ``rows`` trips, laid out as in ``LAYOUT_OF``, without rejected lines.

        Args:
            rows: Trips a month.
            months: Which months.
            distinct: False: one month under many names, where only the size matters.
        """
        folder = self.plan.folder / "sources" / f"{rows}"
        layout = sample_layout(TripMonth(DATASET, LAYOUT_OF))
        made: Path | None = None
        for month in months:
            path = folder / DATASET / f"{DATASET}_tripdata_{month}.csv.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                if distinct or made is None:
                    write_sample_month(TripMonth(DATASET, month), path, rows, rejected_share=0, layout=layout)
                else:
                    os.link(made, path)
            made = path
        return folder

    def folder(self, name: str) -> Path:
        """A new, empty folder."""
        path = self.plan.folder / "work" / f"{name}-{uuid4().hex[:8]}"
        path.mkdir(parents=True)
        return path

    def job(self, source: Path, database: Database | None, folder: Path, *, month: str = FIRST_MONTH) -> Job:
        """A month to load."""
        return Job(
            source=str(source),
            month=month,
            rows=self.plan.rows,
            conninfo=database.conninfo if database else "",
            url=database.url if database else "",
            url_with_password=database.url_with_password if database else "",
            folder=str(folder),
        )

    def measure(self, work: str, job: Job, environment: Mapping[str, str] | None = None) -> Cost:
        """Runs a module of this package in a process of its own."""
        log = self.plan.folder / "logs" / f"{work.rpartition('.')[2]}-{uuid4().hex[:8]}.log"
        return measured(work, job, server=self.server.pid, log=log, environment=environment)

    def discard(self, *folders: Path) -> None:
        """Deletes what a measurement left."""
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
