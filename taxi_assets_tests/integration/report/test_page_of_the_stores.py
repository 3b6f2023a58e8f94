"""The page of real files: what its tables say, read in a browser, is what SQL written by hand says of the clean files.

The months go through the steps as in a run: sample source, raw, clean, lake, warehouse, marts, page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, Page, expect

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.marts import MARTS
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.zone_shapes import read_zone_shapes
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.marts.build import build_mart
from taxi_assets.steps.raw.fetch import fetch_month, fetch_zone_shapes, fetch_zones
from taxi_assets.steps.report.write import OBJECT_NAME, Report, write_report
from taxi_assets.steps.warehouse.load import load_month, load_zones
from taxi_assets_tests.support.browser import browser
from taxi_assets_tests.support.mart_places import LocalPlace
from taxi_assets_tests.support.page_tables import rows

__all__ = ["browser"]

pytestmark = pytest.mark.slow

MONTHS = [
    TripMonth("yellow", "2021-07"),
    TripMonth("yellow", "2021-09"),
    TripMonth("green", "2021-09"),
    TripMonth("fhvhv", "2021-09"),
]
"""Yellow's August is missing; files are CSV in July and Parquet in September."""

NONE = "\N{EN DASH}"


class City(LocalPlace):
    """The stores of the local target in a folder of their own."""

    def load(self, month: TripMonth, trips: int) -> None:
        raw = fetch_month(month, "sample", self.data_dir, sample_rows=trips).raw
        copy_month(raw, clean_month(raw, self.data_dir), self.lake)
        load_month(month, self.lake, self.warehouse)

    def build_marts(self) -> None:
        for month in sorted({month.month for month in MONTHS}):
            for mart in MARTS.values():
                build_mart(mart, month, self.marts)

    def write(self) -> Report:
        shapes = read_zone_shapes(self.data_dir.raw_dir("taxi_zone_shapes") / "taxi_zones.zip")
        return write_report(self.marts, self.data_dir, shapes=shapes, lake=self.lake)

    def sql(self, month: TripMonth, query: str) -> list[tuple[Any, ...]]:
        """Of a clean file, as its columns are."""
        return duckdb.sql(query.format(trips=f"read_parquet('{self.data_dir.clean(month)}')")).fetchall()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    city = City(DataDir(tmp_path_factory.mktemp("city") / "data"))
    fetch_zone_shapes("sample", city.data_dir)
    load_zones(fetch_zones("sample", city.data_dir), city.lake, city.warehouse)
    for month in MONTHS:
        city.load(month, 2000)
    city.build_marts()
    return city


@pytest.fixture(scope="module")
def report(city: City) -> Report:
    return city.write()


@pytest.fixture(scope="module")
def page(browser: Browser, report: Report) -> Iterator[Page]:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(report.path.as_uri())
        expect(page.locator("html[data-ready]")).to_have_count(1)
        yield page


def by_first(page: Page, table: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in rows(page, table)}


def test_trips_and_money_by_month(page: Page, city: City) -> None:
    trips = {month: city.sql(month, "SELECT count(*) FROM {trips}")[0][0] for month in MONTHS}
    table = by_first(page, "trips-table")
    yellow, september, green, apps = (f"{trips[month]:,}" for month in MONTHS)
    assert table["2021-07"] == [yellow, "not loaded", "not loaded", "not loaded"]
    assert table["2021-08"] == ["not loaded"] * 4
    assert table["2021-09"] == [september, green, "not loaded", apps]
    assert "2021-10" not in table
    taxis = "SELECT avg(fare_amount), 100 * sum(tip_amount) FILTER (payment_type = 1 AND fare_amount > 0) / "
    taxis += "sum(fare_amount) FILTER (payment_type = 1 AND fare_amount > 0) FROM {trips}"
    hailed = [city.sql(month, taxis)[0] for month in MONTHS[1:3]]
    app = "SELECT avg(base_passenger_fare), 100 * sum(tips) FILTER (base_passenger_fare > 0) / "
    app += "sum(base_passenger_fare) FILTER (base_passenger_fare > 0 AND tips IS NOT NULL) FROM {trips}"
    wanted = [*hailed, city.sql(MONTHS[3], app)[0]]
    assert by_first(page, "money-table")["2021-09"] == [
        *(f"${fare:,.2f}" for fare, _ in wanted),
        *(f"{tips:.1f} %" for _, tips in wanted),
    ]


