"""The page in a real browser: all history of it, and what a reader chooses, sees and does not see."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import shapely
from playwright.sync_api import Browser, Page, expect

from taxi_assets.steps.report.figures import Figures, total
from taxi_assets.steps.report.page import render
from taxi_assets.steps.report.places import draw
from taxi_assets_tests.support.browser import browser
from taxi_assets_tests.support.page_tables import rows
from taxi_assets_tests.support.report_figures import every_month, made_figures

__all__ = ["browser"]

pytestmark = pytest.mark.slow

GAP = ("yellow", "2016-03")
LAPTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture(scope="module")
def figures() -> Figures:
    """All history but for a month, of a city of 25 zones; the size of that of 263 is measured without a browser."""
    return made_figures(every_month("2026-06", lambda key: key != GAP), zones=range(1, 26))


@pytest.fixture(scope="module")
def html(figures: Figures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    squares = {zone: shapely.box(zone % 5, zone // 5, zone % 5 + 1, zone // 5 + 1) for zone in range(1, 26)}
    path = tmp_path_factory.mktemp("report") / "overview.html"
    path.write_text(render(figures, draw(squares)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three months of two services, as after the demonstration; without a map."""
    keys = every_month("2019-03", lambda key: key[0] in ("yellow", "green") and key[1] >= "2019-01")
    path = tmp_path_factory.mktemp("few") / "overview.html"
    path.write_text(render(made_figures(keys, synthetic=True), None), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser, html: Path) -> Iterator[Page]:
    with browser.new_context(viewport={"width": LAPTOP[0], "height": LAPTOP[1]}) as context:
        page = context.new_page()
        page.goto(html.as_uri())
        expect(page.locator("html[data-ready]")).to_have_count(1)
        yield page


def test_no_request_leaves_the_page_and_no_program_but_its_own_runs(browser: Browser, html: Path) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(html.as_uri())
        expect(page.locator("html[data-ready]")).to_have_count(1)
        page.locator("#measure").get_by_text("Tips").click()
        page.wait_for_load_state("networkidle")
        assert asked == [html.as_uri()]
        assert said == []
        # What it does not do by itself it cannot be made to do either.
        assert set(page.evaluate(INTRUDE)) == {"img-src", "script-src-elem"}
        assert page.evaluate("window.ran") is None


INTRUDE = """() => new Promise((done) => {
  const refused = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    refused.push(event.effectiveDirective);
    if (refused.length === 2) done(refused);
  });
  const image = new Image(), script = document.createElement("script");
  image.src = "http://127.0.0.1:9/x.png";
  script.textContent = "window.ran = true";
  document.body.append(image, script);
})"""
"""Does what a name of a file would like to do; gives the rules by which the browser refuses."""


def test_the_tables_of_the_map_and_the_week_say_what_was_chosen(opened: Page, figures: Figures) -> None:
    opened.locator("#service").select_option(label="Green")
    opened.locator("#period").select_option("2019-03")
    month = figures.zones["green", "2019-03"]
    by_trips = sorted(month.items(), key=lambda pair: -pair[1].trips)
    wanted = [
        [str(zone), f"Zone {zone}", "Queens", f"{sums.trips:,}", f"{sums.tip_share:.1f}", f"{sums.speed:.1f}"]
        for zone, sums in by_trips
    ]
    assert rows(opened, "zones-table") == wanted
    trips, days = figures.hours["green", "2019-03"], [4, 4, 4, 4, 5, 5, 5]
    said = [[float(cell.replace(",", "")) for cell in row] for row in rows(opened, "week-table")]
    averages = [[hour, *(trips[24 * day + hour] / days[day] for day in range(7))] for hour in range(24)]
    assert said == [pytest.approx(row, abs=0.051) for row in averages]
    opened.get_by_label("Period before").click()
    expect(opened.locator("#places-take")).to_contain_text("Green, 2019-02")
    # All services of a year: sums of sums, and averages of all trips rather than of averages.
    opened.locator("#service").select_option(label="All services")
    opened.locator("#period").select_option("2016")
    year = [zones for (_, month), zones in figures.zones.items() if month.startswith("2016")]
    first = rows(opened, "zones-table")[0]
    sums = total(zones[int(first[0])] for zones in year)
    assert first[3:] == [f"{sums.trips:,}", f"{sums.tip_share:.1f}", f"{sums.speed:.1f}"]
    # Of the service with the gap, the year says so.
    opened.locator("#service").select_option(label="Yellow")
    expect(opened.locator("#period").locator("option", has_text="2016 (11 of 12 months)")).to_have_count(1)


