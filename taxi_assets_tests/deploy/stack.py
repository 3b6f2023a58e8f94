"""The compose project in real containers: a copy of the project's files with a name, ports and secrets of its own.

Belongs here: starting it, talking to it and breaking it. Not here: what is expected of it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import requests

from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.dagster_processes import RunningDagster, wait_until

FILES = (
    "Dockerfile",
    ".dockerignore",
    ".env.example",
    "docker-compose.yml",
    "dagster.yaml",
    "requirements.lock",
    "requirements-uv.lock",
    "requirements-emulators.lock",
    "deploy",
    "taxi_assets",
)
START_SECONDS = 120
"""The promise: all services are healthy within two minutes of the image being there."""

PASSWORD = {"dagster": "dagster_password", "taxi_assets": "taxi_assets_password", "postgres": "postgres_password"}


@dataclass
class Stack:
    """One compose project.

    Attributes:
        folder: The copy of the project that it is run from.
        name: Of the compose project.
        environment: What compose is run with; the ports are in it.
    """

    folder: Path
    name: str
    environment: dict[str, str]
    profiles: list[str] = field(default_factory=list)

    def compose(self, *arguments: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs ``docker compose``; with ``check``, a failure fails the test with everything that it said."""
        profiles = [word for profile in self.profiles for word in ("--profile", profile)]
        return self.command("docker", "compose", *profiles, *arguments, check=check, text=text)

    def command(self, *command: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command in the project's folder."""
        ran = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, input=text, check=False
        )
        if check and ran.returncode != 0:
            pytest.fail(f"{' '.join(command)} ended with {ran.returncode}\n{ran.stdout[-3000:]}\n{ran.stderr[-6000:]}")
        return ran

    def up(self, *services: str) -> None:
        """Starts and waits until everything is healthy, for two minutes at most."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(START_SECONDS), *services)
        self.wait_for_code()

    def port(self, variable: str) -> int:
        return int(self.environment[variable])

    @property
    def ui(self) -> RunningDagster:
        """The webserver through its published port."""
        return ui_at(self.port("TAXI_UI_PORT"), self.folder)

    def wait_for_code(self) -> None:
        """Until the webserver has the code location: it asks for it after it has begun to answer."""

        def loaded() -> bool:
            try:
                entries = self.ui.graphql(
                    "{ workspaceOrError { ... on Workspace {"
                    " locationEntries { locationOrLoadError { __typename } } } } }"
                )["workspaceOrError"]["locationEntries"]
            except requests.ConnectionError:
                return False
            return [
                entry["locationOrLoadError"]["__typename"] for entry in entries if entry["locationOrLoadError"]
            ] == ["RepositoryLocation"]

        wait_until(loaded, "the code location in the webserver", START_SECONDS, every=1)

    def url(self, role: str, database: str, password: str | None = None) -> str:
        """How a program on this machine connects."""
        secret = password or (self.folder / "deploy/secrets" / PASSWORD[role]).read_text()
        return f"postgresql://{role}:{quote(secret, safe='')}@127.0.0.1:{self.port('TAXI_POSTGRES_PORT')}/{database}"

    def query(self, statement: str, role: str = "taxi_assets", database: str = "ny_taxi") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(role, database), connect_timeout=10) as connection:
            return connection.execute(statement.encode()).fetchall()

    def inside(self, service: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command in a running container, with what its entrypoint sets."""
        entrypoint = () if service in ("postgres", "pgadmin") else ("python", "/opt/dagster/entrypoint.py")
        return self.compose("exec", "-T", service, *entrypoint, *command, check=check)

    def sigkill(self, service: str) -> None:
        """SIGKILLs every process of a container but its init: unlike ``docker kill``, no stop that anyone asked for."""
        self.compose("exec", "-T", service, "sh", "-c", "kill -9 -1", check=False)

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service).stdout.strip()

    def inspect(self, service: str, format_: str) -> str:
        return self.command("docker", "inspect", "--format", format_, self.container(service)).stdout.strip()

    def logs(self, service: str) -> str:
        return self.compose("logs", "--no-color", service).stdout


def ui_at(port: int, folder: Path) -> RunningDagster:
    """GraphQL as the tests of the orchestration speak it, to a webserver that somebody else runs."""
    nobody: Any = None
    return RunningDagster(f"http://127.0.0.1:{port}", folder, {}, nobody, nobody, nobody)


@contextmanager
def stack(folder: Path, name: str, settings: Mapping[str, str]) -> Iterator[Stack]:
    """Copies the project into ``folder`` and makes its secrets; removes containers, volumes and networks at the end."""
    if reason := no_engine():
        if os.environ.get("TAXI_CONTAINERS_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)
    for each in FILES:
        source = PROJECT_ROOT / each
        if source.is_dir():
            shutil.copytree(source, folder / each, ignore=shutil.ignore_patterns("__pycache__", "secrets"))
        else:
            shutil.copy(source, folder / each)
    variables = ("TAXI_UI_PORT", "TAXI_POSTGRES_PORT", "TAXI_VIEWERS_PORT", "TAXI_PGADMIN_PORT",
                 "TAXI_PROXY_HTTPS_PORT", "TAXI_PROXY_HTTP_PORT")  # fmt: skip
    ports = dict(zip(variables, map(str, free_ports(len(variables))), strict=True))
    ours = ("TAXI_", "GCP_", "COMPOSE_", "SECRET_GCP", "STORAGE_EMULATOR", "BIGQUERY_EMULATOR")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environment = {**inherited, "COMPOSE_PROJECT_NAME": name, "TAXI_IMAGE_TAG": "test", **ports, **settings}
    made = Stack(folder, name, environment)
    made.command("deploy/make-secrets")
    try:
        yield made
    finally:
        made.compose(*every_profile(), "down", "--volumes", "--timeout", "5", "--remove-orphans", check=False)


def every_profile() -> list[str]:
    return ["--profile", "*"]


def no_engine() -> str | None:
    """Why containers cannot be run here, or None when they can."""
    if shutil.which("docker") is None:
        return "needs Docker with Compose: there is no `docker` on the PATH"
    for command in (["docker", "compose", "version"], ["docker", "info", "--format", "{{.ServerVersion}}"]):
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            return f"needs Docker with Compose: `{' '.join(command)}` says {ran.stderr.strip() or ran.stdout.strip()}"
    return None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all held until the last is found, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
