"""`taxi stop` and `taxi remove`: the end of the embedded server.

Belongs here: what is said of it. Not here: the server itself
(``taxi_assets/embedded_postgres``).
"""

from __future__ import annotations

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import load_settings


def stop_server() -> int:
    """Stops the embedded server if it runs."""
    settings = load_settings()
    stopped = EmbeddedPostgres(settings.data_dir.postgres).stop()
    what = "is stopped" if stopped else "was not running"
    print(f"The embedded PostgreSQL server of {settings.taxi_data_dir} {what}.")
    return 0


def remove_server() -> int:
    """Stops the embedded server and deletes its cluster, which as root does not lie in the data folder."""
    settings = load_settings()
    EmbeddedPostgres(settings.data_dir.postgres).remove()
    print(f"The embedded PostgreSQL server of {settings.taxi_data_dir} is removed.")
    return 0
