"""The guard before the webserver, on a real server: who is turned away, and who is not."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from taxi_assets.orchestration.webserver import Guard, GuardedWebserver, names_of

NAME = "trips.example.org"
JSON = {"Content-Type": "application/json"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
PAGE = {"Accept": "text/html,*/*"}


async def anything(request: Request) -> PlainTextResponse:
    return PlainTextResponse("came through")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    routes = [Route("/{path:path}", anything, methods=["GET", "POST"]), WebSocketRoute("/graphql", socket)]
    config = uvicorn.Config(Guard(Starlette(routes=routes), {NAME}), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def status(port: int, method: str, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": f"127.0.0.1:{port}", **headers})
    found = connection.getresponse().status
    connection.close()
    return found


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost", "LOCALHOST:3000", "[::1]:3000", f"{NAME}:8443", "10.0.0.7"]
)
def test_the_ui_answers_under_its_names(port: int, host: str) -> None:
    assert status(port, "GET", "/assets", {"Host": host}) == 200


@pytest.mark.parametrize(
    "host", ["a.example", "127.0.0.1.a.example", f"{NAME}.a.example", "localhost.a.example", "[::1", ""]
)
def test_and_under_no_other(port: int, host: str) -> None:
    assert status(port, "GET", "/assets", {"Host": host}) == 421
    assert status(port, "POST", "/graphql", {**JSON, "Host": host}) == 421


def test_a_mutation_by_get_is_turned_away_wherever_it_comes_from(port: int) -> None:
    mutation = "/graphql?query=mutation%7BwipeAssets%7D"
    for headers in ({}, {"Accept": "image/avif,*/*"}, {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"}):
        assert status(port, "GET", mutation, headers) == 405
        assert status(port, "GET", mutation.replace("/graphql", "/graphql/"), headers) == 405
    assert status(port, "GET", mutation, PAGE) == 200, "of which Dagster makes the page GraphiQL"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://a.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        LINK,
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/raw/yellow_tripdata"])
def test_what_a_page_of_another_site_posts_is_turned_away(port: int, headers: dict[str, str], path: str) -> None:
    assert status(port, "POST", path, {**JSON, **headers}) == 403


def test_a_link_to_a_page_is_followed_and_nothing_else_is_fetched_from_elsewhere(port: int) -> None:
    assert status(port, "GET", "/runs/1", {**LINK, **PAGE}) == 200
    assert status(port, "GET", "/runs/1", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}) == 403
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert status(port, "GET", "/runs/1", framed) == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", ""]
)
def test_graphql_is_taken_as_json_alone(port: int, kind: str) -> None:
    assert status(port, "POST", "/graphql", {"Content-Type": kind}) == 415


def test_the_ui_itself_and_programs_pass(port: int) -> None:
    own = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}
    assert status(port, "POST", "/graphql", {**JSON, **own}) == 200
    assert status(port, "POST", "/graphql", {"Content-Type": "application/json; charset=utf-8"}) == 200
    behind_tls = {"Host": NAME, "Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"}
    assert status(port, "POST", "/graphql", {**JSON, **behind_tls}) == 200


@pytest.mark.parametrize(("origin", "expected"), [("http://a.example", 403), (None, 101), ("own", 101)])
def test_websockets_of_other_sites_are_turned_away(port: int, origin: str | None, expected: int) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    if origin:
        upgrade["Origin"] = f"http://127.0.0.1:{port}" if origin == "own" else origin
    assert status(port, "GET", "/graphql", upgrade) == expected


def test_names_come_from_the_environment() -> None:
    assert names_of({}) == set()
    assert names_of({"TAXI_UI_URL": "http://127.0.0.1:3000"}) == {"127.0.0.1"}


def test_the_guard_is_in_dagsters_own_way_of_making_its_app() -> None:
    """By names that Dagster has; were one renamed, there would be no guard and nobody would know."""
    import dagster_webserver.app
    from dagster_webserver.webserver import DagsterWebserver

    assert dagster_webserver.app.DagsterWebserver is DagsterWebserver
    assert {"build_middleware", "make_csp_header"} <= set(vars(DagsterWebserver)) & set(vars(GuardedWebserver))
