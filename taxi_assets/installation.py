"""Where this copy of the project lies: in a checkout, or installed from a wheel.

Belongs here: telling the two apart, and what follows from it: where data and Dagster's records go unless a variable
says otherwise, which dagster.yaml is used, how a person types a command here. Not here: what lies in those folders
(``data_dir.py``), or the variables (``settings.py``).
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent

_MAKE_TARGETS = ("demo", "dev", "psql", "stop")

_SCRIPT = "taxi"
"""The package's console script."""


def checkout() -> Path | None:
    """The project's checkout that this package is part of; None when it was installed from a wheel.

    The name is looked for as well: somebody else's project may have a copy of the package in it.
    """
    described = PACKAGE.parent / "pyproject.toml"
    if described.is_file() and 'name = "taxi_assets"' in described.read_text(encoding="utf-8"):
        return PACKAGE.parent
    return None


def home() -> Path:
    """What the project makes lies below this: the checkout, else the platform's folder for a person's data.

    Never the folder of the package: an upgrade of the environment would delete the data with it.
    """
    return checkout() or platformdirs.user_data_path("taxi_assets", appauthor=False)


def default_data_dir() -> Path:
    """``TAXI_DATA_DIR`` when it is unset."""
    return home() / "data"


def default_dagster_home() -> Path:
    """``DAGSTER_HOME`` when it is unset."""
    return home() / ".dagster"


def dagster_yaml() -> Path:
    """Dagster's settings: the checkout's file, of which a wheel carries a copy in the package."""
    return (checkout() or PACKAGE) / "dagster.yaml"


def command(*words: str, data_dir: Path) -> str:
    """How a command of the project is typed where this process runs, for this data folder.

    ``taxi dev`` for who has just typed ``taxi``, ``make dev`` for who is in the checkout, and
    ``/home/me/.venv/bin/python -m taxi_assets dev`` for everybody else, which works from anywhere; with
    ``TAXI_DATA_DIR=…`` before it where the folder is not the usual one.
    """
    here = Path.cwd()
    script = Path(sys.argv[0])
    by_script = script.name == _SCRIPT
    by_make = not by_script and here == checkout() and len(words) == 1 and words[0] in _MAKE_TARGETS
    if by_script:
        found = shutil.which(_SCRIPT)
        typed = [_SCRIPT if found and script.exists() and script.samefile(found) else str(script.absolute()), *words]
    else:
        typed = ["make", *words] if by_make else [sys.executable, "-m", "taxi_assets", *words]
    if data_dir == default_data_dir():
        return shlex.join(typed)
    folder = data_dir.relative_to(here) if by_make and data_dir.is_relative_to(here) else data_dir
    return f"TAXI_DATA_DIR={shlex.quote(str(folder))} {shlex.join(typed)}"
