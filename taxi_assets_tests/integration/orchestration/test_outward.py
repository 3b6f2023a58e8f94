"""What leaves the project towards people: no password of the source or the database, and no value that acts.

One month is published behind a password, with cells that would act in a browser, and goes through a real code server,
webserver and daemon into a database with a password of its own. Then everything that they kept and answer is read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, Page, Request, expect
from psycopg import sql

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.orchestration.dagster_internals.runs import PARTITION_NAME_TAG
from taxi_assets.settings import load_settings
from taxi_assets_tests.support.browser import browser
from taxi_assets_tests.support.dagster_processes import RunningDagster, running_dagster, wait_until
from taxi_assets_tests.support.http_source import HttpSource, serving

__all__ = ["browser"]

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

PLANTED = ("source-7c1f93", "database-e2a85d")
SOURCE_PASSWORD, DATABASE_PASSWORD = (f"p@ss/word?#{planted}" for planted in PLANTED)
LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")
MONTH = "2019-05"
BEACON = "/beacon.png"
HEADER = (
    "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,PULocationID,DOLocationID,"
    "passenger_count,trip_distance,fare_amount,extra,mta_tax,tip_amount,tolls_amount,ehail_fee,improvement_surcharge,"
    "total_amount,payment_type,trip_type,congestion_surcharge"
)
TRIP = "2,2019-05-01 00:{minute:02d}:00,2019-05-01 01:00:00,{flag},1,74,75,1,2.5,10,0.5,0.5,1,0,,0.3,12.3,1,1,0"


@dataclass
class Everything:
    """The processes, what they were given, and where they keep things."""

    dagster: RunningDagster
    source: HttpSource
    server: EmbeddedPostgres
    data: Path


def hostile(url: str) -> list[str]:
    """Cells that would ask for something when a person opens the preview."""
    mutation = "/graphql?query=mutation{wipeAssets(assetPartitionRanges:[]){__typename}}"
    return [
        f"![x]({url}{BEACON})",
        f"<img src={url}{BEACON}>",
        f"![x]({mutation})",
        f"{url}{BEACON}",
        f"` ![x]({url}{BEACON})",
    ]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    root = tmp_path_factory.mktemp("outward")
    server = EmbeddedPostgres(load_settings(taxi_data_dir=root / "data").data_dir.postgres)
    server.start()
    server.ensure_database("dagster")
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE reader LOGIN PASSWORD {}").format(sql.Literal(DATABASE_PASSWORD)))
        connection.execute("CREATE DATABASE trips OWNER reader")
    info = psycopg.conninfo.conninfo_to_dict(server.conninfo())
    with serving() as source:
        trips = [TRIP.format(minute=minute, flag=cell) for minute, cell in enumerate(hostile(source.url))]
        source.publish(f"green/green_tripdata_{MONTH}.csv", ("\n".join([HEADER, *trips]) + "\n").encode())
        source.mind(password=("reader", SOURCE_PASSWORD))
        environment = {
            "DAGSTER_POSTGRES_URL": server.url("dagster"),
            "TAXI_DATA_DIR": str(root / "data"),
            "TAXI_SOURCE": source.url.replace("//", f"//reader:{quote(SOURCE_PASSWORD, safe='')}@"),
            "TAXI_POSTGRES_URL": f"postgresql://reader:{quote(DATABASE_PASSWORD, safe='')}@/trips"
            f"?host={quote(str(info['host']), safe='')}&port={info.get('port', 5432)}",
        }
        try:
            with running_dagster(root / "home", environment) as dagster:
                for month, expected in ((MONTH, "SUCCESS"), ("2019-06", "FAILURE")):
                    run = dagster.materialize([f"{layer}/green_tripdata" for layer in LAYERS], month)
                    wait_until(
                        lambda run=run: dagster.run(run)["status"] in ("SUCCESS", "FAILURE"), "the run's end", 300
                    )
                    assert dagster.run(run)["status"] == expected, dagster.messages(run)
                yield Everything(dagster, source, server, root / "data")
        finally:
            server.remove()


def stored(database: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table, and what is compressed in it."""
    with psycopg.connect(database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))):
                for value in row:
                    content = value if isinstance(value, bytes) else str(value).encode()
                    yield table, zlib.decompress(content) if content[:1] == b"\x78" else content


