"""What the pages tell people to type, typed: one folder of synthetic months and one server for all of them."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb
import psycopg
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets.steps.postgres.tables import prepare_database
from taxi_assets.steps.sample.write import write_sample_month, write_sample_zones
from taxi_assets_tests.support.commands import clean_environment
from taxi_assets_tests.support.course import GREEN, YELLOW, fill_course_table
from taxi_assets_tests.support.pages import Block, marked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUICK_START = [block for block in marked("run") if block.page == "quick-start.md" and block.language == "sh"]


@dataclass(frozen=True)
class Place:
    """A person's terminal: the project's folder, and data and records of their own."""

    root: Path
    environment: dict[str, str]

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def server(self) -> EmbeddedPostgres:
        return EmbeddedPostgres(self.data / "postgres")

    def type(self, block: Block, **replaced: str) -> subprocess.CompletedProcess[str]:
        """Types a block of a page; ``.venv`` is the environment that runs the tests."""
        text = block.text.replace(".venv/bin/python", f"'{sys.executable}'")
        for before, after in replaced.items():
            assert before in text
            text = text.replace(before, after)
        program = ["bash", "-euo", "pipefail", "-c", text] if block.language == "sh" else [sys.executable, "-c", text]
        return subprocess.run(
            program, cwd=PROJECT_ROOT, env=self.environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Somebody who has followed the quick start."""
    root = tmp_path_factory.mktemp("pages")
    made = Place(root, {**clean_environment(root), "TAXI_SAMPLE_ROWS": "300"})
    [block] = QUICK_START
    typed = made.type(block)
    assert typed.returncode == 0, typed.stdout + typed.stderr
    # One page asks about fhv, which nobody needs for a start.
    prepare_database(made.server.conninfo(), [DATASETS["fhv"]])
    yield made
    made.server.remove()


@pytest.mark.parametrize(
    "block", [each for each in marked("run") if each.mark == "run" and each not in QUICK_START], ids=str
)
def test_what_a_page_says_to_type_works(place: Place, block: Block) -> None:
    typed = place.type(block)
    assert typed.returncode == 0, typed.stdout + typed.stderr


@pytest.mark.parametrize("block", [block for block in marked("run: ") if "postgres" in block.mark], ids=str)
def test_a_query_runs_in_postgres(place: Place, block: Block) -> None:
    with psycopg.connect(place.server.conninfo()) as connection:
        cursor = connection.execute(block.text.encode())
        while cursor.nextset():
            pass
        assert cursor.fetchall() or "pg_stat_activity" in block.text


