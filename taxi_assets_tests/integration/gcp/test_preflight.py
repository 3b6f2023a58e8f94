"""The preflight of the gcp target. The emulators have no permissions: refusals come from a proxy, as HTTP."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from taxi_assets.cli.emulators import Emulators
from taxi_assets.errors import SettingsError, StoreAccessError, StoreUnavailableError
from taxi_assets.settings import PROJECT_ROOT, Settings, load_settings
from taxi_assets.steps.gcp.clients import bigquery_client, storage_client
from taxi_assets.steps.gcp.preflight import check_gcp
from taxi_assets_tests.support.gcp_fault_proxy import Answer, Drop, Fault, Rewrite
from taxi_assets_tests.support.gcp_fixtures import FaultyGcp, GcpPlace

KEYS = {"gcp_project_id": "p", "gcp_location": "US", "gcp_bucket_name": "b", "gcp_dataset": "d"}


def changed(settings: Settings, **overrides: object) -> Settings:
    return load_settings(**{**settings.model_dump(), **overrides})


def test_what_is_missing_is_made_and_nothing_is_left_behind(gcp_settings: Settings) -> None:
    check_gcp(gcp_settings)
    check_gcp(gcp_settings)
    place = GcpPlace(gcp_settings)
    assert list(place.bucket.list_blobs()) == []
    assert place.tables() == set()


def test_a_new_bucket_is_asked_for_in_its_place_and_closed_to_the_public(emulators: Emulators, gcp: GcpPlace) -> None:
    from taxi_assets_tests.support.gcp_fault_proxy import fault_proxy

    with fault_proxy(emulators.storage_host) as storage:
        settings = changed(gcp.settings, gcp_bucket_name=f"{gcp.settings.gcp_bucket_name}-new",
                           storage_emulator_host=storage.url)  # fmt: skip
        check_gcp(settings)
        [made] = [seen.json for seen in storage.requests(r"^POST /storage/v1/b\?")]
    assert made["location"] == "US"
    assert made["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert made["iamConfiguration"]["publicAccessPrevention"] == "enforced"


@pytest.mark.parametrize(
    ("bucket", "dataset", "advice"),
    [
        ("US", "europe-west1", "Set GCP_BUCKET_NAME or GCP_DATASET"),
        ("EUROPE-WEST1", "europe-west1", "Set GCP_LOCATION=EUROPE-WEST1"),
    ],
)
def test_places_that_lie_apart_are_named_with_what_to_do(
    faulty_gcp: FaultyGcp, bucket: str, dataset: str, advice: str
) -> None:
    faulty_gcp.storage.fail(r"^GET /storage/v1/b/[^/]+\?", Rewrite(lambda answer: {**answer, "location": bucket}))
    faulty_gcp.bigquery.fail(r"^GET .*/datasets/[^/]+\?", Rewrite(lambda answer: {**answer, "location": dataset}))
    with pytest.raises(SettingsError) as raised:
        check_gcp(faulty_gcp.through.settings)
    for part in (f"is in {bucket}", f"in {dataset}", "GCP_LOCATION=US", advice):
        assert part in str(raised.value)


FORBIDDEN = Answer(403, "accessDenied")


@pytest.mark.parametrize(
    ("proxy", "call", "fault", "error", "says"),
    [
        ("storage", r"^GET /storage/v1/b/[^/]+\?", FORBIDDEN, StoreAccessError, "belongs to somebody else"),
        ("storage", r"^GET /storage/v1/b/[^/]+\?", FORBIDDEN, StoreAccessError, r"roles/storage\.legacyBucketReader"),
        ("storage", r"^POST /upload", FORBIDDEN, StoreAccessError, r"roles/storage\.objectAdmin"),
        ("storage", r"^GET .*alt=media", FORBIDDEN, StoreAccessError, r"roles/storage\.objectAdmin"),
        ("storage", r"^DELETE ", FORBIDDEN, StoreAccessError, r"roles/storage\.objectAdmin"),
        ("bigquery", r"^GET .*/datasets/[^/]+\?", FORBIDDEN, StoreAccessError, r"roles/bigquery\.dataEditor"),
        ("bigquery", r"^POST .*/tables", FORBIDDEN, StoreAccessError, r"roles/bigquery\.dataEditor"),
        ("bigquery", r"^POST .*/jobs", FORBIDDEN, StoreAccessError, r"roles/bigquery\.jobUser"),
        ("bigquery", r"^DELETE ", FORBIDDEN, StoreAccessError, r"roles/bigquery\.dataEditor"),
        ("bigquery", r"^POST .*/jobs", Answer(403, "accessNotConfigured"), StoreAccessError, "gcloud services enable"),
        ("storage", r"^GET ", Answer(401, "authError"), StoreAccessError, "credentials are refused"),
        ("storage", r"^GET ", Answer(503), StoreUnavailableError, "after every retry"),
        ("bigquery", r"^GET ", Drop(), StoreUnavailableError, "safe to run again"),
    ],
)
def test_what_is_refused_is_named_with_the_role_that_is_missing(
    faulty_gcp: FaultyGcp, proxy: str, call: str, fault: Fault, error: type[Exception], says: str
) -> None:
    getattr(faulty_gcp, proxy).fail(call, fault)
    with pytest.raises(error, match=says):
        check_gcp(faulty_gcp.through.settings, patience=0.3)


def test_one_emulator_alone_is_refused_before_anything_is_asked() -> None:
    settings = load_settings(**KEYS, taxi_target="gcp", storage_emulator_host="http://127.0.0.1:1")
    with pytest.raises(SettingsError, match="set both STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST"):
        check_gcp(settings)


def test_missing_keys_are_named() -> None:
    with pytest.raises(SettingsError, match="not set: GCP_BUCKET_NAME, GCP_DATASET"):
        check_gcp(load_settings(gcp_project_id="p", gcp_location="US"))


def encoded(account: dict[str, str]) -> str:
    return base64.b64encode(json.dumps(account).encode()).decode()


@pytest.fixture(scope="module")
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


def test_the_service_account_of_the_course_is_used(service_account: dict[str, str]) -> None:
    settings = load_settings(**KEYS, secret_gcp_service_account=encoded(service_account))
    for client in (storage_client(settings), bigquery_client(settings)):
        assert client._credentials.service_account_email == "taxi@p.iam.gserviceaccount.com"


@pytest.mark.parametrize("broken", [{"private_key": "-----BEGIN PRIVATE KEY-----\nsecret!\n"}, {"token_uri": None}])
def test_a_damaged_key_is_refused_and_never_shown(
    service_account: dict[str, str], broken: dict[str, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    damaged = {k: v for k, v in {**service_account, **broken}.items() if v is not None}
    settings = load_settings(**KEYS, secret_gcp_service_account=encoded(damaged))
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreAccessError, match="SECRET_GCP_SERVICE_ACCOUNT") as raised:
        check_gcp(settings)
    assert raised.value.__cause__ is None
    shown = f"{raised.value} {caplog.text} {settings!r}"
    assert "secret!" not in shown
    assert service_account["private_key"][30:80] not in shown


def test_no_credentials_at_all_say_where_they_come_from(tmp_path: Path) -> None:
    code = (
        "from taxi_assets.settings import load_settings\n"
        "from taxi_assets.errors import StoreAccessError\n"
        "from taxi_assets.steps.gcp.preflight import check_gcp\n"
        f"settings = load_settings(**{KEYS!r})\n"
        "try:\n"
        "    check_gcp(settings)\n"
        "except StoreAccessError as error:\n"
        "    print(error)\n"
    )
    # No key, no gcloud login below HOME, and no metadata server to ask.
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "NO_GCE_CHECK": "true"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=PROJECT_ROOT
    )
    assert "set SECRET_GCP_SERVICE_ACCOUNT" in run.stdout
    assert "gcloud auth application-default login" in run.stdout
