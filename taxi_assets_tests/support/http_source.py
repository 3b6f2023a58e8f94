"""A real HTTP server for tests: it publishes files as a good server does, until told to misbehave.

    with serving() as server:
        server.publish("yellow/yellow_tripdata_2019-01.csv.gz", content)
        server.publish_folder(path)
        server.misbehave(DropAfter(1000), times=2)
        ...
        assert server.asked("GET")[1].headers["Range"] == "bytes=1000-"

Well-behaved it answers GET and HEAD with Content-Length, ETag and Last-Modified, ranges with If-Range, and
If-None-Match with 304. ``Manners`` switches single abilities off for good; ``misbehave`` queues faults for the next
matching requests. Every request is logged in ``server.log``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PIECE = 64 * 1024
FIRST_PUBLISHED = 1_660_000_000.0


@dataclass(frozen=True)
class Asked:
    """A request as it arrived, and the status that it got."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    status: int | None = None


@dataclass(frozen=True)
class DropAfter:
    """Promises the whole answer, sends ``count`` bytes of its body and drops the connection."""

    count: int
    reset: bool = False  # a TCP reset rather than an orderly end


@dataclass(frozen=True)
class Answer:
    """Answers so, whatever was asked: ``Answer(429, {"Retry-After": "7"})``, redirects, web pages."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class ClaimLength:
    """Sends the file with this Content-Length instead of the true one."""

    length: int | str


@dataclass(frozen=True)
class UntilClosed:
    """Sends ``count`` bytes of the body (None: all) without a length; the end of the connection is the file's end."""

    count: int | None = None


@dataclass(frozen=True)
class HoldAfter:
    """Sends ``count`` bytes of the body, then nothing until ``release`` is set or the client has gone."""

    count: int
    release: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Trickle:
    """Sends the body in ``pieces``, with a pause (s) before each."""

    pieces: int
    pause: float


@dataclass(frozen=True)
class RunBefore:
    """Calls ``action`` while the request waits, then answers well: what changes between two requests."""

    action: Callable[[], object]


Fault = DropAfter | Answer | ClaimLength | HoldAfter | Trickle | UntilClosed | RunBefore


def web_page(text: str = "<!DOCTYPE html><html><body>Please log in</body></html>") -> Answer:
    """A login or error page with status 200."""
    return Answer(200, {"Content-Type": "text/html; charset=utf-8"}, text.encode())


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(status, {"Location": to})


@dataclass(frozen=True)
class Manners:
    """What the server does well; switch off what the test is about."""

    head: bool = True  # else 405
    ranges: bool = True
    longest_range: int | None = None  # answers with at most so much of a range
    if_range: bool = True  # else ranges are served whatever If-Range says
    etag: bool = True
    weak_etag: bool = False
    last_modified: bool = True
    content_length: bool = True  # else chunked
    password: tuple[str, str] | None = None  # else nobody has to log in
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Published:
    content: bytes
    modified: float

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}-{self.modified:.0f}"'


@dataclass
class _Queued:
    fault: Fault
    method: str
    path: str
    times: int


