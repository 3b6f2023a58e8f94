"""The page of figures that are made up: its size, what it says of months that are not there, and what it escapes."""

from __future__ import annotations

import base64
import gzip
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from taxi_assets.steps.report.figures import Figures, Sums
from taxi_assets.steps.report.page import render
from taxi_assets.steps.report.slices import ALL, HOURS_A_WEEK, NO_VALUE, Slices, pack
from taxi_assets_tests.support.report_figures import all_history, every_month, made_figures

MOST_BYTES = 5_000_000


class Tables(HTMLParser):
    """The tables of a page by id: rows of cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._rows: list[list[str]] | None = None
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._rows = self.found.setdefault(dict(attrs).get("id") or "", [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows is not None:
            self._rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell and self._rows:
            self._rows[-1][-1] += data


def table(html: str, name: str) -> dict[str, list[str]]:
    """Cells by the first one of each row."""
    return {row[0]: row[1:] for row in Tables(html).found[name]}


def test_all_history_fits_into_five_megabytes() -> None:
    figures = all_history()
    assert len(figures.files) == 592
    page = render(figures, None)
    assert len(page.encode()) < MOST_BYTES
    assert page.count("<tr id=") == len(figures.files)


def test_a_month_that_is_not_loaded_is_missing_and_not_zero() -> None:
    keys = every_month("2019-04", lambda key: key[1] >= "2019-01" and key != ("yellow", "2019-02"))
    figures = made_figures(keys, zones=[1, 2])
    page = render(figures, None)
    trips = table(page, "trips-table")
    assert trips["Month"] == ["Yellow", "Green", "For-hire", "Apps"]
    assert trips["2019-02"][0] == "not loaded"
    assert trips["2019-03"][0] == f"{figures.sums['yellow', '2019-03'].trips:,}"
    # What was not published yet, and what nobody knows of, is neither.
    assert trips["2019-01"][3] == "\N{EN DASH}"
    assert "2019-05" not in trips
    # The line has a gap: it begins again after the month.
    line = re.search(r'<path class="yellow" d="([^"]*)"', page)
    assert line is not None
    assert line[1].count("M") == 2
    sides = table(page, "sides-table")
    assert sides["2019-02"][0] == sides["2019-02"][2] == "not loaded"
    assert f"{len(figures.missing()):,}" in page
    assert ("yellow", "2019-02") in figures.missing()


def test_averages_are_of_the_trips_that_publish_what_they_are_taken_of() -> None:
    figures = made_figures([("yellow", "2019-01"), ("fhv", "2019-01")], zones=[1])
    # A hundred trips, half of them paid by card, a fifth of whose fares was tipped.
    sums = {
        ("yellow", "2019-01"): Sums(100, 80, 1600.0, 50, 500.0, 100.0, 90, 300.0, 90 * 1200.0),
        ("fhv", "2019-01"): Sums(100),
    }
    page = render(replace(figures, sums=sums, zones={key: {1: each} for key, each in sums.items()}), None)
    assert table(page, "money-table")["2019-01"] == [
        "$20.00",
        "not loaded",
        "\N{EN DASH}",
        "20.0 %",
        "not loaded",
        "\N{EN DASH}",
    ]
    few = {**sums, ("yellow", "2019-01"): Sums(100, 9, 1600.0, 9, 500.0, 100.0)}
    page = render(replace(figures, sums=few), None)
    assert table(page, "money-table")["2019-01"][0] == "\N{EN DASH}"


EVIL = "</script><script>alert(1)</script><img src=//a.example/x>\"'&"


def test_names_that_hold_anything_stay_text() -> None:
    figures = made_figures([("yellow", "2019-01")], zones=[1], name=EVIL.replace("{", "").replace("}", ""))
    evil = replace(figures.files[0], file=EVIL, version=EVIL, format=EVIL)
    page = render(replace(figures, files=(evil,)), None)
    assert "<img" not in page
    assert page.count("<script") == 3
    assert page.count("</script>") == 3
    assert table(page, "files-table")["Yellow"][6].startswith(EVIL)
    assert 'href="../raw/yellow/%3C/script%3E' in page


def test_synthetic_trips_are_labelled_wherever_one_looks() -> None:
    keys = [("yellow", "2019-01"), ("yellow", "2019-02")]
    page = render(made_figures(keys, zones=[1], synthetic=True), None)
    assert "All trips on this page are synthetic." in page
    assert all("synthetic" in title for title in re.findall(r"<h2>(.*?)</h2>", page))
    mixed = made_figures(keys, zones=[1])
    page = render(replace(mixed, files=(replace(mixed.files[0], synthetic=True), mixed.files[1])), None)
    assert "1 of the 2 months on this page are synthetic" in page
    assert "synthetic" not in render(mixed, None)


def test_nothing_loaded_is_a_page_too() -> None:
    page = render(Figures((), {}, {}, {}), None)
    assert "No month is loaded yet" in page


def test_equal_figures_make_an_equal_page() -> None:
    figures = made_figures([("green", "2019-01")])
    assert render(figures, None) == render(figures, None)


def test_lines_that_do_not_add_up_are_pointed_at() -> None:
    figures = made_figures([("green", "2019-01")], zones=[1])
    wrong = replace(figures.files[0], published=figures.files[0].published + 1)
    assert "do not add up" in render(replace(figures, files=(wrong,)), None)
    assert "do not add up" not in render(figures, None)


# What the script is given


def unpacked(slices: Slices, place: int) -> dict[str, list[float | None]]:
    """A slice as the page's script reads it."""
    count = len(slices.zones)
    layout = struct.Struct(f"<{count}I{2 * count}H{HOURS_A_WEEK + 7}I")
    numbers = layout.unpack_from(gzip.decompress(base64.b64decode(slices.data)), place * layout.size)
    tenths = [None if number == NO_VALUE else number / 10 for number in numbers[count : 3 * count]]
    week = list(numbers[3 * count :])
    return {"trips": list(numbers[:count]), "tips": tenths[:count], "speed": tenths[count:], "week": week}


