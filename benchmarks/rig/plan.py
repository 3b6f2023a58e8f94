"""What `make bench` measures, and at which size: the BENCH_… variables, read once.

Belongs here: sizes, repetitions, folders, and the sentence that refuses a wrong value before anything is measured.
``docs/benchmarking.md`` tells people of them. Not here: how anything is measured.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ("months", "growth", "memory", "unchanged", "orchestration", "imports")
MEMORY_TIMES = 10
"""How many times the small month is in the large one, where peak memory is compared."""

_MILLION = 1_000_000
# As many as a synthetic month may have.
_ROWS = range(1, 100 * _MILLION + 1)
# From 2019-01 on: months whose files were there when this was written.
_MONTHS = range(1, 61)
NUMBERS = {
    "BENCH_ROWS": _ROWS,
    # Launched runs take the months from 2015-01 on, and must not reach those of the backfill.
    "BENCH_REPEATS": range(1, 41),
    "BENCH_PANDAS_ROWS": _ROWS,
    "BENCH_GROWTH_ROWS": _ROWS,
    "BENCH_BATCH_ROWS": _ROWS,
    "BENCH_BATCH_MONTHS": _MONTHS,
    "BENCH_BACKFILL_MONTHS": _MONTHS,
    "BENCH_MEMORY_ROWS": range(MEMORY_TIMES, _ROWS.stop),
}
VARIABLES = (*NUMBERS, "BENCH_GROWTH_MONTHS", "BENCH_ONLY", "BENCH_DIR", "BENCH_REPORT")


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
        memory_rows: Trips of the small and of the large month whose peak memory is compared: one and ten times as many.
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
        SystemExit: A value cannot be measured with, or no variable has that name.
    """
    _refuse_unknown_variables()
    rows = _number("BENCH_ROWS", _MILLION)
    once = _number("BENCH_MEMORY_ROWS", min(20 * rows, 20 * _MILLION)) // MEMORY_TIMES
    folder = _folder("BENCH_DIR", PROJECT_ROOT / ".bench")
    return Plan(
        rows=rows,
        repeats=_number("BENCH_REPEATS", 3),
        pandas_rows=min(rows, _number("BENCH_PANDAS_ROWS", 100_000)),
        growth_rows=_number("BENCH_GROWTH_ROWS", min(rows, _MILLION)),
        growth_months=_growth_months("BENCH_GROWTH_MONTHS", (1, 12, 36)),
        batch_rows=_number("BENCH_BATCH_ROWS", min(rows, _MILLION)),
        batch_months=_number("BENCH_BATCH_MONTHS", 12),
        backfill_months=_number("BENCH_BACKFILL_MONTHS", 24),
        small_rows=min(rows, 1_000),
        memory_rows=(once, once * MEMORY_TIMES),
        sections=_sections("BENCH_ONLY"),
        folder=folder,
        report=_folder("BENCH_REPORT", folder / "report"),
    )


def _refuse_unknown_variables() -> None:
    """A name that is mistyped would be found out after twenty minutes at the wrong size."""
    unknown = sorted(name for name in os.environ if name.startswith("BENCH_") and name not in VARIABLES)
    if unknown:
        raise SystemExit(f"{', '.join(unknown)}: no such variable; choose from {', '.join(VARIABLES)}, or unset it")


def _number(variable: str, default: int) -> int:
    text, allowed = os.environ.get(variable, ""), NUMBERS[variable]
    number = _whole(text.replace("_", "")) if text else default
    if number not in allowed:
        raise SystemExit(f"{variable}={text}: write a whole number from {allowed.start:,} to {allowed.stop - 1:,}")
    return number


def _growth_months(variable: str, default: tuple[int, ...]) -> tuple[int, ...]:
    text = os.environ.get(variable, "")
    numbers = tuple(_whole(part) for part in _parts(text)) or default
    rising = list(numbers) == sorted(set(numbers))
    if len(numbers) < 2 or numbers[0] != 1 or not rising or numbers[-1] not in _MONTHS:  # noqa: PLR2004  # two to compare
        raise SystemExit(
            f"{variable}={text}: write two or more numbers of months, rising from 1 to {_MONTHS.stop - 1} at most, "
            "such as 1,12,36"
        )
    return numbers


def _sections(variable: str) -> tuple[str, ...]:
    text = os.environ.get(variable, "")
    sections = tuple(_parts(text)) or SECTIONS
    unknown = sorted(set(sections) - set(SECTIONS))
    if unknown:
        raise SystemExit(f"{variable}={text}: no section {', '.join(unknown)}; choose from {', '.join(SECTIONS)}")
    return sections


def _folder(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default).expanduser().resolve()


def _parts(text: str) -> Sequence[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _whole(text: str) -> int:
    """The number that is written, or 0, which no variable takes."""
    return int(text) if text.isdecimal() else 0
