"""The inventory: exactly these assets, checks and resources, in both targets; and loading them costs little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterInvalidConfigError, Definitions, EnvVar, JobDefinition, job, op
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._core.snap import JobSnap
from dagster._core.snap.snap_to_yaml import default_values_yaml_from_type_snap
from dagster_gcp import BigQueryResource, GCSResource

from taxi_assets.definitions import build_defs
from taxi_assets.orchestration.resources.gcp import BigQueryDatasetResource, GcsLakeResource
from taxi_assets.orchestration.resources.lake import FolderLakeResource
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.orchestration.resources.warehouse import DuckDbResource
from taxi_assets.settings import load_settings

DATASETS = ("yellow", "green", "fhv", "fhvhv")
LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")
MARTS = ("zone_hours", "zone_pairs", "months")
FIRST_MONTHS = {"yellow": "2009-01", "green": "2013-08", "fhv": "2015-01", "fhvhv": "2019-02"}
GCP = {
    "taxi_target": "gcp",
    "gcp_project_id": "my-project",
    "gcp_location": "EU",
    "gcp_bucket_name": "my-lake",
    "gcp_dataset": "trips",
}
CHECKS = {
    "raw": {"no_rows_missing": True, "published_count": False, "unproven_count": False},
    "clean": {
        "every_line_accounted_for": True,
        "contents_as_registered": True,
        "losses": True,
        "oddities": False,
        "zones_located": False,
    },
    "postgres": {"rows_equal_clean": True, "totals_equal_clean": True, "zones_are_known": False},
    "lake": {"rows_equal_clean": True, "totals_equal_clean": True},
    "warehouse": {"rows_equal_clean": True, "totals_equal_clean": True},
}


def definitions(target: str, tmp_path: Path) -> Definitions:
    settings = GCP if target == "gcp" else {"taxi_target": "local"}
    return build_defs(load_settings(**{**settings, "taxi_data_dir": tmp_path}))


@pytest.mark.parametrize("target", ["local", "gcp"])
def test_the_assets_are_exactly_those_of_the_contract(target: str, tmp_path: Path) -> None:
    graph = definitions(target, tmp_path).get_repository_def().asset_graph
    expected = {f"{layer}/{dataset}_tripdata" for layer in LAYERS for dataset in DATASETS}
    expected |= {f"{layer}/taxi_zones" for layer in ("raw", "postgres", "warehouse")}
    expected.add("raw/taxi_zone_shapes")
    expected |= {f"marts/{name}" for name in MARTS}
    expected.add("report/overview")
    assert {key.to_user_string() for key in graph.materializable_asset_keys} == expected
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description
        assert node.owners
        # The UI calls all nodes of a dataset by one name.
        assert key.path[0] in node.kinds
        assert ("bigquery" if target == "local" else "duckdb") not in node.kinds
        after_all = key.path[0] in ("marts", "report")
        assert node.group_name == (key.path[0] if after_all else key.path[-1].removesuffix("_tripdata"))
        if key.path[-1].endswith("_tripdata"):
            assert node.partitions_def
            assert node.partitions_def.get_first_partition_key() == FIRST_MONTHS[node.group_name]
            assert node.description.startswith(f"{key.path[0]}: ")
            [code] = node.metadata["dagster/code_references"].code_references
            assert (
                Path(code.file_path).read_text(encoding="utf-8").splitlines()[code.line_number - 1].startswith("def ")
            )


@pytest.mark.parametrize("target", ["local", "gcp"])
def test_the_checks_are_exactly_these_and_block_what_they_should(target: str, tmp_path: Path) -> None:
    graph = definitions(target, tmp_path).get_repository_def().asset_graph
    nodes = {f"{key.asset_key.to_user_string()}:{key.name}": graph.get(key) for key in graph.asset_check_keys}
    found = {name: "A month that fails goes no further" in (node.description or "") for name, node in nodes.items()}
    of_marts = {
        "marts/zone_hours:trips_equal_warehouse": True,
        "marts/zone_hours:totals_equal_warehouse": True,
        "marts/zone_pairs:trips_equal_warehouse": True,
        "marts/zone_pairs:totals_equal_warehouse": True,
        "marts/months:trips_equal_warehouse": True,
    }
    assert found == of_marts | {
        f"{layer}/{dataset}_tripdata:{name}": blocking
        for layer, checks in CHECKS.items()
        for dataset in DATASETS
        for name, blocking in checks.items()
        # fhv publishes no amounts that could be compared.
        if name != "totals_equal_clean" or dataset != "fhv"
        # The others never had coordinates.
        if name != "zones_located" or dataset in {"yellow", "green"}
    }
    # Dagster's own would hold back all months of a run for one.
    assert not any(node.blocking for node in nodes.values())
    assert all(node.partitions_def for node in nodes.values())


def test_each_target_gets_its_own_lake_and_warehouse(tmp_path: Path) -> None:
    local, gcp = definitions("local", tmp_path).resources or {}, definitions("gcp", tmp_path).resources or {}
    assert local.keys() == gcp.keys()
    assert isinstance(local["lake"], FolderLakeResource)
    assert isinstance(local["warehouse"], DuckDbResource)
    assert isinstance(gcp["lake"], GcsLakeResource)
    assert isinstance(gcp["lake"], GCSResource)
    assert isinstance(gcp["warehouse"], BigQueryDatasetResource)
    assert isinstance(gcp["warehouse"], BigQueryResource)


def test_no_secret_is_in_what_the_ui_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_POSTGRES_URL", "postgresql://taxi:hunter2@db/trips")  # pragma: allowlist secret
    monkeypatch.setenv("TAXI_ALERT_WEBHOOK", "https://hooks.example.org/hunter2")
    resources = definitions("local", tmp_path).resources or {}
    assert "hunter2" not in repr(resources)
    assert resources["postgres"].url == EnvVar("TAXI_POSTGRES_URL")


def launchpad(job: JobDefinition) -> str:
    """The configuration with which the Launchpad opens."""
    snapshot = JobSnap.from_job_def(job)
    schema = snapshot.config_schema_snapshot
    [mode] = snapshot.mode_def_snaps
    return default_values_yaml_from_type_snap(schema, schema.get_config_snap(mode.root_config_key))


@pytest.mark.parametrize("target", ["local", "gcp"])
def test_the_launchpad_opens_without_resources_and_their_pages_speak_to_people(target: str, tmp_path: Path) -> None:
    repository = definitions(target, tmp_path).get_repository_def()
    assert launchpad(repository.get_job("load_yellow")) == "{}\n"
    shown = {resource.name: resource for resource in RepositorySnap.from_def(repository).resources}
    assert shown["files"].configured_values["root"] == f'"{tmp_path}"'
    assert shown["files"].resource_type.endswith("LocalFiles")
    for name, resource in shown.items():
        description = resource.resource_snapshot.description or ""
        assert description.endswith("."), name
        assert "Attributes:" not in description
        assert "``" not in description
        told = {field.name: field.description or "" for field in resource.config_field_snaps}
        assert [(name, field) for field, said in told.items() if not said.endswith(".")] == []


def test_a_run_may_set_one_value_of_a_resource_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAXI_POSTGRES_URL", "postgresql://db/trips")
    found: list[Postgres] = []

    @op
    def look(postgres: Postgres) -> None:
        found.append(postgres)

    @job(resource_defs={"postgres": Postgres(url=EnvVar("TAXI_POSTGRES_URL"), data_root="/data", trips_schema="taxi")})
    def looking() -> None:
        look()

    looking.execute_in_process()
    looking.execute_in_process(run_config={"resources": {"postgres": {"config": {"trips_schema": "other"}}}})
    assert [(each.url, each.data_root, each.trips_schema) for each in found] == [
        ("postgresql://db/trips", "/data", "taxi"),
        ("postgresql://db/trips", "/data", "other"),
    ]
    with pytest.raises(DagsterInvalidConfigError, match="trip_schema"):
        looking.execute_in_process(run_config={"resources": {"postgres": {"config": {"trip_schema": "other"}}}})


@pytest.mark.parametrize("target", ["local", "gcp"])
def test_everything_resolves(target: str, tmp_path: Path) -> None:
    Definitions.validate_loadable(definitions(target, tmp_path))


def test_loading_the_local_target_imports_no_engine_that_only_a_run_needs_and_nothing_of_google() -> None:
    probe = (
        "import sys, taxi_assets.definitions; "
        "print([name for name in ('pandas', 'pyarrow', 'google', 'dagster_gcp', 'duckdb', 'psycopg2') "
        "if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
