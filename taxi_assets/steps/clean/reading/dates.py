"""How files write times, and in which order the numbers of a date stand.

Belongs here: the SQL that reads a time from text in every form that is read, and what a file's own dates tell about
05/01/2019. Not here: which column is read so (``values.py``) and the queries around it (``csv_queries.py``,
``parquet_queries.py``).

Times are wall-clock times without a zone. What exports write behind them (``UTC``, ``Z``, ``+00:00``) is taken off and
nothing is converted: TLC's local times are published so by tools that know no time without a zone. Any other offset
contradicts that, and such a time is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import Enum

from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.files.sql import literal

_BLANKS = "' \t\u00a0'"

# TLC writes this form in every file seen; the others are what spreadsheets, NYC Open Data, BigQuery and pandas make of
# it. The year is spelled out because DuckDB would take "19-1-1" for the year 19.
_USUAL_FORMAT = "'%Y-%m-%d %H:%M:%S'"

_CLOCK = r"(?:[ T](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\d{0,3} ?([AP]M)?(?: ?(?:UTC|GMT|Z|[+-]00(?::?00)?))?)?"
_YEAR_FIRST = rf"([1-9]\d{{3}})[-/](\d{{1,2}})[-/](\d{{1,2}}){_CLOCK}"
_YEAR_LAST = rf"(\d{{1,2}})[-/.](\d{{1,2}})[-/.]([1-9]\d{{3}}){_CLOCK}"
_SHORT_YEAR_LAST = rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{2}}){_CLOCK}"
_NUMBERS_OF_A_DATE = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})"
_FORMATS = (
    "['%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M:%S.%f', '%Y-%m-%d %H:%M', '%Y-%m-%d', '%Y-%m-%d %I:%M:%S %p', "
    "'%Y-%m-%d %I:%M %p', '%Y-%m-%d %I:%M:%S.%f %p']"
)

FORMS = (
    "2019-01-31 13:05:09 (or with T between, without seconds, with up to nine digits of fraction, with UTC, Z or "
    "+00:00 behind), 01/31/2019 01:05:09 PM, 31/01/2019 13:05 or 1/31/19 13:05, the order the same in the whole file"
)
"""The forms that are read, for people."""


class DateOrder(Enum):
    """In which order a file writes dates such as 05/01/2019; one order for the whole file, or none.

    Attributes:
        explanation: Why such dates are not read, for people; empty where they are.
    """

    UNKNOWN = "unknown"
    """Nobody looked, or the file has none: such dates are not read."""
    MONTH_FIRST = "month first"
    DAY_FIRST = "day first"
    CONTRADICTORY = "contradictory"
    UNDECIDED = "undecided"

    @property
    def explanation(self) -> str:
        """Why dates of this form are not read, or nothing when they are or there are none."""
        if self is DateOrder.CONTRADICTORY:
            return (
                "Some dates can only have the day first (31/01/2019) and others only the month (01/31/2019), so none "
                "of that form is read"
            )
        if self is DateOrder.UNDECIDED:
            return (
                "Whether dates such as 03/04/2019 have the month or the day first cannot be told, neither by a number "
                "above 12 nor by the month of the file, so none of that form is read"
            )
        return ""


@dataclass(frozen=True)
class DateEvidence:
    """What the dates of a file tell about their order; a query of :func:`evidence_query` gives one row of it.

    Attributes:
        dates: Dates that begin with two numbers.
        day_first: Of them, those whose first number can only be a day.
        month_first: Those whose second number can only be a day.
        alike: Those with twice the same number.
        in_month_if_day_first: Those that lie in the file's month when the day comes first.
        in_month_if_month_first: The same when the month comes first.
    """

    dates: int
    day_first: int
    month_first: int
    alike: int
    in_month_if_day_first: int
    in_month_if_month_first: int

    @property
    def order_by_numbers(self) -> DateOrder:
        """The order as far as it is told without the month: one date that fits one order only decides for it."""
        if self.dates == 0:
            return DateOrder.UNKNOWN
        if self.day_first and self.month_first:
            return DateOrder.CONTRADICTORY
        if self.day_first != self.month_first:
            return DateOrder.DAY_FIRST if self.day_first else DateOrder.MONTH_FIRST
        return DateOrder.UNDECIDED

    @property
    def order(self) -> DateOrder:
        """The order of the whole file, by its numbers, else by its month."""
        if (order := self.order_by_numbers) is not DateOrder.UNDECIDED:
            return order
        if self.in_month_if_day_first != self.in_month_if_month_first:
            more_by_day = self.in_month_if_day_first > self.in_month_if_month_first
            return DateOrder.DAY_FIRST if more_by_day else DateOrder.MONTH_FIRST
        return DateOrder.MONTH_FIRST if self.alike == self.dates else DateOrder.UNDECIDED


def evidence_query(texts: Sequence[str], rows: str, month: TripMonth) -> str:
    """One row with the fields of :class:`DateEvidence`.

    Args:
        texts: SQL expressions over ``rows``: the texts of all columns that hold times.
        rows: What stands after FROM.
        month: The month of the file.
    """
    number, year = int(month.month[5:]), month.month[2:4]
    forms = f"regexp_full_match(t, {literal(_YEAR_LAST)}) OR regexp_full_match(t, {literal(_SHORT_YEAR_LAST)})"
    # The usual form is told by its dash first, which costs a tenth.
    texts_of_dates = f"SELECT {_upper('t')} AS t FROM (SELECT unnest([{', '.join(texts)}]) AS t FROM {rows})"
    numbers = f"regexp_extract(t, {literal(_NUMBERS_OF_A_DATE)}, ['first', 'second', 'year'])"
    found = f"SELECT {numbers} AS d FROM ({texts_of_dates} WHERE t NOT LIKE '____-__-%') WHERE {forms}"
    split = f"SELECT CAST(d.first AS INTEGER) AS one, CAST(d.second AS INTEGER) AS two, d.year AS year FROM ({found})"
    this_year = f"right(year, 2) = '{year}'"
    counts = (
        "one BETWEEN 13 AND 31 AND two BETWEEN 1 AND 12",
        "two BETWEEN 13 AND 31 AND one BETWEEN 1 AND 12",
        "one = two",
        f"two = {number} AND {this_year}",
        f"one = {number} AND {this_year}",
    )
    return f"SELECT count(*), {', '.join(f'count(*) FILTER ({count})' for count in counts)} FROM ({split})"


def has_ordered_dates(texts: Set[str]) -> bool:
    """Whether any of these texts is a date whose order has to be known."""
    forms = re.compile(f"(?:{_YEAR_LAST})|(?:{_SHORT_YEAR_LAST})")
    return any(forms.fullmatch(text.strip(" \t\u00a0").upper()) for text in texts)


def usual_time(text: str) -> str:
    """The time that a text stands for in the form that TLC writes, else NULL."""
    # The bounds keep out 0000, which DuckDB takes for a year before our era, and words such as "epoch".
    bounds = f"strlen({text}) = 19 AND {text} >= '0001' AND {text} < ':'"
    return f"CASE WHEN {bounds} THEN try_strptime({text}, {_USUAL_FORMAT}) END"


def time_from_text(text: str, order: DateOrder) -> str:
    """The time that a text stands for in any of the forms that are read, else NULL."""
    return f"coalesce({usual_time(text)}, CASE WHEN {text} <> '' THEN {_other_time(text, order)} END)"


def _other_time(text: str, order: DateOrder) -> str:
    """Any form is written anew in the order of the first, and then read."""
    forms = {_YEAR_FIRST: r"\1-\2-\3 \4 \5"}
    if order is DateOrder.MONTH_FIRST:
        # Trips began in 2009: years of two digits are of this century.
        forms |= {_YEAR_LAST: r"\3-\1-\2 \4 \5", _SHORT_YEAR_LAST: r"20\3-\1-\2 \4 \5"}
    elif order is DateOrder.DAY_FIRST:
        forms |= {_YEAR_LAST: r"\3-\2-\1 \4 \5", _SHORT_YEAR_LAST: r"20\3-\2-\1 \4 \5"}
    upper = _upper(text)
    cases = " ".join(
        f"WHEN regexp_full_match({upper}, {literal(form)}) "
        f"THEN regexp_replace({upper}, {literal(f'^{form}$')}, {literal(anew)})"
        for form, anew in forms.items()
    )
    return f"try_strptime(rtrim(CASE {cases} END), {_FORMATS})"


def _upper(text: str) -> str:
    return f"upper(trim({text}, {_BLANKS}))"
