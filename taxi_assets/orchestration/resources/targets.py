"""Which resources each target gets: the one place where ``local`` and ``gcp`` differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from dagster import EnvVar

from taxi_assets.orchestration.resources.lake import FolderLakeResource, LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.orchestration.resources.source import Source
from taxi_assets.orchestration.resources.warehouse import DuckDbResource, WarehouseResource
from taxi_assets.settings import Settings
from taxi_assets.steps.gcp.connection import GcpConnection
from taxi_assets.steps.lake.lake import Lake
from taxi_assets.steps.postgres.database import TripsDatabase
from taxi_assets.steps.raw.sources import is_url, shown_url
from taxi_assets.steps.warehouse.warehouse import Warehouse


def resources_for(settings: Settings) -> dict[str, object]:
    """Resources by the names under which assets ask for them."""
    data_root = str(settings.taxi_data_dir)
    shared: dict[str, object] = {
        "source": Source(source=_source(settings.taxi_source), sample_rows=settings.taxi_sample_rows),
        "files": LocalFiles(root=data_root, ignore_columns=list(settings.taxi_ignore_columns)),
        "postgres": Postgres(
            url=EnvVar("TAXI_POSTGRES_URL") if settings.taxi_postgres_url else None,
            data_root=data_root,
            trips_schema=settings.taxi_postgres_schema,
        ),
    }
    return shared | (_gcp(settings) if settings.taxi_target == "gcp" else _local(settings))


def _source(value: str) -> str:
    """A URL by the name of its variable, as it may hold a password or a token.

    Raises:
        SettingsError: The URL cannot be read; here rather than in the first run.
    """
    if not is_url(value):
        return value
    shown_url(value)
    return EnvVar("TAXI_SOURCE")


def _local(settings: Settings) -> dict[str, object]:
    lake_root = str(settings.data_dir.lake)
    return {
        "lake": FolderLakeResource(root=lake_root),
        "warehouse": DuckDbResource(catalogue=str(settings.data_dir.warehouse), lake_root=lake_root),
    }


def _gcp(settings: Settings) -> dict[str, object]:
    from taxi_assets.orchestration.resources.gcp import BigQueryDatasetResource, GcsLakeResource

    # Wrong names are told when the code location loads, and right ones go on as Google writes them.
    shared: dict[str, Any] = asdict(gcp_place(settings))
    del shared["credentials"]
    # By the variable's name, so that the UI shows that and not the key.
    shared["gcp_credentials"] = EnvVar("SECRET_GCP_SERVICE_ACCOUNT") if settings.secret_gcp_service_account else None
    return {
        "lake": GcsLakeResource(**shared),
        "warehouse": BigQueryDatasetResource(
            **shared,
            maximum_bytes_billed=settings.taxi_maximum_bytes_billed,
            require_partition_filter=settings.taxi_require_partition_filter,
        ),
    }


def gcp_place(settings: Settings) -> GcpConnection:
    """The ``gcp`` target of these settings, with its credentials.

    Raises:
        SettingsError: Names that are missing, or that Google would not take.
    """
    key = settings.secret_gcp_service_account
    return GcpConnection(
        project=settings.gcp_project_id or "",
        location=settings.gcp_location or "",
        bucket=settings.gcp_bucket_name or "",
        dataset=settings.gcp_dataset or "",
        credentials=key.get_secret_value() if key else None,
        storage_emulator=settings.storage_emulator_host,
        bigquery_emulator=settings.bigquery_emulator_host,
    )


def trips_database(settings: Settings) -> TripsDatabase:
    """The trips database of these settings for callers outside of a run; starts the embedded server if need be."""
    url = settings.taxi_postgres_url
    return Postgres(
        url=url.get_secret_value() if url else None,
        data_root=str(settings.taxi_data_dir),
        trips_schema=settings.taxi_postgres_schema,
    ).database()


def lake_and_warehouse(settings: Settings) -> tuple[Lake, Warehouse]:
    """The other two stores of these settings, likewise.

    Raises:
        TaxiAssetsError: As their ``open()``.
    """
    made = resources_for(settings)
    lake: LakeResource = cast("Any", made["lake"]).process_config_and_initialize()
    warehouse: WarehouseResource = cast("Any", made["warehouse"]).process_config_and_initialize()
    return lake.open(), warehouse.open()
