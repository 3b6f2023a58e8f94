"""Real trips, from a server over HTTP to Postgres, by the command that the README gives; and killed on the way.

The files are a public extract of TLC's, 10,000 trips a month; two of them mix CRLF and LF lines.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.commands import clean_environment, run
from taxi_assets_tests.support.dagster_processes import wait_until
from taxi_assets_tests.support.http_source import HttpSource

MONTHS = ("2019-01", "2019-02", "2020-03", "2020-04")
LAYERS = "raw/yellow_tripdata,clean/yellow_tripdata,postgres/yellow_tripdata"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    root = tmp_path_factory.mktemp("real-months")
    yield clean_environment(root)
    EmbeddedPostgres(root / "data" / "postgres").remove()


def materialize(environment: dict[str, str], month: str) -> subprocess.CompletedProcess[str]:
    return run(
        environment, "dagster", "asset", "materialize", "-m", "taxi_assets.definitions",
        "--select", LAYERS, "--partition", month,
    )  # fmt: skip


def stored(environment: dict[str, str], month: str) -> tuple[int, Decimal]:
    """Rows and the sum of total_amount in Postgres, added exactly as decimals of the stored doubles' text."""
    server = EmbeddedPostgres(Path(environment["TAXI_DATA_DIR"]) / "postgres")
    server.start()
    with psycopg.connect(server.conninfo()) as connection:
        found = connection.execute(
            "SELECT count(*), coalesce(sum(total_amount::text::numeric), 0) FROM public.yellow_tripdata "
            "WHERE file_month = %s",
            [f"{month}-01"],
        ).fetchone()
    assert found
    return found


def published(real_data: Path, month: str) -> tuple[int, Decimal]:
    """The same from the published text, read by Python's csv module and nothing of ours."""
    content = gzip.decompress((real_data / f"releases/yellow/yellow_tripdata_{month}.csv.gz").read_bytes())
    totals = [Decimal(line["total_amount"]) for line in csv.DictReader(io.StringIO(content.decode()))]
    return len(totals), sum(totals, Decimal(0))


@pytest.fixture
def releases(http_source: HttpSource, real_data: Path, environment: dict[str, str]) -> dict[str, str]:
    http_source.publish_folder(real_data / "releases")
    return {**environment, "TAXI_SOURCE": http_source.url}


@pytest.mark.parametrize("month", MONTHS)
def test_every_real_trip_is_in_postgres_and_stays_there(releases: dict[str, str], real_data: Path, month: str) -> None:
    for _ in range(2):
        materialized = materialize(releases, month)
        assert materialized.returncode == 0, materialized.stderr[-3000:]
        assert stored(releases, month) == published(real_data, month)
    assert published(real_data, month)[0] == 10_000


# Runs the command in this process, and kills the process with SIGKILL the moment that the step publishes its result.
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
layer = sys.argv.pop(1)
def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)
if layer == "postgres":
    import taxi_assets.steps.postgres.load as step
    step.swap_in = die
else:
    replace = Path.replace
    def replace_or_die(self, target):
        if f"/{layer}/yellow/yellow_tripdata_2019-01." in str(target):
            die()
        return replace(self, target)
    Path.replace = replace_or_die
    os.replace = lambda source, target, _replace=os.replace: (
        die() if f"/{layer}/yellow/yellow_tripdata_2019-01." in str(target) else _replace(source, target))
from dagster._cli import main
sys.argv[0] = "dagster"
main()
"""


@pytest.mark.parametrize("layer", ["raw", "clean", "postgres"])
def test_a_run_killed_in_a_step_leaves_nothing_that_the_next_run_does_not_put_right(
    http_source: HttpSource, real_data: Path, tmp_path: Path, layer: str
) -> None:
    environment = {**clean_environment(tmp_path), "TAXI_SOURCE": http_source.url}
    http_source.publish_folder(real_data / "releases")
    server = EmbeddedPostgres(tmp_path / "data" / "postgres")
    try:
        # Into a file: what the run had started lives on for a moment and would keep a pipe open.
        log = tmp_path / "killed.log"
        with log.open("wb") as output:
            killed = subprocess.run(
                [sys.executable, "-c", KILLED_RUN, layer, "asset", "materialize", "-m", "taxi_assets.definitions",
                 "--select", LAYERS, "--partition", "2019-01"],
                env=environment, cwd=PROJECT_ROOT, stdout=output, stderr=output, check=False,
            )  # fmt: skip
        assert killed.returncode == -signal.SIGKILL, log.read_text()[-3000:]
        again = materialize(environment, "2019-01")
        assert again.returncode == 0, again.stderr[-3000:]
        assert stored(environment, "2019-01") == published(real_data, "2019-01")
        assert leftovers(tmp_path / "data") == []
        with psycopg.connect(server.conninfo()) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'partitions'").fetchall()
        assert tables == [("yellow_tripdata_2019_01",)]
    finally:
        server.remove()


def leftovers(data: Path) -> list[str]:
    return [path.name for layer in ("raw", "clean", "rejected") for path in (data / layer).rglob("*.partial*")]


def test_the_server_killed_between_two_months_is_started_again(releases: dict[str, str], real_data: Path) -> None:
    assert materialize(releases, "2019-01").returncode == 0
    server = EmbeddedPostgres(Path(releases["TAXI_DATA_DIR"]) / "postgres")
    with psycopg.connect(server.conninfo()) as connection:
        [folder] = connection.execute("SHOW data_directory").fetchone() or ("",)
    postmaster = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    wait_until(lambda: not server.is_running(), "the server is gone", 30)
    materialized = materialize(releases, "2019-02")
    assert materialized.returncode == 0, materialized.stderr[-3000:]
    for month in ("2019-01", "2019-02"):
        assert stored(releases, month) == published(real_data, month)
