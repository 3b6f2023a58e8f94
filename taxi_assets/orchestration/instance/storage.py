"""Where Dagster keeps its own records: Postgres when one is named, else SQLite.

Belongs here: what dagster.yaml cannot say, "use this variable if it is set". Not here: trips.
"""

from __future__ import annotations

import os
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dagster import Field, StringSource
from dagster._core.storage.base_storage import DagsterStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from taxi_assets.installation import default_dagster_home

if TYPE_CHECKING:
    from dagster_postgres import DagsterPostgresStorage
    from sqlalchemy import Engine


class RunHistoryStorage(DagsterStorage, ConfigurableClass):
    """Stands in dagster.yaml; building it gives one of Dagster's own storages.

    The Postgres storage is made when the environment variable ``url_variable`` is set, and SQLite storage in
    ``$DAGSTER_HOME/storage`` (where ``installation.py`` says when that is unset) otherwise. It is never
    instantiated itself; Dagster asks that a class named in dagster.yaml is a storage.
    """

    @classmethod
    def config_type(cls) -> Any:
        """What dagster.yaml may say: the name of the variable that holds the URL."""
        return {"url_variable": Field(StringSource)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        """Builds the storage; Dagster calls it in each of its processes."""
        url = os.environ.get(config_value["url_variable"])
        if url:
            from dagster_postgres import DagsterPostgresStorage

            storage = DagsterPostgresStorage(postgres_url=as_dagster_needs_it(url), inst_data=inst_data)
            keep_connections(storage)
            return storage
        from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

        home = os.environ.get("DAGSTER_HOME")
        base = Path(home) if home else default_dagster_home()
        return DagsterSqliteStorage(base_dir=str(base / "storage"), inst_data=inst_data)


def keep_connections(storage: DagsterPostgresStorage) -> None:
    """Lets the storage use its connections again, as Dagster has it in the webserver alone.

    Otherwise a run of ten steps opens and closes almost three hundred, more than one for each of its events, and each
    is a new process and a password exchange for the server: most of what Dagster adds to a small month.
    """
    engine = _engine(storage.postgres_url)
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        kept = cast("Any", part)
        kept._engine = engine
        kept.optimize_for_webserver = partial(_optimize_for_webserver, kept)


def _optimize_for_webserver(part: Any, **settings: int) -> None:
    """As Dagster has it, but its connections are asked whether they still work, too.

    Otherwise the UI shows an error for each of them after the server was started anew.
    """
    from sqlalchemy import event
    from sqlalchemy.exc import InvalidatePoolError

    type(part).optimize_for_webserver(part, **settings)
    dialect = part._engine.dialect

    @event.listens_for(part._engine, "checkout")
    def ask(connection: Any, *_: object) -> None:  # pyright: ignore[reportUnusedFunction]
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


@cache
def _engine(url: str) -> Engine:
    """One a process, however many instances Dagster makes there, so that connections do not add up.

    A connection is asked whether it still works before it is used again: that the server was started anew in the
    meantime goes unnoticed. The webserver replaces this engine by three of its own, with a statement timeout.
    """
    from sqlalchemy import create_engine

    return create_engine(url, isolation_level="AUTOCOMMIT", pool_size=2, max_overflow=-1, pool_pre_ping=True)


def as_dagster_needs_it(url: str) -> str:
    """The URL with what dagster_postgres takes for granted and does not ask for.

    The driver psycopg2: SQLAlchemy 2.1 gives plain ``postgresql://`` to psycopg 3, whose ``with connection:`` closes
    the connection; dagster_postgres sets the webserver's statement timeout in such a block, and every query of the UI
    then fails. And UTC: the database's clock stamps new runs, and Dagster reads the stamps as UTC. On a server that
    lives in New York a run that is a second old counts as five hours old, and run monitoring fails it for starting
    too slowly.
    """
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    options = f"{parsed.query.get('options', '')} -c timezone=UTC".strip()
    return (
        parsed.set(drivername="postgresql+psycopg2")
        .update_query_dict({"options": options})
        .render_as_string(hide_password=False)
    )
