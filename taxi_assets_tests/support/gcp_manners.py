"""What Google does and the emulators do not, played by the proxy in front of them.

Belongs here: manners that hold for every request, as Google documents them. Not here: faults at chosen requests
(``gcp_fault_proxy.py``).
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from taxi_assets_tests.support.gcp_fault_proxy import Answer, Forward, Reply, Seen

ROLES = {
    "roles/storage.legacyBucketReader": r"^GET /storage/v1/b/[^/?]+\?",
    "roles/storage.objectAdmin": r"^\w+ (/upload|/download)?/storage/v1/b/[^/?]+/o",
    "roles/bigquery.dataEditor": r"^\w+ /bigquery/v2/projects/[^/]+/datasets",
    "roles/bigquery.jobUser": r"^POST /bigquery/v2/projects/[^/]+/jobs",
}
"""The requests that Google answers with 403 when an account lacks a role (docs/gcp.md lists these four)."""

_TABLE = re.compile(r"/projects/([^/]+)/datasets/([^/]+)/tables(?:/([^/?]+))?(?:\?|$)")
_JOB = re.compile(r"/projects/[^/]+/(?:jobs|queries)/([^/?]+)(/cancel)?(?:\?|$)")
_KEPT_FIELDS = ("requirePartitionFilter", "externalDataConfiguration", "expirationTime")
"""Fields of a table that the emulator takes and does not give back."""

_ADDED = r"ADD COLUMN IF NOT EXISTS `\w+` \w+"


@dataclass
class _Table:
    kept: dict[str, Any] = field(default_factory=dict)
    version: int = 0


@dataclass
class _HeldJob:
    """A job that does not get its turn."""

    resource: dict[str, Any]
    stops_itself: bool
    began: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    def answer(self) -> dict[str, Any]:
        limit = self.resource["configuration"].get("jobTimeoutMs")
        overdue = limit is not None and time.monotonic() - self.began > int(limit) / 1000
        if not self.cancelled and not (self.stops_itself and overdue):
            return {**self.resource, "jobComplete": False, "status": {"state": "PENDING"}}
        why = "User requested cancellation" if self.cancelled else "Job timed out"
        problem = {"reason": "stopped", "message": f"Job execution was cancelled: {why}"}
        return {**self.resource, "status": {"state": "DONE", "errorResult": problem, "errors": [problem]}}


class BigQueryManners:
    """ETags, required partition filters, modes of columns, ALTER with several columns, jobs that wait and end.

    Args:
        buckets: Folder with a folder for each bucket, in which load jobs' files are looked at.
    """

    def __init__(self, buckets: Path) -> None:
        self.jobs: dict[str, _HeldJob] = {}
        self._buckets = buckets
        self._tables: dict[str, _Table] = {}
        self._held: list[tuple[str, bool]] = []
        self._lock = threading.RLock()

    def hold(self, pattern: str, *, stops_itself: bool = True) -> None:
        """Jobs whose request matches stay PENDING until they are cancelled, or their own time limit ends them."""
        self._held.append((pattern, stops_itself))

    def answer(self, seen: Seen, forward: Forward) -> Reply:
        """What Google would answer."""
        with self._lock:
            refused = self._held_job(seen) or self._stale(seen) or self._unfiltered(seen) or self._other_modes(seen)
        if refused is not None:
            return refused
        reply = None
        for body in self._one_by_one(seen):
            reply = forward(replace(seen, body=body))
        reply = reply or forward(seen)
        with self._lock:
            return self._remembered(seen, reply)

    def _held_job(self, seen: Seen) -> Reply | None:
        if seen.method == "POST" and seen.path.split("?")[0].endswith("/jobs"):
            for pattern, stops_itself in self._held:
                if re.search(pattern, seen.body.decode()):
                    job_id = seen.json["jobReference"]["jobId"]
                    self.jobs[job_id] = _HeldJob({**seen.json, "statistics": {"creationTime": "1"}}, stops_itself)
                    return _reply(200, self.jobs[job_id].answer())
        found = _JOB.search(seen.path)
        job = self.jobs.get(found[1]) if found else None
        if found is None or job is None:
            return None
        if found[2]:
            job.cancelled = True
            return _reply(200, {"kind": "bigquery#jobCancelResponse", "job": job.answer()})
        return _reply(200, job.answer())

    def _stale(self, seen: Seen) -> Reply | None:
        """An update that names another ETag than the table's is refused."""
        table = self._table_of(seen)
        expected = seen.headers.get("If-Match")
        if seen.method != "PATCH" or table is None or expected in (None, "*"):
            return None
        return None if str(expected).endswith(f"-{table.version}") else _refusal(412, "conditionNotMet")

    def _unfiltered(self, seen: Seen) -> Reply | None:
        """A query of a table that requires a filter has to compare its partitioning column with something."""
        sql = _query_of(seen)
        for name, table in self._tables.items():
            asked = f"`{name}`" in sql and sql.startswith(("SELECT", "MERGE"))
            filtered = re.search(r"file_month\s*(=|!=|<|>|BETWEEN|IN\b)", sql)
            if table.kept.get("requirePartitionFilter") and asked and not filtered:
                return _refusal(400, "invalidQuery")
        return None

    def _other_modes(self, seen: Seen) -> Reply | None:
        """A file whose columns are REQUIRED does not fit a schema that says NULLABLE."""
        if seen.method != "POST" or b'"load"' not in seen.body:
            return None
        load = seen.json["configuration"]["load"]
        nullable = {field["name"] for field in load["schema"]["fields"] if field.get("mode", "NULLABLE") == "NULLABLE"}
        for uri in load["sourceUris"]:
            columns = pq.read_schema(self._buckets / uri.removeprefix("gs://"))
            if any(column.name in nullable and not column.nullable for column in columns):
                return _refusal(400, "invalid")
        return None

    def _one_by_one(self, seen: Seen) -> list[bytes]:
        """The emulator adds one column a statement, BigQuery any number."""
        found = re.fullmatch(rf"(ALTER TABLE `[^`]+`) ({_ADDED}(?:, {_ADDED})*)", _query_of(seen))
        return [_with_query(seen, f"{found[1]} {clause}") for clause in found[2].split(", ")] if found else []

    def _remembered(self, seen: Seen, reply: Reply) -> Reply:
        status, headers, body = reply
        if status >= 300:
            return reply
        for name, table in self._tables.items():
            if _query_of(seen).startswith("ALTER") and f"`{name}`" in _query_of(seen):
                table.version += 1
        table = self._table_of(seen)
        if table is None:
            return reply
        if seen.method == "DELETE":
            table.kept.clear()
        if not body:
            return reply
        if seen.method in ("POST", "PATCH"):
            table.kept.update({name: seen.json[name] for name in _KEPT_FIELDS if name in seen.json})
            table.version += 1
        answer = json.loads(body)
        return (
            status,
            headers,
            json.dumps({**answer, **table.kept, "etag": f"{answer['etag']}-{table.version}"}).encode(),
        )

    def _table_of(self, seen: Seen) -> _Table | None:
        found = _TABLE.search(seen.path)
        if found is None or (seen.method == "GET" and not found[3]):
            return None
        name = found[3] or seen.json["tableReference"]["tableId"]
        return self._tables.setdefault(f"{found[1]}.{found[2]}.{name}", _Table())


def _query_of(seen: Seen) -> str:
    if seen.method != "POST" or b'"query"' not in seen.body:
        return ""
    return str(seen.json.get("configuration", {}).get("query", {}).get("query", ""))


def _with_query(seen: Seen, sql: str) -> bytes:
    body = seen.json
    body["configuration"]["query"]["query"] = sql
    return json.dumps(body).encode()


def _reply(status: int, answer: object) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def _refusal(status: int, reason: str) -> Reply:
    return status, {"Content-Type": "application/json"}, Answer(status, reason).body()
