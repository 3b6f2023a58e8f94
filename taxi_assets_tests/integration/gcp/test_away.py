"""While Google is away or refuses: what does not need it goes on, and every call says it in our words."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterRunStatus, build_sensor_context

from taxi_assets.data_dir import DataDir
from taxi_assets.errors import StoreAccessError
from taxi_assets.orchestration.automation import outages
from taxi_assets.orchestration.dagster_internals.runs import ASSET_PARTITION_RANGE_START_TAG
from taxi_assets.orchestration.resources import gcp as resources
from taxi_assets.steps.gcp.preflight import check_gcp, check_lake
from taxi_assets.steps.lake.copy import copy_month, fetch_clean, lake_rows
from taxi_assets.steps.lake.lake import raw_name
from taxi_assets.steps.warehouse.load import load_month
from taxi_assets_tests.support.gcp_fault_proxy import Answer, Drop, FaultProxy, Seen
from taxi_assets_tests.support.gcp_fixtures import FaultyGcp, GcpPlace
from taxi_assets_tests.support.gcp_manners import ROLES
from taxi_assets_tests.support.graph_runs import Graph, no_second_tries
from taxi_assets_tests.support.lake_months import YELLOW, write_month

ALL = ("raw", "clean", "postgres", "lake", "warehouse")


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def test_raw_clean_and_postgres_finish_and_the_rest_follows_when_google_is_back(
    faulty_gcp: FaultyGcp, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_second_tries(monkeypatch)
    for name, check in (("_check_lake", check_lake), ("_check", check_gcp)):
        monkeypatch.setattr(resources, name, partial(check, patience=0.2))
    connection = faulty_gcp.through.connection
    graph = Graph(
        tmp_path / "data",
        postgres,
        taxi_target="gcp",
        gcp_project_id=connection.project,
        gcp_location=connection.location,
        gcp_bucket_name=connection.bucket,
        gcp_dataset=connection.dataset,
        storage_emulator_host=connection.storage_emulator,
        bigquery_emulator_host=connection.bigquery_emulator,
    )
    for proxy in (faulty_gcp.storage, faulty_gcp.bigquery):
        proxy.fail("", Drop())

    away = graph.run("yellow", "2019-01", "2019-02", ALL)

    assert not away.success
    done = {layer: [bool(graph.metadata(layer, "yellow", m)) for m in ("2019-01", "2019-02")] for layer in ALL}
    assert done == {layer: [layer in ("raw", "clean", "postgres")] * 2 for layer in ALL}
    run = graph.instance.get_run_by_id(away.run_id)
    assert run is not None
    assert (run.status, run.tags["failure"]) == (DagsterRunStatus.FAILURE, "passing")

    faulty_gcp.heal()
    monkeypatch.setattr(outages, "wait_before", lambda _: timedelta(0))
    # As the daemon asks it, with everything that Dagster looks at in its answer.
    context = build_sensor_context(graph.instance, repository_def=graph.defs.get_repository_def())
    [request] = outages.after_outages.evaluate_tick(context).run_requests or []
    assert request.asset_selection == [AssetKey([layer, "yellow_tripdata"]) for layer in ("lake", "warehouse")]
    assert request.tags[ASSET_PARTITION_RANGE_START_TAG] == "2019-01"
    back = graph.defs.resolve_job_def(str(request.job_name)).execute_in_process(
        asset_selection=list(request.asset_selection), tags=dict(request.tags), instance=graph.instance
    )
    assert back.success
    assert all(graph.metadata(layer, "yellow", month) for layer in ALL for month in ("2019-01", "2019-02"))
    assert not outages.after_outages.evaluate_tick(context).run_requests


def whole_way(place: GcpPlace, data_dir: DataDir, rows: int = 20) -> None:
    """Everything that is asked of Google for a month: preflight, lake, back again, warehouse, checks."""
    check_gcp(place.connection, patience=0.2)
    lake, warehouse = place.lake(retry_seconds=0.2), place.warehouse(retry_seconds=0.2, orphan_age=timedelta(0))
    copy_month(*write_month(data_dir, YELLOW, rows), lake)
    lake_rows(lake, YELLOW)
    fetch_clean(lake, YELLOW, data_dir.root / "elsewhere.parquet")
    lake.delete(raw_name("yellow", "yellow_tripdata_2019-01.csv.gz"))
    load_month(YELLOW, lake, warehouse)
    warehouse.count(YELLOW)
    warehouse.total(YELLOW, "total_amount")


def kinds_of(proxy: FaultProxy) -> set[str]:
    """What was asked, without the names of this test: one kind for each method, path and statement."""

    def kind(seen: Seen) -> str:
        job = re.search(rb'"jobId": "taxi_assets_([a-z]+)_', seen.body)
        if job:
            return f"taxi_assets_{job[1].decode()}_"
        path = re.escape(seen.path.partition("?")[0])
        path = re.sub(r"preflight_?[/\\0-9a-fF%2]+|taxi_assets_\w+|staging_\w+|[0-9a-f]{12,}", r"[^/?]+", path)
        return f"^{seen.method} {path}" + (r"\?.*alt=media" if "alt=media" in seen.path else r"(\?|$)")

    return {kind(seen) for seen in proxy.seen}


def test_a_refusal_of_any_call_is_ours(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    whole_way(faulty_gcp.through, data_dir)
    kinds = [(proxy, kind) for proxy in (faulty_gcp.storage, faulty_gcp.bigquery) for kind in sorted(kinds_of(proxy))]
    assert len(kinds) > 15
    unnoticed: list[str] = []
    for number, (proxy, kind) in enumerate(kinds):
        # The course's views are made once; so they are again.
        course = f"{faulty_gcp.direct.dataset_id}_zoomcamp"
        faulty_gcp.direct.bigquery.delete_dataset(course, delete_contents=True, not_found_ok=True)
        proxy.fail(kind, Answer(403, "forbidden"))
        try:
            whole_way(faulty_gcp.through, data_dir, rows=21 + number)  # other content, so that all is done again
        except StoreAccessError:
            pass  # any other error fails the test
        else:
            unnoticed.append(kind)
        proxy.heal()
    # The staging table alone may stay: it expires, and the load's own outcome is what counts.
    assert [kind for kind in unnoticed if "DELETE" not in kind] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_is_missing_is_named(faulty_gcp: FaultyGcp, data_dir: DataDir, role: str) -> None:
    proxy = faulty_gcp.bigquery if "bigquery" in role else faulty_gcp.storage
    proxy.fail(ROLES[role], Answer(403, "accessDenied"))
    with pytest.raises(StoreAccessError, match=re.escape(role)):
        whole_way(faulty_gcp.through, data_dir)
    proxy.heal()
    whole_way(faulty_gcp.through, data_dir)
