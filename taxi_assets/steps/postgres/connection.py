"""Connections to Postgres, and what its errors mean for us.

Belongs here: opening a connection with the settings that loads need, and the translation of psycopg's errors into
the project's few. Not here: any statement about trips.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from taxi_assets.errors import StorageFullError, StoreAccessError, StoreUnavailableError, TaxiAssetsError
from taxi_assets.steps.files.disk import is_full

Connection = psycopg.Connection[TupleRow]

# A load takes as long as it takes, whatever the server's defaults for impatient sessions are (pg_dump does the same);
# dates are read back from partition bounds, which are written in the session's DateStyle.
_SESSION = (
    "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
    "SET DateStyle = 'ISO'; SET client_min_messages = warning"
)
_CONNECT_SECONDS = 10

_NO_ACCESS = ("28", "3D", "42501", "25006")
"""Login refused, no such database, no such right, a read-only standby."""
_AWAY = ("08", "53", "55P03", "57", "58", "40", "XX")
"""Connection lost, out of resources, lock not had, shut down or cancelled, system error, serialization, internal."""
_REFUSED_LOGIN = (
    "password authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "does not exist",
    "permission denied",
)


@contextmanager
def connection(conninfo: str, *, application_name: str, autocommit: bool = True) -> Generator[Connection]:
    """An open connection, closed at the end of the block; errors in the block become ours where they have a meaning.

    Args:
        conninfo: Anything libpq understands: a URL or ``key=value`` pairs.
        application_name: What the server's logs and ``pg_stat_activity`` show (63 bytes of it).
        autocommit: False: the block is one transaction, committed at its end.

    Raises:
        StoreAccessError: Wrong password, missing right or database, or a conninfo that cannot be read.
        StoreUnavailableError: The server cannot be reached, went away, or has no room for the connection.
        StorageFullError: A disk of the server is full.
    """
    parts = _checked(conninfo)
    options: dict[str, Any] = {"application_name": application_name, "autocommit": autocommit}
    options.setdefault("connect_timeout", parts.get("connect_timeout") or _CONNECT_SECONDS)
    with store_errors(_place(parts)):
        opened = psycopg.connect(conninfo, **options)
        with opened:
            opened.execute(_SESSION)
            yield opened


@contextmanager
def store_errors(place: str) -> Generator[None]:
    """Turns errors of psycopg that have a meaning for us into ours; bugs of ours pass through as they are."""
    try:
        yield
    except psycopg.Error as error:
        ours = _translated(error, place)
        if ours is None:
            raise
        raise ours from error


def _translated(error: psycopg.Error, place: str) -> TaxiAssetsError | None:
    said, state = str(error).strip(), error.sqlstate
    if isinstance(error, psycopg.errors.DiskFull) or is_full(error):
        return StorageFullError(
            f"{place}: a disk is full ({said}). The months that were there are untouched; free space and run this again"
        )
    if state is None:
        # Errors before login carry no SQLSTATE, only the server's sentence.
        if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            return None
        refused = any(words in said.lower() for words in _REFUSED_LOGIN)
    else:
        refused = state.startswith(_NO_ACCESS)
        if not refused and not state.startswith(_AWAY):
            return None
    if refused:
        return StoreAccessError(
            f"{place}: Postgres refuses this ({said}). Check user, password, database and rights in TAXI_POSTGRES_URL; "
            "the user needs CREATE on the database and must own the trips tables"
        )
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return StoreUnavailableError(
            f"{place}: somebody holds a table that this needs ({said}). Nothing was changed; run this again"
        )
    return StoreUnavailableError(
        f"{place}: Postgres cannot be reached or went away ({said}). The months that were there are untouched; run "
        "this again"
    )


def _checked(conninfo: str) -> dict[str, Any]:
    """The parts of a conninfo. A password with unescaped characters ends up in other parts, and then in messages."""
    hint = (
        "write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for @, %3A for : and %2F for / in PASSWORD"
    )
    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        raise StoreAccessError(f"The URL of Postgres cannot be read; {hint}") from None
    if "@" in str(parts.get("host", "")) or not str(parts.get("port") or "0").replace(",", "").isdigit():
        raise StoreAccessError(f"The URL of Postgres has a host or port that cannot be one; {hint}")
    return parts


def _place(parts: dict[str, Any]) -> str:
    host = parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
    return f"Postgres at {host}, database {parts.get('dbname') or parts.get('user') or 'of the user'}"
