"""The preflight of the gcp target. The emulators have no permissions: refusals come from a proxy, as HTTP."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from taxi_assets.cli.serve.emulators import Emulators
from taxi_assets.errors import SettingsError, StoreAccessError, StoreUnavailableError
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets.steps.gcp.clients import bigquery_client, storage_client
from taxi_assets.steps.gcp.connection import GcpConnection
from taxi_assets.steps.gcp.preflight import check_gcp, check_lake
from taxi_assets_tests.support.gcp_fault_proxy import Answer, Drop, Fault, Rewrite, fault_proxy
from taxi_assets_tests.support.gcp_fixtures import FaultyGcp, GcpPlace, encoded

NAMES = {"project": "my-project", "location": "US", "bucket": "my-taxi", "dataset": "taxi"}


def test_what_is_missing_is_made_and_nothing_is_left_behind(gcp_connection: GcpConnection) -> None:
    check_gcp(gcp_connection)
    check_gcp(gcp_connection)
    place = GcpPlace(gcp_connection)
    assert list(place.bucket.list_blobs()) == []
    assert place.tables() == set()


def test_a_new_bucket_is_asked_for_in_its_place_and_closed_to_the_public(emulators: Emulators, gcp: GcpPlace) -> None:
    with fault_proxy(emulators.storage_host) as storage:
        check_gcp(replace(gcp.connection, bucket=f"{gcp.connection.bucket}-new", storage_emulator=storage.url))
        [made] = [seen.json for seen in storage.requests(r"^POST /storage/v1/b\?")]
    assert made["location"] == "US"
    assert made["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert made["iamConfiguration"]["publicAccessPrevention"] == "enforced"


@pytest.mark.parametrize(
    ("bucket", "dataset", "advice"),
    [
        ("US", "europe-west1", "Set GCP_LOCATION=europe-west1, or GCP_DATASET"),
        (
            "EUROPE-WEST1",
            "US",
            "the bucket .* is in EUROPE-WEST1 and the dataset .* in US.*Set GCP_BUCKET_NAME to a name",
        ),
    ],
)
def test_places_that_lie_apart_are_named_with_what_to_do(
    faulty_gcp: FaultyGcp, bucket: str, dataset: str, advice: str
) -> None:
    faulty_gcp.storage.fail(r"^GET /storage/v1/b/[^/]+\?", Rewrite(lambda answer: {**answer, "location": bucket}))
    faulty_gcp.bigquery.fail(r"^GET .*/datasets/[^/]+\?", Rewrite(lambda answer: {**answer, "location": dataset}))
    with pytest.raises(SettingsError, match=advice):
        check_gcp(faulty_gcp.through.connection)


def test_a_bucket_in_a_region_of_the_datasets_multi_region_is_fine(faulty_gcp: FaultyGcp) -> None:
    inside = Rewrite(lambda answer: {**answer, "location": "US-CENTRAL1"})
    faulty_gcp.storage.fail(r"^GET /storage/v1/b/[^/]+\?", inside)
    check_gcp(faulty_gcp.through.connection)


def test_somebody_faster_made_the_bucket(emulators: Emulators, gcp_connection: GcpConnection) -> None:
    with fault_proxy(emulators.storage_host) as storage:
        storage.fail(r"^POST /storage/v1/b\?", Answer(409, "conflict", forward=True))
        check_lake(replace(gcp_connection, storage_emulator=storage.url))
        # Somebody of another project: it is theirs.
        storage.heal()
        storage.fail(r"^POST /storage/v1/b\?", Answer(409, "conflict"))
        storage.fail(r"^GET /storage/v1/b/theirs\?", Answer(404, "notFound"), times=1)
        storage.fail(r"^GET /storage/v1/b/theirs\?", Answer(403, "forbidden"))
        with pytest.raises(StoreAccessError, match="belongs to somebody else"):
            check_lake(replace(gcp_connection, bucket="theirs", storage_emulator=storage.url))


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
        check_gcp(faulty_gcp.through.connection, patience=0.3)


@pytest.mark.parametrize("emulator", ["storage_emulator", "bigquery_emulator"])
def test_one_emulator_alone_is_refused_before_anything_is_asked(emulator: str) -> None:
    with pytest.raises(SettingsError, match="set both STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST"):
        GcpConnection(**NAMES, **{emulator: "http://127.0.0.1:1"})


def test_the_service_account_of_the_course_is_used(service_account: dict[str, str]) -> None:
    connection = GcpConnection(**NAMES, credentials=encoded(service_account))
    for client in (storage_client(connection), bigquery_client(connection)):
        assert client._credentials.service_account_email == "taxi@p.iam.gserviceaccount.com"


@pytest.mark.parametrize("broken", [{"private_key": "-----BEGIN PRIVATE KEY-----\nsecret!\n"}, {"token_uri": None}])
def test_a_damaged_key_is_refused_and_never_shown(
    service_account: dict[str, str], broken: dict[str, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    damaged = {k: v for k, v in {**service_account, **broken}.items() if v is not None}
    connection = GcpConnection(**NAMES, credentials=encoded(damaged))
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreAccessError, match="SECRET_GCP_SERVICE_ACCOUNT") as raised:
        check_gcp(connection)
    assert raised.value.__cause__ is None
    shown = f"{raised.value} {caplog.text} {connection!r}"
    assert "secret!" not in shown
    assert service_account["private_key"][30:80] not in shown
    assert encoded(damaged) not in shown


def test_no_credentials_at_all_say_where_they_come_from(tmp_path: Path) -> None:
    code = (
        "from taxi_assets.errors import StoreAccessError\n"
        "from taxi_assets.steps.gcp.connection import GcpConnection\n"
        "from taxi_assets.steps.gcp.preflight import check_gcp\n"
        "try:\n"
        f"    check_gcp(GcpConnection(**{NAMES!r}))\n"
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
