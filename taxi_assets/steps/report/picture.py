"""A small picture of the page, for where it is shown and not read: trips a month as one SVG of a few kilobytes.

Belongs here: the picture. Not here: the page's own charts (``charts.py``), which take colours from its style sheet; a
picture that stands in other people's pages has to bring its own.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

from taxi_assets.steps.report import charts
from taxi_assets.steps.report.charts import Line, Mark
from taxi_assets.steps.report.figures import Figures

COLOURS: Mapping[str, str] = {"yellow": "#d99b00", "green": "#4f9a31", "fhv": "#6f7d8c", "fhvhv": "#4b57d6"}
"""Those of ``template/page.css``, light."""

_WIDTH, _HEIGHT = 720, 250
_LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 48, 34, 590, 180


def svg(figures: Figures, lines: list[Line], title: str) -> str:
    """The chart of trips a month as SVG, on white.

    Args:
        figures: Whose axis it has.
        lines: Of the services, in values of trips.
        title: What it says above.
    """
    drawn = charts.plot(figures.axis, lines, charts.tick)
    parts = [f'<text x="{_LEFT}" y="18" font-size="13" font-weight="600" fill="#1d2329">{escape(title)}</text>']
    if drawn is not None:
        parts += [_row(mark) for mark in drawn.rows]
        parts += [
            f'<text x="{_x(mark.at):.1f}" y="{_TOP + _PLOT_HEIGHT + 18}">{escape(mark.text)}</text>'
            for mark in drawn.columns
            if not mark.key
        ]
        scaled = f"translate({_LEFT} {_TOP}) scale({_PLOT_WIDTH / charts.WIDTH} {_PLOT_HEIGHT / charts.HEIGHT})"
        parts += [
            f'<path transform="{scaled}" d="{path.d}" fill="none" stroke="{COLOURS[path.key]}" stroke-width="2" '
            'stroke-linejoin="round" stroke-linecap="round" vector-effect="non-scaling-stroke"/>'
            for path in drawn.paths
        ]
        parts += [
            f'<text x="{_LEFT + _PLOT_WIDTH + 8}" y="{_y(mark.at) + 4:.1f}" font-weight="600" '
            f'fill="{COLOURS[mark.key]}">{escape(mark.text)}</text>'
            for mark in drawn.ends
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="11" fill="#5a6570">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>'
    )


def markdown(drawn: str, alternative: str) -> str:
    """The picture as a Markdown image that holds it."""
    return f"![{alternative}](data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()})"


def _row(mark: Mark) -> str:
    y = _y(mark.at)
    return (
        f'<path d="M{_LEFT} {y:.1f}h{_PLOT_WIDTH}" stroke="#e3e7eb"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(mark.text)}</text>'
    )


def _x(percent: float) -> float:
    return _LEFT + _PLOT_WIDTH * percent / 100


def _y(percent: float) -> float:
    return _TOP + _PLOT_HEIGHT * percent / 100
