"""Lines over months: from values to shapes and labels, in percent of the plot, so that one drawing fits every screen.

Belongs here: scales, paths, where labels stand. Not here: colours and fonts (``template/page.css``), words
(``page.py``).

A chart is an SVG that is stretched to its box, with strokes that are not, under labels that are HTML: text has one size
on a phone and on a wide screen, and the page needs no program to draw it.
"""

from __future__ import annotations

import math
from calendar import month_abbr
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from taxi_assets.steps.report.figures import TWO_YEARS

WIDTH, HEIGHT = 1000, 300
"""The SVG's own units."""

_LABEL_GAP = 7.5
"""Percent of the height between the labels of two lines: a line of text in a plot of 220 pixels."""

_YEARS_ON_A_PHONE = 6
_MOST_LABELS = 18
_MONTHS_SHOWN = 12
_MONTHS_ON_A_PHONE = 4

Value = float | None


@dataclass(frozen=True)
class Line:
    """One line. ``key`` is its CSS class; a value that is None is a gap."""

    key: str
    label: str
    values: Sequence[Value]


@dataclass(frozen=True)
class Mark:
    """A label at a place, in percent from the left or from the top."""

    at: float
    text: str
    key: str = ""


@dataclass(frozen=True)
class Path:
    """A line's SVG path."""

    key: str
    d: str


@dataclass(frozen=True)
class Plot:
    """A drawn chart.

    Attributes:
        paths: Of the lines.
        rows: Labels of the vertical scale, from the top.
        columns: Labels of the years or months, from the left; ``minor`` in the key: a phone leaves it out.
        ends: Labels of the lines.
        values: How many places the lines have.
    """

    paths: list[Path]
    rows: list[Mark]
    columns: list[Mark]
    ends: list[Mark]
    values: int


@dataclass(frozen=True)
class Stretch:
    """Months in a row that are in one state, in percent of the width."""

    left: float
    width: float
    state: str


def plot(
    months: Sequence[str], lines: Sequence[Line], written: Callable[[float], str], *, top: float | None = None
) -> Plot | None:
    """Draws lines over months.

    Args:
        months: ``YYYY-MM``, without gaps.
        lines: As many values each as there are months.
        written: A number of the vertical scale, as a label.
        top: Where the scale ends; None: at the highest value or just above it.

    Returns:
        None when no line has a value.
    """
    lines = [line for line in lines if any(value is not None for value in line.values)]
    if not lines:
        return None
    steps = scale(top or max(value for line in lines for value in line.values if value is not None))
    top = steps[-1]
    return Plot(
        paths=[Path(line.key, path(line.values, top)) for line in lines],
        rows=[Mark(round(100 - 100 * step / top, 2), written(step)) for step in steps],
        columns=columns(months),
        ends=_ends(lines, top),
        values=len(months),
    )


def scale(highest: float, most: int = 4) -> list[float]:
    """Round numbers from 0 to ``highest`` or just above it.

    >>> scale(16.1e6), scale(0)
    ([0, 5000000, 10000000, 15000000, 20000000], [0.0, 1.0])
    """
    if highest <= 0:
        return [0.0, 1.0]
    power = 10 ** math.floor(math.log10(highest / most))
    step = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each * most >= highest)
    return [step * number for number in range(math.ceil(round(highest / step, 9)) + 1)]


def tick(number: float) -> str:
    """A number of a scale, short.

    >>> tick(0), tick(2500), tick(10_000_000)
    ('0', '2.5k', '10M')
    """
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"


def path(values: Sequence[Value], top: float) -> str:
    """The path of a line; a value between two gaps is a dot.

    >>> path([1, 2, None, 0], 2)
    'M125 150L375 0M875 300h0'
    """
    parts: list[str] = []
    for known, run in groupby(enumerate(values), lambda pair: pair[1] is not None):
        if known:
            points = [f"{_x(place, len(values)):g} {HEIGHT - HEIGHT * (value or 0) / top:.4g}" for place, value in run]
            parts.append(f"M{'L'.join(points)}{'h0' if len(points) == 1 else ''}")
    return "".join(parts)


def _x(place: int, count: int) -> float:
    return round(WIDTH * (place + 0.5) / count, 1)


def columns(months: Sequence[str]) -> list[Mark]:
    """The labels of the horizontal scale: of whole years, or of months where there are two years of them or less."""
    count = len(months)
    if count > TWO_YEARS:
        years = range(0, count, 12 * math.ceil(count / 12 / _MOST_LABELS))
        on_a_phone = 3 if len(years) > _YEARS_ON_A_PHONE else 1
        return [
            Mark(round(100 * place / count, 2), months[place][:4], "minor" if number % on_a_phone else "")
            for number, place in enumerate(years)
        ]
    shown = range(0, count, math.ceil(count / _MONTHS_SHOWN))
    on_a_phone = math.ceil(len(shown) / _MONTHS_ON_A_PHONE)
    return [
        Mark(
            round(100 * place / count, 2),
            _named(months[place], with_year=place == 0 or months[place].endswith("-01")),
            "minor" if number % on_a_phone else "",
        )
        for number, place in enumerate(shown)
    ]


def _named(month: str, *, with_year: bool) -> str:
    name = month_abbr[int(month[5:])]
    return f"{name} {month[:4]}" if with_year else name


def _ends(lines: Sequence[Line], top: float) -> list[Mark]:
    """A label for each line at the height of its last value, none on top of another."""
    wanted: list[Mark] = []
    for line in lines:
        last = next(value for value in reversed(line.values) if value is not None)
        wanted.append(Mark(100 - 100 * last / top, line.label, line.key))
    wanted.sort(key=lambda mark: mark.at)
    # From the top down each moves below the one before it; then from the bottom up, what was pushed out comes back.
    places: list[float] = []
    for mark in wanted:
        places.append(max(mark.at, places[-1] + _LABEL_GAP if places else 0))
    below = 100.0
    for number in range(len(places) - 1, -1, -1):
        places[number] = min(places[number], below)
        below = places[number] - _LABEL_GAP
    return [Mark(round(place, 2), mark.text, mark.key) for place, mark in zip(places, wanted, strict=True)]


def stretches(states: Sequence[str | None]) -> list[Stretch]:
    """Runs of equal states, without those that are None.

    >>> stretches(["loaded", "loaded", None, "missing"])
    [Stretch(left=0.0, width=50.0, state='loaded'), Stretch(left=75.0, width=25.0, state='missing')]
    """
    found: list[Stretch] = []
    place = 0
    for state, run in groupby(states):
        count = len(list(run))
        if state is not None:
            share = 100 / len(states)
            found.append(Stretch(round(place * share, 3), round(count * share, 3), state))
        place += count
    return found
