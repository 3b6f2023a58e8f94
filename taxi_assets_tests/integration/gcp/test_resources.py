"""The resources of the gcp target are dagster_gcp's: an asset that is written for those works with ours."""

import dagster as dg
import pytest
from dagster_gcp import BigQueryResource, GCSResource

from taxi_assets.orchestration.resources.gcp import BigQueryDatasetResource
from taxi_assets.orchestration.resources.targets import resources_for
from taxi_assets.settings import load_settings
from taxi_assets_tests.support.gcp_fixtures import GcpPlace, encoded

VARIABLE = "SECRET_GCP_SERVICE_ACCOUNT"


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
    names = {"gcp_project_id": "p", "gcp_location": "US", "gcp_bucket_name": "b", "gcp_dataset": "d"}
    made = resources_for(load_settings(taxi_target="gcp", **names))
    warehouse = made["warehouse"]
    assert isinstance(warehouse, BigQueryDatasetResource)
    assert warehouse.gcp_credentials == dg.EnvVar(VARIABLE)
    assert key not in repr(made)

    in_run = warehouse.process_config_and_initialize()
    with in_run.get_client() as client:
        assert client._credentials.service_account_email == service_account["client_email"]
    for shown in (repr(in_run), str(in_run), repr(in_run.connection)):
        assert key not in shown


def test_one_emulator_alone_fails_the_run_with_what_to_set(gcp: GcpPlace) -> None:
    @dg.asset(required_resource_keys={"lake"})
    def never() -> None:
        pytest.fail("the preflight comes first")

    with pytest.raises(dg.DagsterError) as raised:
        dg.materialize([never], resources=resources(gcp, bigquery_emulator_host=None))
    assert "set both STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST" in str(raised.value.__cause__)
