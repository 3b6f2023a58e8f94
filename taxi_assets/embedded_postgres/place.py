"""Where an embedded cluster lies, and whether its server is alive.

Belongs here: the cluster's folders, the short private folder that its socket needs, the process behind a pid file.
Not here: starting and stopping (``server.py``).
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from taxi_assets.embedded_postgres.account import ServerAccount
from taxi_assets.errors import StoreAccessError

PORT = 5432
"""Names the socket; nothing listens on TCP."""

# 104 bytes on macOS and 108 on Linux, both with a closing zero. What is no plain name would have to be quoted in a
# host list, where a comma separates hosts.
_LONGEST_SOCKET_PATH = 103
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True)
class Place:
    """Where a cluster lies: ``data``, ``log`` in its home, and the folder of its socket, which must be short."""

    home: Path
    socket_folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """A week of logs, a file a day."""
        return self.home / "log"

    @property
    def socket(self) -> Path:
        """The socket that clients connect to."""
        return self.socket_folder / f".s.PGSQL.{PORT}"

    @property
    def startup_log(self) -> Path:
        """What the server said before it began the day's log."""
        return self.log / "startup.log"

    def forget_dead_server(self) -> None:
        """Removes the lock files of a server that :func:`postmaster` has found dead.

        PostgreSQL removes those whose process is gone, but takes a zombie, or any process that has got the number
        since, for a living server and refuses to start.
        """
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.socket.with_name(f"{self.socket.name}.lock").unlink(missing_ok=True)


@dataclass(frozen=True)
class Postmaster:
    """The living server process of a cluster, as its pid file tells."""

    pid: int
    status: str


def postmaster(place: Place) -> Postmaster | None:
    """The server's main process, or None when no process is the one that the pid file means.

    A number alone proves nothing: after a crash another process may have it (containers use few), or nobody reaps it.
    """
    try:
        lines = (place.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid = int(lines[0])
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
            return None
        if process.uids().real != owner(place.data) or not _works_in(process, place.data):
            return None
    except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        return None
    return Postmaster(pid, lines[7].strip() if len(lines) > 7 else "")  # noqa: PLR2004  # line 8


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return folder.samefile(process.cwd())
    except psutil.AccessDenied:
        # Root in a container without CAP_SYS_PTRACE may not look; name and user have to do.
        return True


def accepts(place: Place) -> bool:
    """Whether a server accepts connections on the cluster's socket, which only its own server can.

    One that recovers from a crash listens already, and turns everybody away until it is done.
    """
    conninfo = make_conninfo(host=str(place.socket_folder), port=PORT, dbname="postgres", connect_timeout=5)
    return PGconn.ping(conninfo.encode()) == Ping.OK


def private_socket_folder(home: Path, known: Place | None, account: ServerAccount) -> Path:
    """A folder for the socket with a short, plain path, which only the server's user can enter."""
    if known is not None and known.home == home and is_private(known.socket_folder, account.uid):
        return known.socket_folder
    inside = home / "socket"
    longest = inside / f".s.PGSQL.{PORT}"
    if len(os.fsencode(longest)) <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(str(inside)):
        return account.make_folder(inside)
    # Not XDG_RUNTIME_DIR, which goes away with the last login session: the server outlives it. PostgreSQL touches its
    # socket every hour, so that those who clean /tmp leave it.
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108  # mkdtemp makes a new, private folder there
        if len(os.fsencode(base)) < _LONGEST_SOCKET_PATH // 2 and _PLAIN_PATH.fullmatch(str(base)) and base.is_dir():
            made = Path(tempfile.mkdtemp(prefix="taxi_assets-", dir=base))
            account.own(made)
            return made
    raise StoreAccessError(f"{home}: too deep for a socket, and there is no /tmp for it; set TMPDIR to a short folder")


def is_private(folder: Path, uid: int) -> bool:
    """Whether it is a folder of that user which nobody else can enter."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o077


def owner(path: Path) -> int:
    """The user id that a path belongs to."""
    return path.stat().st_uid


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    partial.touch(mode=0o600, exist_ok=False)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def last_words(place: Place) -> str:
    """The end of the server's newest logs."""
    logs = sorted(place.log.glob("*.log"), key=lambda log: log.stat().st_mtime)
    lines = [line for log in logs[-2:] for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]]
    return "\n".join(lines)
