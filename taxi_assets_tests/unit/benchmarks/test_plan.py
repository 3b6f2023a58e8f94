"""What is measured and at which size: defaults, what is refused before anything runs, and what the docs say of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from benchmarks.rig.folder import MARK, working_folder
from benchmarks.rig.plan import PROJECT_ROOT, VARIABLES, Plan, plan_from_environment

DOCUMENTED = dict(
    re.findall(
        r"^\| `(BENCH_\w+)` \| `([^`]+)` \|",
        (PROJECT_ROOT / "docs" / "benchmarking.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BENCH_")]:
        monkeypatch.delenv(name)


def plan_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Plan:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return plan_from_environment()


def test_every_variable_is_documented_and_every_documented_variable_exists():
    assert set(DOCUMENTED) == set(VARIABLES)


def test_documented_defaults_are_those_of_a_plan_that_nobody_changed(monkeypatch: pytest.MonkeyPatch):
    nobody_changed = plan_from_environment()
    monkeypatch.chdir(PROJECT_ROOT)

    assert plan_with(monkeypatch, **DOCUMENTED) == nobody_changed


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BENCH_ROWS", "many"),
        ("BENCH_ROWS", "0"),
        ("BENCH_ROWS", "-5"),
        ("BENCH_ROWS", "1.5"),
        ("BENCH_ROWS", "²"),
        ("BENCH_ROWS", "100000001"),
        ("BENCH_REPEATS", "41"),
        ("BENCH_PANDAS_ROWS", "0"),
        ("BENCH_GROWTH_ROWS", "x"),
        ("BENCH_GROWTH_MONTHS", "12,1"),
        ("BENCH_GROWTH_MONTHS", "1"),
        ("BENCH_GROWTH_MONTHS", "1,1"),
        ("BENCH_GROWTH_MONTHS", "2,12"),
        ("BENCH_GROWTH_MONTHS", "1,twelve,36"),
        ("BENCH_GROWTH_MONTHS", "1,61"),
        ("BENCH_BATCH_ROWS", "0"),
        ("BENCH_BATCH_MONTHS", "61"),
        ("BENCH_BACKFILL_MONTHS", "0"),
        ("BENCH_MEMORY_ROWS", "9"),
        ("BENCH_ONLY", "monhts"),
        ("BENCH_ROW", "1000"),
    ],
)
def test_a_wrong_setting_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SystemExit, match=rf"^{variable}\b"):
        plan_with(monkeypatch, **{variable: value})


def test_every_number_of_memory_rows_compares_a_month_with_one_of_a_tenth(monkeypatch: pytest.MonkeyPatch):
    for rows in ("10", "19", "2_000", "2000000"):
        small, large = plan_with(monkeypatch, BENCH_ROWS="1000", BENCH_MEMORY_ROWS=rows).memory_rows

        assert large == 10 * small
        assert int(rows) - 10 < large <= int(rows)


def test_the_smallest_month_still_has_a_smaller_one_to_be_compared_with(monkeypatch: pytest.MonkeyPatch):
    assert plan_with(monkeypatch, BENCH_ROWS="1").memory_rows == (2, 20)


def test_sections_may_be_written_with_spaces(monkeypatch: pytest.MonkeyPatch):
    assert plan_with(monkeypatch, BENCH_ONLY="months, growth,").sections == ("months", "growth")


def test_a_folder_may_be_written_with_a_tilde(monkeypatch: pytest.MonkeyPatch):
    assert plan_with(monkeypatch, BENCH_DIR="~/measured").folder == Path.home() / "measured"


def test_a_folder_with_somebodys_files_is_refused_and_left_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    mine = tmp_path / "work" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of it")

    with (
        pytest.raises(SystemExit, match=r"^BENCH_DIR=.* nothing was touched"),
        working_folder(plan_with(monkeypatch, BENCH_DIR=str(tmp_path))),
    ):
        pass
    assert mine.read_text() == "years of it"
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_a_folder_that_was_taken_before_is_emptied_before_and_after(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    plan = plan_with(monkeypatch, BENCH_DIR=str(tmp_path / "bench"))
    with working_folder(plan):
        pass
    left_by_a_kill = plan.folder / "postgres" / "data"
    left_by_a_kill.mkdir(parents=True)

    with working_folder(plan):
        assert not left_by_a_kill.exists()
        (plan.folder / "sources").mkdir()

    assert {path.name for path in plan.folder.iterdir()} == {MARK, "report"}


@pytest.mark.parametrize("variable", ["BENCH_DIR", "BENCH_REPORT"])
def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_runs(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("BENCH_DIR", str(tmp_path / "bench"))
    (tmp_path / "file").touch()

    with (
        pytest.raises(SystemExit, match=f"^{variable}="),
        working_folder(plan_with(monkeypatch, **{variable: str(tmp_path / "file")})),
    ):
        pytest.fail("it began to measure")