def test_zones_and_hours_of_a_month(page: Page, city: City) -> None:
    page.locator("#service").select_option("yellow")
    page.locator("#period").select_option("2021-07")
    moving = (
        "date_diff('second', tpep_pickup_datetime, tpep_dropoff_datetime) BETWEEN 60 AND 21600 AND trip_distance > 0"
    )
    moving += " AND trip_distance * 3600 <= 80 * date_diff('second', tpep_pickup_datetime, tpep_dropoff_datetime)"
    tipped = "payment_type = 1 AND fare_amount > 0"
    wanted = city.sql(
        MONTHS[0],
        f"""SELECT pulocationid, count(*),
            CASE WHEN count(*) FILTER ({tipped}) >= 10
                THEN 100 * sum(tip_amount) FILTER ({tipped}) / sum(fare_amount) FILTER ({tipped}) END,
            CASE WHEN count(*) FILTER ({moving}) >= 10
                THEN 3600 * sum(trip_distance) FILTER ({moving})
                    / sum(date_diff('second', tpep_pickup_datetime, tpep_dropoff_datetime)) FILTER ({moving}) END
        FROM {{trips}} GROUP BY 1""",
    )
    said = {row[0]: row[3:] for row in rows(page, "zones-table")}
    assert said == {
        str(zone or NONE): [f"{trips:,}", *(NONE if each is None else f"{each:.1f}" for each in averages)]
        for zone, trips, *averages in wanted
    }
    assert any(row[1] != NONE for row in said.values())
    hours = city.sql(
        MONTHS[0],
        """SELECT isodow(tpep_pickup_datetime), hour(tpep_pickup_datetime), count(*) FROM {trips}
        WHERE date_trunc('month', tpep_pickup_datetime) = '2021-07-01' GROUP BY ALL""",
    )
    # July 2021 began on a Thursday: five of it, of Friday and of Saturday.
    days = [4, 4, 4, 5, 5, 5, 4]
    table = by_first(page, "week-table")
    assert sum(trips for *_, trips in hours) > 1900
    for weekday, hour, trips in hours:
        assert float(table[str(hour)][weekday - 1]) == pytest.approx(trips / days[weekday - 1], abs=0.051)


def test_files_with_their_versions(page: Page, city: City) -> None:
    page.locator("details", has=page.locator("#files-table")).locator("summary").click()
    for month in MONTHS:
        row = page.locator(f"#{month.dataset}-{month.month}")
        cells = row.locator("td").all_inner_texts()
        clean = city.sql(month, "SELECT count(*) FROM {trips}")[0][0]
        rejected = duckdb.sql(f"SELECT count(*) FROM '{city.data_dir.rejected(month)}'").fetchall()[0][0]
        assert cells[:4] == [month.month, f"{clean + rejected:,}", f"{clean:,}", f"{rejected:,}"]
        assert cells[4] == "0" or month.dataset == "fhv"
        # The links lead to files that are there, beside the page and beside its copy in the lake.
        for link in row.get_by_role("link").all():
            target = link.get_attribute("href") or ""
            for copy in (city.data_dir.report, city.data_dir.lake / OBJECT_NAME):
                assert (copy.parent / target).resolve().is_file(), target


def test_the_lake_has_it_and_what_did_not_change_is_not_written_again(report: Report, city: City) -> None:
    assert (city.data_dir.lake / OBJECT_NAME).read_bytes() == report.path.read_bytes()
    again = city.write()
    assert again.unchanged
    assert again.version == report.version
    assert report.synthetic == report.months == 4
    assert "Synthetic trips a month" in report.picture
    assert len(report.picture) < 20_000


def test_a_month_that_is_published_again_with_fewer_trips_is_what_the_page_says(
    browser: Browser, page: Page, city: City
) -> None:
    del page  # the page as it was is read first
    city.load(MONTHS[2], 700)
    city.build_marts()
    report = city.write()
    assert not report.unchanged
    left = city.sql(MONTHS[2], "SELECT count(*) FROM {trips}")[0][0]
    assert left <= 700
    with browser.new_context() as context:
        fresh = context.new_page()
        fresh.goto(report.path.as_uri())
        assert by_first(fresh, "trips-table")["2021-09"][1] == f"{left:,}"
        expect(fresh.locator("html[data-ready]")).to_have_count(1)
        fresh.locator("#service").select_option("green")
        assert sum(int(row[3].replace(",", "")) for row in rows(fresh, "zones-table")) == left
