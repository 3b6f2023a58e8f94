"""Google's clients for the ``gcp`` target, and what their errors mean to this project.

Belongs here: credentials, endpoints, how long to retry, and the translation of Google's errors into ours, with the
role that is missing. Not here: what is done with the clients (``lake/gcs.py``, ``warehouse/bigquery.py``).

Google's packages take about three seconds to import, so they are imported where they are used.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from taxi_assets.errors import StoreAccessError, StoreRejectedError, StoreUnavailableError, TaxiAssetsError
from taxi_assets.steps.gcp.connection import GcpConnection

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.auth.credentials import Credentials
    from google.cloud.bigquery import Client as BigQueryClient
    from google.cloud.storage import Client as StorageClient

RETRY_SECONDS = 120.0
"""How long one call is tried again, with growing waits, on dropped connections, 429, 5xx and rate limits."""

OBJECT_ROLE = "roles/storage.objectAdmin on the bucket"
BUCKET_ROLE = "roles/storage.legacyBucketReader on the bucket (roles/storage.admin on the project to create it)"
DATA_ROLE = "roles/bigquery.dataEditor on the dataset (on the project to create it)"
JOB_ROLE = "roles/bigquery.jobUser on the project"

_QUOTA_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "concurrentLimitExceeded"})
_API_OFF_REASONS = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_BILLING_REASONS = frozenset({"billingNotEnabled", "billingTierLimitExceeded", "bytesBilledLimitExceeded"})


def storage_client(gcp: GcpConnection) -> StorageClient:
    """Cloud Storage's client.

    Raises:
        StoreAccessError: There are no usable credentials.
    """
    from google.cloud import storage

    return storage.Client(
        project=gcp.project, credentials=_credentials(gcp), client_options=_endpoint(gcp.storage_emulator)
    )


def bigquery_client(gcp: GcpConnection) -> BigQueryClient:
    """BigQuery's client.

    Raises:
        StoreAccessError: There are no usable credentials.
    """
    from google.cloud import bigquery

    return bigquery.Client(
        project=gcp.project,
        location=gcp.location,
        credentials=_credentials(gcp),
        client_options=_endpoint(gcp.bigquery_emulator),
    )


def _credentials(gcp: GcpConnection) -> Credentials:
    if gcp.storage_emulator:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()
    if gcp.credentials:
        return _service_account(gcp.credentials)
    return _default_credentials()


def _service_account(encoded: str) -> Credentials:
    from google.oauth2 import service_account

    try:
        # Blanks, line breaks and quotes, as `.env` files have them, are no base64 and are skipped.
        return service_account.Credentials.from_service_account_info(json.loads(base64.b64decode(encoded)))
    except ValueError:
        # `from None`: the message of a parser may quote the key.
        raise StoreAccessError(
            "SECRET_GCP_SERVICE_ACCOUNT: the key inside cannot be used; it is incomplete or its private key is "
            "damaged. Create a key again and encode it with: base64 -w 0 service-account.json"
        ) from None


def _default_credentials() -> Credentials:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        found = cast("Any", google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"]))
    except DefaultCredentialsError as error:
        raise StoreAccessError(
            "no Google credentials: set SECRET_GCP_SERVICE_ACCOUNT (base64 -w 0 service-account.json), or run "
            f"`gcloud auth application-default login`. Google says: {error}"
        ) from error
    return found[0]


def _endpoint(emulator: str | None) -> dict[str, str] | None:
    """Emulators are given as URLs and as ``host:port``; clients want URLs."""
    if emulator is None:
        return None
    return {"api_endpoint": emulator if "://" in emulator else f"http://{emulator}"}


def storage_retry(seconds: float = RETRY_SECONDS) -> Retry:
    """For calls to Cloud Storage that may be repeated."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return _patient(DEFAULT_RETRY, seconds)


def bigquery_retry(seconds: float = RETRY_SECONDS) -> Retry:
    """For calls to BigQuery that may be repeated; jobs have ids of their own, so starting one may be, too."""
    from google.cloud.bigquery import DEFAULT_RETRY

    return _patient(DEFAULT_RETRY, seconds)


