"""Fixtures that tests of several topics share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.http_source import HttpSource, serving

pytest_plugins = ("taxi_assets_tests.support.gcp_fixtures",)

REAL_DATA = PROJECT_ROOT.parent / "shared" / "data"

SERVERS = {"postgres_server", "emulators", "dagster_ui"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a server as slow, and puts the tests that mostly wait first; files are otherwise in order."""
    for item in items:
        if SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One embedded server for all tests of the session; removed with everything in it at the end."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.remove()


@pytest.fixture
def postgres(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The conninfo of an empty database of the test's own."""
    name = f"test_{uuid4().hex[:12]}"
    postgres_server.ensure_database(name)
    yield postgres_server.conninfo(name)
    with psycopg.connect(postgres_server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real TLC files: ``releases/``, ``heads/``, ``tlc/``, ``misc/``. They are not part of the project."""
    if not REAL_DATA.is_dir():
        pytest.skip("needs the real TLC files in ../shared/data, which lie beside the project, not in it")
    return REAL_DATA


@pytest.fixture
def http_source() -> Iterator[HttpSource]:
    """A local HTTP server that publishes files and misbehaves when told to; see ``http_source.py``."""
    with serving() as server:
        yield server
