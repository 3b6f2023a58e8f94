"""The swap: a loaded table takes the place of a month's partition, in one short transaction.

Belongs here: finding the month's partition, DETACH, ATTACH, and patience with readers. Not here: filling the table
(``load.py``).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

import psycopg
from psycopg import sql
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay
from tenacity import wait_random_exponential as random_exponential

from taxi_assets.errors import LayoutError, StoreUnavailableError
from taxi_assets.steps.postgres.connection import Connection
from taxi_assets.steps.postgres.tables import Names

# While the swap waits for a reader, everybody else waits behind the swap: it gives up quickly and comes back. Longer
# than deadlock_timeout (1 s), after which PostgreSQL sends away an autovacuum that is in the way.
_LOCK_TIMEOUT = "2s"


SWAP_PATIENCE = 600.0
"""Seconds for which the swap keeps coming back before the load fails and may be retried."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttachedPartition:
    """The partition that holds a month now."""

    schema: str
    name: str
    content_id: str | None

    @property
    def identifier(self) -> sql.Identifier:
        """Quoted, with its schema."""
        return sql.Identifier(self.schema, self.name)


def attached_partition(server: Connection, names: Names) -> AttachedPartition | None:
    """The partition of the month, found by its bound and not by its name, which somebody may have changed."""
    row = server.execute(
        "SELECT n.nspname, c.relname, obj_description(c.oid, 'pg_class') FROM pg_inherits i "
        "JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE i.inhparent = to_regclass(%s) "
        "AND pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES IN (%%L)', %s::text)",
        [names.table, names.month.first_day.isoformat()],
    ).fetchone()
    if row is None:
        return None
    try:
        content_id = json.loads(row[2] or "{}").get("content_id")
    except (ValueError, AttributeError):
        content_id = None  # somebody else's comment
    return AttachedPartition(row[0], row[1], content_id)


def swap_in(server: Connection, names: Names, loaded: str, indexes: list[str], patience: float) -> None:
    """Makes the table ``loaded`` the month's partition; comes back while readers hold the old one.

    Raises:
        StoreUnavailableError: They held it for all of ``patience`` seconds.
        LayoutError: Something depends on the old partition, or somebody detached it by hand.
    """
    retrying = Retrying(
        retry=retry_if_exception_type((psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)),
        wait=random_exponential(multiplier=0.5, max=15),
        stop=stop_after_delay(patience),
        before_sleep=lambda _: logger.info(
            "%s: %s is held by %s; coming back", names.month, names.table, _holders(server, names)
        ),
    )
    try:
        for attempt in retrying:
            with attempt:
                _swap_once(server, names, loaded, indexes)
    except RetryError as error:
        raise StoreUnavailableError(
            f"{names.table}: other sessions held it for {patience:.0f} s ({_holders(server, names)}), so "
            f"{names.month} could not be swapped in. The month that was there is kept; end them, or run this again"
        ) from error
    except psycopg.errors.DependentObjectsStillExist as error:
        raise LayoutError(
            f"{names.shown_partition}: something depends on it ({error.diag.message_detail}), "
            f"so it cannot be replaced. Point it at {names.table}; the month that was there is kept"
        ) from error
    except psycopg.errors.DuplicateTable as error:
        raise LayoutError(
            f"{names.shown_partition} exists and is not attached to {names.table}: somebody "
            "detached it by hand. Drop or rename it, then run this again"
        ) from error


def _swap_once(server: Connection, names: Names, loaded: str, indexes: list[str]) -> None:
    """Readers wait for this transaction for as long as its few catalogue writes take."""
    table, partition = names.schemas.partition(loaded), names.schemas.partition(names.partition)
    with server.transaction():
        server.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT)))
        old = attached_partition(server, names)
        if old is not None:
            server.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(names.parent, old.identifier))
            server.execute(sql.SQL("DROP TABLE {}").format(old.identifier))
        server.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(table, sql.Identifier(names.partition)))
        for ending in indexes:
            index = sql.Identifier(f"{names.partition}_{ending}")
            server.execute(
                sql.SQL("ALTER INDEX {} RENAME TO {}").format(names.schemas.partition(f"{loaded}_{ending}"), index)
            )
        server.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                names.parent, partition, sql.Literal(names.month.first_day.isoformat())
            )
        )
        # Implied by the partition bound from here on.
        server.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT is_the_month").format(partition))


def _holders(server: Connection, names: Names) -> str:
    rows = server.execute(
        "SELECT DISTINCT a.pid, coalesce(nullif(a.application_name, ''), a.usename::text) FROM pg_locks l "
        "JOIN pg_stat_activity a USING (pid) "
        "WHERE l.relation = to_regclass(%s) AND l.granted AND a.pid <> pg_backend_pid()",
        [names.table],
    ).fetchall()
    return ", ".join(f"process {pid} of {who}" for pid, who in rows) or "nobody any more"
