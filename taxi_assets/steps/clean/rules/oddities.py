"""What is odd in a clean month but possible, counted rule by rule.

Belongs here: one pass over a clean file that counts all rules of ``rules.py`` at once. Not here: the rules, and what is
made of the counts (``taxi_assets/orchestration/checks``).
"""

from __future__ import annotations

from pathlib import Path

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.clean.rules.rules import DUPLICATES, OddRule, odd_rules
from taxi_assets.steps.files.duckdb_connection import errors_explained, working_connection
from taxi_assets.steps.files.sql import identifier, parquet_scan


def count_oddities(path: Path, month: TripMonth) -> dict[str, int]:
    """Counts every oddity of a clean month.

    Args:
        path: The clean Parquet.
        month: Which month it is; its dataset decides which rules apply.

    Returns:
        Rows by rule name, zeros included. A row may count for several rules.

    Raises:
        BrokenFileError: The file cannot be read.
    """
    dataset = DATASETS[month.dataset]
    rules = odd_rules(dataset)
    counts = ", ".join(_count(rule, dataset) for rule in rules)
    bounds = {"first_day": month.first_day, "next_month": month.next_month_first_day}
    query = f"SELECT {counts} FROM {parquet_scan(path)}"
    with errors_explained(path, path.parent), working_connection(path) as connection:
        row = connection.execute(query, bounds).fetchall()[0]
    return {rule.name: int(count) for rule, count in zip(rules, row, strict=True)}


def _count(rule: OddRule, dataset: Dataset) -> str:
    if rule is DUPLICATES:
        # 64 bits tell rows apart well enough: among 20 million the odds of one false duplicate are 1 in 90,000.
        columns = ", ".join(identifier(column.name) for column in dataset.columns)
        return f"count(*) - count(DISTINCT hash({columns}))"
    roles = rule.columns(dataset) or {}
    predicate = rule.predicate.format_map({role: identifier(name) for role, name in roles.items()})
    return f"count(*) FILTER ({predicate})"
