"""A checkout is told from an installed package, and a command is typed so that it works where the person is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from taxi_assets.cli.shared.dagster_home import prepare_dagster
from taxi_assets.installation import checkout, command, dagster_yaml, default_dagster_home, default_data_dir
from taxi_assets.settings import PROJECT_ROOT, load_settings

PYTHON = f"{sys.executable} -m taxi_assets"
ASK = (
    "import json; from taxi_assets import installation as i; "
    "print(json.dumps([str(each) for each in (i.checkout(), i.default_data_dir(), i.default_dagster_home())]))"
)


def asked_of_a_copy(folder: Path, home: Path) -> list[str]:
    """What the package says that lies in ``folder``."""
    shutil.copytree(PROJECT_ROOT / "taxi_assets", folder / "taxi_assets", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(folder), "HOME": str(home), "XDG_DATA_HOME": ""}
    asked = [sys.executable, "-c", ASK]
    return json.loads(subprocess.run(asked, env=environment, cwd=home, capture_output=True, check=True).stdout)


def test_a_checkout_keeps_everything_below_itself() -> None:
    assert checkout() == PROJECT_ROOT
    assert default_data_dir() == PROJECT_ROOT / "data"
    assert default_dagster_home() == PROJECT_ROOT / ".dagster"
    assert dagster_yaml() == PROJECT_ROOT / "dagster.yaml"


@pytest.mark.parametrize("beside", [None, '[project]\nname = "somebody_elses"\n'], ids=["installed", "copied"])
def test_a_package_that_is_no_checkout_keeps_everything_in_the_persons_folder(
    tmp_path: Path, beside: str | None
) -> None:
    home, folder = tmp_path / "home", tmp_path / "packages"
    home.mkdir()
    folder.mkdir()
    if beside:
        (folder / "pyproject.toml").write_text(beside)
    found, data, dagster_home = asked_of_a_copy(folder, home)
    assert found == "None"
    assert Path(data).is_relative_to(home)
    assert Path(data).parent == Path(dagster_home).parent
    assert not list(home.iterdir()), "asking makes nothing"


def test_make_is_advised_in_the_checkout_and_the_interpreter_everywhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = default_data_dir()
    monkeypatch.chdir(PROJECT_ROOT)
    assert command("dev", data_dir=data) == "make dev"
    assert command("dev", data_dir=data / "demo") == "TAXI_DATA_DIR=data/demo make dev"
    assert command("status", data_dir=data) == f"{PYTHON} status", "make has no such target"
    monkeypatch.chdir(tmp_path)
    assert command("dev", data_dir=data) == f"{PYTHON} dev"
    assert command("load", "yellow", "2019-01", data_dir=Path("/a b")) == (
        f"TAXI_DATA_DIR='/a b' {PYTHON} load yellow 2019-01"
    )


@pytest.mark.parametrize("there", ["nothing", "a link to a checkout that was moved", "the person's own file"])
def test_the_home_gets_the_projects_dagster_yaml_unless_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    monkeypatch.setenv("TAXI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql://not-used/")
    link = tmp_path / "home" / "dagster.yaml"
    link.parent.mkdir()
    if there.startswith("a link"):
        link.symlink_to(tmp_path / "moved" / "dagster.yaml")
    elif there.startswith("the person"):
        link.write_text("telemetry: {enabled: false}\n")
    assert prepare_dagster(load_settings())["DAGSTER_HOME"] == str(link.parent)
    prepare_dagster(load_settings())
    own = there.startswith("the person")
    assert link.read_text() == ("telemetry: {enabled: false}\n" if own else dagster_yaml().read_text())
