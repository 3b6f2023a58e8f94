"""The rules: which lines are rejected, and which oddities are kept and counted.

Belongs here: every rule, once, with its name, a sentence and a predicate. ``docs/rules.md`` is this table in words
(``docs/generate.py`` writes it). Not here: the passes that apply them (``reading/`` and ``oddities.py``).

A line is rejected only when it cannot be a trip record. What is odd but possible stays: refunds are published as
negative fares, clocks were set to 2001 or 2098, and analysts want to see both.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from taxi_assets.datasets.columns import Column, ColumnType, Dataset
from taxi_assets.datasets.zones import FIRST_ZONE, LAST_ZONE


@dataclass(frozen=True)
class RejectRule:
    """A reason to reject a line; the first that holds is recorded.

    Attributes:
        name: The ``reason`` in ``rejected``.
        sentence: What it means.
        predicate: SQL over the facts of a line: ``in_broken_record`` (it and its neighbours together have the fields of
            one), ``fields`` and ``expected`` (how many it has, how many the header names), ``surplus_has_text``,
            ``pickup_is_blank``, ``pickup_is_readable``.
    """

    name: str
    sentence: str
    predicate: str


REJECT_RULES = (
    RejectRule(
        "line_break_in_quotes",
        "The line is a piece of a record with a line break inside quotes. All its pieces are rejected, each for this "
        "reason: none of them has all values of the trip.",
        "in_broken_record",
    ),
    RejectRule(
        "too_few_fields",
        "The line has fewer fields than the header: it was cut off, or a line break without quotes fell into it.",
        "fields < expected",
    ),
    RejectRule(
        "too_many_fields",
        "The line has more fields than the header, and those beyond it are not empty, so it is not known which value "
        "belongs to which column (yellow 2010-02 and 2010-03).",
        "fields > expected AND surplus_has_text",
    ),
    RejectRule(
        "no_pickup_time",
        "The pickup time is empty, or a word for nothing.",
        "pickup_is_blank",
    ),
    RejectRule(
        "unreadable_pickup_time",
        "The pickup time is neither a date nor a time of one in a form that is read, or it is one whose day and month "
        "cannot be told apart in this file.",
        "NOT pickup_is_readable",
    ),
)


@dataclass(frozen=True)
class OddRule:
    """An oddity that is kept and counted.

    Attributes:
        name: The key of its count in metadata and warnings.
        sentence: What it means.
        predicate: SQL over canonical columns, ``{role}`` standing for a quoted column; ``$first_day`` and
            ``$next_month`` are the bounds of the file's month. Empty: counted over whole rows.
        roles: Role in the predicate and the canonical columns that can play it; the first that a dataset has does. Of
            pickup and dropoff the dataset says itself which they are. One without any is not measured by the rule.
    """

    name: str
    sentence: str
    predicate: str
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def columns(self, dataset: Dataset) -> dict[str, str] | None:
        """Role to column in that dataset, or None when the rule does not apply to it."""
        names = {column.name for column in dataset.columns}
        known = {"pickup": dataset.pickup, "dropoff": dataset.dropoff}
        chosen = {
            role: known.get(role) or next((name for name in candidates if name in names), "")
            for role, candidates in self.roles.items()
        }
        return chosen if all(chosen.values()) else None


DUPLICATES = OddRule(
    "exact_duplicates",
    "Rows beyond the first of a group that are equal in every column. They are kept: the files give no way to tell a "
    "record that was sent twice from two trips.",
    "",
)

_ODD = (
    OddRule(
        "pickup_outside_month",
        "The pickup time is not in the month of the file: stragglers, and clocks that were years off.",
        "{pickup} < $first_day OR {pickup} >= $next_month",
        {"pickup": ()},
    ),
    OddRule(
        "dropoff_not_after_pickup",
        "The dropoff is at or before the pickup.",
        "{dropoff} <= {pickup}",
        {"pickup": (), "dropoff": ()},
    ),
    OddRule(
        "negative_fare",
        "The fare is below zero: refunds and corrections are published so.",
        "{fare} < 0",
        {"fare": ("fare_amount", "base_passenger_fare")},
    ),
    OddRule(
        "negative_total",
        "The total is below zero: refunds and corrections are published so.",
        "{total} < 0",
        {"total": ("total_amount",)},
    ),
    OddRule(
        "no_distance",
        "The distance is zero or less.",
        "{distance} <= 0",
        {"distance": ("trip_distance", "trip_miles")},
    ),
    OddRule(
        "no_passengers",
        "The driver entered zero passengers.",
        "{passengers} = 0",
        {"passengers": ("passenger_count",)},
    ),
    OddRule(
        "passengers_missing",
        "The number of passengers is empty.",
        "{passengers} IS NULL",
        {"passengers": ("passenger_count",)},
    ),
    OddRule(
        "unknown_pickup_zone",
        f"The pickup zone is not one of {FIRST_ZONE} to {LAST_ZONE}.",
        f"{{zone}} NOT BETWEEN {FIRST_ZONE} AND {LAST_ZONE}",
        {"zone": ("pulocationid",)},
    ),
    OddRule(
        "unknown_dropoff_zone",
        f"The dropoff zone is not one of {FIRST_ZONE} to {LAST_ZONE}.",
        f"{{zone}} NOT BETWEEN {FIRST_ZONE} AND {LAST_ZONE}",
        {"zone": ("dolocationid",)},
    ),
)


def odd_rules(dataset: Dataset) -> tuple[OddRule, ...]:
    """The rules that count oddities in a dataset: the common ones, and one for each column with a code table."""
    common = [rule for rule in _ODD if rule.columns(dataset) is not None]
    return (*common, *(_unlisted(column) for column in dataset.columns if column.meanings), DUPLICATES)


def _unlisted(column: Column) -> OddRule:
    """Counts values that TLC's dictionaries do not list: unknown vendors, payments, rates, flags."""
    values = ", ".join(_literal(value, column.type) for value in column.meanings)
    return OddRule(
        f"unlisted_{column.name}",
        f"The value of {column.name} is not in its code table.",
        f"{{value}} NOT IN ({values})",
        {"value": (column.name,)},
    )


def _literal(value: int | str, kind: ColumnType) -> str:
    return f"'{value}'" if kind is ColumnType.TEXT else str(value)


def fingerprint(dataset: Dataset) -> str:
    """Identifies what the registry and the rules make of a file, hexadecimal.

    It changes with names, types, aliases, codes and rejection rules, on which the rows of a clean month depend, and not
    with descriptions and meanings, on which they do not.
    """
    facts = {
        "columns": [_facts(column) for column in dataset.table_columns],
        "rules": [(rule.name, rule.predicate) for rule in REJECT_RULES],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _facts(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": column.type.name,
        "aliases": column.aliases,
        "codes": dict(column.codes),
        "required": column.required,
    }
