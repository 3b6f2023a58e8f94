"""The resources of the gcp target are dagster_gcp's: an asset that is written for those works with ours."""

import dagster as dg
import pytest
from dagster_gcp import BigQueryResource, GCSResource

from taxi_assets.errors import SettingsError
from taxi_assets.orchestration.resources.gcp import BigQueryDatasetResource
from taxi_assets.orchestration.resources.targets import resources_for
from taxi_assets.settings import load_settings
from taxi_assets_tests.support.gcp_fixtures import GcpPlace, encoded

VARIABLE = "SECRET_GCP_SERVICE_ACCOUNT"
NAMES = {"gcp_project_id": "my-project", "gcp_location": "US", "gcp_bucket_name": "my-taxi", "gcp_dataset": "taxi"}


def resources(gcp: GcpPlace, **settings: object) -> dict[str, object]:
    """What production gives the gcp target, with the names of this test's bucket and dataset."""
    emulated = {
        "taxi_target": "gcp",
        "gcp_project_id": gcp.connection.project,
        "gcp_location": gcp.connection.location,
        "gcp_bucket_name": gcp.connection.bucket,
        "gcp_dataset": gcp.connection.dataset,
        "storage_emulator_host": gcp.connection.storage_emulator,
        "bigquery_emulator_host": gcp.connection.bigquery_emulator,
    }
    return resources_for(load_settings(**{**emulated, **settings}))


def test_an_asset_written_for_dagster_gcp_runs_on_the_emulators(gcp: GcpPlace) -> None:
    @dg.asset
    def theirs(context: dg.AssetExecutionContext, lake: GCSResource, warehouse: BigQueryResource) -> None:
        lake.get_client().bucket(gcp.connection.bucket).blob("theirs.txt").upload_from_string(b"hello")
        with warehouse.get_client() as client:
            assert (client.project, client.location) == (gcp.connection.project, gcp.connection.location)
            client.query(f"CREATE TABLE `{gcp.dataset_id}.theirs` AS SELECT 42 AS answer").result()
        # Not a client, which would be made for runs that need none.
        assert context.resources.lake is lake

    assert dg.materialize([theirs], resources=resources(gcp)).success
    assert [blob.name for blob in gcp.bucket.list_blobs()] == ["theirs.txt"]
    assert gcp.rows("SELECT answer FROM `{d}.theirs`") == [(42,)]


def test_the_key_is_read_in_the_run_and_shown_nowhere(
    service_account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = encoded(service_account)
    monkeypatch.setenv(VARIABLE, key)
    made = resources_for(load_settings(taxi_target="gcp", **NAMES))
    warehouse = made["warehouse"]
    assert isinstance(warehouse, BigQueryDatasetResource)
    assert warehouse.gcp_credentials == dg.EnvVar(VARIABLE)
    assert key not in repr(made)

    in_run = warehouse.process_config_and_initialize()
    with in_run.get_client() as client:
        assert client._credentials.service_account_email == service_account["client_email"]
    for shown in (repr(in_run), str(in_run), repr(in_run.connection)):
        assert key not in shown


def test_wrong_names_are_told_when_the_code_location_loads() -> None:
    wrong = {**NAMES, "gcp_bucket_name": "Bad_Bucket Name!", "gcp_location": "us-central1-a"}
    with pytest.raises(SettingsError) as raised:
        resources_for(load_settings(taxi_target="gcp", **wrong, storage_emulator_host="127.0.0.1:1"))
    location, bucket, emulators = str(raised.value).splitlines()
    assert location == "GCP_LOCATION='us-central1-a': that is a zone; write its region, us-central1"
    assert bucket.startswith("GCP_BUCKET_NAME='Bad_Bucket Name!': no bucket can have this name")
    assert emulators.startswith("set both STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST")


def test_names_and_keys_are_taken_as_env_files_have_them(
    service_account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = encoded(service_account)
    broken_lines = "\n".join(key[i : i + 76] for i in range(0, len(key), 76))
    monkeypatch.setenv(VARIABLE, f' "{broken_lines}"\n')
    written = {**NAMES, "gcp_bucket_name": '"gs://my-taxi/"', "gcp_dataset": " my-project.taxi "}
    warehouse = resources_for(load_settings(taxi_target="gcp", **written))["warehouse"]
    assert isinstance(warehouse, BigQueryDatasetResource)
    assert (warehouse.bucket, warehouse.dataset) == ("my-taxi", "taxi")
    with warehouse.process_config_and_initialize().get_client() as client:
        assert client._credentials.service_account_email == service_account["client_email"]
