"""Dagster's records for commands that only look: opened where there are any, and never made.

Belongs here: opening them. Not here: what is read (``taxi_assets/orchestration``).
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from taxi_assets.cli.shared.dagster_home import prepare_dagster
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import StoreUnavailableError
from taxi_assets.settings import Settings


@contextmanager
def opened_records(settings: Settings) -> Generator[dg.DagsterInstance | None]:
    """The records, with the embedded server started for them if need be; None where nothing was ever loaded."""
    if not os.environ.get("DAGSTER_POSTGRES_URL") and not has_server(settings):
        yield None
        return
    os.environ.update(prepare_dagster(settings))
    with dg.DagsterInstance.get() as instance:
        yield instance


def has_server(settings: Settings) -> bool:
    """Whether an embedded server was ever started for this data folder."""
    try:
        EmbeddedPostgres(settings.data_dir.postgres).conninfo()
    except StoreUnavailableError:
        return False
    return True