class HttpSource:
    """The server as a test sees it."""

    def __init__(self) -> None:
        self.manners = Manners()
        self.log: list[Asked] = []
        self._files: dict[str, _Published] = {}
        self._faults: list[_Queued] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._held: list[HoldAfter] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def publish(self, path: str, content: bytes, *, modified: float = FIRST_PUBLISHED) -> str:
        """Puts a file there, or another in its place; returns its URL."""
        self._files[f"/{path}"] = _Published(content, modified)
        return f"{self.url}/{path}"

    def publish_folder(self, folder: Path) -> None:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.publish(str(file.relative_to(folder)), file.read_bytes(), modified=file.stat().st_mtime)

    def withdraw(self, path: str) -> None:
        del self._files[f"/{path}"]

    def misbehave(self, fault: Fault, *, method: str = "GET", path: str = "", times: int = 1) -> None:
        """Queues ``fault`` for the next ``times`` requests with this method (``""``: any) and path (its end)."""
        self._faults.append(_Queued(fault, method, path, times))

    def behave(self) -> None:
        """Forgets the faults that are queued, and what it did not do well."""
        self._faults.clear()
        self.manners = Manners()

    def mind(self, **manners: object) -> None:
        """Changes manners: ``server.mind(head=False)``."""
        self.manners = replace(self.manners, **manners)

    def asked(self, method: str) -> list[Asked]:
        return [one for one in self.log if one.method == method]

    def published(self, path: str) -> _Published | None:
        return self._files.get(path)

    def record(self, asked: Asked) -> None:
        with self._lock:
            self.log.append(asked)

    def next_fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for queued in self._faults:
                if queued.times and queued.method in ("", method) and path.endswith(queued.path):
                    queued.times -= 1
                    if isinstance(queued.fault, HoldAfter):
                        self._held.append(queued.fault)
                    return queued.fault
        return None

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        for held in self._held:
            held.release.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving() -> Iterator[HttpSource]:
    """Starts a server on a free port of the loopback address and stops it."""
    server = HttpSource()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, source: HttpSource) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.source = source

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """``server.log`` is the log."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        source, manners = self.server.source, self.server.source.manners
        self._asked = Asked(self.command, url.path, url.query, self.headers)
        fault = source.next_fault(self.command, url.path)
        if isinstance(fault, RunBefore):
            fault.action()
        if isinstance(fault, Answer):
            self._send(fault.status, dict(fault.headers), fault.body)
        elif manners.password and self.headers.get("Authorization") != _basic(*manners.password):
            self._send(401, {"WWW-Authenticate": 'Basic realm="trips"'})
        elif self.command == "HEAD" and not manners.head:
            self._send(405)
        elif (file := source.published(url.path)) is None:
            self._send(404, {"Content-Type": "text/html"}, b"<html>not here</html>")
        else:
            self._publish(file, manners, fault)

    def _publish(self, file: _Published, manners: Manners, fault: Fault | None) -> None:
        headers = {"Content-Type": "application/octet-stream", **manners.headers}
        etag, modified = file.etag, formatdate(file.modified, usegmt=True)
        if manners.weak_etag:
            etag = f"W/{etag}"
        if manners.etag:
            headers["ETag"] = etag
        if manners.last_modified:
            headers["Last-Modified"] = modified
        if manners.etag and etag in self.headers.get("If-None-Match", ""):
            self._send(304, headers)
            return
        status, body = 200, file.content
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and manners.ranges and (not manners.if_range or self._is_current(etag, file.modified)):
            first, last = int(asked[1]), int(asked[2] or len(body) - 1)
            if first >= len(body):
                self._send(416, {"Content-Range": f"bytes */{len(body)}"})
                return
            last = min(last, len(body) - 1, first + (manners.longest_range or len(body)) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            status, body = 206, body[first : last + 1]
        self._send(status, headers, body, fault)

    def _is_current(self, etag: str, modified: float) -> bool:
        condition = self.headers.get("If-Range")
        if condition is None:
            return True
        if condition.startswith(('"', "W/")):
            return condition == etag and not condition.startswith("W/")
        return parsedate_to_datetime(condition).timestamp() == int(modified)

    def _send(
        self, status: int, headers: Mapping[str, str] = {}, body: bytes = b"", fault: Fault | None = None
    ) -> None:
        self.server.source.record(replace(self._asked, status=status))
        length = fault.length if isinstance(fault, ClaimLength) else len(body)
        chunked = not self.server.source.manners.content_length
        closing = isinstance(fault, UntilClosed)
        self.send_response(status, HTTPStatus(status).phrase)
        for name, value in headers.items():
            self.send_header(name, value)
        framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(length))
        self.send_header(*(("Connection", "close") if closing else framing))
        self.end_headers()
        if self.command == "HEAD":
            return
        stop = fault.count if isinstance(fault, DropAfter | HoldAfter | UntilClosed) else len(body)
        for piece in self._trickled(body, fault) if isinstance(fault, Trickle) else (body[:stop],):
            self._write(piece, chunked)
        if isinstance(fault, DropAfter):
            self._hang_up(reset=fault.reset)
            return
        if closing:
            self._hang_up()
            return
        if isinstance(fault, HoldAfter):
            self._wait(fault)
            self._write(body[stop:], chunked)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        if length != len(body):
            self._hang_up()

    def _write(self, body: bytes, chunked: bool) -> None:
        for start in range(0, len(body), PIECE):
            piece = body[start : start + PIECE]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)

    def _trickled(self, body: bytes, fault: Trickle) -> Iterator[bytes]:
        size = -(-len(body) // fault.pieces)
        for start in range(0, len(body), size):
            time.sleep(fault.pause)
            yield body[start : start + size]

    def _wait(self, fault: HoldAfter) -> None:
        self.wfile.flush()
        self.connection.settimeout(0.02)
        while not fault.release.wait(0.02):
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    break  # the client was killed
            except TimeoutError:
                continue
        self.connection.settimeout(None)

    def _hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
