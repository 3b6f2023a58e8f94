"""Becomes the container's command, with the database URLs that the secrets make.

Belongs here: turning `/run/secrets/*` into environment variables, so that no password stands in the compose file, in
`docker inspect` or on a command line. Not here: settings, which taxi_assets/settings.py reads from the environment.
Standard library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote

SECRETS = Path("/run/secrets")

DATABASES = {
    "DAGSTER_POSTGRES_URL": ("dagster", "dagster", "dagster_password"),
    "TAXI_POSTGRES_URL": ("taxi_assets", "ny_taxi", "taxi_assets_password"),
}
"""Role, database and secret of each URL. deploy/postgres/roles.sh makes the same roles and databases."""


def database_urls(secrets: Path, host: str, required: Collection[str] = ()) -> dict[str, str]:
    """A URL for each secret that this container was given; none for those it was not.

    Args:
        secrets: The folder with a file for each secret.
        host: Where Postgres is.
        required: Secrets without which this container is not to start.

    Raises:
        SystemExit: A secret is missing, empty, or cannot be read.
    """
    urls: dict[str, str] = {}
    for variable, (role, database, name) in DATABASES.items():
        file = secrets / name
        if not file.exists() and name not in required:
            continue
        if not file.is_file():
            # Where a file is missing on the host, Docker refuses to start the container. Other engines make a folder of
            # it, or start without it.
            sys.exit(f"{file}: deploy/secrets/{name} is missing on the host; make it with: deploy/make-secrets")
        try:
            password = file.read_text(encoding="utf-8").strip()
        except PermissionError:
            sys.exit(
                f"{file}: uid {os.getuid()} may not read this secret; on the host: chmod 644 deploy/secrets/{name}"
            )
        if not password:
            sys.exit(f"{file}: the secret is empty; make one on the host with: deploy/make-secrets")
        urls[variable] = f"postgresql://{quote(role)}:{quote(password, safe='')}@{host}/{database}"
    return urls


def main(command: list[str]) -> None:
    """Sets what is not set already, then hands the process over to ``command``."""
    if not command:
        sys.exit("entrypoint.py: give it a command to become")
    host, required = os.environ.get("POSTGRES_HOST") or "postgres", os.environ.get("NEEDED_TO_START", "").split()
    for variable, url in database_urls(SECRETS, host, required).items():
        os.environ.setdefault(variable, url)
    os.execvp(command[0], command)  # noqa: S606  # no shell: the arguments are the container's own command


if __name__ == "__main__":
    main(sys.argv[1:])