def kept(*folders: Path) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes()


ANSWERS = (
    """{ repositoryOrError(repositorySelector: %(repository)s) { ... on Repository { allTopLevelResourceDetails {
         name configFields { name defaultValueAsJson } configuredValues { key value type } } } } }""",
    "{ runConfigSchemaOrError(selector: %(job)s) { ... on RunConfigSchema { rootDefaultYaml } } }",
    "{ runsOrError { ... on Runs { results { runId runConfigYaml tags { key value } "
    "eventConnection { events { __typename ... on MessageEvent { message } "
    "... on ErrorEvent { error { message stack causes { message stack } } } "
    "... on DisplayableEvent { description metadataEntries { label ... on TextMetadataEntry { text } "
    "... on PathMetadataEntry { path } ... on JsonMetadataEntry { jsonString } "
    "... on MarkdownMetadataEntry { mdStr } } } } } } } } }",
)


def answered(dagster: RunningDagster) -> Iterator[tuple[str, bytes]]:
    """What the pages show: resources, Launchpad, runs with their configuration, logs and errors."""
    repository = '{repositoryLocationName: "taxi_assets", repositoryName: "__repository__"}'
    job = repository.replace("}", ', pipelineName: "load_green"}')
    for query in ANSWERS:
        text = str(dagster.graphql(query % {"repository": repository, "job": job}))
        assert len(text) > 500 or "rootDefaultYaml" in text, text
        yield query, text.encode()
    for run in dagster.runs():
        yield (
            "debug file",
            zlib.decompress(requests.get(f"{dagster.url}/download_debug/{run['runId']}", timeout=60).content, 31),
        )


def test_no_password_is_kept_or_shown_anywhere(everything: Everything) -> None:
    dagster = everything.dagster
    assert {run["tags"][PARTITION_NAME_TAG] for run in dagster.runs()} == {MONTH, "2019-06"}
    with psycopg.connect(everything.server.conninfo("trips")) as connection:
        assert connection.execute("SELECT count(*) FROM green_tripdata").fetchone() == (5,)
    places = [
        *stored(everything.server.conninfo("dagster")),
        *kept(dagster.home, everything.data),
        *answered(dagster),
    ]
    assert len(places) > 500
    assert any(b"TAXI_SOURCE" in content for place, content in places if place == ANSWERS[0]), "its name is shown"
    assert [place for place, content in places for secret in PLANTED if secret.encode() in content] == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1600, "height": 900})
    tab.set_default_timeout(90_000)
    yield tab
    tab.close()


def test_a_person_who_opens_a_hostile_preview_asks_for_nothing(everything: Everything, page: Page) -> None:
    dagster, source = everything.dagster, everything.source
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one))  # noqa: PLW0108  # it cannot mark a method of a list as seen
    page.goto(f"{dagster.url}/assets/clean/green_tripdata?view=partitions&partition={MONTH}")
    page.get_by_text("[Show Markdown]").first.click()
    for cell in hostile(source.url):
        expect(page.get_by_text(cell, exact=True)).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("link")).to_have_count(0)
    page.wait_for_load_state("networkidle")

    assert not [one for one in source.log if one.path == BEACON]
    foreign = [one.url for one in asked if not one.url.startswith((dagster.url, "data:", "blob:"))]
    assert foreign == []
    assert [one.url for one in asked if one.method == "GET" and "/graphql" in one.url] == []


def test_the_webserver_turns_away_what_other_sites_send(everything: Everything) -> None:
    url = f"{everything.dagster.url}/graphql"
    query = {"query": "{ version }"}
    assert requests.post(url, json=query, timeout=60).json()["data"]["version"]
    assert requests.get(url, params=query, timeout=60).status_code == 405
    assert requests.post(url, json=query, headers={"Host": "a.example"}, timeout=60).status_code == 421
    assert requests.post(url, json=query, headers={"Origin": "http://a.example"}, timeout=60).status_code == 403
    front = requests.get(everything.dagster.url, timeout=60)
    assert "img-src 'self' data:" in front.headers["Content-Security-Policy"] + front.text
