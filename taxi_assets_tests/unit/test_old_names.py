"""Names that people's files say, from before the modules moved into their rooms."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from dagster import DagsterInstance

from taxi_assets.orchestration.instance.launcher import CodeServerRunLauncher
from taxi_assets.settings import PROJECT_ROOT


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("taxi_assets.automation.storage", "taxi_assets.orchestration.instance.storage", "RunHistoryStorage"),
        ("taxi_assets.automation.launcher", "taxi_assets.orchestration.instance.launcher", "CodeServerRunLauncher"),
        ("taxi_assets.emulators", "taxi_assets.cli.serve.emulators", "running_emulators"),
    ],
)
def test_an_old_name_is_the_very_same_thing(old: str, new: str, name: str) -> None:
    alone = f"from {old} import {name} as old; from {new} import {name} as new; assert old is new"
    subprocess.run([sys.executable, "-c", alone], check=True, timeout=60)
    assert getattr(import_module(old), name) is getattr(import_module(new), name)


def test_a_dagster_yaml_of_then_works_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8")
    old = text.replace("taxi_assets.orchestration.instance.", "taxi_assets.automation.")
    assert old.count("taxi_assets.automation.") == 2
    (tmp_path / "dagster.yaml").write_text(old, encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    with DagsterInstance.get() as instance:
        assert instance.get_runs() == []
        assert isinstance(instance.run_launcher, CodeServerRunLauncher)


def test_the_emulators_run_a_command_by_their_old_name() -> None:
    command = [sys.executable, "-m", "taxi_assets.emulators", "no-such-program"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "no-such-program: there is no such program" in ended.stderr
