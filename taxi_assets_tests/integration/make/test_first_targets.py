"""The Makefile as somebody meets it who has just cloned the project: not root, an odd path, any target first.

Each test has a clone of its own. What they share is the packages' cache, so that a set-up takes seconds.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass, field

import pytest
import requests

from taxi_assets_tests.support.clones import ODD_NAME, ODDER_NAME, Clone, Person, with_uv
from taxi_assets_tests.support.dagster_processes import PROJECT_ROOT, wait_until

pytestmark = pytest.mark.timeout(900)

SMALL = {"TAXI_SAMPLE_ROWS": "200"}


@dataclass(frozen=True)
class First:
    """What happens when this target is the first that somebody makes.

    Attributes:
        says: What has to be in the output.
        sizes: Variables that keep it small.
        uv: There is a uv on the PATH; the other way to set up costs eight seconds more.
        path: The name of the clone's folder.
        answers: What is typed into it.
        outcomes: Exit codes that are no fault of ours.
    """

    says: str
    sizes: dict[str, str] = field(default_factory=dict[str, str])
    uv: bool = True
    path: str = ODDER_NAME
    answers: str = ""
    outcomes: tuple[int, ...] = (0,)


# `dev`, `stop` and `clean` have tests of their own.
TARGETS = {
    "help": First("make demo +Set up"),
    "demo": First(r"yellow +2019-01 +200", SMALL, path=ODD_NAME, uv=False),
    "demo-gcp": First(r"green +2019-03 +200", SMALL, path=ODD_NAME),
    "psql": First(r"\b42\b", path=ODD_NAME, answers="select 40 + 2;\n"),
    "emulators": First(r"Setting up \.venv-emulators", uv=False),
    "lint": First("0 errors"),
    "format": First("left unchanged"),
    "lock": First("requirements-bench.lock", uv=False),
    # What is known to be vulnerable changes by the day, and exit code 2 says that something is.
    "audit": First("files: no secrets", outcomes=(0, 2)),
    "bench": First("report", {"BENCH_ONLY": "imports", "BENCH_ROWS": "2000", "BENCH_REPEATS": "1"}, path=ODD_NAME),
    # These are the tests; a few of them, and those that would run, tell that they can.
    "test": First("passed", {"PYTEST_ADDOPTS": "-p no:cacheprovider taxi_assets_tests/unit/test_settings.py"}),
    "test-quick": First("passed", {"PYTEST_ADDOPTS": "-p no:cacheprovider -k test_settings"}),
    "test-faults": First(
        r"together \| 3", {"FAULTS": "--only reissued --only csv-line --faults 1 --mutants 2"}, path=ODD_NAME
    ),
    "test-containers": First(r"test_containers\.py", {"PYTEST_ADDOPTS": "-p no:cacheprovider --collect-only"}),
}


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_every_target_of_the_makefile_is_tried_first() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    documented = re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE)
    assert sorted(documented) == sorted([*TARGETS, "dev", "stop", "clean"])
    shown = subprocess.run(["make", "-C", PROJECT_ROOT, "help"], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make (\S+) +\S", shown, flags=re.MULTILINE) == documented


@pytest.mark.parametrize(
    ("target", "clone"), [(name, first.path) for name, first in TARGETS.items()], indirect=["clone"], ids=TARGETS
)
def test_it_works_as_the_first_target_and_clean_removes_what_it_made(person: Person, clone: Clone, target: str) -> None:
    first = TARGETS[target]
    uv = with_uv(person) if first.uv else {}
    done = clone.run("make", target, environment={**uv, **first.sizes}, answers=first.answers)
    assert done.returncode in first.outcomes, done.stdout
    assert re.search(first.says, done.stdout), done.stdout
    assert "Traceback" not in done.stdout
    assert "not found" not in done.stdout, "a piece of the path ran as a command"
    # A lock may get newer pins, the list of explained secrets other line numbers.
    if target not in ("lock", "audit"):
        assert clone.changed() == ""

    cleaned = clone.make("clean", environment=uv)

    assert clone.untracked() == [], cleaned
    assert list(clone.root.parent.iterdir()) == [clone.root]


@pytest.mark.parametrize("target", ["stop", "clean"])
def test_where_nothing_was_made_there_is_nothing_to_end(clone: Clone, target: str) -> None:
    said = clone.make(target)
    assert clone.untracked() == [], "no set-up for it"
    assert "Setting up" not in said


def test_a_running_ui_is_told_and_clean_leaves_what_a_person_put_beside_the_data(person: Person, clone: Clone) -> None:
    port = free_port()
    data, home = person.folder / "Größe Daten $1", person.folder / 'it\'s "home"'
    theirs = {**with_uv(person), **SMALL, "TAXI_DATA_DIR": str(data), "DAGSTER_HOME": str(home)}
    own = [data / "thesis.parquet", data / "raw" / "yellow" / "notes.txt", data / "landing" / "mine.csv"]
    for file in own:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    person.own(data)
    clone.make("demo", environment=theirs)
    (clone.root / "data").mkdir()
    (clone.root / "data" / "warehouse.duckdb").touch()
    person.own(clone.root / "data")

    log = person.folder / "dev.log"
    # `make dev` first: the same environment, but make and the UI are one group, as at a terminal.
    ui = clone.start("make", "dev", log=log, environment={**theirs, "TAXI_UI_PORT": str(port)})
    try:
        url = f"http://127.0.0.1:{port}/server_info"
        wait_until(lambda: answers(url) or has_ended(ui), "the UI", 180)
        assert answers(url), log.read_text()
        refused = clone.run("make", "clean", environment=theirs)
        assert refused.returncode != 0
        assert "Nothing was removed" in refused.stdout
        assert re.search(r"process \d+: \S.* -m taxi_assets dev", refused.stdout), refused.stdout
        assert answers(url)
        assert (data / "postgres").is_dir()
    finally:
        os.killpg(ui.pid, signal.SIGINT)
        wait_until(lambda: has_ended(ui), "the end of the UI", 60)

    stopped = clone.make("stop", environment=theirs)
    assert f"of {data} is stopped" in stopped
    cleaned = clone.make("clean", environment=theirs)
    assert sorted(path for path in data.rglob("*") if path.is_file()) == sorted(own), cleaned
    assert f"in {data}. What the project did not make stays: landing, raw, thesis.parquet" in cleaned
    assert not home.exists()
    assert clone.untracked() == []


def test_stop_says_which_server(clone: Clone, person: Person) -> None:
    environment = {**with_uv(person), **SMALL}
    clone.make("psql", environment=environment, answers="\\q\n")
    clone.make("psql", environment={**environment, "TAXI_DATA_DIR": "data/demo-gcp"}, answers="\\q\n")
    assert re.findall(r"server of (.*) is stopped", clone.make("stop")) == [
        str(clone.root / "data"),
        str(clone.root / "data" / "demo-gcp"),
    ]


def test_a_home_with_settings_of_its_own_serves_others_too_and_stays(clone: Clone, person: Person) -> None:
    home = person.folder / "shared-home"
    (home / "storage").mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    person.own(home)
    environment = {**with_uv(person), "DAGSTER_HOME": str(home)}
    clone.make("psql", environment=environment, answers="\\q\n")
    said = clone.make("clean", environment=environment)
    assert "is not the project's, so nothing in it was removed" in said
    assert (home / "storage").is_dir()


@pytest.mark.parametrize("clone", [ODDER_NAME], indirect=True, ids=["odder"])
def test_where_postgres_cannot_start_a_sentence_says_so(clone: Clone, person: Person) -> None:
    refused = clone.run("make", "psql", environment=with_uv(person))
    assert refused.returncode == 2
    assert "PostgreSQL's own programs do not start from a path with a double quote" in refused.stdout
    assert "Traceback" not in refused.stdout
