"""Fixtures for the gcp target. The emulators run once a session; every test has a bucket and a dataset of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

import pytest

from taxi_assets.cli.emulators import ENVIRONMENT, Emulators, running_emulators
from taxi_assets.settings import Settings, load_settings
from taxi_assets.steps.gcp.clients import bigquery_client, gcp_names, storage_client
from taxi_assets.steps.gcp.preflight import check_gcp
from taxi_assets.steps.lake.gcs import GcsLake
from taxi_assets.steps.warehouse.bigquery import ORPHAN_AGE, BigQueryWarehouse
from taxi_assets_tests.support.gcp_fault_proxy import FaultProxy, fault_proxy

RETRY_SECONDS = 1.0
CHUNK_BYTES = 8 * 1024 * 1024
"""Files up to this size go up in one request whatever we say, so this is the smallest chunk that means one."""


@dataclass(frozen=True)
class GcpPlace:
    """A bucket and a dataset on the emulators."""

    settings: Settings

    @cached_property
    def dataset_id(self) -> str:
        names = gcp_names(self.settings)
        return f"{names.project}.{names.dataset}"

    @cached_property
    def bigquery(self) -> Any:
        return bigquery_client(self.settings)

    @cached_property
    def bucket(self) -> Any:
        return storage_client(self.settings).bucket(self.settings.gcp_bucket_name)

    def lake(self, *, retry_seconds: float = RETRY_SECONDS) -> GcsLake:
        return GcsLake(
            storage_client(self.settings),
            gcp_names(self.settings).bucket,
            retry_seconds=retry_seconds,
            chunk_bytes=CHUNK_BYTES,
        )

    def warehouse(self, *, orphan_age: timedelta = ORPHAN_AGE) -> BigQueryWarehouse:
        return BigQueryWarehouse(
            self.bigquery,
            self.dataset_id,
            maximum_bytes_billed=self.settings.taxi_maximum_bytes_billed,
            retry_seconds=RETRY_SECONDS,
            first_wait=0.01,
            orphan_age=orphan_age,
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query; ``{d}`` in it stands for the dataset."""
        return [tuple(row) for row in self.bigquery.query(sql.replace("{d}", self.dataset_id)).result()]

    def tables(self) -> set[str]:
        return {table.table_id for table in self.bigquery.list_tables(self.dataset_id)}


@dataclass(frozen=True)
class FaultyGcp:
    """The same place, reached directly and through two proxies that can fail."""

    direct: GcpPlace
    through: GcpPlace
    storage: FaultProxy
    bigquery: FaultProxy

    def heal(self) -> None:
        self.storage.heal()
        self.bigquery.heal()


@pytest.fixture(scope="session")
def emulators() -> Iterator[Emulators]:
    """Both emulators. Without their environment this fails and says: make emulators."""
    if (ENVIRONMENT / ".no-python").exists():
        pytest.skip("bqemulator needs Python 3.11 or newer, and `make emulators` found none on this machine")
    with running_emulators() as running:
        yield running


@pytest.fixture
def gcp_settings(emulators: Emulators) -> Settings:
    """Settings with a bucket and a dataset that do not exist yet."""
    unique = uuid4().hex[:12]
    names = {key.lower(): value for key, value in emulators.environment().items()}
    return load_settings(**{**names, "gcp_bucket_name": f"lake-{unique}", "gcp_dataset": f"trips_{unique}"})


@pytest.fixture
def gcp(gcp_settings: Settings) -> GcpPlace:
    """A bucket and a dataset, made by the preflight."""
    check_gcp(gcp_settings)
    return GcpPlace(gcp_settings)


@pytest.fixture
def faulty_gcp(gcp: GcpPlace, emulators: Emulators) -> Iterator[FaultyGcp]:
    """``gcp`` behind proxies."""
    with fault_proxy(emulators.storage_host) as storage, fault_proxy(emulators.bigquery_host) as bigquery:
        hosts = {"storage_emulator_host": storage.url, "bigquery_emulator_host": bigquery.url}
        through = GcpPlace(load_settings(**{**gcp.settings.model_dump(), **hosts}))
        yield FaultyGcp(gcp, through, storage, bigquery)