@pytest.mark.parametrize("block", [block for block in marked("run: ") if "duckdb" in block.mark], ids=str)
def test_a_query_runs_in_the_warehouse(place: Place, block: Block) -> None:
    with duckdb.connect(str(place.data / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute(block.text).fetchall()


def test_the_size_of_a_file_is_in_its_manifest(place: Place) -> None:
    [block] = marked("run: manifests")
    manifest = place.data / "raw" / "yellow" / "yellow_tripdata_2019-01.manifest.json"
    wanted = json.loads(manifest.read_text(encoding="utf-8"))
    sql = block.text.replace("data/raw/yellow/yellow_tripdata_2020-12.manifest.json", str(manifest))
    assert sql != block.text
    answer = duckdb.sql(sql).fetchall()
    assert answer == [(round(wanted["uncompressed_bytes"] / 2**20, 1), 300)]


def test_files_of_ones_own_are_a_source(place: Place, tmp_path: Path) -> None:
    [block] = marked("run: own files")
    (tmp_path / "yellow").mkdir()
    month = TripMonth("yellow", "2019-03")
    write_sample_month(month, tmp_path / "yellow" / f"{month.stem}.csv.gz", 40, rejected_share=0)
    typed = place.type(block, **{"my-trips": str(tmp_path)})
    assert typed.returncode == 0, typed.stdout + typed.stderr
    assert (place.data / "clean" / "yellow" / f"{month.stem}.parquet").exists()


def test_a_port_of_this_machine_leads_to_the_embedded_server_and_asks_for_the_password(place: Place) -> None:
    [block] = marked("run: port")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = block.text.replace(".venv/bin/python", sys.executable).replace("5433", str(port)).split()
    opened = subprocess.Popen(words, cwd=PROJECT_ROOT, env=place.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert opened.stdout is not None
        assert opened.stdout.readline() == (f"Connect to 127.0.0.1, port {port}, database ny_taxi, user taxi_assets.\n")
        where = opened.stdout.readline().split(" in ")[-1].strip().rstrip(".")
        known = f"host=127.0.0.1 port={port} user=taxi_assets dbname=ny_taxi"
        with psycopg.connect(f"{known} passfile={where}") as connection:
            assert connection.execute("select count(*) from taxi_zones").fetchone() == (265,)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"{known} password=guessed")
        with socket.socket() as elsewhere, pytest.raises(OSError, match="refused"):
            elsewhere.connect(("127.0.0.2", port))
    finally:
        opened.terminate()
        opened.wait(20)


# --- a database that the course has filled ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def course(place: Place) -> Iterator[str]:
    """A database of the course's user, with the tables as its flows leave them; yields its URL."""
    name = f"course_{uuid4().hex[:8]}"
    with psycopg.connect(place.server.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE ROLE root LOGIN PASSWORD 'root'")
        connection.execute(f"CREATE DATABASE {name} OWNER root".encode())
    source = place.root / "published"
    for month, columns in ((TripMonth("yellow", "2019-01"), YELLOW), (TripMonth("green", "2019-01"), GREEN)):
        file = source / month.dataset / f"{month.stem}.csv.gz"
        file.parent.mkdir(parents=True)
        write_sample_month(month, file, 200, rejected_share=0)
        if month.dataset == "yellow":
            csv = gzip.decompress(file.read_bytes())
            fill_course_table(place.server.conninfo(name), "public.yellow_tripdata", month, columns, csv, owner="root")
    (source / "misc").mkdir()
    write_sample_zones(source / "misc" / TAXI_ZONES.file_name)
    place.environment["TAXI_SOURCE"] = str(source)
    parts = psycopg.conninfo.conninfo_to_dict(place.server.conninfo())
    yield f"postgresql://root:root@/{name}?host={parts['host']}"
    del place.environment["TAXI_SOURCE"]


COURSE = "postgresql://root:root@localhost:5432/ny_taxi"


def test_the_reader_of_the_kestra_page_keeps_database_and_queries(place: Place, course: str) -> None:
    shell = [block for block in marked("run: course") if block.page == "course/from-kestra.md"]
    assert [block.language for block in shell] == ["sh", "sh"]
    first = place.type(shell[0], **{COURSE: f"'{course}'"})
    assert first.returncode == 0, first.stdout + first.stderr
    with psycopg.connect(course) as connection:
        assert connection.execute("SELECT count(*) FROM zoomcamp.green_tripdata").fetchone() == (200,)
    place.environment["TAXI_POSTGRES_URL"] = course
    try:
        refused = place.type(shell[1])
    finally:
        del place.environment["TAXI_POSTGRES_URL"]
    assert refused.returncode != 0
    assert "TAXI_POSTGRES_SCHEMA=taxi" in " ".join((refused.stdout + refused.stderr).split())


def test_ours_stand_beside_the_courses_tables_and_are_equal(place: Place, course: str) -> None:
    of_page = [block for block in marked("run: course") if block.page == "course/filled-database.md"]
    [shell, counts, differences] = of_page
    typed = place.type(shell, **{COURSE: f"'{course}'"})
    assert typed.returncode == 0, typed.stdout + typed.stderr
    with psycopg.connect(course) as connection:
        (theirs, ours) = connection.execute(counts.text.encode()).fetchall()
        assert (theirs[0], ours[0]) == ("the course", "taxi_assets")
        assert theirs[1:] == ours[1:]
        assert theirs[1] == 200
        assert connection.execute(differences.text.encode()).fetchall() == []
        one = "SELECT min(ctid) FROM public.yellow_tripdata"
        connection.execute(f"UPDATE public.yellow_tripdata SET tip_amount = -99 WHERE ctid = ({one})".encode())
        assert len(connection.execute(differences.text.encode()).fetchall()) == 2, "a difference would be seen"
        connection.rollback()
