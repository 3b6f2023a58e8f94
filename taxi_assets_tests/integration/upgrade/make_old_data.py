"""Makes the old data that ``test_upgrade.py`` reads, with the code of an old checkout; see README.md beside this file.

    .venv/bin/python -m taxi_assets_tests.integration.upgrade.make_old_data CHECKOUT

Belongs here: what is in the archive. It asks the old code for nothing but what the project promises to keep: names of
assets, environment variables, folders. The server is today's; the tables in it are the old code's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from taxi_assets.embedded_postgres.server import EmbeddedPostgres

ARCHIVE = Path(__file__).with_name("old_data.tar.xz")
MONTHS = (("yellow", "2019-01"), ("yellow", "2024-01"), ("green", "2019-01"))
LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")
ROWS = 200
DUMP = "postgres.sql"
MADE_IN = "/srv/taxi"
"""The checkout with which the archive was made; run history and views name files in it by absolute path."""


def main() -> None:
    """Fills the checkout's own folders and packs them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="an old checkout with an environment .venv; its folders are empty")
    checkout: Path = parser.parse_args().checkout.resolve()
    if str(checkout) != MADE_IN:
        parser.error(f"{checkout}: the archive tells where it was made; put the checkout at {MADE_IN}")
    home = checkout / ".dagster"
    home.mkdir()
    shutil.copyfile(checkout / "dagster.yaml", home / "dagster.yaml")
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        server.start()
        try:
            for dataset, month in MONTHS:
                keys = ",".join(f"{layer}/{dataset}_tripdata" for layer in LAYERS)
                _materialize(checkout, server, "--select", keys, "--partition", month)
            _materialize(checkout, server, "--select", "raw/taxi_zones,postgres/taxi_zones,warehouse/taxi_zones")
            _dump(server, checkout / DUMP)
        finally:
            server.remove()
    with tarfile.open(ARCHIVE, "w:xz") as archive:
        for name in ("data", ".dagster", DUMP):
            archive.add(checkout / name, name, filter=_nobodys)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size:,} bytes")


def _materialize(checkout: Path, server: EmbeddedPostgres, *arguments: str) -> None:
    """As a person does, whose SQLite history stands in DAGSTER_HOME."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAXI_", "DAGSTER_"))}
    settings = {
        "PYTHONPATH": str(checkout),
        "DAGSTER_HOME": str(checkout / ".dagster"),
        "TAXI_SOURCE": "sample",
        "TAXI_SAMPLE_ROWS": str(ROWS),
        "TAXI_POSTGRES_URL": server.url("ny_taxi"),
    }
    dagster = [str(checkout / ".venv/bin/python"), "-m", "dagster", "asset", "materialize"]
    command = [*dagster, "-m", "taxi_assets.definitions", *arguments]
    subprocess.run(command, cwd=checkout, env={**kept, **settings}, check=True)


def _dump(server: EmbeddedPostgres, target: Path) -> None:
    command = [server.psql.with_name("pg_dump"), "--no-owner", "--no-privileges", "--file", target, server.conninfo()]
    subprocess.run(command, check=True)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without whose it was, and without locks."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if member.name.endswith(".lock") else member


if __name__ == "__main__":
    main()
