"""Dagster's records in Postgres, over few connections that are used again.

Belongs here: what our storages do differently from those of ``dagster_postgres``, which they extend. Not here: when
they are taken (``storage.py``).

``dagster_postgres`` opens and closes a connection for everything it does, except in the webserver. So a run of ten
steps opens almost three hundred, more than one for each of its events, and each is a new process and a password
exchange for the server: most of what Dagster adds to a small month.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage
from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError

from taxi_assets.orchestration.dagster_internals.storage import ConfigurableClassData, DagsterStorage
from taxi_assets.orchestration.instance.in_words import described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from taxi_assets.orchestration.dagster_internals.backfills import PartitionBackfill

ASSET_DAEMON_PAUSED = "ASSET_DAEMON_PAUSED"
"""Dagster's key of the switch; its own name for it is in a module that takes seconds to import."""


class PostgresHistory(DagsterStorage[Any]):
    """The three storages that make up Dagster's records; in place of ``DagsterPostgresStorage``."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()
        url = as_dagster_needs_it(postgres_url)
        self.inst_data = inst_data
        self._runs, self._events, self._schedules = RunStorage(url), EventLogStorage(url), ScheduleStorage(url)

    @property
    def run_storage(self) -> RunStorage:
        """Runs, their tags and backfills."""
        return self._runs

    @property
    def event_log_storage(self) -> EventLogStorage:
        """What happened in runs, and with it what is materialized."""
        return self._events

    @property
    def schedule_storage(self) -> ScheduleStorage:
        """Schedules, sensors and their ticks."""
        return self._schedules


class _KeepsConnections:
    """Stands before one of Dagster's storages: the same, over an engine that keeps its connections."""

    _engine: Engine

    def __init__(self, postgres_url: str) -> None:
        # It makes tables that are missing, over an engine of its own that keeps no connection.
        cast("Any", super()).__init__(postgres_url)
        self._engine = engine_of(postgres_url)

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """As Dagster has it, in the webserver: an engine of its own with a statement timeout.

        But its connections are asked whether they still work, too; otherwise the UI shows an error for each of them
        after the server was started anew.
        """
        cast("Any", super()).optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        _ask_before_use(self._engine)


class RunStorage(_KeepsConnections, PostgresRunStorage):
    """Runs and backfills, which say what they are about, and what Dagster's daemon keeps."""

    def add_backfill(self, partition_backfill: PartitionBackfill) -> None:
        """Whoever asked for it: the UI, the command line, or a sensor."""
        super().add_backfill(described(partition_backfill))

    def get_cursor_values(self, keys: set[str]) -> Mapping[str, str]:
        """As Dagster keeps them, but for the switch that its automation had before there were sensors.

        It does nothing any more, stands on "off" until somebody moves it, and the pages of our jobs show it.
        """
        return dict.fromkeys(keys & {ASSET_DAEMON_PAUSED}, "false") | dict(super().get_cursor_values(keys))


class EventLogStorage(_KeepsConnections, PostgresEventLogStorage):
    """Events."""


class ScheduleStorage(_KeepsConnections, PostgresScheduleStorage):
    """Schedules and sensors."""


@cache
def engine_of(url: str) -> Engine:
    """One a process, however many instances Dagster makes there, so that connections do not add up.

    A connection is asked whether it still works before it is used again: that the server was started anew in the
    meantime goes unnoticed. The webserver replaces this engine by three of its own.
    """
    return create_engine(url, isolation_level="AUTOCOMMIT", pool_size=2, max_overflow=-1, pool_pre_ping=True)


def _ask_before_use(engine: Engine) -> None:
    """What ``pool_pre_ping`` does, for an engine that was made without."""
    dialect = cast("Any", engine.dialect)

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, *_: object) -> None:  # pyright: ignore[reportUnusedFunction]
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def as_dagster_needs_it(url: str) -> str:
    """The URL with what dagster_postgres takes for granted and does not ask for.

    The driver psycopg2: SQLAlchemy 2.1 gives plain ``postgresql://`` to psycopg 3, whose ``with connection:`` closes
    the connection; dagster_postgres sets the webserver's statement timeout in such a block, and every query of the UI
    then fails. And UTC: the database's clock stamps new runs, and Dagster reads the stamps as UTC. On a server that
    lives in New York a run that is a second old counts as five hours old, and run monitoring fails it for starting
    too slowly.
    """
    parsed = make_url(url)
    options = f"{parsed.query.get('options', '')} -c timezone=UTC".strip()
    return (
        parsed.set(drivername="postgresql+psycopg2")
        .update_query_dict({"options": options})
        .render_as_string(hide_password=False)
    )
