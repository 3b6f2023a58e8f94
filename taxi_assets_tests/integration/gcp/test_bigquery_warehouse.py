"""The warehouse of the gcp target: Google's real client against bqemulator, loading from fake-gcs-server.

What the emulator accepts and ignores (partitioning, clustering, expiry, cost limits, labels of tables) is asserted
on the requests, or played by the proxy in front of it (``gcp_manners.py``). It has no cost and no permissions, and runs
one statement at a time.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from google.api_core.exceptions import BadRequest
from google.cloud.bigquery import ExternalConfig, SchemaField, Table, TimePartitioning

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import (
    BrokenFileError,
    CountMismatchError,
    LayoutError,
    NotMaterializedError,
    StoreAccessError,
    StoreRejectedError,
    StoreUnavailableError,
)
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.gcp.clients import MANAGED_BY, quoted
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.warehouse.load import load_month, load_zones
from taxi_assets.steps.warehouse.warehouse import WarehouseMonth
from taxi_assets_tests.support.gcp_fault_proxy import Answer, Drop, Fault, Rewrite
from taxi_assets_tests.support.gcp_fixtures import MAXIMUM_BYTES_BILLED, FaultyGcp, GcpPlace
from taxi_assets_tests.support.lake_months import GREEN, YELLOW, write_clean, write_month, write_raw

FEBRUARY = TripMonth("yellow", "2019-02")


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def land(place: GcpPlace, data_dir: DataDir, month: TripMonth, rows: int, seed: int = 1) -> None:
    """Brings a month into the lake."""
    copy_month(*write_month(data_dir, month, rows, seed=seed), place.lake())


def load(place: GcpPlace, month: TripMonth, run_id: str = "") -> WarehouseMonth:
    return load_month(month, place.lake(), place.warehouse(), run_id=run_id)


def sums(place: GcpPlace, month: TripMonth) -> tuple[int, float | None]:
    return place.warehouse().count(month), place.warehouse().total(month, "total_amount")


def zone_lookup(data_dir: DataDir, real_data: Path) -> RawFile:
    path = real_data / "misc" / "taxi_zone_lookup.csv"
    return replace(write_raw(data_dir, YELLOW, 1), path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def make_table(place: GcpPlace, name: str, schema: list[SchemaField], **attributes: object) -> None:
    """A table as somebody may have made it."""
    table = Table(f"{place.dataset_id}.{name}", schema=schema)
    for attribute, value in attributes.items():
        setattr(table, attribute, value)
    place.bigquery.create_table(table)


def staging_tables(place: GcpPlace) -> set[str]:
    return {name for name in place.tables() if "staging" in name}


def test_a_month_lands_whole_and_a_second_load_changes_nothing(gcp: GcpPlace, data_dir: DataDir) -> None:
    land(gcp, data_dir, YELLOW, 20)

    first, second = load(gcp, YELLOW), load(gcp, YELLOW)

    assert (first.table, first.rows, first.unchanged) == (f"{gcp.dataset_id}.yellow_tripdata", 20, False)
    assert (second.rows, second.unchanged) == (20, True)
    names = [column.name for column in DATASETS["yellow"].table_columns]
    stored = gcp.rows(f"SELECT {', '.join(names)} FROM `{{d}}.yellow_tripdata` WHERE file_month = '2019-01-01'")
    file = duckdb.execute("SELECT * FROM read_parquet(?)", [str(data_dir.clean(YELLOW))]).fetchall()
    assert sorted(stored, key=repr) == sorted(file, key=repr)
    assert staging_tables(gcp) == set()


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_has_a_table_described_by_the_registry(gcp: GcpPlace, data_dir: DataDir, dataset: str) -> None:
    month = TripMonth(dataset, "2020-02")
    land(gcp, data_dir, month, 5)
    load(gcp, month)
    table = gcp.bigquery.get_table(f"{gcp.dataset_id}.{month.table}")
    assert [(c.name, c.field_type) for c in table.schema] == [
        (c.name, c.type.bigquery) for c in DATASETS[dataset].table_columns
    ]
    assert all(column.description for column in table.schema)
    assert table.description == DATASETS[dataset].description
    assert table.labels == {"managed-by": "taxi_assets", "dataset": dataset}
    assert gcp.warehouse().count(month) == 5


def test_a_changed_file_replaces_exactly_its_month(gcp: GcpPlace, data_dir: DataDir) -> None:
    for month in (YELLOW, FEBRUARY, GREEN):
        land(gcp, data_dir, month, 20)
        load(gcp, month)
    others = [sums(gcp, month) for month in (FEBRUARY, GREEN)]

    land(gcp, data_dir, YELLOW, 30, seed=2)
    changed = load(gcp, YELLOW)

    assert (changed.rows, changed.unchanged) == (30, False)
    assert gcp.warehouse().count(YELLOW) == 30
    assert [sums(gcp, month) for month in (FEBRUARY, GREEN)] == others


def test_two_months_at_once_both_land(gcp: GcpPlace, data_dir: DataDir) -> None:
    for month in (YELLOW, FEBRUARY):
        land(gcp, data_dir, month, 20)
    failures: list[BaseException] = []

    def run(month: TripMonth) -> None:
        try:
            load(gcp, month)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(month,)) for month in (YELLOW, FEBRUARY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [gcp.warehouse().count(month) for month in (YELLOW, FEBRUARY)] == [20, 20]


def test_what_a_real_bigquery_is_told(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    load(faulty_gcp.through, YELLOW, run_id="Run/42")

    made = [seen.json for seen in faulty_gcp.bigquery.requests("^POST .*/tables")]
    tables = {table["tableReference"]["tableId"]: table for table in made if "view" not in table}
    trips = tables["yellow_tripdata"]
    assert trips["timePartitioning"] == {"type": "MONTH", "field": "file_month"}
    assert trips["requirePartitionFilter"] is False
    assert trips["clustering"] == {"fields": ["tpep_pickup_datetime", "pulocationid"]}
    external = tables["yellow_tripdata_external"]["externalDataConfiguration"]
    assert external["sourceFormat"] == "PARQUET"
    assert external["sourceUris"] == [f"gs://{faulty_gcp.direct.connection.bucket}/clean/yellow/*.parquet"]
    assert external["autodetect"] is False
    columns = {c["name"]: (c["type"], c["mode"]) for c in tables["yellow_tripdata_external"]["schema"]["fields"]}
    assert columns == {c.name: (c.type.bigquery, "NULLABLE") for c in DATASETS["yellow"].table_columns}
    assert columns["tpep_pickup_datetime"] == ("DATETIME", "NULLABLE")
    [staging] = [table for name, table in tables.items() if "staging" in name]
    assert int(staging["expirationTime"]) > 0

    jobs = [seen.json for seen in faulty_gcp.bigquery.requests("^POST .*/jobs")]
    labels = {"managed-by": "taxi_assets", "dataset": "yellow", "partition": "2019-01", "run": "run_42"}
    assert all({**job["configuration"]["labels"], "run": "run_42"} == labels for job in jobs)
    [load_job] = [job["configuration"]["load"] for job in jobs if "load" in job["configuration"]]
    assert [f["name"] for f in load_job["schema"]["fields"]] == [c.name for c in DATASETS["yellow"].table_columns]
    assert load_job["createDisposition"] == "CREATE_NEVER"
    queries = [job["configuration"]["query"] for job in jobs if "query" in job["configuration"]]
    assert {query["maximumBytesBilled"] for query in queries} == {str(MAXIMUM_BYTES_BILLED)}
    assert {job["configuration"]["jobTimeoutMs"] for job in jobs} == {"1800000"}
    [merge] = [query["query"] for query in queries if query["query"].startswith("MERGE")]
    assert "WHEN NOT MATCHED BY SOURCE AND trips.file_month = DATE '2019-01-01' THEN DELETE" in merge
    assert all(re.fullmatch(r"taxi_assets_\w+_yellow_tripdata_2019-01_\w+", j["jobReference"]["jobId"]) for j in jobs)


def test_cost_and_slot_time_of_all_jobs_are_added_up(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    def with_cost(job: dict[str, object]) -> dict[str, object]:
        statistics = dict(job["statistics"])  # type: ignore[call-overload]
        query = {**statistics.get("query", {}), "totalBytesBilled": "10485760", "totalSlotMs": "250"}
        return {**job, "statistics": {**statistics, "query": query}}

    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    # The emulator says nothing of cost; a real service says it with each job.
    faulty_gcp.bigquery.fail(r"(GET|POST) .*/jobs", Rewrite(with_cost))
    loaded = load(faulty_gcp.through, YELLOW)
    jobs = [seen.json for seen in faulty_gcp.bigquery.requests("^POST .*/jobs")]
    queries = [job for job in jobs if "query" in job["configuration"]]
    assert len(queries) == 6  # what is there, what arrived, begin, merge, count, end
    assert (loaded.bytes_billed, loaded.slot_ms) == (6 * 10_485_760, 6 * 250)


CALLS = {
    "look at the table": r"^GET .*/tables/yellow_tripdata\?",
    "ask what is there": r"_present_yellow",
    "list tables": r"^GET .*/tables\?",
    "make the staging table": r'"tableId": "yellow_tripdata_staging[^"]*"}, .*"expirationTime"|"role": "staging"',
    "load into it": r'"load":',
    "count what arrived": r"_check_yellow",
    "say that it begins": r"_begin_yellow",
    "merge": r'"query": "MERGE',
    "count the month": r"_count_yellow",
    "say that it ended": r"_end_yellow",
}


ROLE_MISSING = (Answer(403, "accessDenied"), StoreAccessError, r"roles/bigquery\.\w+")
AWAY = (Answer(503), StoreUnavailableError, "after every retry")
OVER_QUOTA = (Answer(403, "quotaExceeded"), StoreUnavailableError, "over quota")
TOO_DEAR = (Answer(403, "bytesBilledLimitExceeded"), StoreRejectedError, "a billing limit forbids it")


@pytest.mark.parametrize(
    ("call", "fault", "error", "says"),
    [
        *((call, *ROLE_MISSING) for call in CALLS),
        *((call, *AWAY) for call in ("load into it", "merge", "say that it ended")),
        ("merge", *OVER_QUOTA),
        ("merge", *TOO_DEAR),
    ],
    ids=str,
)
def test_a_fault_at_any_call_leaves_the_month_whole_and_the_next_run_heals(
    faulty_gcp: FaultyGcp, data_dir: DataDir, call: str, fault: Fault, error: type[Exception], says: str
) -> None:
    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    load(faulty_gcp.direct, YELLOW)
    old = sums(faulty_gcp.direct, YELLOW)
    land(faulty_gcp.direct, data_dir, YELLOW, 30, seed=2)
    faulty_gcp.bigquery.fail(CALLS[call], fault)

    with pytest.raises(error, match=says):
        load(faulty_gcp.through, YELLOW)

    merged = call in ("count the month", "say that it ended")
    assert sums(faulty_gcp.direct, YELLOW)[0] == (30 if merged else old[0])
    assert staging_tables(faulty_gcp.direct) == set()
    faulty_gcp.heal()
    assert load(faulty_gcp.through, YELLOW).unchanged is False
    assert faulty_gcp.direct.warehouse().count(YELLOW) == 30
    assert load(faulty_gcp.through, YELLOW).unchanged


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("look at the table", Drop()),
        ("make the staging table", Drop(forward=True)),
        ("load into it", Drop(forward=True)),
        ("load into it", Answer(429, "rateLimitExceeded")),
        ("merge", Drop()),
        ("merge", Drop(forward=True)),
        ("merge", Answer(403, "rateLimitExceeded")),
    ],
    ids=str,
)
def test_passing_faults_are_survived(faulty_gcp: FaultyGcp, data_dir: DataDir, call: str, fault: Fault) -> None:
    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    load(faulty_gcp.direct, YELLOW)
    land(faulty_gcp.direct, data_dir, YELLOW, 30, seed=2)
    faulty_gcp.bigquery.fail(CALLS[call], fault, times=1)
    assert load(faulty_gcp.through, YELLOW).rows == 30
    assert faulty_gcp.direct.warehouse().count(YELLOW) == 30


def test_a_job_whose_start_was_answered_too_late_is_waited_for_and_not_run_twice(
    faulty_gcp: FaultyGcp, data_dir: DataDir
) -> None:
    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    # The emulator runs a job id twice; BigQuery answers 409 duplicate to the second try.
    faulty_gcp.bigquery.fail(CALLS["merge"], Answer(409, "duplicate", forward=True), times=1)
    assert load(faulty_gcp.through, YELLOW).rows == 20
    assert len(faulty_gcp.bigquery.requests(r"^POST .*/jobs")) == len(
        {seen.json["jobReference"]["jobId"] for seen in faulty_gcp.bigquery.requests(r"^POST .*/jobs")}
    )
    assert faulty_gcp.bigquery.requests(r"^GET .*/jobs/taxi_assets_merge_")


def test_a_statement_that_lost_against_another_is_started_again_under_a_new_id(
    faulty_gcp: FaultyGcp, data_dir: DataDir
) -> None:
    def lost(job: dict[str, object]) -> dict[str, object]:
        message = "Could not serialize access to table yellow_tripdata due to concurrent update"
        problem = {"reason": "invalidQuery", "message": message}
        return {**job, "status": {"state": "DONE", "errorResult": problem, "errors": [problem]}}

    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    faulty_gcp.bigquery.fail(CALLS["merge"], Rewrite(lost), times=1)
    assert load(faulty_gcp.through, YELLOW).rows == 20
    ids = [seen.json["jobReference"]["jobId"] for seen in faulty_gcp.bigquery.requests("^POST .*/jobs")]
    assert [job_id.rsplit("_", 1)[1] for job_id in ids if "_merge_" in job_id] == ["1", "2"]


def test_a_file_that_bigquery_refuses_is_named_and_the_month_stays(gcp: GcpPlace, data_dir: DataDir) -> None:
    land(gcp, data_dir, YELLOW, 20)
    load(gcp, YELLOW)
    # A Parquet file by its footer, with other columns than the registry's.
    other = data_dir.root / "other.parquet"
    duckdb.execute(f"COPY (SELECT 'x' AS nothing FROM range(20)) TO '{other}' (FORMAT parquet)")
    gcp.lake().put(other, clean_name(YELLOW), metadata={"rows": "20"})
    with pytest.raises(BrokenFileError, match="BigQuery refuses the file"):
        load(gcp, YELLOW)
    assert gcp.warehouse().count(YELLOW) == 20
    assert staging_tables(gcp) == set()


def test_a_file_with_trips_of_another_month_is_refused_and_nothing_changes(gcp: GcpPlace, data_dir: DataDir) -> None:
    for month in (YELLOW, FEBRUARY):
        land(gcp, data_dir, month, 20)
        load(gcp, month)
    stranger = data_dir.root / "stranger.parquet"
    write_clean(stranger, FEBRUARY, 20, seed=3)
    gcp.lake().put(stranger, clean_name(YELLOW), metadata={"rows": "20"})
    with pytest.raises(CountMismatchError, match="20 of another month"):
        load(gcp, YELLOW)
    assert [gcp.warehouse().count(month) for month in (YELLOW, FEBRUARY)] == [20, 20]
    assert staging_tables(gcp) == set()


def test_a_column_that_the_registry_gained_is_added_and_older_months_show_null(
    gcp: GcpPlace, data_dir: DataDir
) -> None:
    land(gcp, data_dir, YELLOW, 20)
    load(gcp, YELLOW)
    # The table as it was before the registry knew congestion_surcharge.
    gcp.rows("ALTER TABLE `{d}.yellow_tripdata` DROP COLUMN congestion_surcharge")
    table = gcp.bigquery.get_table(f"{gcp.dataset_id}.yellow_tripdata")
    table.schema = [column for column in table.schema if column.name != "congestion_surcharge"]
    gcp.bigquery.update_table(table, ["schema"])

    land(gcp, data_dir, FEBRUARY, 30)
    load(gcp, FEBRUARY)

    counted = gcp.rows(
        "SELECT file_month, COUNT(*), COUNT(congestion_surcharge) FROM `{d}.yellow_tripdata` "
        "WHERE file_month >= '2019-01-01' GROUP BY file_month ORDER BY file_month"
    )
    assert counted == [(date(2019, 1, 1), 20, 0), (date(2019, 2, 1), 30, 30)]
    schema = gcp.bigquery.get_table(f"{gcp.dataset_id}.yellow_tripdata").schema
    assert all(column.description for column in schema)
    assert {column.name for column in schema} == {column.name for column in DATASETS["yellow"].table_columns}


def test_two_columns_are_added_by_one_statement_and_described_at_once(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    place, gone = faulty_gcp.through, ("congestion_surcharge", "airport_fee")
    land(place, data_dir, YELLOW, 20)
    load(place, YELLOW)
    for name in gone:  # the table as it was before the registry knew them
        faulty_gcp.direct.rows(f"ALTER TABLE `{{d}}.yellow_tripdata` DROP COLUMN {name}")
    for name in ("yellow_tripdata", "yellow_tripdata_external"):
        table = place.bigquery.get_table(f"{place.dataset_id}.{name}")
        table.schema = [column for column in table.schema if column.name not in gone]
        place.bigquery.update_table(table, ["schema"])
    faulty_gcp.bigquery.seen.clear()

    land(place, data_dir, FEBRUARY, 30)
    load(place, FEBRUARY)

    alters = [s.json for s in faulty_gcp.bigquery.requests("^POST .*/jobs") if b"ALTER TABLE" in s.body]
    assert [alter["configuration"]["query"]["query"].count("ADD COLUMN") for alter in alters] == [2]
    # One update each: the first one named the ETag of after the statement.
    assert len(faulty_gcp.bigquery.requests("^PATCH .*/yellow_tripdata?")) == 2
    for name in ("yellow_tripdata", "yellow_tripdata_external"):
        schema = place.bigquery.get_table(f"{place.dataset_id}.{name}").schema
        assert {c.name: c.description for c in schema} == {
            c.name: c.full_description for c in DATASETS["yellow"].table_columns
        }
    counted = "SELECT COUNT(congestion_surcharge), COUNT(airport_fee) FROM `{d}.yellow_tripdata`"
    assert place.rows(counted) == [(30, 30)]


def test_an_external_table_follows_its_bucket(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    place = faulty_gcp.through
    table = Table(f"{place.dataset_id}.yellow_tripdata_external")
    table.external_data_configuration = ExternalConfig("PARQUET")  # as earlier versions made it
    table.external_data_configuration.source_uris = ["gs://elsewhere/clean/yellow/*.parquet"]
    table.external_data_configuration.autodetect = True
    table.labels = {**MANAGED_BY, "dataset": "yellow"}
    place.bigquery.create_table(table)
    land(place, data_dir, YELLOW, 20)

    load(place, YELLOW)

    now = place.bigquery.get_table(table.reference)
    assert now.external_data_configuration.source_uris == [f"gs://{place.connection.bucket}/clean/yellow/*.parquet"]
    assert now.external_data_configuration.autodetect is False
    assert [column.name for column in now.schema] == [column.name for column in DATASETS["yellow"].table_columns]


def test_an_external_table_that_google_will_not_change_is_made_anew(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    place = faulty_gcp.through
    land(place, data_dir, YELLOW, 20)
    make_table(place, "yellow_tripdata_external", NUMBER, labels=MANAGED_BY)
    faulty_gcp.bigquery.fail("^PATCH .*_external", Answer(400, "invalid"))
    load(place, YELLOW)
    assert len(place.bigquery.get_table(f"{place.dataset_id}.yellow_tripdata_external").schema) > len(NUMBER)


def test_queries_need_a_month_when_the_setting_says_so(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    place, everything = faulty_gcp.through, "SELECT COUNT(*) FROM `{d}.yellow_tripdata`"
    for rows, required in ((20, False), (21, True), (22, False)):
        land(place, data_dir, YELLOW, rows)
        # A table that exists is brought to the setting, and what a load asks itself names the month.
        warehouse = place.warehouse(require_partition_filter=required)
        load_month(YELLOW, place.lake(), warehouse)
        assert warehouse.total(YELLOW, "total_amount") is not None
        if required:
            with pytest.raises(BadRequest):
                place.rows(everything)
        else:
            assert place.rows(everything) == [(rows,)]


@pytest.mark.parametrize("stops_itself", [True, False], ids=["Google ends it", "we cancel it"])
@pytest.mark.parametrize("job", ['"load":', '"query": "MERGE'])
def test_a_job_that_gets_no_turn_ends(faulty_gcp: FaultyGcp, data_dir: DataDir, job: str, stops_itself: bool) -> None:
    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    faulty_gcp.manners.hold(job, stops_itself=stops_itself)
    warehouse = faulty_gcp.through.warehouse(job_seconds=0.5, grace_seconds=1.0 if stops_itself else 0.0)
    with pytest.raises(StoreUnavailableError, match="timed out" if stops_itself else "no end in time"):
        load_month(YELLOW, faulty_gcp.through.lake(), warehouse)
    [held] = faulty_gcp.manners.jobs.values()
    assert held.cancelled is not stops_itself
    assert staging_tables(faulty_gcp.direct) == set()
    assert faulty_gcp.direct.warehouse().count(YELLOW) == 0


def test_a_job_that_nobody_waits_for_any_longer_is_cancelled(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    faulty_gcp.manners.hold('"load":', stops_itself=False)

    def interrupt() -> None:
        while not faulty_gcp.manners.jobs:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        load(faulty_gcp.through, YELLOW)
    [held] = faulty_gcp.manners.jobs.values()
    assert held.cancelled


def test_a_job_that_cannot_be_asked_about_is_cancelled(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    faulty_gcp.manners.hold('"load":')
    faulty_gcp.bigquery.fail("^GET .*/jobs/", Answer(503))
    with pytest.raises(StoreUnavailableError, match="after every retry"):
        load(faulty_gcp.through, YELLOW)
    [held] = faulty_gcp.manners.jobs.values()
    assert held.cancelled


def test_a_table_that_is_as_it_should_be_is_not_changed(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    older_names = {"INT64": "INTEGER", "FLOAT64": "FLOAT"}

    def as_bigquery_says_it(table: dict[str, dict[str, list[dict[str, str]]]]) -> object:
        if "schema" not in table:
            return table  # a view
        fields = [{**f, "type": older_names.get(f["type"], f["type"])} for f in table["schema"]["fields"]]
        return {**table, "schema": {"fields": fields}}

    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    load(faulty_gcp.through, YELLOW)
    faulty_gcp.bigquery.seen.clear()
    faulty_gcp.bigquery.fail(r"^GET .*/tables/\w+\?", Rewrite(as_bigquery_says_it))
    load(faulty_gcp.through, YELLOW)
    assert not faulty_gcp.bigquery.requests("^(PATCH|PUT)")
    assert not faulty_gcp.bigquery.requests("^POST .*/tables")


MONTHLY = TimePartitioning(type_="MONTH", field="file_month")
TEXT = [SchemaField("vendorid", "STRING"), SchemaField("file_month", "DATE")]
NUMBER = [SchemaField("vendorid", "INT64"), SchemaField("file_month", "DATE")]


@pytest.mark.parametrize(
    ("name", "schema", "attributes", "says"),
    [
        ("yellow_tripdata", TEXT, {}, "partitioned by nothing, not by file_month: something else made it"),
        ("yellow_tripdata", NUMBER, {"time_partitioning": MONTHLY}, "without the label managed-by:taxi_assets"),
        (
            "yellow_tripdata",
            TEXT,
            {"time_partitioning": MONTHLY, "labels": MANAGED_BY},
            "vendorid is STRING, this project stores it as INT64",
        ),
        ("loaded_months", NUMBER, {}, "without the label"),
        ("yellow_tripdata_external", NUMBER, {}, "without the label"),
        ("yellow_tripdata_external", [], {"view_query": "SELECT 1 AS answer"}, "exists as a view without the label"),
    ],
)
def test_what_something_else_made_is_left_alone(
    faulty_gcp: FaultyGcp,
    data_dir: DataDir,
    name: str,
    schema: list[SchemaField],
    attributes: dict[str, object],
    says: str,
) -> None:
    place = faulty_gcp.through
    land(place, data_dir, YELLOW, 20)
    make_table(place, name, schema, **attributes)
    faulty_gcp.bigquery.seen.clear()
    with pytest.raises(LayoutError, match=says):
        load(place, YELLOW)
    assert not faulty_gcp.bigquery.requests(rf"^(PATCH|PUT|DELETE) .*/{name}\b")
    assert all(name not in str(seen.json) for seen in faulty_gcp.bigquery.requests("^POST"))


def test_a_zone_table_that_something_else_made_is_left_alone(gcp: GcpPlace, data_dir: DataDir, real_data: Path) -> None:
    raw = zone_lookup(data_dir, real_data)
    gcp.rows("CREATE TABLE `{d}.taxi_zones` AS SELECT 1 AS locationid")
    with pytest.raises(LayoutError, match=r"taxi_zones exists as a table .* something else made it"):
        load_zones(raw, gcp.lake(), gcp.warehouse())
    assert gcp.rows("SELECT locationid FROM `{d}.taxi_zones`") == [(1,)]


def test_staging_tables_that_killed_runs_left_are_removed(gcp: GcpPlace, data_dir: DataDir) -> None:
    land(gcp, data_dir, YELLOW, 20)
    dead, alive, foreign = (
        f"yellow_tripdata_staging_{rest}" for rest in ("2019_01_dead", "2019_02_alive", "2019_01_x")
    )
    for name, labels in ((dead, MANAGED_BY), (alive, MANAGED_BY), (foreign, {})):
        make_table(gcp, name, [SchemaField("x", "INT64")], labels=labels)
    load(gcp, YELLOW)
    assert len(staging_tables(gcp)) == 3  # younger than any load takes: they may be at work
    land(gcp, data_dir, YELLOW, 30, seed=2)
    load_month(YELLOW, gcp.lake(), gcp.warehouse(orphan_age=timedelta(0)))
    assert staging_tables(gcp) == {alive, foreign}


def test_a_month_that_somebody_emptied_is_loaded_again(gcp: GcpPlace, data_dir: DataDir) -> None:
    land(gcp, data_dir, YELLOW, 20)
    load(gcp, YELLOW)
    gcp.rows("DELETE FROM `{d}.yellow_tripdata` WHERE file_month = '2019-01-01'")
    assert load(gcp, YELLOW).unchanged is False
    assert gcp.warehouse().count(YELLOW) == 20


def test_content_is_unknown_after_another_run_began_meanwhile(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    land(faulty_gcp.direct, data_dir, YELLOW, 20)
    columns = "dataset, file_month, load_id, recorded_at"

    def another_run_begins(job: dict[str, object]) -> dict[str, object]:
        faulty_gcp.direct.rows(
            f"INSERT INTO `{{d}}.loaded_months` ({columns}) "
            "VALUES ('yellow', DATE '2019-01-01', 'other', CURRENT_TIMESTAMP())"
        )
        return job

    faulty_gcp.bigquery.fail(CALLS["merge"], Rewrite(another_run_begins), times=1)
    load(faulty_gcp.through, YELLOW)
    faulty_gcp.heal()
    assert load(faulty_gcp.through, YELLOW).unchanged is False
    assert load(faulty_gcp.through, YELLOW).unchanged


@pytest.mark.parametrize("name", ["trips` WHERE TRUE; --", "trips\\"])
def test_a_name_that_would_end_its_quotes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name that BigQuery allows"):
        quoted(name)


def test_a_month_that_is_not_in_the_lake_says_what_to_materialize(gcp: GcpPlace) -> None:
    with pytest.raises(NotMaterializedError, match="materialize lake/yellow_tripdata"):
        load(gcp, YELLOW)


def test_the_zone_lookup_is_loaded_typed(gcp: GcpPlace, data_dir: DataDir, real_data: Path) -> None:
    raw = zone_lookup(data_dir, real_data)
    for _ in range(2):
        assert load_zones(raw, gcp.lake(), gcp.warehouse()).rows == 265
    assert gcp.rows("SELECT COUNT(*), MIN(locationid), MAX(locationid) FROM `{d}.taxi_zones`") == [(265, 1, 265)]
