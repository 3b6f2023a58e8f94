"""The examples of docs/extend.md, put where the page says, in a copy of the project, and run."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sqlite3
from textwrap import dedent

import pyarrow.parquet as pq
import pytest

from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.graph.test_defs_folder import Copy
from taxi_assets_tests.support.pages import DOCS, Block, blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXAMPLES = blocks(DOCS / "extend.md")
FILES: dict[str, Block] = {
    block.mark.removeprefix("file: "): block for block in EXAMPLES if block.mark.startswith("file: ")
}
MINE = ("mine/trips_per_day", "sqlite/yellow_tripdata", "mine/lines_counted")

Answer = dict[str, dict[str, dict[str, object]]]

RUN = """
    import json
    import sys

    import dagster as dg

    from taxi_assets.definitions import defs

    layers = [dg.AssetKey([layer, "yellow_tripdata"]) for layer in ("raw", "clean", "lake", "warehouse")]
    mine = [dg.AssetKey(name.split("/")) for name in sys.argv[2:]]
    month = sys.argv[1]
    with dg.DagsterInstance.get() as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        done = job.get_subset(asset_selection={*layers, *mine}).execute_in_process(
            instance=instance, partition_key=month, raise_on_error=False)
        failed = [event.message for event in done.all_events if event.is_failure]
        checks = {each.check_name: each.passed for each in done.get_asset_check_evaluations()
                  if each.asset_key in mine or each.check_name == "not_too_few_trips"}
        said = {each.asset_key.to_user_string(): {name: value.value for name, value in each.metadata.items()}
                for key in mine for each in done.asset_materializations_for_node(
                    defs.resolve_assets_def(key).node_def.name)}
    print("ANSWER", json.dumps({"failed": failed, "checks": checks, "said": said}, default=str))
    """


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy with all that the page puts into defs/."""
    made = Copy(tmp_path_factory.mktemp("extend") / "project")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT_ROOT / "taxi_assets", made.root / "taxi_assets", ignore=ignored)
    for name in ("pyproject.toml", "dagster.yaml"):
        shutil.copy(PROJECT_ROOT / name, made.root)
    made.home.mkdir()
    (made.home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    for name, block in FILES.items():
        made.put(name, block.text)
    return made


@pytest.fixture(scope="module")
def answer(project: Copy) -> Answer:
    """What a run of one month says of them."""
    (project.root / "run_examples.py").write_text(dedent(RUN), encoding="utf-8")
    said = project.ran("python", "run_examples.py", "2019-01", *MINE)
    return json.loads(said.split("ANSWER ")[-1])


@pytest.fixture(scope="module")
def trips(project: Copy, answer: object) -> int:
    return pq.ParquetFile(project.data / "clean" / "yellow" / "yellow_tripdata_2019-01.parquet").metadata.num_rows


def test_all_examples_run(answer: dict[str, object]) -> None:
    assert answer["failed"] == []
    assert answer["checks"] == {"not_too_few_trips": True, "rows_equal_clean": True}


def test_the_asset_behind_the_warehouse_counts_the_trips(answer: Answer, trips: int) -> None:
    assert answer["said"]["mine/trips_per_day"]["trips"] == trips


def test_the_store_holds_the_month(project: Copy, answer: object, trips: int) -> None:
    with sqlite3.connect(project.data / "trips.sqlite") as store:
        assert store.execute("select file_month, count(*) from yellow group by 1").fetchall() == [("2019-01-01", trips)]


def test_the_script_counts_the_lines_of_the_file(project: Copy, answer: Answer) -> None:
    text = gzip.decompress((project.data / "raw" / "yellow" / "yellow_tripdata_2019-01.csv.gz").read_bytes())
    lines = [line for line in text.splitlines()[1:] if line.strip()]
    assert answer["said"]["mine/lines_counted"]["lines"] == len(lines) == 500


def test_a_column_is_one_line(project: Copy, answer: Answer) -> None:
    [edit] = [block for block in EXAMPLES if block.mark.startswith("edit: ")]
    place = re.fullmatch(r'edit: (?P<file>\S+), before "(?P<line>.*)"', edit.mark)
    assert place
    module = project.root / place["file"]
    before = module.read_text(encoding="utf-8")
    assert before.count(place["line"]) == 1
    source = project.root / "published" / "yellow"
    source.mkdir(parents=True)
    published = gzip.decompress((project.data / "raw" / "yellow" / "yellow_tripdata_2019-01.csv.gz").read_bytes())
    head, *lines = published.decode("latin-1").splitlines()[:4]
    data = [line for line in lines if line]
    rows = [f"{head},queue_minutes", *(f"{line},{number}" for number, line in enumerate(data))]
    (source / "yellow_tripdata_2019-04.csv").write_text("\n".join(rows) + "\n", encoding="latin-1")
    code = (
        "import sys; from pathlib import Path; from taxi_assets.data_dir import DataDir; "
        "from taxi_assets.datasets.months import TripMonth; from taxi_assets.steps.raw.fetch import fetch_month; "
        "from taxi_assets.steps.clean.clean import clean_month; place = DataDir(Path(sys.argv[1])); "
        "clean = clean_month(fetch_month(TripMonth('yellow', '2019-04'), sys.argv[2], place).raw, place); "
        "import pyarrow.parquet as pq; print(pq.read_table(clean.path)['queue_minutes'].to_pylist())"
    )
    words = ("python", "-c", code, str(project.root / "new"), str(source.parent))
    refused = project.run(*words)
    assert refused.returncode != 0
    assert "queue_minutes" in refused.stderr
    module.write_text(before.replace(place["line"], edit.text + place["line"]), encoding="utf-8")
    try:
        assert project.ran(*words).strip() == str(list(range(len(data))))
    finally:
        module.write_text(before, encoding="utf-8")