def test_the_map_colours_zones_by_what_is_chosen_and_says_their_numbers(opened: Page, figures: Figures) -> None:
    opened.locator("#service").select_option(label="Apps")
    opened.locator("#period").select_option("2026-06")
    opened.locator("#measure").get_by_text("Speed").click()
    month = figures.zones["fhvhv", "2026-06"]
    speeds = {str(zone): sums.speed or 0 for zone, sums in month.items()}
    classes: dict[str, str] = opened.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#map path')]"
        ".map(path => [path.dataset.zone, path.className.baseVal]))"
    )
    slowest, fastest = min(speeds, key=speeds.__getitem__), max(speeds, key=speeds.__getitem__)
    assert (classes[slowest], classes[fastest]) == ("q0", "q6")
    in_order = [classes[zone] for zone in sorted(speeds, key=speeds.__getitem__)]
    assert in_order == sorted(in_order)
    opened.locator(f"#map path[data-zone='{fastest}']").hover()
    expect(opened.locator("#readout")).to_have_text(
        f"Zone {fastest}, Queens ({fastest}): {month[int(fastest)].trips:,} pickups, tips "
        f"{month[int(fastest)].tip_share:.1f} % of the fare, {speeds[fastest]:.1f} miles an hour"
    )


def test_a_pointer_over_a_line_reads_the_month_from_the_table(opened: Page, figures: Figures) -> None:
    plot = opened.locator("#trips .plot")
    box = plot.bounding_box()
    assert box is not None
    place = figures.axis.index(GAP[1])
    plot.hover(position={"x": box["width"] * (place + 0.5) / len(figures.axis), "y": 40})
    tip = opened.locator("#trips .tip")
    expect(tip).to_contain_text("2016-03")
    expect(tip).to_contain_text("Yellow: not loaded")
    expect(tip).to_contain_text(f"Green: {figures.sums['green', '2016-03'].trips:,}")


def test_a_month_of_the_calendar_leads_to_its_file_and_version(opened: Page, figures: Figures) -> None:
    opened.locator("a[href='#green-2019-03']").click()
    row = opened.locator("#green-2019-03")
    expect(row).to_be_in_viewport()
    # Not behind the head of the table, which stays where it is.
    place, head = row.bounding_box(), opened.locator("#files-table thead").bounding_box()
    assert place is not None
    assert head is not None
    assert place["y"] >= head["y"] + head["height"]
    file = figures.by_key["green", "2019-03"]
    expect(row.get_by_role("link", name=file.file)).to_have_attribute("href", f"../raw/green/{file.file}")
    expect(row.locator("code")).to_have_attribute("title", file.version)
    missing = opened.locator(".calendar.yellow .missing")
    expect(missing).to_have_count(1)
    expect(missing).to_have_attribute("title", "2016-03: not loaded")


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_can_be_read(
    browser: Browser, html: Path, few: Path, size: tuple[int, int], scheme: Any
) -> None:
    with browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(html.as_uri())
        expect(page.locator("html[data-ready]")).to_have_count(1)
        for name in ("zones-table", "files-table"):
            page.locator("details", has=page.locator(f"#{name}")).locator("summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.goto(few.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.goto(html.as_uri())
        # Labels beside the lines do not cover each other, and none is cut off.
        boxes: list[list[float]] = page.evaluate(
            "[...document.querySelectorAll('#trips .ends i')].map(e => e.getBoundingClientRect())"
            ".map(b => [b.top, b.bottom, b.right])"
        )
        boxes.sort()
        assert all(after[0] >= before[1] - 6 for before, after in pairwise(boxes))
        assert max(box[2] for box in boxes) <= size[0]
        # Text stands out from the paper by at least the ratio that WCAG asks for.
        assert page.evaluate(CONTRAST) >= 4.5


CONTRAST = """() => {
  const linear = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [red, green, blue] = colour.match(/[0-9.]+/g).map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const style = (name) => getComputedStyle(document.querySelector(name));
  const paper = light(style("body").backgroundColor);
  const ratio = (ink) => (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  return Math.min(...["body", ".take", ".note", "summary", ".rows i"].map((name) => ratio(light(style(name).color))));
}"""
"""The lowest contrast between the paper and the text that stands on it."""
