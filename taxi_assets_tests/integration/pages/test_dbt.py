"""examples/dbt, built as docs/extend.md says, on views over a lake into which months come between two builds.

It makes the demands of the course's dbt project: sources in schema `prod` of `taxi_rides_ny.duckdb` read with
`select *`, a seed, a union, an incremental merge, generic tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.zones import clean_zones
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.raw.fetch import fetch_month, fetch_zones
from taxi_assets.steps.warehouse.warehouse import ZONES_NAME
from taxi_assets_tests.support.commands import clean_environment
from taxi_assets_tests.support.pages import marked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ENVIRONMENT = PROJECT_ROOT / ".venv-dbt"


@pytest.fixture
def dbt() -> Path:
    """dbt's program. Without its environment this fails and says: make dbt."""
    if (ENVIRONMENT / ".no-python").exists():
        pytest.skip("dbt needs a Python from 3.11 to 3.13, and `make dbt` found none on this machine")
    program = ENVIRONMENT / "bin" / "dbt"
    assert program.exists(), "dbt is not installed; run: make dbt"
    return program


def put(data_dir: DataDir, dataset: str, month: str, rows: int) -> int:
    """A synthetic month on its way to the lake; how many trips are in it."""
    each = TripMonth(dataset, month)
    raw = fetch_month(each, "sample", data_dir, sample_rows=rows).raw
    return copy_month(raw, clean_month(raw, data_dir), FolderLake(data_dir.lake)).rows


def built(project: Path) -> dict[str, str]:
    """What became of each part of the last build."""
    results = json.loads((project / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    return {each["unique_id"].split(".")[2]: each["status"] for each in results}


def months(project: Path) -> list[tuple[str, str, int, int]]:
    with duckdb.connect(str(project / "taxi_rides_ny.duckdb"), read_only=True) as connection:
        return connection.execute(
            "SELECT service, strftime(file_month, '%Y-%m'), count(*), count(DISTINCT trip_id) FROM prod.fct_trips "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()


def test_the_example_builds_and_months_that_come_later_are_merged(dbt: Path, tmp_path: Path) -> None:
    [setting_up, building] = marked("run: dbt")
    project, data_dir = tmp_path / "my-dbt", DataDir(tmp_path / "data")
    environment = {**clean_environment(tmp_path), "DO_NOT_TRACK": "1", "NO_COLOR": "1"}

    def type_(text: str, cwd: Path) -> None:
        for before, after in {
            "my-dbt": f"'{project}'",
            ".venv/bin/python": f"'{sys.executable}'",
            "../.venv-dbt/bin/dbt": f"'{dbt}'",
            "make dbt": "true",
        }.items():
            text = text.replace(before, after)
        command = ["bash", "-euo", "pipefail", "-c", text]
        typed = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert typed.returncode == 0, typed.stdout + typed.stderr

    FolderLake(data_dir.lake).put(clean_zones(fetch_zones("sample", data_dir), data_dir), ZONES_NAME, metadata={})
    wanted = [
        ("green", "2019-01", put(data_dir, "green", "2019-01", 200)),
        ("yellow", "2019-01", put(data_dir, "yellow", "2019-01", 300)),
    ]
    type_(setting_up.text, PROJECT_ROOT)
    assert months(project) == [(*each, each[2]) for each in wanted]
    everything = built(project)
    assert set(everything.values()) == {"success", "pass"}
    assert {name.partition("_")[0] for name, status in everything.items() if status == "pass"} == {
        "accepted", "not", "relationships", "source", "unique",
    }  # fmt: skip

    # One of them is older than what is there.
    wanted += [
        ("green", "2018-12", put(data_dir, "green", "2018-12", 250)),
        ("yellow", "2019-02", put(data_dir, "yellow", "2019-02", 350)),
    ]
    type_(building.text, project)
    assert months(project) == [(*each, each[2]) for each in sorted(wanted)]
    assert built(project) == everything
