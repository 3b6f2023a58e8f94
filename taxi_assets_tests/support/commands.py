"""Running the project's commands as a person does: in processes and folders of their own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import typer

from taxi_assets.cli.program import app
from taxi_assets.settings import PROJECT_ROOT, Settings

BIN = Path(sys.executable).parent


def clean_environment(root: Path) -> dict[str, str]:
    """The caller's environment without anything that steers the project, and with folders below ``root``."""
    ours = {name.upper() for name in Settings.model_fields} | {"DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "TAXI_UI_PORT"}
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    home = root / "home"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").symlink_to(PROJECT_ROOT / "dagster.yaml")
    return {**kept, "TAXI_DATA_DIR": str(root / "data"), "DAGSTER_HOME": str(home), "COLUMNS": "160"}


def run(environment: dict[str, str], *command: str, cwd: Path = PROJECT_ROOT) -> subprocess.CompletedProcess[str]:
    """Runs a command of the project's environment to its end."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )


def understood(words: str) -> str:
    """Parses a command line as `taxi` does, without running it; returns the command's name, or raises."""
    name, *rest = shlex.split(words, comments=True)
    typer.main.get_command(app).commands[name].make_context(name, rest)
    return name
