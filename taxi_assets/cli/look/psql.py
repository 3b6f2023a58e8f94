"""`taxi psql`: psql on the trips database.

Belongs here: how it is called. Not here: single queries (``sql.py``).
"""

from __future__ import annotations

import os
import subprocess

from psycopg.conninfo import conninfo_to_dict

from taxi_assets.cli.shared.dagster_home import writable_folder
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import load_settings


def run_psql() -> int:
    """psql, from the wheel for the embedded server."""
    settings = load_settings()
    server = EmbeddedPostgres(settings.data_dir.postgres)
    found = _found_without_schema(settings.taxi_postgres_schema)
    if settings.taxi_postgres_url:
        # Through the environment: a command line, with the password in it, is visible to every user of the machine.
        parts = conninfo_to_dict(settings.taxi_postgres_url.get_secret_value())
        names = {"dbname": "PGDATABASE", "passfile": "PGPASSFILE"}
        environment = {names.get(key, f"PG{key.upper()}"): str(value) for key, value in parts.items()}
        return subprocess.call([str(server.psql)], env={**os.environ, **environment, **found})  # our own binary
    writable_folder("TAXI_DATA_DIR", settings.taxi_data_dir)
    server.start()
    return subprocess.call([str(server.psql), server.conninfo()], env={**os.environ, **found})  # our own, too


def _found_without_schema(schema: str) -> dict[str, str]:
    """Names alone mean the trips' tables, wherever they are; what a person has set stays, and is stronger."""
    if schema == "public":
        return {}
    path = '"{}",public'.format(schema.replace('"', '""'))
    # libpq splits options at blanks.
    escaped = path.replace("\\", "\\\\").replace(" ", "\\ ")
    return {"PGOPTIONS": f"-c search_path={escaped} {os.environ.get('PGOPTIONS', '')}".strip()}
