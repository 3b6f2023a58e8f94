"""Fixtures for the gcp target. The emulators run once a session; every test has a bucket and a dataset of its own."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from taxi_assets.cli.serve.emulators import ENVIRONMENT, Emulators, running_emulators
from taxi_assets.steps.gcp.clients import bigquery_client, storage_client
from taxi_assets.steps.gcp.connection import GcpConnection
from taxi_assets.steps.gcp.preflight import check_gcp
from taxi_assets.steps.lake.gcs import GcsLake
from taxi_assets.steps.warehouse.bigquery import BigQueryWarehouse
from taxi_assets_tests.support.gcp_fault_proxy import FaultProxy, fault_proxy
from taxi_assets_tests.support.gcp_manners import BigQueryManners

RETRY_SECONDS = 1.0
MAXIMUM_BYTES_BILLED = 100_000_000_000
CHUNK_BYTES = 8 * 1024 * 1024
"""Files up to this size go up in one request whatever we say, so this is the smallest chunk that means one."""


@dataclass(frozen=True)
class GcpPlace:
    """A bucket and a dataset on the emulators."""

    connection: GcpConnection

    @property
    def dataset_id(self) -> str:
        return self.connection.dataset_id

    @cached_property
    def bigquery(self) -> Any:
        return bigquery_client(self.connection)

    @cached_property
    def bucket(self) -> Any:
        return storage_client(self.connection).bucket(self.connection.bucket)

    def lake(self, *, retry_seconds: float = RETRY_SECONDS) -> GcsLake:
        return GcsLake(
            storage_client(self.connection),
            self.connection.bucket,
            retry_seconds=retry_seconds,
            chunk_bytes=CHUNK_BYTES,
        )

    def warehouse(self, **options: Any) -> BigQueryWarehouse:
        usual = {"retry_seconds": RETRY_SECONDS, "first_wait": 0.01, "maximum_bytes_billed": MAXIMUM_BYTES_BILLED}
        return BigQueryWarehouse(self.bigquery, self.dataset_id, **{**usual, **options})

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query; ``{d}`` in it stands for the dataset."""
        return [tuple(row) for row in self.bigquery.query(sql.replace("{d}", self.dataset_id)).result()]

    def tables(self) -> set[str]:
        return {table.table_id for table in self.bigquery.list_tables(self.dataset_id)}


@dataclass(frozen=True)
class FaultyGcp:
    """The same place, reached directly and through two proxies that can fail and have BigQuery's manners."""

    direct: GcpPlace
    through: GcpPlace
    storage: FaultProxy
    bigquery: FaultProxy
    manners: BigQueryManners

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


def emulated(emulators: Emulators, *, bucket: str, dataset: str) -> GcpConnection:
    """A connection to both emulators."""
    names = emulators.environment()
    return GcpConnection(
        project=names["GCP_PROJECT_ID"],
        location=names["GCP_LOCATION"],
        bucket=bucket,
        dataset=dataset,
        storage_emulator=emulators.storage_host,
        bigquery_emulator=emulators.bigquery_host,
    )


@pytest.fixture
def gcp_connection(emulators: Emulators) -> GcpConnection:
    """A bucket and a dataset that do not exist yet."""
    unique = uuid4().hex[:12]
    return emulated(emulators, bucket=f"lake-{unique}", dataset=f"trips_{unique}")


@pytest.fixture
def gcp(gcp_connection: GcpConnection) -> GcpPlace:
    """A bucket and a dataset, made by the preflight."""
    check_gcp(gcp_connection)
    return GcpPlace(gcp_connection)


@pytest.fixture
def faulty_gcp(gcp: GcpPlace, emulators: Emulators) -> Iterator[FaultyGcp]:
    """``gcp`` behind proxies."""
    manners = BigQueryManners(emulators.root)
    with (
        fault_proxy(emulators.storage_host) as storage,
        fault_proxy(emulators.bigquery_host, manners.answer) as bigquery,
    ):
        through = replace(gcp.connection, storage_emulator=storage.url, bigquery_emulator=bigquery.url)
        yield FaultyGcp(gcp, GcpPlace(through), storage, bigquery, manners)


def encoded(account: dict[str, str]) -> str:
    """A key as SECRET_GCP_SERVICE_ACCOUNT holds it."""
    return base64.b64encode(json.dumps(account).encode()).decode()


@pytest.fixture(scope="session")
def service_account() -> dict[str, str]:
    """A key as Google hands it out, of an account that does not exist."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": pem,
        "client_email": "taxi@p.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:1/token",
    }
