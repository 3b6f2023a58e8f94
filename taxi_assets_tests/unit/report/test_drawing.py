"""Lines and shapes: where they stand, and that what belongs together stays together."""

from __future__ import annotations

import doctest
import re
from itertools import pairwise
from types import ModuleType

import pytest
import shapely

from taxi_assets.steps.report import charts, page, slices
from taxi_assets.steps.report.charts import Line, plot
from taxi_assets.steps.report.places import WIDTH, draw

YEAR = [f"2019-{number:02d}" for number in range(1, 13)]


@pytest.mark.parametrize("module", [charts, page, slices])
def test_the_examples_in_docstrings_are_right(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_labels_of_lines_that_end_together_do_not_cover_each_other() -> None:
    drawn = plot(
        YEAR,
        [Line(name, name, [1000.0] * 11 + [last]) for name, last in zip("abcd", (0, 0, 1, 999), strict=True)],
        charts.tick,
    )
    assert drawn is not None
    places = [mark.at for mark in drawn.ends]
    assert all(after - before >= 7 for before, after in pairwise(places))
    assert places[0] >= 0
    assert places[-1] <= 100


def test_a_plot_without_a_value_is_none() -> None:
    assert plot(YEAR, [Line("a", "a", [None] * 12)], charts.tick) is None


def corners(path: str) -> set[tuple[int, int]]:
    """The places of a path's corners."""
    found: set[tuple[int, int]] = set()
    for ring in path.split("M")[1:]:
        start, _, steps = ring.rstrip("z").partition("l")
        x, y = map(int, start.split())
        found.add((x, y))
        numbers = [int(number) for number in re.findall(r"-?\d+", steps)]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + dx, y + dy
            found.add((x, y))
    return found


def test_neighbours_still_meet_when_their_border_is_simplified() -> None:
    border = [(100.0 + (number % 7) * 0.02 + 3 * (number % 50 == 25), number * 2.0) for number in range(101)]
    west = shapely.Polygon([(0, 0), *border, (0, 200)])
    east = shapely.Polygon([(200, 0), (200, 200), *border[::-1]])
    drawn = draw({1: west, 2: east})
    assert drawn is not None
    assert (drawn.width, drawn.height) == (WIDTH, 1000)
    shared = corners(drawn.paths[1]) & corners(drawn.paths[2])
    assert 2 < len(shared) < len(border) / 2
    # y runs down: the south end of the border is at the bottom.
    assert min(y for _, y in shared) == 0
    assert max(y for _, y in shared) == 1000


def test_rocks_are_left_out_and_a_zone_that_is_one_is_not() -> None:
    land, rock = shapely.box(0, 0, 1000, 1000), shapely.box(1100, 0, 1100.5, 0.5)
    drawn = draw({1: shapely.MultiPolygon([land, rock]), 2: shapely.box(1200, 0, 1200.5, 0.5)})
    assert drawn is not None
    assert drawn.paths[1].count("M") == 1
    assert drawn.paths[2].count("M") == 1
    assert draw({}) is None
