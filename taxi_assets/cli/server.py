"""The trips database at a terminal: psql on it, and the embedded server's state, stop and end.

Belongs here: what `make psql`, `make stop` and `make clean` promise. Not here: the server itself
(``taxi_assets/embedded_postgres``).
"""

from __future__ import annotations

import os
import subprocess
from argparse import Namespace

from psycopg.conninfo import conninfo_to_dict

from taxi_assets.cli.dagster_home import dagster_home, writable_folder
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import load_settings


def run_psql(_: Namespace) -> int:
    """psql, from the wheel for the embedded server."""
    settings = load_settings()
    server = EmbeddedPostgres(settings.data_dir.postgres)
    if settings.taxi_postgres_url:
        # Through the environment: a command line, with the password in it, is visible to every user of the machine.
        parts = conninfo_to_dict(settings.taxi_postgres_url.get_secret_value())
        names = {"dbname": "PGDATABASE", "passfile": "PGPASSFILE"}
        environment = {names.get(key, f"PG{key.upper()}"): str(value) for key, value in parts.items()}
        return subprocess.call([str(server.psql)], env={**os.environ, **environment})  # our own binary
    writable_folder("TAXI_DATA_DIR", settings.taxi_data_dir)
    server.start()
    return subprocess.call([str(server.psql), server.conninfo()])  # our own binary and socket


def show_status(_: Namespace) -> int:
    """Where everything lies and how to connect."""
    settings = load_settings()
    print(f"The files are in {settings.taxi_data_dir}, Dagster's records in {dagster_home()}.")
    print(EmbeddedPostgres(settings.data_dir.postgres).describe())
    return 0


def stop_server(_: Namespace) -> int:
    """Stops the embedded server if it runs."""
    settings = load_settings()
    stopped = EmbeddedPostgres(settings.data_dir.postgres).stop()
    what = "is stopped" if stopped else "was not running"
    print(f"The embedded PostgreSQL server of {settings.taxi_data_dir} {what}.")
    return 0


def remove_server(_: Namespace) -> int:
    """Stops the embedded server and deletes its cluster, which as root does not lie in the data folder."""
    settings = load_settings()
    EmbeddedPostgres(settings.data_dir.postgres).remove()
    print(f"The embedded PostgreSQL server of {settings.taxi_data_dir} is removed.")
    return 0
