"""The compose project, seen to work in real containers: ``make test-containers``.

The tests share one running project and stand in the order in which a person would meet these situations; each leaves
it running.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest
import requests

from taxi_assets_tests.deploy.stack import PASSWORD, Stack, stack, ui_at
from taxi_assets_tests.support.dagster_processes import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

CORE = ("postgres", "code-server", "webserver", "daemon")
HALF_YEAR = [f"2019-{month:02}" for month in range(1, 7)]
LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")
BACKFILL_SECONDS = 600


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"TAXI_SOURCE": "sample", "TAXI_SAMPLE_ROWS": "5000", "TAXI_MONTHS_PER_RUN": "12"}
    with stack(tmp_path_factory.mktemp("server"), f"taxi-test-{os.getpid()}", settings) as running:
        running.compose("build", "code-server")
        running.up()
        yield running


def assets(dataset: str) -> list[str]:
    return [f"{layer}/{dataset}_tripdata" for layer in LAYERS]


def backfill(server: Stack, dataset: str, months: list[str]) -> str:
    return server.ui.backfill(assets(dataset), months)


def wait_for_months(server: Stack, dataset: str, months: list[str]) -> None:
    """Until every layer of these months is materialized; after a kill the UI itself may be away for a while."""

    def missing() -> dict[str, set[str]]:
        return {asset: set(months) - server.ui.partitions(asset)["MATERIALIZED"] for asset in assets(dataset)}

    def all_there() -> bool:
        with suppress(requests.ConnectionError, RuntimeError, KeyError, ValueError):
            return not any(missing().values())
        return False

    wait_until(all_there, f"{dataset} {months} in all layers", BACKFILL_SECONDS, every=3)


def wait_for_a_started_run(server: Stack, backfill_id: str) -> None:
    wait_until(
        lambda: [run for run in server.ui.runs() if run["tags"].get("dagster/backfill") == backfill_id
                 and run["status"] == "STARTED"],
        "a run of the backfill", 180, every=1,
    )  # fmt: skip


def rows(server: Stack, dataset: str) -> dict[str, int]:
    found = server.query(f"select to_char(file_month, 'YYYY-MM'), count(*) from {dataset}_tripdata group by 1")
    return {month: int(count) for month, count in found}


def clean_rows(server: Stack, dataset: str) -> dict[str, int]:
    """Trips of each month as the clean files in the volume themselves say."""
    counted = server.inside(
        "code-server", "python", "-c",
        "import duckdb; print(*(f'{file[-15:-8]}={rows}' for file, rows in duckdb.sql(\"select filename, count(*) from"
        f" read_parquet('/data/clean/{dataset}/*.parquet', filename=true) group by 1\").fetchall()))",
    ).stdout  # fmt: skip
    return {month: int(count) for month, count in (word.split("=") for word in counted.split())}


# --- nothing open, nothing known, nothing allowed ---------------------------------------------------------------------


def test_from_another_network_nothing_answers(server: Stack) -> None:
    addresses = [
        address
        for service in CORE
        for address in server.inspect(service, "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}").split()
    ]
    assert len(addresses) >= len(CORE)
    targets = [f"{address}:{port}" for address in [*addresses, *CORE] for port in (5432, 4000, 3000)]
    elsewhere = f"{server.name}-elsewhere"
    server.command("docker", "network", "create", elsewhere)
    try:
        program = (
            "import socket, sys\n"
            "for target in sys.argv[1:]:\n"
            "    try: socket.create_connection(tuple(target.split(':')), 2).close(); print(target)\n"
            "    except OSError: pass\n"
        )
        answered = server.command(
            "docker", "run", "--rm", "--network", elsewhere, "--entrypoint", "python", "taxi_assets:test",
            "-c", program, *targets,
        ).stdout.split()  # fmt: skip
    finally:
        server.command("docker", "network", "rm", elsewhere)
    assert answered == []


def test_from_outside_loopback_nothing_answers(server: Stack) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Sends nothing: asks the kernel which of this machine's addresses faces outwards.
        probe.connect(("192.0.2.1", 9))
        outward = probe.getsockname()[0]
    assert not outward.startswith("127.")
    for variable in ("TAXI_UI_PORT", "TAXI_POSTGRES_PORT"):
        with socket.create_connection(("127.0.0.1", server.port(variable)), 5):
            pass
        with pytest.raises((ConnectionRefusedError, TimeoutError)):
            socket.create_connection((outward, server.port(variable)), 5)


@pytest.mark.parametrize(("role", "foreign"), [("dagster", "ny_taxi"), ("taxi_assets", "dagster")])
def test_neither_role_reads_the_others_database_or_makes_roles(server: Stack, role: str, foreign: str) -> None:
    for database in (foreign, "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(server.url(role, database))
    own = {"dagster": "dagster", "taxi_assets": "ny_taxi"}[role]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(role, own, password="wrong"))
    with psycopg.connect(server.url(role, own), autocommit=True) as connection:
        for forbidden in ("create role intruder", "create database mine", "alter role current_user superuser",
                          "copy (select 1) to program 'id'", "select pg_read_file('/run/secrets/postgres_password')",
                          "set role postgres"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)


@pytest.mark.parametrize("service", CORE)
def test_a_container_can_change_neither_itself_nor_the_host(server: Stack, service: str) -> None:
    status = server.inside(service, "cat", "/proc/self/status").stdout
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"].strip() == "1"
    assert facts["Uid"].split()[0] != "0"
    refused = server.inside(service, "touch", "/etc/changed", check=False)
    assert "Read-only file system" in refused.stderr


def test_no_password_shows_in_what_the_engine_tells(server: Stack) -> None:
    for service in CORE:
        told = server.command("docker", "inspect", server.container(service)).stdout
        for secret in PASSWORD.values():
            assert (server.folder / "deploy/secrets" / secret).read_text() not in told
    assert "TAXI_POSTGRES_URL" not in server.inside("webserver", "env").stdout, "the UI does not need the trips"


def test_a_run_may_take_so_much_memory_and_no_more(server: Stack) -> None:
    asked = server.inside("code-server", "python", "-c", "bytearray(3 * 2**30)", check=False)
    assert asked.returncode == 1
    assert "MemoryError" in asked.stderr, "an error of its own, not a kill that takes others along"


# --- the work -----------------------------------------------------------------------------------------------------


def test_a_backfill_through_the_published_port_survives_down_and_up(server: Stack) -> None:
    backfill_id = backfill(server, "yellow", HALF_YEAR)
    wait_for_months(server, "yellow", HALF_YEAR)
    before = rows(server, "yellow")
    assert set(before) == set(HALF_YEAR)
    assert before == clean_rows(server, "yellow")
    runs = {run["runId"] for run in server.ui.runs()}
    assert runs

    server.compose("down")
    server.up()
    assert rows(server, "yellow") == before
    assert {run["runId"] for run in server.ui.runs()} >= runs
    assert server.ui.backfill_status(backfill_id) == "COMPLETED_SUCCESS"
    assert server.ui.partitions("warehouse/yellow_tripdata")["MATERIALIZED"] == set(HALF_YEAR)


def test_a_backfill_that_is_under_way_goes_on_after_down_and_up(server: Stack) -> None:
    months = [f"2021-{month:02}" for month in range(1, 7)]
    wait_for_a_started_run(server, backfill(server, "green", months))
    server.compose("down")
    server.up()
    wait_for_months(server, "green", months)
    assert rows(server, "green") == clean_rows(server, "green")


def test_a_backfill_that_is_under_way_goes_on_in_a_new_version(server: Stack) -> None:
    months = [f"2022-{month:02}" for month in range(1, 7)]
    wait_for_a_started_run(server, backfill(server, "green", months))
    with (server.folder / "taxi_assets/definitions.py").open("a") as definitions:
        definitions.write("# The next version.\n")
    server.environment["TAXI_IMAGE_TAG"] = "test-next"
    server.compose("build")
    server.compose("down")
    server.up()
    server.inside("daemon", "dagster", "instance", "migrate")
    assert "The next version" in server.inside("code-server", "cat", "app/taxi_assets/definitions.py").stdout
    wait_for_months(server, "green", months)
    assert rows(server, "green") == clean_rows(server, "green")


@pytest.mark.parametrize(("service", "year"), [("daemon", 2015), ("webserver", 2016), ("code-server", 2017),
                                               ("postgres", 2018)])  # fmt: skip
def test_a_backfill_survives_the_sudden_end_of_any_container(server: Stack, service: str, year: int) -> None:
    months = [f"{year}-{month:02}" for month in range(1, 7)]
    server.up()
    before = server.inspect(service, "{{.State.StartedAt}}")
    wait_for_a_started_run(server, backfill(server, "green", months))
    server.sigkill(service)
    wait_for_months(server, "green", months)
    assert server.inspect(service, "{{.State.StartedAt}}") != before, "it was not killed at all"
    assert rows(server, "green") == clean_rows(server, "green"), "nothing lost, nothing doubled"


# --- back up and restore ------------------------------------------------------------------------------------------


def test_a_backup_brings_back_trips_and_history(server: Stack, tmp_path: Path) -> None:
    server.up()
    before, runs = rows(server, "yellow"), {run["runId"] for run in server.ui.runs()}
    server.command("deploy/backup", str(tmp_path))
    [backup] = tmp_path.iterdir()
    assert {file.name for file in backup.iterdir()} == {"dagster.dump", "ny_taxi.dump", "SHA256SUMS"}

    with psycopg.connect(server.url("taxi_assets", "ny_taxi"), autocommit=True) as connection:
        connection.execute("drop table yellow_tripdata cascade")
        connection.execute("create table added_later ()")
    with psycopg.connect(server.url("dagster", "dagster"), autocommit=True) as connection:
        connection.execute("truncate runs cascade")
    assert server.ui.runs() == []

    server.command("deploy/restore", str(backup))
    server.wait_for_code()
    assert rows(server, "yellow") == before
    assert server.query("select to_regclass('added_later')") == [(None,)]
    assert {run["runId"] for run in server.ui.runs()} == runs
    assert server.query("select distinct tableowner from pg_tables where schemaname = 'public'") == [("taxi_assets",)]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(server.url("dagster", "ny_taxi"))


def test_a_backup_that_was_cut_short_is_refused_and_changes_nothing(server: Stack, tmp_path: Path) -> None:
    server.command("deploy/backup", str(tmp_path))
    [backup] = tmp_path.iterdir()
    dump = backup / "ny_taxi.dump"
    dump.write_bytes(dump.read_bytes()[:-1000])
    before = rows(server, "yellow")
    refused = server.command("deploy/restore", str(backup), check=False)
    assert refused.returncode == 1
    assert "not a whole backup; nothing was changed" in refused.stderr
    assert rows(server, "yellow") == before


def test_a_backup_that_fails_leaves_no_folder_that_looks_like_one(server: Stack, tmp_path: Path) -> None:
    server.compose("stop", "postgres")
    failed = server.command("deploy/backup", str(tmp_path), check=False)
    server.up()
    assert failed.returncode != 0
    assert "No backup was made" in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_password_can_be_replaced(server: Stack) -> None:
    old = server.url("taxi_assets", "ny_taxi")
    server.command("deploy/make-secrets", "--rotate", "taxi_assets_password")
    server.compose("up", "--detach", "--wait", "--force-recreate", "postgres")
    server.compose("exec", "-T", "postgres", "bash", "/docker-entrypoint-initdb.d/roles.sh")
    server.compose("up", "--detach", "--wait", "--force-recreate", "code-server")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
    assert rows(server, "yellow")
    url = server.inside("code-server", "sh", "-c", "echo $TAXI_POSTGRES_URL").stdout
    assert (server.folder / "deploy/secrets/taxi_assets_password").read_text() in url
    server.up()


# --- profiles -----------------------------------------------------------------------------------------------------


def test_viewers_see_everything_and_start_nothing(server: Stack) -> None:
    server.compose("--profile", "viewers", "up", "--detach", "--wait", "webserver-read-only")
    viewers = ui_at(server.port("TAXI_VIEWERS_PORT"), server.folder)
    assert wait_until(viewers.runs, "the viewers' UI", 60)
    refused = viewers.graphql(
        "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename } }",
        {"p": {"assetSelection": [{"path": ["raw", "yellow_tripdata"]}], "partitionNames": ["2020-01"]}},
    )["launchPartitionBackfill"]
    assert refused["__typename"] == "UnauthorizedError"
    server.compose("--profile", "viewers", "rm", "--stop", "--force", "webserver-read-only")


def test_the_tools_profile_serves_pgadmin(server: Stack) -> None:
    need_image(server, "dpage/pgadmin4:9")
    server.compose("--profile", "tools", "up", "--detach", "--wait", "--wait-timeout", "120", "pgadmin")
    assert requests.get(f"http://127.0.0.1:{server.port('TAXI_PGADMIN_PORT')}/misc/ping", timeout=10).ok
    registered = server.inside(
        "pgadmin", "python3", "-c",
        "import sqlite3; print(*sqlite3.connect('file:/var/lib/pgadmin/pgadmin4.db?mode=ro', uri=True).execute("
        "'select host, port, maintenance_db, username, password from server'))",
    ).stdout  # fmt: skip
    assert registered.strip() == "('postgres', 5432, 'ny_taxi', 'taxi_assets', None)"
    server.compose("--profile", "tools", "rm", "--stop", "--force", "pgadmin")


def test_the_proxy_asks_for_a_password_over_tls(server: Stack) -> None:
    need_image(server, "caddy:2")
    server.command("deploy/add-ui-user", "ada", text="correct horse battery\n")
    server.compose("--profile", "proxy", "up", "--detach", "--wait", "--wait-timeout", "60", "proxy")
    url = f"https://localhost:{server.port('TAXI_PROXY_HTTPS_PORT')}/server_info"
    # The certificate is the proxy's own: no public authority vouches for localhost.
    own = server.compose(
        "--profile", "proxy", "exec", "-T", "proxy", "cat", "/certificates/caddy/pki/authorities/local/root.crt"
    )
    authority = server.folder / "proxy-authority.crt"
    authority.write_text(own.stdout)
    visit = partial(requests.get, url, verify=str(authority), timeout=10)
    assert visit().status_code == 401
    assert visit(auth=("ada", "wrong")).status_code == 401
    entered = visit(auth=("ada", "correct horse battery"))
    assert entered.json()["dagster_version"]
    plain = requests.get(f"http://localhost:{server.port('TAXI_PROXY_HTTP_PORT')}/", allow_redirects=False, timeout=10)
    assert plain.status_code == 308
    assert plain.headers["Location"].startswith("https://localhost")

    address = ("localhost", server.port("TAXI_PROXY_HTTPS_PORT"))
    certificate = ssl.get_server_certificate(address)
    server.compose("--profile", "proxy", "up", "--detach", "--wait", "--force-recreate", "--no-deps", "proxy")
    assert ssl.get_server_certificate(address) == certificate, "public ones are given a few times a week only"
    server.compose("--profile", "proxy", "rm", "--stop", "--force", "proxy")


def test_the_gcp_target_works_on_the_emulators_of_its_profile(server: Stack) -> None:
    shutil.copy(server.folder / ".env.example", server.folder / ".env")
    emulated = ("--env-file", ".env", "--env-file", "deploy/gcp-emulated.env", "--profile", "gcp-emulated")
    try:
        server.compose(*emulated, "build", "storage-emulator")
        server.compose(*emulated, "up", "--detach", "--wait", "--wait-timeout", "120")
        server.wait_for_code()
        run_id = server.ui.materialize(assets("green"), "2019-12")
        wait_until(lambda: server.ui.run(run_id)["status"] in ("SUCCESS", "FAILURE"), "the run to end", 300, every=2)
        assert server.ui.run(run_id)["status"] == "SUCCESS", server.logs("code-server")[-3000:]
        found = server.compose(
            *emulated, "exec", "-T", "storage-emulator", "find", "/buckets/emulated-lake", "-type", "f"
        )
        assert "clean/green/green_tripdata_2019-12.parquet" in found.stdout
    finally:
        server.compose(*emulated, "rm", "--stop", "--force", "storage-emulator", "bigquery-emulator")
        (server.folder / ".env").unlink()
        server.up()


def need_image(server: Stack, image: str) -> None:
    """Skips where an image of somebody else's is neither here nor to be had."""
    if server.command("docker", "image", "inspect", image, check=False).returncode != 0:
        pulled = server.command("docker", "pull", image, check=False)
        if pulled.returncode != 0:
            pytest.skip(f"{image} cannot be had here: {pulled.stderr.strip()[-300:]}")


