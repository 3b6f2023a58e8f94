"""The SQL of the marts, filled in for a dialect and a month.

Belongs here: what is put into the texts of ``sql/``. Not here: running them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from string import Template

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.marts import MONTHS, Mart
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.clean.rules.rules import OddRule, odd_rules
from taxi_assets.steps.marts.facts import MonthFacts
from taxi_assets.steps.views.render import HERE as VIEWS
from taxi_assets.steps.views.render import Dialect, parameter, rendered

_SQL = Path(__file__).resolve().parent / "sql"

MOVING = "seconds BETWEEN 60 AND 21600 AND miles > 0 AND miles * 3600 <= 80 * seconds"
"""A trip whose clocks and distance can both be right: a minute to six hours, up to 80 miles an hour."""


@dataclass(frozen=True)
class MartQuery:
    """The SELECT of a mart's month, and the values that are bound to its named parameters."""

    sql: str
    values: dict[str, str | int | bool | date]


def mart_query(mart: Mart, facts: MonthFacts, dialect: Dialect, source: str) -> MartQuery:
    """The SELECT that computes a month of a mart.

    Args:
        mart: Which.
        facts: Of the month.
        dialect: Of the store.
        source: The month's trips in the columns of their dataset, to stand after FROM.
    """
    month = facts.month
    if mart is MONTHS:
        figures = _figures(facts)
        odd = odd_predicates(month, dialect)
        sql = rendered(_SQL / "months.sql", dialect, figures=list(figures), odd=odd, trips=source)
        bounds = {"first_day": month.first_day, "next_month": month.next_month_first_day}
        return MartQuery(sql, {**figures, **bounds})
    trips = rendered(VIEWS / "marts" / f"{month.dataset}.sql", dialect, trips=source)
    sums = rendered(_SQL / "sums.sql", dialect, moving=MOVING)
    sql = rendered(_SQL / f"{mart.name}.sql", dialect, trips=f"(\n{trips}\n) AS trips", sums=sums)
    return MartQuery(sql, {})


def odd_predicates(month: TripMonth, dialect: Dialect) -> dict[str, str | None]:
    """By column of ``marts.months`` what makes a trip odd; None where the dataset is not measured by the rule."""
    dataset = DATASETS[month.dataset]
    rules = {rule.name: _predicate(rule, dataset, dialect) for rule in odd_rules(dataset)}
    unlisted = [f"({predicate})" for name, predicate in rules.items() if name.startswith("unlisted_")]
    names = [column.name for column in MONTHS.columns]
    found = {name: rules.get(name) for name in names[names.index("odd") + 1 :]}
    return {**found, "unlisted_code": " OR ".join(unlisted) or None}


def _predicate(rule: OddRule, dataset: Dataset, dialect: Dialect) -> str:
    # Names of the registry need no quotes, which dialects write differently.
    predicate = rule.predicate.format_map(rule.columns(dataset) or {})
    return Template(predicate).substitute({name: parameter(name, dialect) for name in ("first_day", "next_month")})


def _figures(facts: MonthFacts) -> dict[str, str | int | bool | date]:
    return {
        "service": facts.month.dataset,
        "file_month": facts.month.first_day,
        "file": facts.file,
        "format": facts.format,
        "source": facts.source,
        "synthetic": facts.synthetic,
        "version": facts.version,
        "published": facts.published,
        "rejected": facts.rejected,
        "unreadable": facts.unreadable,
    }
