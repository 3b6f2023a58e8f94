"""What `make bench` measures, and at which size: the BENCH_… variables, read once.

Belongs here: sizes, repetitions, folders. Not here: how anything is measured.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ("months", "growth", "memory", "unchanged", "orchestration", "imports")
_MILLION = 1_000_000


@dataclass(frozen=True)
class Plan:
    """Sizes and repetitions of one call.

    Attributes:
        rows: Trips in the month that the contenders load.
        repeats: How often each measurement is made; medians are reported.
        pandas_rows: Trips that pandas loads; its figures are extrapolated to ``rows`` and labelled so.
        growth_rows: Trips a month where tables grow to 36 months.
        growth_months: Which months of those tables are measured: the first and the last are compared.
        batch_rows: Trips a month in the batch that runs with and without Dagster.
        batch_months: Months in that batch.
        backfill_months: Months in the backfill, of each of two datasets; they are small, so that orchestration shows.
        small_rows: Trips a month where only the overhead around the work is measured.
        memory_rows: Trips of the small and of the large month whose peak memory is compared.
        sections: Which parts are measured.
        folder: Holds the server and all files meanwhile; emptied at the start and at the end.
        report: Where the report goes.
    """

    rows: int
    repeats: int
    pandas_rows: int
    growth_rows: int
    growth_months: tuple[int, ...]
    batch_rows: int
    batch_months: int
    backfill_months: int
    small_rows: int
    memory_rows: tuple[int, int]
    sections: tuple[str, ...]
    folder: Path
    report: Path


def plan_from_environment() -> Plan:
    """Reads the BENCH_… variables; sizes that are not given follow from BENCH_ROWS.

    Raises:
        SystemExit: A value is not a positive number, or a section is unknown.
    """
    rows = _number("BENCH_ROWS", _MILLION)
    sections = tuple(filter(None, os.environ.get("BENCH_ONLY", "").split(","))) or SECTIONS
    unknown = set(sections) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"BENCH_ONLY={os.environ['BENCH_ONLY']}: no section {', '.join(sorted(unknown))}; "
                         f"choose from {', '.join(SECTIONS)}")  # fmt: skip
    folder = Path(os.environ.get("BENCH_DIR") or PROJECT_ROOT / ".bench").resolve()
    return Plan(
        rows=rows,
        repeats=_number("BENCH_REPEATS", 3),
        pandas_rows=min(rows, _number("BENCH_PANDAS_ROWS", 100_000)),
        growth_rows=_number("BENCH_GROWTH_ROWS", min(rows, _MILLION)),
        growth_months=_numbers("BENCH_GROWTH_MONTHS", (1, 12, 36)),
        batch_rows=_number("BENCH_BATCH_ROWS", min(rows, _MILLION)),
        batch_months=_number("BENCH_BATCH_MONTHS", 12),
        backfill_months=_number("BENCH_BACKFILL_MONTHS", 24),
        small_rows=min(rows, 1_000),
        memory_rows=(min(2 * rows, 2 * _MILLION), _number("BENCH_MEMORY_ROWS", min(20 * rows, 20 * _MILLION))),
        sections=sections,
        folder=folder,
        report=Path(os.environ.get("BENCH_REPORT") or folder / "report").resolve(),
    )


def _numbers(variable: str, default: tuple[int, ...]) -> tuple[int, ...]:
    text = os.environ.get(variable, "")
    numbers = tuple(int(part) for part in text.split(",") if part.strip().isdigit()) if text else default
    if len(numbers) < 2 or numbers[0] != 1 or list(numbers) != sorted(set(numbers)):  # noqa: PLR2004  # two to compare
        raise SystemExit(f"{variable}={text}: write month numbers from 1 on, rising, such as 1,12,36")
    return numbers


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").replace("_", "")
    if not text:
        return default
    if not text.isdigit() or int(text) < 1:
        raise SystemExit(f"{variable}={os.environ[variable]}: write a whole number, 1 or more")
    return int(text)
