"""`make dev` from its start to its end, as a script has it: in the background, where SIGINT is ignored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.commands import clean_environment
from taxi_assets_tests.support.dagster_processes import wait_until

pytestmark = pytest.mark.slow
PORT = "3977"
SECONDS = 180
IGNORING_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    yield {**clean_environment(tmp_path), "TAXI_SOURCE": "sample", "TAXI_UI_PORT": PORT}
    EmbeddedPostgres(tmp_path / "data" / "postgres").remove()


def started_by(pid: int) -> list[int]:
    said = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in said.split()]


def is_shown() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/server_info", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_what_dies_is_started_again_and_a_signal_ends_everything(environment: dict[str, str], tmp_path: Path) -> None:
    words = [sys.executable, "-c", IGNORING_SIGINT, sys.executable, "-m", "taxi_assets", "dev"]
    with (tmp_path / "log").open("wb") as log:
        dev = subprocess.Popen(words, env=environment, cwd=PROJECT_ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(is_shown, "the UI", SECONDS)
        parts = started_by(dev.pid)
        assert len(parts) == 3
        [code] = [child for part in parts for child in started_by(part)]
        time.sleep(5)
        os.kill(code, signal.SIGKILL)
        wait_until(lambda: "code server ended" in (tmp_path / "log").read_text(encoding="utf-8"), "notice", 30)
        there = wait_until(lambda: found if len(found := started_by(dev.pid)) == 3 else None, "all three", 30)

        told = time.monotonic()
        dev.send_signal(signal.SIGINT)
        assert dev.wait(30) == 128 + signal.SIGINT
        assert time.monotonic() - told < 15
    finally:
        dev.kill()
    for part in there:
        with pytest.raises(ProcessLookupError):
            os.killpg(part, 0)
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert said.splitlines()[-1].startswith("Stopped. What was finished is kept")
    for noise in ("SupersessionWarning", "dagster.yaml"):
        assert noise not in said, said
