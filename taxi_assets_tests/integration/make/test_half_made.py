"""Environments that were left half made: the next make completes them, and `make clean` removes them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from taxi_assets_tests.support.clones import Clone, with_uv

pytestmark = pytest.mark.timeout(900)


def works(clone: Clone) -> bool:
    """Whether the environment of a clone runs the project and has no package that is only half there."""
    python = ".venv/bin/python"
    half = clone.run(python, "-I", ".ci/half_made.py", ".venv").stdout
    said = clone.run(python, "-m", "taxi_assets", "status").stdout
    return half == "" and "has not been started yet" in said


def an_empty_folder(clone: Clone) -> None:
    assert clone.run("mkdir", ".venv").returncode == 0


def a_python_without_pip(clone: Clone) -> None:
    """What Debian's Python leaves, with exit code 1, where the package python3-venv is missing."""
    python = clone.root.parent / "debian-python"
    python.write_text(
        '#!/bin/sh\ncase "$1 $2" in "-m venv") python3 -m venv --without-pip "$3"; exit 1;; esac\nexec python3 "$@"\n'
    )
    python.chmod(0o755)
    refused = clone.run("make", f"PYTHON={python}", ".venv/.runtime")
    python.unlink()
    assert refused.returncode != 0
    assert "python3-venv" in refused.stdout
    assert (clone.root / ".venv" / "bin" / "python").exists()


def a_removed_python(clone: Clone) -> None:
    python = clone.root.parent / "removed-python"
    clone.run("sh", "-c", 'ln -s "$(command -v python3)" "$0"', str(python))
    clone.make(f"PYTHON={python}", ".venv/.runtime", environment=with_uv(clone.person))
    python.unlink()
    assert not (clone.root / ".venv" / "bin" / "python").exists()


def a_killed_set_up(clone: Clone) -> None:
    """Killed while it puts packages in their place."""
    log = clone.root.parent / "set-up.log"
    set_up = clone.start("make", ".venv/.runtime", log=log, environment=with_uv(clone.person))
    deadline = time.monotonic() + 300
    while len(list(clone.root.glob(".venv/lib/python3*/site-packages/*.dist-info"))) < 20:
        assert set_up.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(set_up.pid, signal.SIGKILL)
    set_up.wait()
    log.unlink()
    assert not (clone.root / ".venv" / ".runtime").exists()


def half_a_package(clone: Clone) -> None:
    """What a kill leaves when it comes between two files of a package that nothing else needs yet."""
    clone.make(".venv/.runtime", environment=with_uv(clone.person))
    [site] = clone.root.glob(".venv/lib/python3*/site-packages")
    (site / "filelock" / "__init__.py").unlink()
    (site / "tenacity" / "__init__.py").unlink()
    next(site.glob("tenacity-*.dist-info")).joinpath("RECORD").unlink()
    (clone.root / ".venv" / ".runtime").unlink()


def uv_that_is_gone(clone: Clone) -> None:
    """An environment that uv made has no pip to fetch a uv with."""
    clone.make(".venv/.python", environment=with_uv(clone.person))
    assert not (clone.root / ".venv" / "bin" / "pip").exists()


WITHOUT_UV = (a_python_without_pip, uv_that_is_gone)
KINDS = [an_empty_folder, a_python_without_pip, a_removed_python, a_killed_set_up, half_a_package, uv_that_is_gone]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_half_made_environment_is_no_hindrance(clone: Clone, kind) -> None:
    kind(clone)
    assert "Nothing to stop" in clone.make("stop")
    clone.make(".venv/.runtime", environment={} if kind in WITHOUT_UV else with_uv(clone.person))
    assert works(clone)


@pytest.mark.parametrize("kind", [an_empty_folder, a_python_without_pip, a_killed_set_up, uv_that_is_gone])
def test_a_half_made_environment_can_be_removed(clone: Clone, kind) -> None:
    kind(clone)
    said = clone.make("clean")
    assert "Setting up" not in said, "nothing has to be made in order to be removed"
    assert clone.untracked() == []


def test_data_of_a_broken_environment_is_removed_with_its_server(clone: Clone) -> None:
    uv = with_uv(clone.person)
    clone.make("psql", environment=uv, answers="\\q\n")
    python = clone.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/removed/python3")
    said = clone.make("clean", environment=uv)
    assert "Making .venv again" in said
    assert "Removed the data" in said
    assert clone.untracked() == []


def test_emulators_of_a_removed_python_are_set_up_again(clone: Clone) -> None:
    uv = with_uv(clone.person)
    clone.make("emulators", environment=uv)
    if (clone.root / ".venv-emulators" / ".no-python").exists():
        pytest.skip("bqemulator needs Python 3.11 or newer, and `make emulators` found none on this machine")
    python = clone.root / ".venv-emulators" / "bin" / "python"
    python.unlink()
    python.symlink_to("/removed/python3")
    clone.make("emulators", environment=uv)
    assert clone.run(str(python), "-c", "import bqemulator").returncode == 0
    assert "Setting up" not in clone.make("emulators", environment=uv)
