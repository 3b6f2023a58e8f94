"""Where Dagster keeps its records: over few connections, and through restarts of the server."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from dagster import DagsterEventType, DagsterInstance, EventRecordsFilter, job, op
from psycopg.conninfo import conninfo_to_dict

from taxi_assets.orchestration.instance.postgres_storage import engine_of
from taxi_assets.orchestration.instance.storage import RunHistoryStorage
from taxi_assets_tests.support.dagster_processes import PROJECT_ROOT

URL_VARIABLE = "DAGSTER_POSTGRES_URL"


@op
def talkative(context) -> None:
    for number in range(20):
        context.log.info(f"line {number}")


@job
def talk() -> None:
    talkative()


@pytest.fixture
def instance(postgres: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """An instance with the project's dagster.yaml and its records in a database of its own."""
    parts = conninfo_to_dict(postgres)
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
    monkeypatch.setenv(URL_VARIABLE, f"{url}&passfile={parts['passfile']}")
    (tmp_path / "dagster.yaml").symlink_to(PROJECT_ROOT / "dagster.yaml")
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened
    engine_of.cache_clear()


def sessions(conninfo: str) -> list[int]:
    """Process ids of the sessions of Dagster's driver."""
    with psycopg.connect(conninfo) as server:
        found = server.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' ORDER BY pid"
        ).fetchall()
    return [pid for (pid,) in found]


def close_every_connection(conninfo: str) -> None:
    """What a server that is started anew does to its clients."""
    open_ones = sessions(conninfo)
    assert open_ones
    with psycopg.connect(conninfo, autocommit=True) as server:
        for pid in open_ones:
            server.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_run_is_recorded_over_the_connections_that_are_open_already(postgres: str, instance: DagsterInstance) -> None:
    assert talk.execute_in_process(instance=instance).success
    before = sessions(postgres)
    assert 1 <= len(before) <= 2

    assert talk.execute_in_process(instance=instance).success

    assert sessions(postgres) == before


def test_more_instances_in_a_process_do_not_open_more_connections(postgres: str, instance: DagsterInstance) -> None:
    instance.get_runs_count()
    before = sessions(postgres)

    others = [RunHistoryStorage.from_config_value(None, {"url_variable": URL_VARIABLE}) for _ in range(5)]

    assert [storage.run_storage.get_runs_count() for storage in others] == [0] * 5
    assert len(sessions(postgres)) <= max(2, len(before))


def test_records_are_kept_after_the_server_closed_every_connection(postgres: str, instance: DagsterInstance) -> None:
    assert talk.execute_in_process(instance=instance).success
    close_every_connection(postgres)

    result = talk.execute_in_process(instance=instance)

    assert result.success
    said = {entry.user_message for entry in instance.all_logs(result.run_id)}
    assert {"line 0", "line 19"} <= said


def test_the_ui_shows_no_error_after_the_server_closed_every_connection(
    postgres: str, instance: DagsterInstance
) -> None:
    instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=2)

    def look() -> tuple[int, int, int]:
        events = instance.event_log_storage.get_event_records(EventRecordsFilter(DagsterEventType.RUN_START))
        return len(instance.get_runs()), len(events), len(instance.all_instigator_state())

    assert talk.execute_in_process(instance=instance).success
    before = look()
    assert before[0] == 1
    close_every_connection(postgres)

    assert look() == before
