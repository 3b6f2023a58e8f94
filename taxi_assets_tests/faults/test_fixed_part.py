"""The part of the campaign that every run of the tests has: a few faults and mutants, always the same.

And what keeps the campaign honest: its reading is independent, and sees what is wrong when something is.
"""

from __future__ import annotations

import ast
import random
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets_tests.faults import reading
from taxi_assets_tests.faults.campaign import Task, run, table, tasks
from taxi_assets_tests.faults.mutants import MUTATIONS
from taxi_assets_tests.faults.scene import scene_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FAULTS = ("kill-clean", "kill-postgres", "http-dropped", "reissued", "disk-full", "two-at-once")


def test_six_faults_and_some_mutants_leave_whole_months(tmp_path: Path) -> None:
    work = [*(Task(1, kind, 0) for kind in FAULTS), *tasks(1, list(MUTATIONS), 3 * len(MUTATIONS))]
    tallies = run(work, tmp_path)
    assert {kind: tally.violations for kind, tally in tallies.items() if tally.violations} == {}
    assert sum(tally.tried for tally in tallies.values()) == len(work)
    assert f"| together | {len(work)} | {len(work)} | | 0 |" in table(tallies)


def test_the_reading_shares_no_code_with_the_project() -> None:
    tree = ast.parse(Path(reading.__file__).read_text(encoding="utf-8"))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "pyarrow.parquet" in modules
    assert not [module for module in modules if module.startswith(("taxi_assets", "benchmarks", "dagster"))]


def without_its_last_row(path: Path) -> None:
    table = pq.read_table(path)
    path.unlink()  # the lake's file is a link to it
    pq.write_table(table.slice(0, table.num_rows - 1), path)


def test_what_is_wrong_in_one_store_is_seen_there(postgres_server: EmbeddedPostgres) -> None:
    with scene_of(random.Random(1), postgres_server, first_run=False) as scene:
        assert scene.violations_after_the_fault() == []
        assert scene.violations_after_the_repair() == []
        with psycopg.connect(scene.place.conninfo) as connection:
            one = f"SELECT ctid FROM public.{scene.place.dataset}_tripdata LIMIT 1"
            connection.execute(f"DELETE FROM public.{scene.place.dataset}_tripdata WHERE ctid IN ({one})")
        assert stores_of(scene.violations_after_the_fault()) == {"postgres"}
        without_its_last_row(scene.file("clean"))
        assert stores_of(scene.violations_after_the_fault()) == {"postgres", "clean"}
        scene.file("rejected").write_bytes(b"PAR1")
        assert any("cannot be read" in said for said in scene.violations_after_the_fault())


def stores_of(violations: list[str]) -> set[str]:
    return {said.split(":")[0] for said in violations}
