"""The Makefile as somebody meets it who has just cloned the project: not root, an odd path, any target first.

Each test has a clone of its own. What they share is the packages' cache, so that a set-up takes seconds. As that still
is most of a test's time, targets that ask for the same packages are made in one clone.
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
class Target:
    """One target of the Makefile in a clone that has what it asks for and nothing else.

    Attributes:
        sets_up: What ``make`` would do first where nothing is set up: the locks whose packages it installs.
        says: What has to be in the output.
        sizes: Variables that keep it small.
        answers: What is typed into it.
        outcomes: Exit codes that are no fault of ours.
    """

    sets_up: str
    says: str
    sizes: dict[str, str] = field(default_factory=dict[str, str])
    answers: str = ""
    outcomes: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Visit:
    """A fresh clone and what somebody makes in it. The first target sets up, for all that follow.

    Attributes:
        targets: By name, in this order.
        path: The name of the clone's folder.
        uv: There is a uv on the PATH; the other way to set up costs eight seconds more.
    """

    targets: dict[str, Target]
    path: str = ODD_NAME
    uv: bool = True


FEW_TESTS = {"PYTEST_ADDOPTS": "-p no:cacheprovider taxi_assets_tests/unit/test_settings.py"}
FEW_FAULTS = {"FAULTS": "--only reissued --only csv-line --faults 1 --mutants 2"}
TINY_BENCH = {"BENCH_ONLY": "imports", "BENCH_ROWS": "2000", "BENCH_REPEATS": "1"}
RUNTIME, DEV, BENCH, EMULATORS = ".venv", ".venv dev", ".venv bench", ".venv emulators"

VISITS = {
    "runtime": Visit(
        {
            "demo": Target(RUNTIME, r"yellow +2019-01 +200", SMALL),
            "psql": Target(RUNTIME, r"\b42\b", answers="select 40 + 2;\n"),
            "help": Target("", "make demo +Set up"),
        },
        uv=False,
    ),
    "dev": Visit(
        {
            "format": Target(DEV, "left unchanged"),
            "docs": Target(DEV, r"site/index\.html"),
            # What is known to be vulnerable changes by the day, and exit code 2 says that something is.
            "audit": Target(DEV, "files: no secrets", outcomes=(0, 2)),
            # These are the tests; a few of them, and those that would run, tell that they can.
            "test-quick": Target(DEV, "passed", {"PYTEST_ADDOPTS": "-p no:cacheprovider -k test_settings"}),
            "test-containers": Target(
                DEV, r"test_containers\.py", {"PYTEST_ADDOPTS": "-p no:cacheprovider --collect-only"}
            ),
        },
        path=ODDER_NAME,
    ),
    "bench": Visit({"bench": Target(BENCH, "report", TINY_BENCH)}),
    "everything": Visit(
        {
            "test": Target(".venv dev bench emulators dbt", "passed", FEW_TESTS),
            "test-faults": Target(DEV, r"together \| 3", FEW_FAULTS),
            "demo-gcp": Target(EMULATORS, r"green +2019-03 +200", SMALL),
            "emulators": Target("emulators", ""),
            "dbt": Target("dbt", ""),
        }
    ),
    "lock": Visit({"lock": Target("", "requirements-bench.lock")}, path=ODDER_NAME, uv=False),
}

ELSEWHERE = ["dev", "stop", "clean", "lint"]
"""They have tests of their own; and `.ci/run` makes lint first of all, on a clean checkout."""

SETTING_UP = {
    ".venv": 'echo "Setting up .venv from requirements.lock',
    "dev": "requirements-dev.lock …",
    "bench": "requirements-bench.lock …",
    "emulators": 'echo "Setting up .venv-emulators from',
    "dbt": 'echo "Setting up .venv-dbt from',
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


def test_every_target_of_the_makefile_is_tried() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    documented = re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE)
    assert sorted(documented) == sorted([*(name for visit in VISITS.values() for name in visit.targets), *ELSEWHERE])
    shown = subprocess.run(["make", "-C", PROJECT_ROOT, "help"], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make (\S+) +\S", shown, flags=re.MULTILINE) == documented
    assert re.findall(r"^make (.*)$", (PROJECT_ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)[0] == "lint"


@pytest.mark.parametrize(
    ("visit", "clone"), [(visit, visit.path) for visit in VISITS.values()], indirect=["clone"], ids=VISITS
)
def test_targets_work_in_a_fresh_clone_and_clean_removes_what_they_made(
    person: Person, clone: Clone, visit: Visit
) -> None:
    uv = with_uv(person) if visit.uv else {}
    for name, target in visit.targets.items():
        would = clone.make("--dry-run", name, environment=uv)
        assert {lock for lock, said in SETTING_UP.items() if said in would} == set(target.sets_up.split()), name
    assert clone.untracked() == [], "to ask what it would do does nothing"

    for name, target in visit.targets.items():
        done = clone.run("make", name, environment={**uv, **target.sizes}, answers=target.answers)
        assert done.returncode in target.outcomes, done.stdout
        assert re.search(target.says, done.stdout), done.stdout
        assert "Traceback" not in done.stdout
        assert "not found" not in done.stdout, "a piece of the path ran as a command"
        # A lock may get newer pins, the list of explained secrets other line numbers.
        if name in ("lock", "audit"):
            clone.run("git", "checkout", "--", ".")
        assert clone.changed() == "", name

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


def test_stop_says_which_server_and_a_home_with_settings_of_its_own_serves_others_too_and_stays(
    clone: Clone, person: Person
) -> None:
    home = person.folder / "shared-home"
    (home / "storage").mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    person.own(home)
    environment = {**with_uv(person), **SMALL, "DAGSTER_HOME": str(home)}
    clone.make("psql", environment=environment, answers="\\q\n")
    clone.make("psql", environment={**environment, "TAXI_DATA_DIR": "data/demo-gcp"}, answers="\\q\n")
    assert re.findall(r"server of (.*) is stopped", clone.make("stop")) == [
        str(clone.root / "data"),
        str(clone.root / "data" / "demo-gcp"),
    ]

    said = clone.make("clean", environment=environment)
    assert "is not the project's, so nothing in it was removed" in said
    assert (home / "storage").is_dir()


@pytest.mark.parametrize("clone", [ODDER_NAME], indirect=True, ids=["odder"])
def test_where_postgres_cannot_start_a_sentence_says_so(clone: Clone, person: Person) -> None:
    refused = clone.run("make", "psql", environment=with_uv(person))
    assert refused.returncode == 2
    assert "PostgreSQL's own programs do not start from a path with a double quote" in refused.stdout
    assert "Traceback" not in refused.stdout
