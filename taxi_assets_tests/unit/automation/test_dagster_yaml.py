"""dagster.yaml as Dagster itself reads it, and the storage that it names."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.storage.runs import SqliteRunStorage
from dagster_postgres import PostgresRunStorage
from sqlalchemy import text
from sqlalchemy.engine import make_url

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.orchestration.instance.launcher import CodeServerRunLauncher
from taxi_assets.orchestration.instance.postgres_storage import as_dagster_needs_it
from taxi_assets.settings import PROJECT_ROOT


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster.yaml").symlink_to(PROJECT_ROOT / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    return tmp_path


def test_without_a_url_the_records_are_in_sqlite_below_the_home(home: Path) -> None:
    with DagsterInstance.get() as instance:
        assert isinstance(instance.run_storage, SqliteRunStorage)
        assert instance.get_runs() == []
    assert (home / "storage").is_dir()


def test_every_setting_is_what_dagster_takes_it_for(home: Path) -> None:
    with DagsterInstance.get() as instance:
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2
        assert instance.global_op_concurrency_default_limit == 1
        assert instance.event_log_storage.get_pool_config().pool_granularity.value == "op"
        assert instance.get_concurrency_config().pool_config.op_granularity_run_buffer == 1
        assert isinstance(instance.run_launcher, CodeServerRunLauncher)
        assert instance.run_launcher.supports_check_run_worker_health
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 2
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.get_settings("sensors")["use_threads"]


def test_with_a_url_the_records_are_in_postgres_stamped_in_utc_by_the_driver_that_dagster_is_written_for(
    home: Path, postgres_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded server lives in New York time; a run stamped so would count as five hours old."""
    postgres_server.ensure_database("records")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres_server.url("records"))
    with DagsterInstance.get() as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        engine = instance.run_storage._engine
        assert engine.driver == "psycopg2"
        with engine.connect() as connection:
            assert connection.execute(text("SHOW timezone")).scalar() == "UTC"
        # What the webserver does with each connection; a driver that closes it here breaks every page of the UI.
        instance.optimize_for_webserver(statement_timeout=1000, pool_recycle=60, max_overflow=2)
        assert instance.get_runs() == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:p%40ss%2Fword@db.example.org:5433/dagster",
        "postgres://someone:p%40ss%2Fword@db.example.org:5433/dagster",
        "postgresql+psycopg://someone:p%40ss%2Fword@db.example.org:5433/dagster",
        "postgresql://someone:p%40ss%2Fword@db.example.org:5433/dagster?sslmode=require&options=-c%20work_mem%3D8MB",
    ],
)
def test_a_url_keeps_everything_that_it_says(url: str) -> None:
    kept = make_url(as_dagster_needs_it(url))
    assert (kept.username, kept.password, kept.host, kept.port, kept.database) == (
        "someone", "p@ss/word", "db.example.org", 5433, "dagster",
    )  # fmt: skip
    options = str(kept.query["options"])
    assert options.endswith("-c timezone=UTC")
    if "sslmode" in url:
        assert kept.query["sslmode"] == "require"
        assert options == "-c work_mem=8MB -c timezone=UTC"
