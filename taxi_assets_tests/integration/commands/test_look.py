"""`taxi status`, `why`, `sql`, `catalogue`, `report` on one small folder, and the keys that scripts read of them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from taxi_assets.cli.program import main
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets_tests.support.commands import clean_environment

GOOD, REISSUED, HALF, ABSENT = "2019-01", "2019-02", "2019-03", "2019-04"
SCHEMA = "my trips"
LAYERS = ("raw", "clean", "postgres", "lake", "warehouse")


@dataclass(frozen=True)
class Typed:
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataDir]:
    """A good month, one that was re-issued since, one whose file is half a file, and one that is not published."""
    root = tmp_path_factory.mktemp("look")
    environment = {
        **clean_environment(root),
        "TAXI_SOURCE": str(root / "source" / "raw"),
        "TAXI_POSTGRES_SCHEMA": SCHEMA,
    }
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        source = DataDir(root / "source")
        for month in (GOOD, REISSUED, HALF):
            fetch_month(TripMonth("yellow", month), "sample", source, sample_rows=500)
        half = root / "source" / "raw" / "yellow" / f"yellow_tripdata_{HALF}.csv.gz"
        half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
        assert main(["load", "yellow", f"{GOOD}..{ABSENT}", "--here"]) == 1, "two of the months are bad"
        fetch_month(TripMonth("yellow", REISSUED), "sample", source, sample_rows=600)
        assert main(["load", "yellow", REISSUED, "--to", "raw", "--here"]) == 0
        yield DataDir(root / "data")
    finally:
        EmbeddedPostgres(root / "data" / "postgres").remove()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def taxi(folder: DataDir, capsys: pytest.CaptureFixture[str]) -> Any:
    def typed(words: str) -> Typed:
        capsys.readouterr()
        code = main(shlex.split(words))
        return Typed(code, *capsys.readouterr())

    return typed


def words_of(layers: dict[str, Any]) -> list[str]:
    return [layers[name]["state"] for name in LAYERS]


def test_status_tells_what_is_there_failed_re_issued_missing_and_not_published(taxi: Any, folder: DataDir) -> None:
    said = taxi("status yellow --year 2019 --json").json
    assert list(said) == ["data_dir", "dagster_home", "embedded_postgres", "datasets"]
    assert (said["data_dir"], said["embedded_postgres"]) == (str(folder.root), "running")
    months = said["datasets"]["yellow"]
    assert len(months) == 12
    assert all(list(layers) == list(LAYERS) for layers in months.values())
    assert {tuple(state) for layers in months.values() for state in layers.values()} == {("state", "reason", "run")}

    assert words_of(months[GOOD]) == ["there"] * 5
    assert words_of(months[REISSUED]) == ["there", *["re-issued"] * 4]
    assert words_of(months[HALF]) == ["failed", *["missing"] * 4]
    assert words_of(months[ABSENT]) == ["not published"] * 5
    assert words_of(months["2019-05"]) == ["missing"] * 5
    assert months[REISSUED]["clean"]["reason"] == "raw has got another version since"
    assert "truncated or corrupt" in months[HALF]["raw"]["reason"]
    assert "not published in the source folder" in months[ABSENT]["raw"]["reason"]
    assert months[HALF]["raw"]["run"]


def test_status_shows_a_matrix_with_the_reasons_and_how_to_connect(taxi: Any) -> None:
    shown = taxi("status yellow").out
    rows = {words[0]: words[1:5] for words in map(str.split, shown.splitlines()) if words and words[0] in LAYERS}
    assert rows["raw"] == ["●", "●", "✗", "-"]
    assert rows["warehouse"] == ["●", "◐", "·", "-"]
    [failed] = [line for line in shown.splitlines() if line.startswith("✗")]
    assert failed.startswith(f"✗ yellow {HALF} raw: ")
    [connect] = [line for line in shown.splitlines() if line.strip().startswith("connect")]
    assert connect.endswith(" psql")
    assert "passfile" not in connect


def test_a_month_that_the_source_has_by_now_is_missing_when_the_source_is_asked(
    taxi: Any, folder: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder.root.parent / "other"
    (source / "yellow").mkdir(parents=True)
    for month, other in ((ABSENT, GOOD), (GOOD, GOOD)):
        shutil.copy(
            folder.root.parent / "source" / "raw" / "yellow" / f"yellow_tripdata_{other}.csv.gz",
            source / "yellow" / f"yellow_tripdata_{month}.csv.gz",
        )
    monkeypatch.setenv("TAXI_SOURCE", str(source))
    months = taxi("status yellow --year 2019 --ask --json").json["datasets"]["yellow"]
    assert words_of(months[ABSENT]) == ["missing"] * 5
    assert words_of(months["2019-05"]) == ["not published"] * 5


@pytest.mark.parametrize(
    ("month", "advice"),
    [
        (GOOD, "Nothing has to be done"),
        (REISSUED, f"A newer version waits; take it through the layers: taxi load yellow {REISSUED}"),
        (HALF, "See to what the reason of raw says, then run:"),
        (ABSENT, "The source did not have it."),
        ("2019-05", "Carry it through the layers that lack it:"),
    ],
)
def test_why_says_what_to_do(taxi: Any, month: str, advice: str) -> None:
    assert taxi(f"why yellow {month} --json").json["advice"][0].startswith(advice)


def test_why_tells_the_file_its_layers_checks_and_runs(taxi: Any) -> None:
    said = taxi(f"why yellow {REISSUED} --json").json
    assert list(said) == [
        "dataset", "month", "file", "clean", "rejected", "rejected_examples", "layers", "checks", "runs", "advice",
    ]  # fmt: skip
    assert list(said["file"]) == [
        "path", "source", "format", "synthetic", "bytes", "rows", "sha256", "etag", "last_modified", "fetched_at",
    ]  # fmt: skip
    assert list(said["clean"]) == ["path", "rows", "rejected", "unreadable", "skipped_columns", "content_id"]
    keys = ["state", "reason", "materialized", "rows", "seconds", "unchanged", "run"]
    assert all(list(layer) == keys for layer in said["layers"].values())
    assert (said["file"]["rows"], said["clean"]["rows"]) == (600, 500), "clean has not taken it yet"
    assert (said["layers"]["raw"]["rows"], said["layers"]["postgres"]["rows"]) == (600, 500)
    assert {"layer": "clean", "name": "losses", "passed": True, "severity": "WARN", "said": "none"}.keys() == set(
        said["checks"][0]
    )
    assert [run["status"] for run in said["runs"]] == ["success", "success", "failure"]

    shown = taxi(f"why yellow {REISSUED}").out
    assert said["file"]["sha256"] in shown, "in one piece"
    assert max(map(len, shown.splitlines())) <= int(os.environ["COLUMNS"])
    assert "◐ clean      re-issued" in shown


@pytest.mark.parametrize("store", ["", "--postgres"])
class TestSql:
    def test_it_counts(self, taxi: Any, store: str) -> None:
        query = "select count(*) as n from yellow_tripdata"
        assert taxi(f"sql '{query}' {store} --json").json == [{"n": 1000}]
        shown = taxi(f"sql '{query}' {store}").out
        assert shown.split()[-3:] == ["1000", "1", "row"]

    def test_it_writes_csv_and_parquet(self, taxi: Any, store: str, tmp_path: Path) -> None:
        query = (
            "select vendorid, tpep_pickup_datetime as picked, total_amount from yellow_tripdata order by 2, 3 limit 3"
        )
        rows = taxi(f"sql '{query}' {store} --csv").out.splitlines()
        assert (rows[0], len(rows)) == ("vendorid,picked,total_amount", 4)
        file = tmp_path / "trips.parquet"
        assert "3 rows." in taxi(f"sql '{query}' {store} --parquet {file}").err
        with duckdb.connect() as reader:
            written = reader.execute("SELECT picked::text, total_amount FROM read_parquet(?)", [str(file)]).fetchall()
        assert [f"{at},{amount}" for at, amount in written] == [row.partition(",")[2] for row in rows[1:]]

    @pytest.mark.parametrize(
        "query",
        [
            "delete from yellow_tripdata",
            "create table mine as select 1",
            "select 1; drop table taxi_zones",
            "drop view if exists yellow_tripdata",
        ],
    )
    def test_it_writes_nothing(self, taxi: Any, store: str, query: str) -> None:
        refused = taxi(f"sql '{query}' {store}")
        assert refused.code == 1
        assert refused.err.startswith("StoreRejectedError: ")
        assert "this command only reads" in refused.err or "multiple commands" in refused.err
        assert taxi(f"sql 'select count(*) n from yellow_tripdata' {store} --json").json == [{"n": 1000}]

    def test_what_is_not_there_is_a_sentence(self, taxi: Any, store: str) -> None:
        refused = taxi(f"sql 'select * from no_such_table' {store}")
        assert (refused.code, refused.out) == (1, "")
        assert "no_such_table" in refused.err
        assert "Traceback" not in refused.err


def test_psql_finds_the_tables_without_their_schema(
    folder: DataDir, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "query").write_text("\\pset format unaligned\nselect count(*) from yellow_tripdata;\n")
    monkeypatch.setenv("PSQLRC", os.devnull)
    with (tmp_path / "query").open() as query:
        stdin = os.dup(0)
        os.dup2(query.fileno(), 0)
        try:
            assert main(["psql"]) == 0
        finally:
            os.dup2(stdin, 0)
            os.close(stdin)
    assert "1000" in capfd.readouterr().out.split()


def test_a_catalogue_shows_the_trips_in_a_file_of_ones_own(taxi: Any, tmp_path: Path) -> None:
    file = tmp_path / "taxi_rides_ny.duckdb"
    said = taxi(f"catalogue {file} --schema prod --json").json
    assert list(said) == ["file", "schema", "views"]
    assert "yellow_tripdata" in said["views"]
    with duckdb.connect(str(file), read_only=True) as mine:
        assert mine.execute("SELECT count(*) FROM prod.yellow_tripdata").fetchone() == (1000,)
    assert f"{file}: schema prod shows " in taxi(f"catalogue {file} --schema prod").out


def test_a_report_is_made_where_it_says(taxi: Any, folder: DataDir) -> None:
    said = taxi("report --no-browser --json").json
    assert list(said) == ["path", "trips", "months"]
    page = Path(said["path"])
    assert page.is_relative_to(folder.root)
    assert "<html" in page.read_text(encoding="utf-8")
    assert taxi("report --no-browser").out == f"{page}: {said['trips']:,} trips.\n"
