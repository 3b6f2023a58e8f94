"""The whole of `make bench`, tiny: every contender, every section, and a report in which nothing is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measures.months import TITLES
from benchmarks.rig.folder import MARK
from benchmarks.rig.plan import SECTIONS
from taxi_assets.settings import PROJECT_ROOT

TINY = {
    "BENCH_ROWS": "2000",
    "BENCH_REPEATS": "1",
    "BENCH_GROWTH_MONTHS": "1,2,3",
    "BENCH_BATCH_MONTHS": "2",
    "BENCH_BACKFILL_MONTHS": "2",
    # Twice BENCH_ROWS: small and large month were the same once, and the report fell over it.
    "BENCH_MEMORY_ROWS": "4000",
}
# Somebody who works with their own project and measures: none of it may be used, or even read.
OF_A_PERSON = {
    "TAXI_TARGET": "gcp",
    "TAXI_SOURCE": "https://nowhere.invalid",
    "TAXI_POSTGRES_URL": "mine",
    "GCP_DATASET": "x",
}
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report of one call."""
    folder = tmp_path_factory.mktemp("bench")
    folders = {"BENCH_DIR": str(folder / "work"), "BENCH_REPORT": str(folder / "report")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks"],
        cwd=PROJECT_ROOT,
        env={**os.environ, **OF_A_PERSON, **TINY, **folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return folder / "report"


@pytest.mark.timeout(900)
def test_the_report_has_every_section_contender_and_goal(report: Path):
    markdown = (report / "benchmarks.md").read_text(encoding="utf-8")
    content = json.loads((report / "benchmarks.json").read_text(encoding="utf-8"))

    assert set(content["results"]) == set(SECTIONS)
    assert set(content["results"]["months"]) == set(TITLES)
    assert all(title in markdown for title in TITLES.values())
    assert all(goal["name"] in markdown for goal in content["goals"])
    assert len(content["goals"]) == 16
    assert "None" not in markdown
    assert "nan" not in markdown


@pytest.mark.timeout(900)
def test_the_chart_is_there_under_the_name_that_the_report_shows(report: Path):
    markdown = (report / "benchmarks.md").read_text(encoding="utf-8")

    assert "](images/bench.png)" in markdown
    assert (report / "images" / "bench.png").read_bytes().startswith(PNG)


@pytest.mark.timeout(900)
def test_the_report_names_neither_the_host_nor_a_folder_of_this_machine(report: Path):
    text = (report / "benchmarks.md").read_text(encoding="utf-8") + (report / "benchmarks.json").read_text()

    assert str(PROJECT_ROOT) not in text
    assert str(Path.home()) not in text
    assert str(report.parent) not in text


@pytest.mark.timeout(900)
def test_an_unchanged_month_asks_the_source_once_and_writes_nothing(report: Path):
    found = json.loads((report / "benchmarks.json").read_text(encoding="utf-8"))["results"]["unchanged"]

    assert found["requests"] == ["HEAD /yellow/yellow_tripdata_2019-01.csv.gz"]
    assert found["again"]["client_written"] in (0, None)


@pytest.mark.timeout(900)
def test_nothing_is_left_behind_but_logs_and_report(report: Path):
    left = {path.name for path in (report.parent / "work").iterdir()}

    assert left == {MARK, "logs"}