def test_every_month_and_year_can_be_chosen_alone_and_together() -> None:
    keys = [("yellow", "2019-01"), ("yellow", "2019-02"), ("green", "2019-02")]
    figures = made_figures(keys, zones=[7, 4])
    slices = pack(figures)
    assert slices.zones == [4, 7]
    assert slices.choices == [
        (ALL, "2019", 2), (ALL, "2019-01", 1), (ALL, "2019-02", 1),
        ("yellow", "2019", 2), ("yellow", "2019-01", 1), ("yellow", "2019-02", 1),
        ("green", "2019", 1), ("green", "2019-02", 1),
    ]  # fmt: skip
    year = unpacked(slices, 0)
    assert year["trips"] == [sum(figures.zones[key][zone].trips for key in keys) for zone in (4, 7)]
    parts = [figures.zones[key][7] for key in keys]
    assert year["tips"][1] == round(100 * sum(each.tip for each in parts) / sum(each.tipped_fare for each in parts), 1)
    assert year["speed"][1] == round(3600 * sum(each.miles for each in parts) / sum(each.seconds for each in parts), 1)
    assert year["week"][0] == sum(figures.hours[key][0] for key in keys)
    # January 2019 began on a Tuesday, February has four of each.
    assert year["week"][HOURS_A_WEEK:] == [8, 9, 9, 9, 8, 8, 8]


@pytest.mark.parametrize("trips", [0, 9])
def test_an_average_of_a_few_trips_is_none(trips: int) -> None:
    figures = made_figures([("yellow", "2019-01")], zones=[1])
    few = Sums(1000, trips, 90.0, trips, 90.0, 90.0, trips, 90.0, 90.0)
    slices = pack(replace(figures, zones={("yellow", "2019-01"): {1: few, None: few}}))
    assert slices.zones == [0, 1]
    assert unpacked(slices, 0)["tips"] == unpacked(slices, 0)["speed"] == [None, None]
