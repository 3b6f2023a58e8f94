"""Starting and stopping the emulators, as `make demo-gcp` and the tests do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from taxi_assets.cli.serve import emulators as module
from taxi_assets.cli.serve.emulators import running_emulators
from taxi_assets.errors import SettingsError, StoreUnavailableError
from taxi_assets.settings import PROJECT_ROOT

DEADLINE = 60.0
SHOW = (
    "import os, sys; print(os.environ['STORAGE_EMULATOR_HOST'], os.environ['BIGQUERY_EMULATOR_HOST'], "
    "os.environ['TAXI_TARGET'], flush=True); sys.stdin.readline(); sys.exit(7)"
)


def answers(host: str) -> bool:
    try:
        requests.get(host, timeout=2)
    except requests.ConnectionError:
        return False
    return True


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=DEADLINE)
    return not alive


def started() -> tuple[subprocess.Popen[str], list[str], list[psutil.Process]]:
    """A command that runs between emulators; the hosts that it was given; every process below it."""
    command = [sys.executable, "-m", "taxi_assets", "emulators", sys.executable, "-c", SHOW]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT)
    assert process.stdout is not None
    *hosts, target = process.stdout.readline().split()
    assert target == "gcp"
    return process, hosts, psutil.Process(process.pid).children(recursive=True)


def test_a_command_runs_between_emulators_that_end_with_it() -> None:
    process, hosts, children = started()
    assert [answers(host) for host in hosts] == [True, True]
    assert all(host.startswith("http://127.0.0.1:") for host in hosts)
    process.communicate("done\n")
    assert process.returncode == 7
    assert gone(children)
    assert [answers(host) for host in hosts] == [False, False]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["asked to end", "killed"])
def test_emulators_do_not_outlive_who_started_them(how: signal.Signals) -> None:
    process, _, children = started()
    servers = [child for child in children if SHOW not in child.cmdline()]
    assert len(servers) >= 4  # two emulators and their guards
    os.kill(process.pid, how)
    process.communicate()
    assert gone(servers)


def test_an_emulator_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "buckets").mkdir()
    # A port in use, as if somebody had been faster.
    with running_emulators() as first:
        taken = int(first.storage_host.rsplit(":", 1)[1])
        monkeypatch.setattr(module, "_free_ports", lambda count: [taken] * count)
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="ended while it started"), running_emulators(tmp_path):
            pytest.fail("two servers on one port")
        assert time.monotonic() - began < DEADLINE


def test_a_missing_environment_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENVIRONMENT", tmp_path / ".venv-emulators")
    with pytest.raises(SettingsError, match="run: make emulators"), running_emulators():
        pytest.fail("there is nothing to run")
