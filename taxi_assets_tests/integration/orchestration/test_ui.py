"""The UI on a real webserver and daemon: through its GraphQL API, and by hand in a real browser.

With TAXI_SCREENSHOTS set to a folder, the browser leaves there the pictures that the README shows:
``TAXI_SCREENSHOTS=docs/images .venv/bin/pytest taxi_assets_tests/integration/orchestration/test_ui.py``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from taxi_assets_tests.support.browser import browser
from taxi_assets_tests.support.dagster_processes import PROJECT_ROOT, RunningDagster, dagster_ui, wait_until

__all__ = ["browser", "dagster_ui"]

pytestmark = pytest.mark.timeout(600)

LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")
RUN_SECONDS = 240
PAGE_MILLISECONDS = 90_000
BESIDE_THE_GRAPH = (700, 620)
"""In the window below."""

MATERIALIZATION = """
query($key: AssetKeyInput!, $partitions: [String!]) { assetOrError(assetKey: $key) { ... on Asset {
  assetMaterializations(partitions: $partitions, limit: 1) { metadataEntries {
    label ... on IntMetadataEntry { intValue } ... on BoolMetadataEntry { boolValue }
    ... on TextMetadataEntry { text } ... on MarkdownMetadataEntry { mdStr }
    ... on TableSchemaMetadataEntry { schema { columns { name description } } } } } } } }
"""


def metadata_of(dagster: RunningDagster, asset: str, month: str) -> dict[str, dict[str, Any]]:
    """What the UI would show of the latest materialization of a partition, by label."""
    found = dagster.graphql(MATERIALIZATION, {"key": {"path": asset.split("/")}, "partitions": [month]})
    [materialization] = found["assetOrError"]["assetMaterializations"]
    return {entry["label"]: entry for entry in materialization["metadataEntries"]}


def test_a_month_launched_through_graphql_succeeds_and_tells_about_itself(dagster_ui: RunningDagster) -> None:
    run_id = dagster_ui.materialize([f"{layer}/green_tripdata" for layer in LAYERS], "2019-04")
    wait_until(lambda: dagster_ui.run(run_id)["status"] in ("SUCCESS", "FAILURE"), "the run ended", RUN_SECONDS)
    assert dagster_ui.run(run_id)["status"] == "SUCCESS"
    raw = metadata_of(dagster_ui, "raw/green_tripdata", "2019-04")
    assert raw["dagster/row_count"]["intValue"] == 200
    assert raw["synthetic"]["boolValue"] is True
    clean = metadata_of(dagster_ui, "clean/green_tripdata", "2019-04")
    columns = {column["name"]: column["description"] for column in clean["dagster/column_schema"]["schema"]["columns"]}
    assert "lpep_pickup_datetime" in columns
    assert all(columns.values())
    assert clean["preview"]["mdStr"].startswith("| column | row 1 |")
    postgres = metadata_of(dagster_ui, "postgres/green_tripdata", "2019-04")
    assert postgres["dagster/row_count"]["intValue"] == clean["dagster/row_count"]["intValue"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1600, "height": 720})
    tab.set_default_timeout(PAGE_MILLISECONDS)
    yield tab
    tab.close()


def picture(page: Page, name: str, tmp_path: Path) -> None:
    """Keeps what a person sees now."""
    folder = Path(os.environ.get("TAXI_SCREENSHOTS") or tmp_path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=folder / f"{name}.png")


def test_a_person_materializes_a_month_from_the_graph_and_reads_what_became_of_it(
    dagster_ui: RunningDagster, page: Page, tmp_path: Path
) -> None:
    graph = f"{dagster_ui.url}/locations/taxi_assets/asset-groups/yellow/lineage"
    readme = " ".join((PROJECT_ROOT / "README.md").read_text(encoding="utf-8").split())
    how = (
        "Open *Catalog*, click on a dataset in the column *Asset group*, then beside its graph, so that no single "
        "asset is selected, *Materialize all…*, pick one month or a range, and launch"
    )
    assert how in readme, "what follows is what the README says"
    page.goto(dagster_ui.url)
    page.get_by_role("link", name="Catalog").click()
    expect(page.get_by_text("Asset group")).to_be_visible()
    page.locator("a", has_text=re.compile("^yellow$")).first.click()
    expect(page.locator("button", has_text="Materialize selected")).to_be_visible()
    expect(page.get_by_text("yellow_tripdata").first).to_be_visible()
    page.mouse.click(BESIDE_THE_GRAPH[0], BESIDE_THE_GRAPH[1])
    page.locator("button", has_text="Materialize all").click()
    months = page.get_by_placeholder(re.compile("^ex: 2009-01"))
    months.fill("[2019-05...2019-06]")
    months.press("Enter")
    page.locator("button", has_text=re.compile("Launch")).click()

    def landed() -> bool:
        return all(
            {"2019-05", "2019-06"} <= dagster_ui.partitions(f"{layer}/yellow_tripdata")["MATERIALIZED"]
            for layer in LAYERS
        )

    wait_until(landed, "both months are materialized in every layer", RUN_SECONDS)
    wait_until(
        lambda: not dagster_ui.runs({"statuses": ["QUEUED", "STARTING", "STARTED"]}), "no run goes on", RUN_SECONDS
    )

    page.get_by_role("link", name="Runs").first.click()
    expect(page.get_by_text("months: 2019-05 to 2019-06").first).to_be_visible()
    expect(page.get_by_text(re.compile("^(layer|taxi|partly_failed)/"))).to_have_count(0)
    page.get_by_role("link", name="Jobs").click()
    page.locator("a", has_text=re.compile("^load_yellow$")).first.click()
    expect(page.get_by_text("Auto-materialize on")).to_be_visible()
    page.get_by_role("link", name="Deployment").first.click()
    page.get_by_text("Concurrency").first.click()
    expect(page.get_by_text("warehouse").first).to_be_visible()

    page.goto(graph)
    expect(page.get_by_text("Passed").first).to_be_visible()
    expect(page.get_by_text("yellow_tripdata")).to_have_count(5)
    picture(page, "asset-graph", tmp_path)

    page.goto(f"{dagster_ui.url}/assets/clean/yellow_tripdata?view=partitions&partition=2019-05")
    expect(page.get_by_text("Materialized", exact=True).first).to_be_visible()
    trips, rejected = page.get_by_alt_text("trips by day and hour"), page.get_by_alt_text("rejected lines by rule")
    expect(trips).to_be_visible()
    # An image that the page refuses, or that is broken, has no size.
    assert trips.evaluate("image => image.naturalWidth") == 31 * 16
    expect(rejected.or_(page.get_by_text("No line was rejected."))).to_be_visible()
    picture(page, "asset-metadata", tmp_path)

    page.goto(f"{dagster_ui.url}/assets/clean/yellow_tripdata?view=checks&checkDetail=every_line_accounted_for")
    expect(page.get_by_text("blocking")).to_be_visible()
    expect(page.get_by_text("as expected", exact=True).first).to_be_visible()
    picture(page, "asset-checks", tmp_path)
