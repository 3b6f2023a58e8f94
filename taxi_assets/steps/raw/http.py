"""Files over HTTP: asked about with HEAD, streamed to disk, resumed where they broke off.

Belongs here: everything that HTTP servers and the way to them do to a download. Not here: which URLs
(``sources.py``), whether the bytes are a trip file (``verify.py``), and the name the file gets (``destination.py``).
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import requests

from taxi_assets.errors import BrokenFileError, NotPublishedError
from taxi_assets.steps.files.progress import OnProgress
from taxi_assets.steps.raw.destination import discard, sidecar
from taxi_assets.steps.raw.http_retries import (
    HttpPolicy,
    Pace,
    TryFailedError,
    hide_query_strings_in_debug_log,
    network_troubles,
    persistently,
    seconds_asked_for,
    unusable_url,
)
from taxi_assets.steps.raw.sources import Candidate, SourceFile

CHUNK_BYTES = 1 << 18
"""What a kill or a reset connection can cost."""

_FURTHER_BYTES = 1 << 16
"""What a try has to add to count as progress: a server that gives a byte a try is given up."""

_LONGEST_NUMBER = 18
"""Digits of a length in a header. One of thousands is no length, and Python does not take it for a number."""

_CONTENT_RANGE = rf"bytes (\d{{1,{_LONGEST_NUMBER}}})-\d+/(\d{{1,{_LONGEST_NUMBER}}}|\*)"

_PASSING_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_HEAD_REFUSED = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})

logger = logging.getLogger(__name__)


@contextmanager
def http_origin(label: str, candidates: Sequence[Candidate], policy: HttpPolicy) -> Generator[HttpOrigin]:
    """Yields a file's place on the web, with connections that last as long as the block."""
    hide_query_strings_in_debug_log()
    with requests.Session() as session:
        session.headers.update({"Accept-Encoding": "identity", "User-Agent": "taxi_assets"})
        yield HttpOrigin(label, candidates, session, policy)


class HttpOrigin:
    """A file at the first of some URLs at which it is published."""

    def __init__(
        self, label: str, candidates: Sequence[Candidate], session: requests.Session, policy: HttpPolicy
    ) -> None:
        self._label = label
        self._candidates = candidates
        self._policy = policy
        self._session = session

    def stat(self) -> SourceFile:
        """What the server says about the file, by one HEAD request where the first URL is the right one.

        Raises:
            NotPublishedError: No URL has it (403 and 404 alike: both also stand for "not allowed").
            SourceUnavailableError: The server cannot be asked.
        """
        for candidate in self._candidates:
            answer = persistently(
                lambda candidate=candidate: self._head(candidate), self._policy, f"{self._label}: {candidate.shown}"
            )
            if isinstance(answer, SourceFile):
                return answer
            if len(self._candidates) == 1:
                raise answer
        tried = ", ".join(one.shown for one in self._candidates)
        raise NotPublishedError(f"{self._label}: not published (or not allowed) under any of its names: {tried}")

    def download(self, source_file: SourceFile, partial: Path, on_progress: OnProgress) -> SourceFile:
        """Downloads what ``stat`` told of into ``partial``, going on where an earlier process stopped.

        Returns:
            The file as the answer to the download described it.

        Raises:
            NotPublishedError: It was withdrawn meanwhile.
            BrokenFileError: Nothing in what the server says would prove that the file is whole.
            SourceUnavailableError: It broke off too often, or was too slow. What has arrived stays for the next try.
        """
        transfer = _Transfer(self._label, source_file, partial, on_progress, self._policy)
        return persistently(
            lambda: self._get(transfer),
            self._policy,
            f"{self._label}: {source_file.candidate.shown}",
            got_further=transfer.got_further,
        )

    def _head(self, candidate: Candidate) -> SourceFile | NotPublishedError:
        """The file, or why there is none; servers that refuse HEAD are asked for the first byte instead."""
        try:
            return self._ask(candidate)
        except NotPublishedError as refusal:
            return refusal

    def _ask(self, candidate: Candidate) -> SourceFile:
        with self._request("HEAD", candidate) as response:
            if response.status_code not in _HEAD_REFUSED:
                self._accept(response, candidate)
                return _described(response, candidate, _content_length(response))
        with self._request("GET", candidate, {"Range": "bytes=0-0"}) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # of an empty file
                return _described(response, candidate, 0)
            self._accept(response, candidate)
            partly = response.status_code == HTTPStatus.PARTIAL_CONTENT
            return _described(response, candidate, _content_range(response)[1] if partly else _content_length(response))

    def _get(self, transfer: _Transfer) -> SourceFile:
        if transfer.is_complete():
            return transfer.source_file
        try:
            with self._request("GET", transfer.source_file.candidate, transfer.headers()) as response:
                if response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    self._accept(response, transfer.source_file.candidate)
                transfer.take(response)
        except TryFailedError as failure:
            raise TryFailedError(f"{failure}; {transfer.state} here", failure.retry_after) from None
        return transfer.source_file

    @contextmanager
    def _request(
        self, method: str, candidate: Candidate, headers: dict[str, str] | None = None
    ) -> Generator[requests.Response]:
        """An answer whose body is read by the block; what breaks on the way becomes a passing problem."""
        timeouts = (self._policy.connect_timeout, self._policy.read_timeout)
        with network_troubles():
            try:
                response = self._session.request(
                    method, candidate.location, headers=headers, timeout=timeouts, stream=True, allow_redirects=True
                )
            except requests.RequestException:
                raise
            except ValueError as error:  # of a redirect to what is no URL, or not even text
                raise unusable_url(error) from None
            with response:
                yield response

    def _accept(self, response: requests.Response, candidate: Candidate) -> None:
        """Lets answers with the file pass.

        Raises:
            NotPublishedError: 403, 404 and every other "no" that asking again will not change.
            TryFailedError: 429, 5xx, and the like.
        """
        status = response.status_code
        if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            return
        if status in _PASSING_STATUS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TryFailedError(f"the server answers {_status(response)}", seconds_asked_for(response))
        raise NotPublishedError(
            f"{self._label}: not published (or not allowed): {candidate.shown} answers {_status(response)}. "
            "TLC publishes a month about two months after it has ended"
        )


