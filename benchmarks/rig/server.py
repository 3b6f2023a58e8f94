"""The PostgreSQL server that all contenders share: the project's embedded one, with its settings and with fsync on.

Belongs here: starting it, and giving each piece of work an empty database of its own. Not here: trips.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from taxi_assets.embedded_postgres.server import EmbeddedPostgres

_VACUUM_SECONDS = 600
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass(frozen=True)
class Database:
    """One database, in the forms in which contenders want to be told of it."""

    conninfo: str
    url: str
    url_with_password: str


class BenchServer:
    """A server of this run's own."""

    def __init__(self, root: Path) -> None:
        self._embedded = EmbeddedPostgres(root)
        self._embedded.start()
        self._admin = psycopg.connect(self._embedded.conninfo("postgres"), autocommit=True)
        self._password = (root / "pgpass").read_text(encoding="utf-8").strip().rpartition(":")[2]
        weak = [name for name in _DURABLE if self.setting(name) != "on"]
        if weak:
            raise SystemExit(f"The server runs without {', '.join(weak)}: figures of it would promise too much")

    @property
    def pid(self) -> int:
        """The server's main process."""
        folder = Path(self.setting("data_directory"))
        return int((folder / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])

    def setting(self, name: str) -> str:
        """A setting as ``SHOW`` gives it."""
        found = self._admin.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
        assert found
        return str(found[0])

    def settle(self) -> None:
        """Waits for what earlier work left to be done, so that nobody pays for somebody else's vacuum or dirty pages.

        Raises:
            RuntimeError: Autovacuum does not come to an end.
        """
        deadline = time.monotonic() + _VACUUM_SECONDS
        vacuuming = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
        while (self._admin.execute(vacuuming).fetchone() or (0,))[0]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"autovacuum has been at work for {_VACUUM_SECONDS} s")
            time.sleep(0.1)
        self._admin.execute("CHECKPOINT")

    @contextmanager
    def database(self) -> Generator[Database]:
        """An empty database, dropped at the end."""
        name = f"bench_{uuid4().hex[:8]}"
        self._embedded.ensure_database(name)
        try:
            yield self._described(name)
        finally:
            self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _described(self, name: str) -> Database:
        conninfo = self._embedded.conninfo(name)
        parts = conninfo_to_dict(conninfo)
        return Database(
            conninfo=conninfo,
            url=self._embedded.url(name),
            # The host in the query wins: libpq takes a folder for a socket only there.
            url_with_password=f"postgresql://{parts['user']}:{quote(self._password)}@localhost:{parts['port']}/{name}"
            f"?host={quote(str(parts['host']))}",
        )

    def remove(self) -> None:
        """Stops the server and deletes its files."""
        self._admin.close()
        self._embedded.remove()


@contextmanager
def bench_server(root: Path) -> Generator[BenchServer]:
    """A server of this run's own, removed at the end."""
    logging.getLogger("taxi_assets").setLevel(logging.WARNING)
    server = BenchServer(root)
    try:
        yield server
    finally:
        server.remove()
