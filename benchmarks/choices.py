"""`python -m benchmarks.choices`: the settings that have an effect, each measured beside its alternatives.

Belongs here: the tables of ``docs/decisions/settings-by-measurement.md``. One setting is changed at a time, the others
are those of the project; variants take turns; medians. Everything runs in this process, engines being loaded.
"""

from __future__ import annotations

import math
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from benchmarks.measures.orchestration import backfill, own_dagster
from benchmarks.report.report import table
from benchmarks.rig.cost import alternating
from benchmarks.rig.folder import working_folder
from benchmarks.rig.job import Job
from benchmarks.rig.plan import plan_from_environment
from benchmarks.rig.server import BenchServer, bench_server
from benchmarks.rig.workshop import DATASET, FIRST_MONTH, Workshop
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.reading import csv_queries
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.files.sql import escape_glob, literal
from taxi_assets.steps.postgres.load import load_month
from taxi_assets.steps.postgres.tables import prepare_database
from taxi_assets.steps.raw.fetch import fetch_month

MONTH = TripMonth(DATASET, FIRST_MONTH)


@dataclass(frozen=True)
class Taken:
    """One variant, once; CPU is this process's."""

    seconds: float
    cpu: float
    note: str


def main() -> None:
    """Measures and prints the tables."""
    plan = plan_from_environment()
    with working_folder(plan), bench_server(plan.folder / "postgres") as server:
        workshop = Workshop(plan, server)
        source, folder = workshop.source(plan.rows), workshop.folder("choices")
        raw = fetch_month(MONTH, str(source), DataDir(folder)).raw
        clean = clean_month(raw, DataDir(folder))
        print(f"{plan.rows:,} trips, medians of {plan.repeats}\n")
        _print("DuckDB threads in clean", _clean_variants(raw, folder), plan.repeats)
        _print("What DuckDB's threads take of a file at a time in clean", _buffer_variants(raw, folder), plan.repeats)
        _print("Parquet of clean", _parquet_variants(clean, folder), plan.repeats)
        _print("COPY streams", _stream_variants(clean, server), plan.repeats)
        _print("Row groups, as two COPY streams find them", _row_group_loads(clean, folder, server), plan.repeats)
        _print("Months a run", _months_per_run(workshop), repeats=1)


def _print(title: str, variants: Mapping[str, Callable[[], Taken]], repeats: int) -> None:
    taken: dict[str, list[Taken]] = {name: [] for name in variants}
    for name in alternating(list(variants), repeats):
        taken[name].append(variants[name]())
    rows = [
        [
            name,
            f"{statistics.median(one.seconds for one in each):.2f}",
            "" if math.isnan(each[0].cpu) else f"{statistics.median(one.cpu for one in each):.2f}",
            each[0].note,
        ]
        for name, each in taken.items()
    ]
    print(f"### {title}\n\n{table(['variant', 'seconds', 'CPU s, client', ''], rows)}\n", flush=True)


def _timed(work: Callable[[], str]) -> Taken:
    """``work`` once; what it returns is the note beside its figures."""
    began, cpu = time.perf_counter(), _cpu()
    note = work()
    return Taken(time.perf_counter() - began, _cpu() - cpu, note)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _cleaned(raw: RawFile, folder: Path, threads: int | None = None) -> Taken:
    data = folder / "variant"
    taken = _timed(lambda: _megabytes(clean_month(raw, DataDir(data), threads=threads).path))
    shutil.rmtree(data)
    return taken


def _clean_variants(raw: RawFile, folder: Path) -> dict[str, Callable[[], Taken]]:
    return {f"{threads} thread(s)": lambda threads=threads: _cleaned(raw, folder, threads) for threads in (1, 2, 4)}


def _buffer_variants(raw: RawFile, folder: Path) -> dict[str, Callable[[], Taken]]:
    def cleaned(megabytes: int) -> Taken:
        chosen = csv_queries.BUFFER_BYTES
        csv_queries.BUFFER_BYTES = dict.fromkeys(chosen, megabytes << 20)
        try:
            return _cleaned(raw, folder)
        finally:
            csv_queries.BUFFER_BYTES = chosen

    return {f"{megabytes} MB": lambda megabytes=megabytes: cleaned(megabytes) for megabytes in (1, 2, 4, 8, 16, 32)}


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def _rewrite(clean: CleanFile, target: Path, *, rows: int = 122_880, level: int | None = None) -> str:
    codec = "COMPRESSION zstd" + ("" if level is None else f", COMPRESSION_LEVEL {level}")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_parquet({literal(escape_glob(str(clean.path)))})) TO {literal(str(target))} "
            f"(FORMAT parquet, {codec}, ROW_GROUP_SIZE {rows})"
        )
    return _megabytes(target)


def _parquet_variants(clean: CleanFile, folder: Path) -> dict[str, Callable[[], Taken]]:
    """Only the writing: the clean file is read and written again."""
    target = folder / "rewritten.parquet"
    levels = {
        f"zstd level {level}": lambda level=level: _timed(lambda: _rewrite(clean, target, level=level))
        for level in (1, 3, 6, 9)
    }
    sizes = {
        f"row groups of {rows:,}": lambda rows=rows: _timed(lambda: _rewrite(clean, target, rows=rows))
        for rows in (30_720, 61_440, 122_880, 245_760, 491_520)
    }
    return {**levels, **sizes}


def _load(clean: CleanFile, server: BenchServer, streams: int = 2) -> Taken:
    with server.database() as database:
        prepare_database(database.conninfo, [DATASETS[DATASET]])
        server.settle()
        return _timed(lambda: f"{load_month(clean, database.conninfo, streams=streams).bytes_loaded / 1e6:.0f} MB")


def _stream_variants(clean: CleanFile, server: BenchServer) -> dict[str, Callable[[], Taken]]:
    return {f"{streams} stream(s)": lambda streams=streams: _load(clean, server, streams) for streams in (1, 2, 3, 4)}


def _row_group_loads(clean: CleanFile, folder: Path, server: BenchServer) -> dict[str, Callable[[], Taken]]:
    variants: dict[str, Callable[[], Taken]] = {}
    for rows in (30_720, 122_880, 491_520):
        path = folder / f"groups-{rows}.parquet"
        _rewrite(clean, path, rows=rows)
        variants[f"row groups of {rows:,}"] = lambda path=path: _load(replace(clean, path=path), server)
    return variants


def _months_per_run(workshop: Workshop) -> dict[str, Callable[[], Taken]]:
    """A backfill of 24 small months of one dataset, launched as the UI does; CPU is not this process's."""
    job = Job(source="sample", month=FIRST_MONTH, rows=workshop.plan.small_rows, months=24)

    def taken(months: int) -> Taken:
        with own_dagster(workshop, job, TAXI_MONTHS_PER_RUN=str(months)) as (dagster, mine):
            runs, seconds = backfill(dagster, mine, [DATASET])
        return Taken(seconds, math.nan, f"{runs} runs")

    return {f"{months} a run": lambda months=months: taken(months) for months in (1, 3, 12, 24)}


if __name__ == "__main__":
    main()