class _Transfer:
    """A file on its way to the disk, across broken connections and killed processes."""

    def __init__(
        self, label: str, source_file: SourceFile, partial: Path, on_progress: OnProgress, policy: HttpPolicy
    ) -> None:
        self.source_file = source_file
        self._label = label
        self._partial = partial
        self._on_progress = on_progress
        self._policy = policy
        if not self._is_begun():
            self.start_anew()
        elif self._offset:
            logger.info("%s: going on after %d bytes of an earlier run", label, self._offset)
        self._furthest = self._offset

    @property
    def _offset(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    @property
    def state(self) -> str:
        """How far it is, in words."""
        total = "" if self.source_file.size is None else f" of {self.source_file.size}"
        return f"{self._offset}{total} bytes are"

    def got_further(self) -> bool:
        """Whether a good deal more is on the disk than at the last time that this was so."""
        further = self._offset >= self._furthest + _FURTHER_BYTES
        if further:
            self._furthest = self._offset
        return further

    def is_complete(self) -> bool:
        """Whether nothing is left to ask for."""
        return self.source_file.size is not None and 0 < self.source_file.size == self._offset

    def start_anew(self) -> None:
        """Forgets what has arrived."""
        discard(self._partial)

    def headers(self) -> dict[str, str]:
        """What to ask for: the rest, provided that the file is still the same, or everything."""
        validator = _if_range(self.source_file)
        if not self._offset or validator is None:
            return {}
        return {"Range": f"bytes={self._offset}-", "If-Range": validator}

    def take(self, response: requests.Response) -> None:
        """Writes an answer to the disk behind what it continues.

        Raises:
            TryFailedError: The answer is not the part that was asked for, broke off, or is too slow.
            BrokenFileError: Nothing would tell a cut file from a whole one.
        """
        candidate = self.source_file.candidate
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self.start_anew()
            raise TryFailedError("the server has fewer bytes than it said before")
        if response.status_code == HTTPStatus.PARTIAL_CONTENT:
            start, size = _content_range(response)
            answer = _described(response, candidate, size)
            if start != self._offset or not _is_same_file(self.source_file, answer):
                self.start_anew()
                raise TryFailedError("the file changed while it was being downloaded; starting anew")
            self.source_file = replace(self.source_file, size=self.source_file.size or size)
            if self.source_file.size is None:
                self.start_anew()
                raise TryFailedError("the server does not say how much is left; starting anew")
        else:
            self.start_anew()
            self.source_file = self._whole(response)
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            _write_sidecar(self._partial, self.source_file)
        self._write(response)

    def _whole(self, response: requests.Response) -> SourceFile:
        """The file that an answer holds, with the size that it must have: what HEAD said of the same file counts, too.

        Raises:
            TryFailedError: It is the same file, and the answer promises less of it.
            BrokenFileError: No size is known, and nothing else marks the end.
        """
        told, candidate = self.source_file, self.source_file.candidate
        answer = _described(response, candidate, _content_length(response))
        if told.size and (told.etag, told.last_modified) == (answer.etag, answer.last_modified):
            answer = replace(answer, size=told.size if answer.size is None else answer.size)
            if answer.size is not None and answer.size < told.size:
                raise TryFailedError(f"the server promises {answer.size} bytes of a file of {told.size}")
        if answer.size is None and candidate.format == "csv" and not getattr(response.raw, "chunked", False):
            raise BrokenFileError(
                f"{self._label}: {candidate.shown} is given out without a length, and plain text does not show where "
                "it ends: half a file would look like a whole one. Nothing of it was kept; have the server send "
                "Content-Length, or publish the file as .csv.gz or .parquet"
            )
        return answer

    def _write(self, response: requests.Response) -> None:
        with self._partial.open("ab", buffering=0) as file:
            done, pace = file.tell(), Pace(self._policy)
            # Not iter_content: it undoes the "Content-Encoding: x-gzip" that Apache gives to .csv.gz files, and it
            # waits until a chunk is full, however long that takes.
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                _write_all(file, chunk)
                done += len(chunk)
                pace.arrived(len(chunk))
                self._on_progress(done, self.source_file.size)
        if self.source_file.size is not None and done < self.source_file.size:
            raise TryFailedError("the answer ended early")

    def _is_begun(self) -> bool:
        """Whether the partial file on the disk is the beginning of the very file that is there now."""
        begun = _read_sidecar(self._partial, self.source_file.candidate)
        return begun is not None and _if_range(begun) is not None and _is_same_file(begun, self.source_file)


def _write_sidecar(partial: Path, source_file: SourceFile) -> None:
    content = {
        "source": source_file.candidate.shown,
        "size": source_file.size,
        "etag": source_file.etag,
        "last_modified": source_file.last_modified,
    }
    sidecar(partial).write_text(json.dumps(content), encoding="utf-8")


def _read_sidecar(partial: Path, candidate: Candidate) -> SourceFile | None:
    """What an earlier process was told at the same place, or None."""
    try:
        content = json.loads(sidecar(partial).read_text(encoding="utf-8"))
        source = content.pop("source")
        return SourceFile(candidate, **content) if source == candidate.shown else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # none, or cut off by a kill
        return None


def _if_range(source_file: SourceFile) -> str | None:
    """The validator for a Range request (RFC 9110, 13.1.5): a strong ETag, else the date, else nothing to go by."""
    if source_file.etag is not None and not source_file.etag.startswith("W/"):
        return source_file.etag
    return source_file.last_modified


def _is_same_file(begun: SourceFile, answer: SourceFile) -> bool:
    """Whether a partial answer belongs to what was begun; servers that ignore If-Range send parts of a new file."""
    pairs = (
        (begun.etag, answer.etag),
        (begun.last_modified, answer.last_modified),
        (begun.size, answer.size),
    )
    return all(one is None or other is None or one == other for one, other in pairs)


def _described(response: requests.Response, candidate: Candidate, size: int | None) -> SourceFile:
    headers = response.headers
    return SourceFile(candidate, size, headers.get("ETag"), headers.get("Last-Modified"))


def _status(response: requests.Response) -> str:
    """The number and what it stands for; the server's own words may hold anything."""
    status = response.status_code
    return f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else str(status)


def _content_length(response: requests.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() and len(value) <= _LONGEST_NUMBER else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte and size of the whole file from ``Content-Range: bytes 5-9/10``."""
    match = re.fullmatch(_CONTENT_RANGE, response.headers.get("Content-Range", "").strip())
    if match is None:
        return None, None
    return int(match[1]), int(match[2]) if match[2].isdecimal() else None


def _write_all(file: io.FileIO, chunk: bytes) -> None:
    """Writes unbuffered, so that a kill costs nothing that has arrived; such writes may take a part only."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]
