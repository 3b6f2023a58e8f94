"""Before the lake and the warehouse of the ``gcp`` target are used: credentials, places and permissions, in seconds.

Belongs here: everything that would otherwise be found out in the middle of a backfill. Not here: loading, and how
names are written (``connection.py``).

Permissions are tried, not asked for: a small object is written, read and removed, and an empty table made, queried
(a dry run, which is free) and removed. That is what the steps do, so a role that passes here is enough there.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from taxi_assets.errors import SettingsError
from taxi_assets.steps.gcp.clients import (
    BUCKET_ROLE,
    DATA_ROLE,
    JOB_ROLE,
    MANAGED_BY,
    OBJECT_ROLE,
    bigquery_client,
    bigquery_retry,
    explained,
    quoted,
    storage_client,
    storage_retry,
)
from taxi_assets.steps.gcp.connection import GcpConnection
from taxi_assets.steps.gcp.locations import can_load

if TYPE_CHECKING:
    from google.cloud.bigquery import Client as BigQueryClient
    from google.cloud.storage import Client as StorageClient

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 20.0
"""A preflight should say no soon; the steps themselves are more patient."""

_KEPT = "nothing was changed"


def check_lake(gcp: GcpConnection, *, patience: float = PATIENCE_SECONDS) -> str:
    """Makes sure that the bucket can be worked with, and makes it when it is missing; returns its location.

    A bucket that is made here is in ``GCP_LOCATION``, has uniform access and refuses public access. A bucket that
    was there is left as it is; one that could be read by the public is warned about.

    Args:
        gcp: Where it lies and how it is reached.
        patience: How many seconds one call is tried again on passing errors.

    Raises:
        StoreAccessError: Credentials are missing or refused, the bucket belongs to somebody else, or a role is
            missing; the message names it.
        StoreUnavailableError: Google cannot be reached.
    """
    storage = storage_client(gcp)
    location = _ensure_bucket(storage, gcp, patience)
    _try_objects(storage, gcp, patience)
    logger.info("gcp: gs://%s in %s is ready", gcp.bucket, location)
    return location


def check_gcp(gcp: GcpConnection, *, patience: float = PATIENCE_SECONDS) -> None:
    """Makes sure that the whole ``gcp`` target can work: the bucket, the dataset, and loading from one to the other.

    Args:
        gcp: Where it lies and how it is reached.
        patience: How many seconds one call is tried again on passing errors.

    Raises:
        SettingsError: The dataset is in another location, or cannot load from where the bucket is.
        StoreAccessError: As :func:`check_lake`.
        StoreUnavailableError: Google cannot be reached.
    """
    bigquery = bigquery_client(gcp)
    bucket_location = check_lake(gcp, patience=patience)
    dataset_location = _ensure_dataset(bigquery, gcp, patience)
    _check_locations(gcp, bucket_location, dataset_location)
    _try_tables(bigquery, gcp, patience)
    logger.info("gcp: %s in %s is ready", gcp.dataset_id, dataset_location)


def _ensure_bucket(client: StorageClient, gcp: GcpConnection, patience: float) -> str:
    from google.api_core.exceptions import Conflict

    retry = storage_retry(patience)
    role = f"{BUCKET_ROLE}. If the bucket belongs to somebody else (names are shared by all of Google Cloud), set "
    with explained(f"gs://{gcp.bucket}: looking", role=f"{role}GCP_BUCKET_NAME to another name", kept=_KEPT):
        bucket = cast("Any", client.lookup_bucket(gcp.bucket, retry=retry))
        if bucket is None:
            logger.info("gcp: making the bucket gs://%s in %s", gcp.bucket, gcp.location)
            bucket = client.bucket(gcp.bucket)
            bucket.iam_configuration.uniform_bucket_level_access_enabled = True
            bucket.iam_configuration.public_access_prevention = "enforced"
            bucket.labels = MANAGED_BY
            try:
                client.create_bucket(bucket, project=gcp.project, location=gcp.location, retry=retry)
            except Conflict:
                logger.info("gcp: somebody else made gs://%s at the same moment; looking at that one", gcp.bucket)
            bucket = cast("Any", client.get_bucket(gcp.bucket, retry=retry))
        elif bucket.iam_configuration.public_access_prevention != "enforced":
            logger.warning("gs://%s does not refuse public access; `gcloud storage buckets update gs://%s "
                        "--public-access-prevention` changes that", gcp.bucket, gcp.bucket)  # fmt: skip
    return str(bucket.location)


def _ensure_dataset(client: BigQueryClient, gcp: GcpConnection, patience: float) -> str:
    from google.api_core.exceptions import NotFound
    from google.cloud.bigquery import Dataset

    retry = bigquery_retry(patience)
    with explained(f"{gcp.dataset_id}: looking", role=DATA_ROLE, kept=_KEPT):
        try:
            dataset = client.get_dataset(gcp.dataset_id, retry=retry)
        except NotFound:
            logger.info("gcp: making the dataset %s in %s", gcp.dataset_id, gcp.location)
            wanted = Dataset(gcp.dataset_id)
            wanted.location = gcp.location
            wanted.labels = dict(MANAGED_BY)
            wanted.description = "New York taxi trips, a partition a month; see loaded_months."
            client.create_dataset(wanted, exists_ok=True, retry=retry)
            dataset = client.get_dataset(gcp.dataset_id, retry=retry)
    return cast("str", dataset.location)


def _check_locations(gcp: GcpConnection, bucket: str, dataset: str) -> None:
    """Jobs run where the dataset is, and load from there only; moving a bucket or a dataset means making it anew."""
    if dataset.casefold() != gcp.location.casefold():
        raise SettingsError(
            f"GCP_LOCATION={gcp.location}, but the dataset {gcp.dataset_id} is in {dataset}; {_KEPT}. Set GCP_LOCATION="
            f"{dataset}, or GCP_DATASET to a name that does not exist yet: it is then made in {gcp.location}"
        )
    if not can_load(dataset, bucket):
        raise SettingsError(
            f"the bucket {gcp.bucket} is in {bucket} and the dataset {gcp.dataset_id} in {dataset}: BigQuery loads "
            f"only from its own location, or from a region inside its own multi-region; {_KEPT}. Set GCP_BUCKET_NAME "
            f"to a name that does not exist yet: it is then made in {gcp.location}"
        )


def _try_objects(client: StorageClient, gcp: GcpConnection, patience: float) -> None:
    retry = storage_retry(patience)
    blob: Any = client.bucket(gcp.bucket).blob(f".preflight/{uuid4().hex}")
    with explained(f"gs://{gcp.bucket}: trying to write, read and remove", role=OBJECT_ROLE, kept=_KEPT):
        blob.upload_from_string(b"may be removed", if_generation_match=0, retry=retry)
        blob.download_as_bytes(retry=retry)
        blob.delete(retry=retry)


def _try_tables(client: BigQueryClient, gcp: GcpConnection, patience: float) -> None:
    from google.cloud.bigquery import QueryJobConfig, SchemaField, Table

    retry = bigquery_retry(patience)
    table = Table(f"{gcp.dataset_id}.preflight_{uuid4().hex}", schema=[SchemaField("tried", "INT64")])
    table.expires = datetime.now(timezone.utc) + timedelta(hours=1)
    table.labels = dict(MANAGED_BY)
    table_id = f"{gcp.dataset_id}.{table.table_id}"
    with explained(f"{gcp.dataset_id}: trying to make a table", role=DATA_ROLE, kept=_KEPT):
        client.create_table(table, retry=retry)
    try:
        with explained(f"{gcp.project}: trying to start a job", role=f"{JOB_ROLE} and {DATA_ROLE}", kept=_KEPT):
            client.query(
                f"SELECT COUNT(*) FROM {quoted(table_id)}", job_config=QueryJobConfig(dry_run=True), retry=retry,
                job_retry=None,
            )  # fmt: skip
    finally:
        with explained(f"{table_id}: removing", role=DATA_ROLE, kept="the empty table expires in an hour"):
            client.delete_table(table_id, not_found_ok=True, retry=retry)
