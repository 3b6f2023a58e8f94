"""Dagster's webserver with a guard in front: ``python -m taxi_assets.orchestration.webserver``, options as Dagster's.

The webserver has no login: whoever can make a request to it can start and delete. On a person's machine that is also
every page that is open in the browser, and by itself Dagster executes mutations on GET, takes JSON as ``text/plain``,
which pages may send anywhere, answers under any name, and lets anybody open its WebSocket.

Belongs here: which requests are turned away. Not here: who may use the UI (``docs/deploy.md``, the proxy).
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import dagster_webserver.app
from dagster_webserver.cli import main
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_READING = frozenset(("GET", "HEAD"))
_OURS = frozenset(("same-origin", "none"))
_GRAPHQL_TYPES = frozenset(("application/json", "application/graphql"))
"""Content types that a page of another site may not send without asking first, which nobody here answers."""


class Guard:
    """Turns away what a page of somebody else could make a browser send, and mutations by GET.

    Attributes:
        names: Names under which people open the UI, besides localhost; addresses in digits always do, as no other
            site can be at them.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self.app = app
        self.names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket."""
        if scope["type"] in ("http", "websocket"):
            refusal = self._refusal(scope, Headers(scope=scope))
            if refusal is not None:
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                else:
                    status, why = refusal
                    await PlainTextResponse(f"{why}\n", status)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[HTTPStatus, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return (HTTPStatus.MISDIRECTED_REQUEST, "This UI has another name: set TAXI_UI_URL to the address under "
                    "which people open it.")  # fmt: skip
        if not _from_here(scope, headers, host):
            return HTTPStatus.FORBIDDEN, "Pages of other sites may not ask this server anything."
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/graphql"):
            return _graphql_refusal(scope["method"], headers)
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether the UI is known under this name; a foreign one is how another site becomes "the same" as this."""
        name = _hostname(host)
        if name is None:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _from_here(scope: Scope, headers: Headers, host: str) -> bool:
    """Whether the UI itself asks, a person who follows a link to a page, or something that is no browser."""
    site = headers.get("sec-fetch-site")
    if scope["type"] == "http" and scope["method"] in _READING:
        is_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return site is None or site in _OURS or is_page
    # Browsers name the origin of what may change something, and of each WebSocket; programs do not.
    origin = headers.get("origin")
    return (site is None or site in _OURS) and (origin is None or urlsplit(origin).netloc == host)


def _graphql_refusal(method: str, headers: Headers) -> tuple[HTTPStatus, str] | None:
    if method in _READING:
        # Asked for HTML, Dagster gives the page GraphiQL and executes nothing.
        asks_for_page = "text/html" in headers.get("accept", "")
        return None if asks_for_page else (HTTPStatus.METHOD_NOT_ALLOWED, "GraphQL is answered to POST alone.")
    if headers.get("content-type", "").partition(";")[0].strip().lower() not in _GRAPHQL_TYPES:
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send GraphQL as application/json."
    return None


def names_of(environment: dict[str, str]) -> set[str]:
    """The names under which people open the UI, by ``TAXI_UI_URL`` and by the proxy's ``TAXI_UI_HOSTNAME``.

    >>> sorted(names_of({"TAXI_UI_URL": "https://trips.example.org:8443/", "TAXI_UI_HOSTNAME": "ui.example.org"}))
    ['trips.example.org', 'ui.example.org']
    """
    named = (_hostname(urlsplit(environment.get("TAXI_UI_URL", "")).netloc), environment.get("TAXI_UI_HOSTNAME"))
    return {name for name in named if name}


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's, behind the guard; its pages fetch no pictures from elsewhere and stand in nobody's frame."""

    def build_middleware(self) -> list[Middleware]:
        """The guard comes first."""
        return [Middleware(Guard, names=names_of(dict(os.environ))), *super().build_middleware()]

    def make_csp_header(self, nonce: str) -> str:
        """What Dagster allows its pages, less that."""
        return f"{super().make_csp_header(nonce)} img-src 'self' data: blob:; frame-ancestors 'none';"


if __name__ == "__main__":
    # The command makes its app by this name, and has no option to name another.
    dagster_webserver.app.DagsterWebserver = GuardedWebserver  # pyright: ignore[reportPrivateImportUsage]
    sys.exit(main())
