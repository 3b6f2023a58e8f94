"""Where Dagster keeps its own records: Postgres when one is named, else SQLite.

Belongs here: what dagster.yaml cannot say, "use this variable if it is set". Not here: how Postgres is used
(``postgres_storage.py``), and trips.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dagster import Field, StringSource

from taxi_assets.installation import default_dagster_home
from taxi_assets.orchestration.dagster_internals.storage import (
    ConfigurableClass,
    ConfigurableClassData,
    DagsterSqliteStorage,
    DagsterStorage,
)


class RunHistoryStorage(DagsterStorage[Any], ConfigurableClass):
    """Stands in dagster.yaml; building it gives one of two storages.

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
            from taxi_assets.orchestration.instance.postgres_storage import PostgresHistory

            return PostgresHistory(url, inst_data)
        home = os.environ.get("DAGSTER_HOME")
        base = Path(home) if home else default_dagster_home()
        return DagsterSqliteStorage(base_dir=str(base / "storage"), inst_data=inst_data)
