"""The folders and the database that a command needs before Dagster can work.

Belongs here: making them, and a sentence when they cannot be made. Not here: where they are by default
(``taxi_assets/installation.py``).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import SettingsError
from taxi_assets.installation import dagster_yaml, default_dagster_home
from taxi_assets.settings import Settings

DAGSTER_DATABASE = "dagster"


def dagster_home() -> Path:
    """``DAGSTER_HOME``, absolute, or where it is when that is unset."""
    return Path(os.environ.get("DAGSTER_HOME") or default_dagster_home()).expanduser().resolve()


def prepare_dagster(settings: Settings) -> dict[str, str]:
    """Makes the data folder, DAGSTER_HOME with the project's dagster.yaml in it, and a database for the run history.

    Returns:
        The environment variables that Dagster's processes need. A ``DAGSTER_POSTGRES_URL`` that is set already
        stays; otherwise the run history gets a database of its own on the embedded server.

    Raises:
        SettingsError: One of the folders cannot be made or written to.
    """
    data = writable_folder("TAXI_DATA_DIR", settings.taxi_data_dir)
    home = writable_folder("DAGSTER_HOME", dagster_home())
    _link_dagster_yaml(home / "dagster.yaml")
    environment = {"DAGSTER_HOME": str(home), "TAXI_DATA_DIR": str(data)}
    if not os.environ.get("DAGSTER_POSTGRES_URL"):
        server = EmbeddedPostgres(settings.data_dir.postgres)
        server.start()
        server.ensure_database(DAGSTER_DATABASE)
        environment["DAGSTER_POSTGRES_URL"] = server.url(DAGSTER_DATABASE)
    return environment


def writable_folder(variable: str, folder: Path) -> Path:
    """Makes the folder unless it is there; returns it.

    Raises:
        SettingsError: It cannot be made, or nothing can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permissions do not tell: root may write anywhere but on a disk that is read-only.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SettingsError(
            f"{variable}={folder}: nothing can be written there ({error.strerror}). Nothing was changed; set "
            f"{variable} to a folder of your own"
        ) from None
    return folder


def _link_dagster_yaml(link: Path) -> None:
    """Links the project's file, unless the person has put one there."""
    if link.is_symlink() and not link.exists():
        # The checkout was moved, or the environment with the package is gone.
        link.unlink()
    if not link.exists():
        link.symlink_to(dagster_yaml())
