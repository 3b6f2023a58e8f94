"""The SQL of synthetic trips: one relation a month, its columns named as in the registry.

Belongs here: which trip a line shows, when and where it happens, how long it takes, and what dirt does to that. Not
here: what is charged (``taxi.py``, ``for_hire.py``), the figures (``figures.py``,
``dirt.py``) and how a value is written (``spelling.py``).

Until a value is written, amounts are whole cents, distances whole hundredths of a mile and coordinates whole
millionths of a degree (BIGINT), so that fares add up exactly; times are TIMESTAMP, codes BIGINT, flags VARCHAR.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.sample import figures
from taxi_assets.steps.sample.dice import Dice, array, interpolated, quantiles
from taxi_assets.steps.sample.dirt import DEFECTS, PARTS, REJECTIONS, REPEATED

DAY = 86_400
_CURVE_STEPS = 4096
_SATURDAY = 5
_WRONG_YEARS = (2001, 2002, 2003, 2008, 2041, 2058, 2084, 2090, 2098)


def with_columns(source: str, **columns: str) -> str:
    """``source`` with more columns, each given as SQL over those that are there."""
    return f"SELECT *,\n  {_listed(columns)}\nFROM (\n{source}\n)"


def replacing(source: str, **columns: str) -> str:
    """``source`` with new values for some of its columns, each given as SQL over the old ones."""
    return f"SELECT * REPLACE (\n  {_listed(columns)}\n)\nFROM (\n{source}\n)"


def _listed(columns: dict[str, str]) -> str:
    return ",\n  ".join(f"{expression} AS {name}" for name, expression in columns.items())


def journeys(month: TripMonth, rows: int, lines: range, *, seed: str, rejected_share: float) -> str:
    """A SELECT of some lines of a month of ``rows``, in file order: what trips of all datasets have in common.

    Columns: ``line`` (from 0), ``rejection`` (0, or the 1-based position in ``REJECTIONS``), ``n`` (the trip that the
    line shows: most lines show their own, repeated ones that of the line before), ``sign`` (-1 for refunds), ``defect``
    (its name or empty), ``second`` (of the month, before dirt), ``hour``, ``weekday`` (Monday is 0), ``airport``
    (JFK, LGA, EWR or empty), ``pulocationid``, ``dolocationid``, ``hundredths`` of a mile, ``seconds`` of duration,
    ``pickup`` and ``dropoff`` (TIMESTAMP, after dirt).

    Rows come roughly in the order of pickup, like the real files: a line is at most a fiftieth of the file off.
    """
    dice = Dice(seed)
    source = _numbered(month, lines, seed, rejected_share)
    source = with_columns(
        source,
        defect=_defect(month, dice),
        second=_second(month, rows, dice),
        pulocationid=_zone(dice, "pickup zone", figures.PICKUP_ZONES[month.dataset]),
        dolocationid=_zone(dice, "dropoff zone", figures.DROPOFF_ZONES[month.dataset]),
    )
    source = with_columns(
        source,
        hour="second // 3600 % 24",
        weekday=f"(second // {DAY} + {month.first_day.weekday()}) % 7",
        airport=_airport(),
        pickup_second=_pickup_second(month, dice),
    )
    source = with_columns(
        source,
        hundredths="CASE airport "
        f"WHEN 'JFK' THEN 1500 + {dice.below('jfk miles', 600)} "
        f"WHEN 'LGA' THEN 750 + {dice.below('la guardia miles', 450)} "
        f"WHEN 'EWR' THEN 1600 + {dice.below('newark miles', 500)} "
        f"ELSE {dice.along('miles', figures.DISTANCE_QUANTILES)} END",
        speed=f"{array(figures.MILES_PER_HOUR_TIMES_100)}[1 + hour] * (700 + {dice.below('speed', 700)}) // 1000",
    )
    # Long trips take highways: each mile makes the whole trip half a mile per hour faster.
    source = with_columns(source, seconds="60 + hundredths * 3600 // (speed + hundredths // 2)")
    return with_columns(
        source,
        pickup=moment(month, "pickup_second"),
        dropoff=moment(month, f"pickup_second + {_duration(dice)}"),
    )


def _numbered(month: TripMonth, lines: range, seed: str, rejected_share: float) -> str:
    """Numbers the lines and says which trip each shows; a line is repeated once at most."""
    duplicate, refund = (defect.parts(month) for defect in REPEATED)
    limit = round(rejected_share * 10 * PARTS)
    source = with_columns(
        f"SELECT range AS line FROM range({lines.start}, {lines.stop})",
        repeat=Dice(seed, "line").below("repeat", PARTS),
        repeat_before=Dice(seed, "(line - 1)").below("repeat", PARTS),
        # The name of the dice is part of the recipe: another one would make other months.
        rejected=Dice(seed, "line").below("refused", 10 * PARTS),
    )
    source = with_columns(
        source,
        repeats=f"line > 0 AND repeat < {duplicate + refund} AND (line = 1 OR repeat_before >= {duplicate + refund})",
    )
    return with_columns(
        source,
        n="CASE WHEN repeats THEN line - 1 ELSE line END",
        sign=f"CASE WHEN repeats AND repeat >= {duplicate} THEN -1 ELSE 1 END",
        rejection=f"CASE WHEN rejected < {limit} THEN 1 + rejected % {len(REJECTIONS)} ELSE 0 END",
    )


def _defect(month: TripMonth, dice: Dice) -> str:
    """SQL of the name of the one defect that a trip has, or an empty text."""
    cases: list[str] = []
    border = 0
    for defect in DEFECTS:
        if parts := defect.parts(month):
            border += parts
            cases.append(f"WHEN {dice.below('defect', PARTS)} < {border} THEN '{defect.name}'")
    return f"CASE {' '.join(cases)} ELSE '' END"


def _second(month: TripMonth, rows: int, dice: Dice) -> str:
    """The second of the month, by the weights of days and hours, in the order of the lines give or take."""
    hours: list[int] = []
    for day in range(_days(month)):
        weekday = (month.first_day.weekday() + day) % 7
        shape = figures.WEEKDAY_HOURS if weekday < _SATURDAY else figures.WEEKEND_HOURS
        hours += [figures.WEEKDAYS[weekday] * share * 1000 // sum(shape) for share in shape]
    early = max(rows // 50, 1)
    position = f"((n << 10) + {dice.below('order', early << 10)}) * {_CURVE_STEPS} // {rows + early}"
    return interpolated(quantiles(hours, _CURVE_STEPS, 3600), position, 10)


def _zone(dice: Dice, name: str, weights: figures.Weights) -> str:
    """A zone: nine of ten trips by the weights, the tenth anywhere in the city."""
    anywhere = f"1 + {dice.below(f'{name}, any', 263)}"
    return f"CASE WHEN {dice.chance(f'{name}, rare', 100)} THEN {anywhere} ELSE {dice.pick(name, weights)} END"


def _airport() -> str:
    """The airport at one end of the trip, when the other end is not the same one."""
    newark, jfk, la_guardia = figures.NEWARK, figures.JFK, figures.LA_GUARDIA
    return (
        f"CASE WHEN dolocationid = {newark} AND pulocationid <> {newark} THEN 'EWR' "
        f"WHEN (pulocationid = {jfk}) <> (dolocationid = {jfk}) THEN 'JFK' "
        f"WHEN (pulocationid = {la_guardia}) <> (dolocationid = {la_guardia}) THEN 'LGA' ELSE '' END"
    )


def _pickup_second(month: TripMonth, dice: Dice) -> str:
    """The pickup after dirt: wrong clocks keep day and hour; other months are up to 12 days before or 6 hours after."""
    # The first of a month is always there, whatever the year, so that shifting 2020-02-29 needs no calendar.
    shifts = [
        (month.first_day.replace(year=year) - month.first_day).days * DAY
        for year in _WRONG_YEARS
        if year != month.first_day.year
    ]
    before = f"-1 - {dice.below('days before', 12 * DAY)}"
    after = f"{_days(month) * DAY} + {dice.below('hours after', 6 * 3600)}"
    return (
        f"CASE defect WHEN 'wrong_clock' THEN second + {array(shifts)}[1 + {dice.below('wrong year', len(shifts))}] "
        f"WHEN 'other_month' THEN CASE WHEN {dice.chance('after', 250)} THEN {after} ELSE {before} END "
        "ELSE second END"
    )


def _duration(dice: Dice) -> str:
    backwards = f"CASE WHEN {dice.chance('no time', 600)} THEN 0 ELSE -1 - {dice.below('backwards', 900)} END"
    thousand_years = 365_242 * DAY
    return (
        f"CASE defect WHEN 'backwards' THEN {backwards} WHEN 'year_3019' THEN seconds + {thousand_years} "
        "ELSE seconds END"
    )


def among(column: str, zones: Sequence[int]) -> str:
    """SQL of whether a zone is one of ``zones``."""
    return f"({column} IN ({', '.join(map(str, zones))}))"


def moment(month: TripMonth, second: str) -> str:
    """SQL of the TIMESTAMP at a second of the month, counted from its first midnight; seconds may lie outside."""
    start = (month.first_day - date(1970, 1, 1)).days * DAY
    return f"make_timestamp(({start} + {second}) * 1000000)"


def _days(month: TripMonth) -> int:
    return (month.next_month_first_day - month.first_day).days
