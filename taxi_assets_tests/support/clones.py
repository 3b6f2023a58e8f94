"""Clones of the project as somebody has them who is not root, in a path that tools trip over.

Belongs here: the person, what of the caller's environment reaches them, and copies of the working tree. Not here: which
commands they type.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from taxi_assets.settings import Settings
from taxi_assets_tests.support.commands import BIN
from taxi_assets_tests.support.dagster_processes import PROJECT_ROOT

ODD_NAME = "my taxis – été, it's (mine) & more"  # noqa: RUF001  # the dash is odd on purpose
"""Spaces, letters that are not ASCII, a quote, and what a shell would take for an end of the command."""

ODDER_NAME = ODD_NAME + ' "$HOME" `id`'
"""What a shell and make put something else in the place of. PostgreSQL's initdb does not start from such a path."""

# What steers this project, the test run, a make around it, or an environment that is activated.
_NOT_THEIRS = ("DAGSTER_", "TAXI_", "BENCH_", "PYTEST_", "XDG_", "MAKE", "MFLAGS", "VIRTUAL_ENV", "TMPDIR")
_USABLE = "import ensurepip, sys; sys.exit(sys.version_info < (3, 10))"


@dataclass(frozen=True)
class Person:
    """Whoever types the commands: an account without privileges when the tests run as root, else the caller.

    Attributes:
        folder: A folder of their own, with their home, caches and clones.
        switched: Arguments of ``subprocess`` that make a process theirs.
        environment: What their commands run with; there is no uv on this PATH.
    """

    folder: Path
    switched: dict[str, Any]
    environment: dict[str, str]

    def clone(self, name: str, path: str = ODD_NAME) -> Clone:
        """A copy of every file that git has or would take, in a repository of its own."""
        root = self.folder / name / path
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        for file in filter(None, listed.split("\0")):
            if (PROJECT_ROOT / file).is_file():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT_ROOT / file, root / file)
        self.own(self.folder / name)
        clone = Clone(self, root)
        for command in (["git", "init", "--quiet"], ["git", "add", "--all"]):
            assert clone.run(*command).returncode == 0
        return clone

    def own(self, path: Path) -> None:
        """Gives the person what the tests made for them."""
        if self.switched:
            for each in (path, *path.rglob("*")):
                os.chown(each, self.switched["user"], self.switched["group"], follow_symlinks=False)


@dataclass(frozen=True)
class Clone:
    """One copy of the project and its owner's commands in it."""

    person: Person
    root: Path

    def run(
        self, *command: str, environment: Mapping[str, str] | None = None, answers: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end; everything that it says, standard error included, is in ``stdout``."""
        # A file and not a pipe: a server that outlives the command would keep its reader waiting.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(
                command,
                input=answers,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                **self._as_them(environment),
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, stdout=output.read())

    def make(self, *arguments: str, environment: Mapping[str, str] | None = None, answers: str = "") -> str:
        """Runs make, which has to succeed, and returns what it said."""
        done = self.run("make", *arguments, environment=environment, answers=answers)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start(self, *command: str, log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a command at a terminal of its own: signals to its group are what Ctrl-C sends."""
        with log.open("wb") as output:
            return subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **self._as_them(environment)
            )

    def untracked(self) -> list[str]:
        """What lies in the clone beside the files that git has, but Python's bytecode, which tells nothing."""
        shown = self.run("git", "-c", "core.quotePath=false", "status", "--porcelain", "--ignored")
        return [
            line[3:] for line in shown.stdout.splitlines() if line[:2] in ("??", "!!") and "__pycache__" not in line
        ]

    def changed(self) -> str:
        """What differs in the files that git has."""
        return self.run("git", "diff", "--stat").stdout

    def _as_them(self, environment: Mapping[str, str] | None) -> dict[str, Any]:
        return {**self.person.switched, "cwd": self.root, "env": {**self.person.environment, **(environment or {})}}


@contextmanager
def somebody() -> Generator[Person]:
    """A person with an empty home, whose packages come from where the caller's come from."""
    # Not pytest's folder: root's is closed to everybody else.
    folder = Path(tempfile.mkdtemp(prefix="taxi-person-"))
    home = folder / "home"
    home.mkdir()
    person = Person(folder, _account(), _environment(home))
    person.own(folder)
    try:
        _check_python(person)
        yield person
    finally:
        shutil.rmtree(folder)


def with_uv(person: Person) -> dict[str, str]:
    """A change of the person's environment that puts our uv on the PATH."""
    folder = person.folder / "bin"
    if not folder.exists():
        folder.mkdir()
        shutil.copy(shutil.which("uv") or BIN / "uv", folder / "uv")
        person.own(folder)
    return {"PATH": f"{folder}:{person.environment['PATH']}"}


def _account() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _environment(home: Path) -> dict[str, str]:
    ours = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_THEIRS) and name not in ours}
    caches = {"PIP_CACHE_DIR": str(home / "pip"), "UV_CACHE_DIR": str(home / "uv")}
    if os.geteuid() != 0:
        # The caller's own packages make a set-up a matter of seconds.
        caches = {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(Path("~/.cache/uv").expanduser())}
    folders = [folder for folder in os.environ["PATH"].split(":") if not _holds_uv(folder)]
    return {**kept, **caches, "HOME": str(home), "PATH": ":".join(folders), "COLUMNS": "160"}


def _holds_uv(folder: str) -> bool:
    return Path(folder, "uv").exists() or Path(folder) == BIN


def _check_python(person: Person) -> None:
    """Says so where the account has no Python to make an environment with: the caller's may lie in a closed folder."""
    tried = subprocess.run(
        ["/bin/sh", "-c", 'exec python3 -c "$0"', _USABLE],
        cwd=person.folder,
        env=person.environment,
        capture_output=True,
        text=True,
        check=False,
        **person.switched,
    )
    if tried.returncode:
        pytest.skip(f"the account for these tests finds no python3 >= 3.10 that can make environments: {tried.stderr}")
