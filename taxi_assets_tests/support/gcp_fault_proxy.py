"""A small HTTP proxy between Google's real clients and an emulator, which can make chosen requests fail.

The clients then meet real HTTP: a status, a body as Google writes it, a connection that breaks off. Everything else
is forwarded. What was asked is kept, so that tests can look at what a real service would have been told and an
emulator ignores. What Google does and an emulator does not can be added (``gcp_manners.py``).
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"}


@dataclass(frozen=True)
class Seen:
    """A request, as it arrived."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """An error as Google answers it. ``forward`` lets the emulator do the work before."""

    status: int
    reason: str = "backendError"
    forward: bool = False

    def body(self) -> bytes:
        entry = {"domain": "global", "reason": self.reason, "message": f"injected {self.reason}"}
        error = {"code": self.status, "message": f"injected {self.reason}", "errors": [entry]}
        return json.dumps({"error": error}).encode()


@dataclass(frozen=True)
class Drop:
    """The connection breaks off; ``forward`` lets the emulator do the work before, so that its answer is lost."""

    forward: bool = False


@dataclass(frozen=True)
class Rewrite:
    """The emulator's JSON answer is changed on its way back."""

    change: Callable[[Any], Any]


Fault = Answer | Drop | Rewrite

Reply = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""

Forward = Callable[[Seen], Reply]
"""Asks the emulator."""

Manners = Callable[[Seen, Forward], Reply]
"""Answers every request that is forwarded, as Google would."""


@dataclass
class _Rule:
    matches: Callable[[Seen], bool]
    fault: Fault
    left: int | None


@dataclass
class FaultProxy:
    """A proxy that runs; ``url`` is the endpoint for a client."""

    url: str
    upstream: str
    manners: Manners = field(default=lambda seen, forward: forward(seen), repr=False)
    seen: list[Seen] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, pattern: str, fault: Fault, *, times: int | None = None) -> None:
        """Applies ``fault`` to requests whose ``METHOD path`` or body matches; ``times`` None means always."""
        compiled = re.compile(pattern)

        def matches(seen: Seen) -> bool:
            return bool(compiled.search(str(seen)) or compiled.search(seen.body.decode("utf-8", "replace")))

        self._rules.append(_Rule(matches, fault, times))

    def heal(self) -> None:
        self._rules.clear()

    def requests(self, pattern: str) -> list[Seen]:
        return [seen for seen in self.seen if re.search(pattern, str(seen))]

    def _fault_for(self, seen: Seen) -> Fault | None:
        with self._lock:
            self.seen.append(seen)
            for rule in self._rules:
                if rule.left != 0 and rule.matches(seen):
                    if rule.left is not None:
                        rule.left -= 1
                    return rule.fault
        return None


@contextmanager
def fault_proxy(upstream: str, manners: Manners | None = None) -> Generator[FaultProxy]:
    """A proxy on a free port of 127.0.0.1 in front of ``upstream``, a base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    proxy = FaultProxy(f"http://127.0.0.1:{server.server_address[1]}", upstream)
    proxy.manners = manners or proxy.manners
    server.proxy = proxy  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: Any) -> None:
        return

    def _handle(self) -> None:
        proxy: FaultProxy = self.server.proxy  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = Seen(self.command, self.path, body, dict(self.headers.items()))
        fault = proxy._fault_for(seen)
        if isinstance(fault, Answer | Drop) and not fault.forward:
            return self._misbehave(fault)
        status, headers, answer = proxy.manners(seen, lambda asked: self._forward(proxy, asked))
        if isinstance(fault, Answer | Drop):
            return self._misbehave(fault)
        if isinstance(fault, Rewrite):
            answer = json.dumps(fault.change(json.loads(answer))).encode()
        # Addresses of the emulator itself (upload sessions, media links) must lead back through the proxy.
        if headers.get("Content-Type", "").startswith("application/json"):
            answer = answer.replace(proxy.upstream.encode(), proxy.url.encode())
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value.replace(proxy.upstream, proxy.url))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        return None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _handle  # noqa: N815

    def _misbehave(self, fault: Answer | Drop) -> None:
        if isinstance(fault, Drop):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = fault.body()
        self.send_response(fault.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _forward(self, proxy: FaultProxy, seen: Seen) -> Reply:
        target = urlsplit(proxy.upstream)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
        try:
            headers = {k: v for k, v in seen.headers.items() if k.lower() not in {*_HOP_BY_HOP, "accept-encoding"}}
            headers["Host"] = target.netloc
            connection.request(seen.method, seen.path, body=seen.body, headers=headers)
            response = connection.getresponse()
            return response.status, dict(response.headers.items()), response.read()
        finally:
            connection.close()