# --- what goes wrong at the start ---------------------------------------------------------------------------------


def test_a_missing_secret_stops_up_and_names_the_file(server: Stack) -> None:
    secret = server.folder / "deploy/secrets/dagster_password"
    kept = secret.read_text()
    secret.unlink()
    refused = server.compose(
        "up", "--detach", "--wait", "--wait-timeout", "30", "--force-recreate", "daemon", check=False
    )
    told = refused.stderr + server.logs("daemon")
    if secret.is_dir():
        secret.rmdir()
    secret.write_text(kept)
    assert refused.returncode != 0
    assert "deploy/secrets/dagster_password" in told
    server.compose("up", "--detach", "--force-recreate", "daemon")
    server.up()


def test_an_empty_secret_stops_the_container_and_says_so(server: Stack) -> None:
    secret = server.folder / "deploy/secrets/dagster_password"
    kept = secret.read_text()
    secret.write_text("")
    server.compose("up", "--detach", "--no-deps", "--force-recreate", "daemon", check=False)
    wait_until(lambda: "the secret is empty; make one" in server.logs("daemon"), "the daemon to refuse", 60)
    secret.write_text(kept)
    server.compose("up", "--detach", "--force-recreate", "daemon")
    server.up()


def test_an_occupied_port_stops_up_and_is_named(server: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        taken = str(occupied.getsockname()[1])
        usual = server.environment["TAXI_UI_PORT"]
        server.environment["TAXI_UI_PORT"] = taken
        refused = server.compose("up", "--detach", "webserver", check=False)
        server.environment["TAXI_UI_PORT"] = usual
    assert refused.returncode != 0
    assert taken in refused.stderr
    assert "in use" in refused.stderr or "already allocated" in refused.stderr
    server.up()


def test_a_full_volume_fails_the_run_with_a_clear_message(server: Stack) -> None:
    small = server.folder / "small.yml"
    small.write_text(
        "services: { code-server: { environment: { TAXI_DATA_DIR: /small }, tmpfs: ['/small:size=64k,mode=1777'] } }\n"
    )
    files = ("-f", "docker-compose.yml", "-f", "small.yml")
    server.compose(*files, "up", "--detach", "--wait", "code-server")
    server.wait_for_code()
    run_id = server.ui.materialize(["raw/yellow_tripdata"], "2020-01")
    wait_until(lambda: server.ui.run(run_id)["status"] in ("SUCCESS", "FAILURE"), "the run to end", 180, every=2)
    assert server.ui.run(run_id)["status"] == "FAILURE"
    events = server.ui.graphql(
        "query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {"
        " ... on ExecutionStepFailureEvent { error { message } failureMetadata { description } } } } } }",
        {"id": run_id},
    )["logsForRun"]["events"]
    told = str([event for event in events if event])
    assert "full" in told.lower() or "No space left on device" in told
    assert rows(server, "yellow").keys() == set(HALF_YEAR), "what was there is untouched"
    server.up()