def _patient(retry: Retry, seconds: float) -> Retry:
    """First wait up to a second, or less when there is little time; then twice as long each time."""
    return retry.with_timeout(seconds).with_delay(initial=min(1.0, seconds / 10), maximum=30.0, multiplier=2.0)


@contextmanager
def explained(doing: str, *, role: str, kept: str) -> Generator[None]:
    """Turns Google's errors inside the block into ours.

    Args:
        doing: What was tried, for the message: ``gs://lake/raw/x: uploading``.
        role: The role that a refusal means is missing.
        kept: What is still as it was.

    Raises:
        StoreAccessError: Credentials are refused, or a role, an API or billing is missing.
        StoreUnavailableError: Connections, server errors and quotas, after every retry.
        StoreRejectedError: Google refuses the request itself, or a billing limit forbids it.
    """
    import requests
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, InvalidResponse, DataCorruption) as error:
        raise _translated(error, doing, role, kept) from error
    except TimeoutError as error:
        raise StoreUnavailableError(f"{doing}: no end in time ({error}); {kept}. It is safe to run again") from error
    except (requests.RequestException, ConnectionError) as error:
        raise StoreUnavailableError(f"{doing}: no connection ({error}); {kept}. It is safe to run again") from error


def _translated(error: Exception, doing: str, role: str, kept: str) -> TaxiAssetsError:
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.cloud.storage.exceptions import InvalidResponse

    if isinstance(error, exceptions.RetryError) and isinstance(error.cause, Exception):
        error = error.cause
    if isinstance(error, InvalidResponse):
        error = cast("Exception", exceptions.from_http_response(cast("Any", error).response))
    reasons = error_reasons(error)
    refused = isinstance(error, exceptions.Unauthorized) or (
        isinstance(error, GoogleAuthError) and not isinstance(error, TransportError)
    )
    over_quota = bool(reasons & _QUOTA_REASONS) or isinstance(error, exceptions.TooManyRequests)
    kind, what = StoreUnavailableError, "failed after every retry; {kept}. It is safe to run again"
    if refused:
        kind, what = StoreAccessError, "the credentials are refused; {kept}. Check that the key still exists"
    elif reasons & _API_OFF_REASONS:
        kind, what = (
            StoreAccessError,
            (
                "the API is not enabled in this project; {kept}. Run: gcloud services enable bigquery.googleapis.com "
                "storage.googleapis.com"
            ),
        )
    elif reasons & _BILLING_REASONS:
        kind, what = StoreRejectedError, "a billing limit forbids it; {kept}"
    elif over_quota:
        what = "over quota after every retry; {kept}. Run again later"
    elif isinstance(error, exceptions.Forbidden):
        kind, what = StoreAccessError, "permission denied; {kept}. The credentials need {role}"
    elif isinstance(error, exceptions.ClientError) and not isinstance(error, exceptions.PreconditionFailed):
        kind, what = StoreRejectedError, "refused; {kept}"
    said = getattr(error, "message", None) or error
    return kind(f"{doing}: {what.format(kept=kept, role=role)}. Google says: {said}")


def error_reasons(error: object) -> set[str]:
    """The machine-readable reasons that Google gives, such as ``rateLimitExceeded`` and ``accessDenied``."""
    entries: list[Any] = list(getattr(error, "errors", None) or _errors_in_body(getattr(error, "response", None)))
    return {str(entry["reason"]) for entry in entries if hasattr(entry, "get") and entry.get("reason")}


def _errors_in_body(response: Any) -> list[Any]:
    """Errors of uploads and downloads carry the answer unread."""
    try:
        return list(response.json()["error"]["errors"])
    except (AttributeError, ValueError, KeyError, TypeError):
        return []


MANAGED_BY = {"managed-by": "taxi_assets"}


def quoted(name: str) -> str:
    """A name as BigQuery's quoted identifier.

    Raises:
        ValueError: It has a backtick or a backslash, which no name of BigQuery has.
    """
    if "`" in name or "\\" in name:
        raise ValueError(f"{name!r} is not a name that BigQuery allows")
    return f"`{name}`"
