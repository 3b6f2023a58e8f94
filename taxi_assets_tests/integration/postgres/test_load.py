"""A month into a real Postgres: what arrives, what a second run does, what a bad file leaves."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Column, ColumnType
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import BrokenFileError, CountMismatchError, FileChangedError, LayoutError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.postgres import load as load_postgres
from taxi_assets.steps.postgres.load import count_month, load_month, sum_month
from taxi_assets.steps.postgres.tables import prepare_database
from taxi_assets_tests.support.clean_months import clean_table, sorted_rows, with_rows, write_clean
from taxi_assets_tests.support.damage import rot_parquet
from taxi_assets_tests.support.raw_months import csv_month, csv_of_trips

YELLOW = DATASETS["yellow"]
JANUARY = TripMonth("yellow", "2019-01")
FEBRUARY = TripMonth("yellow", "2019-02")
NEW = "cbd_congestion_fee"


def query(conninfo: str, text: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(text, parameters)  # pyright: ignore[reportArgumentType]
        return cursor.fetchall() if cursor.description else []


def oid_of(conninfo: str, partition: str) -> int:
    return query(conninfo, "SELECT to_regclass(%s)::oid::bigint", partition)[0][0]


def tables_of_partitions(conninfo: str) -> list[str]:
    return [name for (name,) in query(conninfo, "SELECT tablename FROM pg_tables WHERE schemaname = 'partitions'")]


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_value_of_every_dataset_arrives_as_it_is(postgres: str, tmp_path: Path, name: str) -> None:
    dataset, month = DATASETS[name], TripMonth(name, "2021-03")
    clean = write_clean(tmp_path, month, 700, row_group=100)
    loaded = load_month(clean, postgres)
    assert (loaded.rows, loaded.table, loaded.unchanged) == (700, f"public.{name}_tripdata", False)
    assert loaded.bytes_loaded > 700 * 10
    found = query(postgres, f"SELECT * FROM public.{name}_tripdata")
    wanted = [tuple(row.values()) for row in pq.read_table(clean.path).to_pylist()]
    assert sorted_rows(found) == sorted_rows(wanted)
    types = query(
        postgres,
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 ORDER BY attnum",
        f"public.{name}_tripdata",
    )
    assert [(n, t.removesuffix(" without time zone")) for n, t in types] == [
        (column.name, column.type.postgres) for column in dataset.table_columns
    ]


def test_count_and_sum_speak_of_one_month(postgres: str, tmp_path: Path) -> None:
    assert count_month(postgres, JANUARY) == 0
    assert sum_month(postgres, JANUARY, "total_amount") is None
    january, february = write_clean(tmp_path, JANUARY, 500), write_clean(tmp_path, FEBRUARY, 300)
    load_month(january, postgres)
    load_month(february, postgres)
    assert (count_month(postgres, JANUARY), count_month(postgres, FEBRUARY)) == (500, 300)
    wanted = pc.sum(pq.read_table(january.path)["total_amount"]).as_py()
    assert sum_month(postgres, JANUARY, "total_amount") == pytest.approx(wanted)
    with pytest.raises(KeyError, match="no column 'tips'"):
        sum_month(postgres, JANUARY, "tips")


def test_the_month_is_a_partition_with_the_parents_index_and_comments(postgres: str, tmp_path: Path) -> None:
    clean = write_clean(tmp_path, JANUARY)
    loaded = load_month(clean, postgres)
    assert loaded.partition == "partitions.yellow_tripdata_2019_01"
    [(bound, comment, analyzed)] = query(
        postgres,
        "SELECT pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid), c.reltuples FROM pg_class c "
        "WHERE c.oid = to_regclass(%s)",
        loaded.partition,
    )
    assert bound == "FOR VALUES IN ('2019-01-01')"
    assert analyzed == 1000
    assert json.loads(comment) == {"content_id": clean.content_id, "rows": 1000, "source": "test", "synthetic": True}
    parents = query(
        postgres,
        "SELECT i.inhparent::regclass::text, pg_get_indexdef(i.inhrelid) FROM pg_inherits i "
        "WHERE i.inhrelid = 'partitions.yellow_tripdata_2019_01_pickup'::regclass",
    )
    assert len(parents) == 1
    assert parents[0][0] == "yellow_tripdata_pickup"
    assert "brin (tpep_pickup_datetime timestamp_minmax_multi_ops)" in parents[0][1]
    constraints = query(
        postgres, "SELECT contype FROM pg_constraint WHERE conrelid = to_regclass(%s)", loaded.partition
    )
    assert ("c",) not in constraints, "the CHECK that stood in for the bound is dropped"
    for table in ("public.yellow_tripdata", loaded.partition):
        [(text,)] = query(
            postgres,
            "SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = to_regclass(%s) "
            "AND attname = 'trip_distance'",
            table,
        )
        assert text == f"{YELLOW.column('trip_distance').description} [miles]"
    assert tables_of_partitions(postgres) == ["yellow_tripdata_2019_01"]


def test_attach_believes_the_constraint_and_does_not_scan(
    postgres: str, postgres_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    database = psycopg.conninfo.conninfo_to_dict(postgres)["dbname"]
    query(postgres, f"ALTER DATABASE {database} SET log_min_messages = debug1")
    load_month(write_clean(tmp_path, JANUARY, 10), postgres)
    [(log,)] = query(postgres, "SELECT pg_read_file(pg_current_logfile())")
    assert any(str(database) in line and "implied by existing constraints" in line for line in str(log).splitlines())


def test_the_same_content_again_loads_nothing(postgres: str, tmp_path: Path) -> None:
    clean = write_clean(tmp_path, JANUARY)
    first = load_month(clean, postgres)
    before = oid_of(postgres, first.partition)
    again = load_month(clean, postgres)
    assert (again.unchanged, again.rows, again.bytes_loaded) == (True, 1000, 0)
    assert oid_of(postgres, first.partition) == before


def test_a_month_that_lost_rows_is_loaded_again(postgres: str, tmp_path: Path) -> None:
    clean = write_clean(tmp_path, JANUARY)
    load_month(clean, postgres)
    query(postgres, "DELETE FROM yellow_tripdata WHERE vendorid = 3")
    assert not load_month(clean, postgres).unchanged
    assert count_month(postgres, JANUARY) == 1000


def test_a_corrected_file_replaces_its_month_and_nothing_else(postgres: str, tmp_path: Path) -> None:
    other = load_month(write_clean(tmp_path, FEBRUARY, 300), postgres)
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    untouched = oid_of(postgres, other.partition)
    corrected = write_clean(tmp_path, JANUARY, clean_table(YELLOW, JANUARY, 400, first=5000))
    load_month(corrected, postgres)
    found = query(postgres, "SELECT * FROM yellow_tripdata WHERE file_month = '2019-01-01'")
    wanted = [tuple(row.values()) for row in pq.read_table(corrected.path).to_pylist()]
    assert sorted_rows(found) == sorted_rows(wanted)
    assert oid_of(postgres, other.partition) == untouched
    assert count_month(postgres, FEBRUARY) == 300


def test_exact_duplicates_stay_two_rows(postgres: str, tmp_path: Path) -> None:
    one = clean_table(YELLOW, JANUARY, 1)
    load_month(write_clean(tmp_path, JANUARY, pa.concat_tables([one, one, one])), postgres)
    assert count_month(postgres, JANUARY) == 3


@pytest.mark.parametrize(("rows", "row_group", "streams"), [(0, 10, 2), (5, 10, 3), (1000, 1000, 2), (1000, 10, 7)])
def test_any_number_of_streams_and_row_groups_will_do(
    postgres: str, tmp_path: Path, rows: int, row_group: int, streams: int
) -> None:
    seen: list[tuple[int, int | None]] = []
    clean = write_clean(tmp_path, JANUARY, rows, row_group=row_group)
    load_month(clean, postgres, streams=streams, on_progress=lambda done, total: seen.append((done, total)))
    assert count_month(postgres, JANUARY) == rows
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1:] == ([(rows, rows)] if rows else [])


def test_rows_stay_in_the_order_of_time_so_that_the_index_excludes(postgres: str, tmp_path: Path) -> None:
    load_month(write_clean(tmp_path, JANUARY, 60_000, row_group=2048), postgres)
    query(postgres, "SELECT brin_summarize_new_values('partitions.yellow_tripdata_2019_01_pickup')")
    plan = query(
        postgres,
        "EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, SUMMARY OFF, TIMING OFF) SELECT count(*) FROM yellow_tripdata "
        "WHERE tpep_pickup_datetime < '2019-01-02'",
    )
    [(pages,)] = query(postgres, "SELECT pg_relation_size('partitions.yellow_tripdata_2019_01') / 8192")
    text = "\n".join(line for (line,) in plan)
    assert "Bitmap Index Scan" in text, text
    read = int(text.split("lossy=")[1].split()[0])
    # A day is 2,880 of 60,000 rows; the index works in ranges of 128 pages.
    assert read <= 2 * 128 < pages / 2


def test_the_server_sees_whose_connections_these_are(postgres: str, tmp_path: Path) -> None:
    seen: set[str] = set()

    def look(done: int, total: int | None) -> None:
        seen.update(name for (name,) in query(postgres, "SELECT application_name FROM pg_stat_activity"))

    load_month(write_clean(tmp_path, JANUARY), postgres, application_name="run 12ab yellow", on_progress=look)
    assert {"run 12ab yellow", "run 12ab yellow copy 1", "run 12ab yellow copy 2"} <= seen


def without(table: pa.Table, name: str) -> pa.Table:
    return table.drop_columns([name])


def retyped(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, name, table[name].cast(kind))


def replaced(table: pa.Table, name: str, value: object) -> pa.Table:
    place = table.column_names.index(name)
    values = [*table[name].to_pylist()[:-1], value]
    return table.set_column(place, name, pa.array(values, table[name].type))


GOOD = clean_table(YELLOW, JANUARY, 800, first=70)


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        (without(GOOD, "extra"), LayoutError, "extra is missing"),
        (GOOD.append_column("colour", pa.array(["red"] * 800)), LayoutError, "colour is not a column of yellow"),
        (retyped(GOOD, "vendorid", pa.int64()), LayoutError, "vendorid is int64 and should be int16"),
        (replaced(GOOD, "store_and_fwd_flag", "N\0"), BrokenFileError, "refuses a value"),
        (replaced(GOOD, "tpep_pickup_datetime", None), BrokenFileError, "refuses a value"),
        (replaced(GOOD, "file_month", FEBRUARY.first_day), BrokenFileError, "refuses a value"),
    ],
    ids=["missing", "surplus", "type", "zero byte", "no pickup", "other month"],
)
def test_a_bad_file_is_named_and_the_old_month_stays(
    postgres: str, tmp_path: Path, table: pa.Table, error: type[Exception], says: str
) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    bad = write_clean(tmp_path, JANUARY, table)
    with pytest.raises(error, match=says) as raised:
        load_month(bad, postgres)
    assert str(bad.path) in str(raised.value)
    assert count_month(postgres, JANUARY) == 1000
    assert tables_of_partitions(postgres) == ["yellow_tripdata_2019_01"]


@pytest.mark.parametrize("damage", ["text", "cut", "hole"])
def test_a_damaged_file_is_named_and_the_old_month_stays(postgres: str, tmp_path: Path, damage: str) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    bad = write_clean(tmp_path, JANUARY, 5000)
    content = bad.path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "text": b"<html>",
        "cut": content[:middle],
        "hole": content[:500] + bytes(middle - 500) + content[middle:],
    }
    bad.path.write_bytes(damaged[damage])
    with pytest.raises(BrokenFileError, match="cannot be read as Parquet") as raised:
        load_month(bad, postgres)
    assert str(bad.path) in str(raised.value)
    assert count_month(postgres, JANUARY) == 1000
    assert tables_of_partitions(postgres) == ["yellow_tripdata_2019_01"]


@pytest.mark.parametrize("decodes", [True, False], ids=["decodes to other values", "cannot be decoded"])
def test_a_file_that_rotted_since_it_was_cleaned_is_not_loaded_and_cleaning_heals_it(
    postgres: str, tmp_path: Path, decodes: bool
) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    data_dir = DataDir(tmp_path)
    raw = csv_month(data_dir, csv_of_trips(2_000))
    clean = clean_month(raw, data_dir)
    wanted = pc.sum(pq.read_table(clean.path)["total_amount"]).as_py()
    rot_parquet(clean.path, decodes=decodes)

    with pytest.raises(BrokenFileError, match=f"{clean.path.name}: it is not what was cleaned"):
        load_month(clean, postgres)
    assert count_month(postgres, JANUARY) == 1000
    assert tables_of_partitions(postgres) == ["yellow_tripdata_2019_01"]

    load_month(clean_month(raw, data_dir), postgres)
    assert count_month(postgres, JANUARY) == 2_000
    assert sum_month(postgres, JANUARY, "total_amount") == pytest.approx(wanted)


def replace_file(clean: CleanFile, newer: CleanFile) -> None:
    """What another run that cleans the month does."""
    newer.path.replace(clean.path)


@pytest.mark.parametrize("moment", ["gone before", "replaced before", "while it is copied"])
def test_a_clean_file_that_another_run_replaces_is_loaded_by_the_next_try(
    postgres: str, tmp_path: Path, moment: str
) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    clean, newer = write_clean(tmp_path, JANUARY, 5000), write_clean(tmp_path, JANUARY, 4000)
    on_progress: OnProgress = no_progress
    match moment:
        case "gone before":
            clean.path.unlink()
        case "replaced before":
            replace_file(clean, newer)
        case _:
            once = iter([newer])

            def replace_once(*_: object) -> None:
                for file in once:
                    replace_file(clean, file)

            on_progress = replace_once

    with pytest.raises(FileChangedError, match=f"{clean.path.name}: another run replaced or removed it"):
        load_month(clean, postgres, on_progress=on_progress)
    assert count_month(postgres, JANUARY) == 1000
    if moment != "gone before":
        load_month(replace(newer, path=clean.path), postgres)
        assert count_month(postgres, JANUARY) == 4000


def test_no_load_mixes_two_files_while_a_publisher_changes_its_mind_all_the_time(postgres: str, tmp_path: Path) -> None:
    tables = [clean_table(YELLOW, JANUARY, 2000, first=first) for first in (0, 100_000)]
    versions = [write_clean(tmp_path, JANUARY, table, content_id=f"version {n}") for n, table in enumerate(tables)]
    wanted = {clean.content_id: pc.sum(pq.read_table(clean.path)["trip_distance"]).as_py() for clean in versions}
    place = tmp_path / "yellow_tripdata_2019-01.parquet"
    over = threading.Event()

    def publish() -> None:
        for version in itertools.cycle(versions):
            new = place.with_suffix(".new")
            shutil.copyfile(version.path, new)
            new.replace(place)
            if over.wait(0.03):
                return

    publisher = threading.Thread(target=publish)
    publisher.start()
    outcomes: list[str] = []
    try:
        for version in versions * 15:
            try:
                load_month(replace(version, path=place), postgres)
            except FileChangedError:
                outcomes.append("changed")
                continue
            outcomes.append("loaded")
            [(total, comment)] = query(
                postgres,
                "SELECT sum(trip_distance), obj_description('partitions.yellow_tripdata_2019_01'::regclass) "
                "FROM yellow_tripdata",
            )
            assert total == pytest.approx(wanted[json.loads(comment)["content_id"]])
    finally:
        over.set()
        publisher.join()
    assert "changed" in outcomes


def test_rows_that_do_not_all_arrive_keep_the_old_month(postgres: str, tmp_path: Path) -> None:
    load_month(write_clean(tmp_path, JANUARY, 1000), postgres)
    with pytest.raises(CountMismatchError, match=r"1,001 rows in the clean file, 900 arrived"):
        load_month(with_rows(write_clean(tmp_path, JANUARY, 900), 1001), postgres)
    assert count_month(postgres, JANUARY) == 1000
    assert tables_of_partitions(postgres) == ["yellow_tripdata_2019_01"]


def test_a_new_column_in_the_registry_reaches_old_months_without_loading_them(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = replace(YELLOW, columns=tuple(column for column in YELLOW.columns if column.name != NEW))
    january = write_clean(tmp_path, JANUARY, without(clean_table(YELLOW, JANUARY, 100), NEW))
    with monkeypatch.context() as patch:
        patch.setattr(load_postgres, "DATASETS", {"yellow": old})
        loaded = load_month(january, postgres)
    before = oid_of(postgres, loaded.partition)
    february = write_clean(tmp_path, FEBRUARY, 100)
    load_month(february, postgres)
    assert oid_of(postgres, loaded.partition) == before
    assert query(postgres, "SELECT count(cbd_congestion_fee) FROM yellow_tripdata WHERE file_month = '2019-01-01'") == [
        (0,)
    ]
    wanted = [tuple(row.values()) for row in pq.read_table(february.path).to_pylist()]
    names = ", ".join(column.name for column in YELLOW.table_columns)
    found = query(postgres, f"SELECT {names} FROM yellow_tripdata WHERE file_month = '2019-02-01'")
    assert sorted_rows(found) == sorted_rows(wanted), "by name: the table's own order has the new column last"
    assert query(postgres, f'SELECT count("{NEW}") FROM tlc.yellow_tripdata') == query(
        postgres, f"SELECT count({NEW}) FROM yellow_tripdata"
    ), "the view has it, too"


def test_a_column_of_another_type_is_an_error_that_names_it(postgres: str) -> None:
    columns = (*YELLOW.columns[:-1], replace(YELLOW.columns[-1], type=ColumnType.TEXT))
    prepare_database(postgres, [replace(YELLOW, columns=columns)])
    with pytest.raises(LayoutError, match=rf"{YELLOW.columns[-1].name} is text and should be double precision"):
        prepare_database(postgres, [YELLOW])


def test_a_table_that_something_else_made_is_left_alone(postgres: str, tmp_path: Path) -> None:
    query(postgres, "CREATE TABLE yellow_tripdata AS SELECT 1 AS one")
    with pytest.raises(LayoutError, match="something else made it"):
        load_month(write_clean(tmp_path, JANUARY), postgres)
    assert query(postgres, "SELECT * FROM yellow_tripdata") == [(1,)]


def test_preparing_again_writes_nothing_and_changed_descriptions_follow(postgres: str) -> None:
    def written() -> list[tuple[Any, ...]]:
        return query(
            postgres, "SELECT xmin::text, objsubid, description FROM pg_description WHERE objoid > 16384 ORDER BY 1, 2"
        )

    prepare_database(postgres, DATASETS.values())
    before = written()
    prepare_database(postgres, DATASETS.values())
    assert written() == before
    reworded = Column("vendorid", ColumnType.CODE, "Reworded.")
    prepare_database(postgres, [replace(YELLOW, columns=(reworded, *YELLOW.columns[1:]))])
    assert query(postgres, "SELECT col_description('yellow_tripdata'::regclass, 1)") == [("Reworded.",)]


def test_public_lists_only_the_datasets(postgres: str, tmp_path: Path) -> None:
    prepare_database(postgres, DATASETS.values())
    load_month(write_clean(tmp_path, JANUARY), postgres)
    names = query(postgres, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    assert [name for (name,) in names] == sorted(dataset.table for dataset in DATASETS.values())


def test_an_index_that_people_added_is_there_on_a_new_month(postgres: str, tmp_path: Path) -> None:
    prepare_database(postgres, [YELLOW])
    query(postgres, 'CREATE INDEX "by Zone" ON yellow_tripdata (pulocationid) WHERE pulocationid > 1')
    for rows in (100, 120):
        load_month(write_clean(tmp_path, JANUARY, rows), postgres)
        found = query(
            postgres,
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'partitions' ORDER BY 1",
        )
        assert found == [("yellow_tripdata_2019_01_by Zone",), ("yellow_tripdata_2019_01_pickup",)]
        [(attached,)] = query(postgres, "SELECT count(*) FROM pg_inherits WHERE inhparent = '\"by Zone\"'::regclass")
        assert attached == 1


def test_a_partition_that_was_renamed_is_still_replaced(postgres: str, tmp_path: Path) -> None:
    load_month(write_clean(tmp_path, JANUARY, 100), postgres)
    query(postgres, "ALTER TABLE partitions.yellow_tripdata_2019_01 RENAME TO mine")
    load_month(write_clean(tmp_path, JANUARY, 150), postgres)
    assert count_month(postgres, JANUARY) == 150
    assert tables_of_partitions(postgres) == ["yellow_tripdata_2019_01"]


def test_a_partition_that_was_detached_by_hand_is_not_thrown_away(postgres: str, tmp_path: Path) -> None:
    load_month(write_clean(tmp_path, JANUARY, 100), postgres)
    query(postgres, "ALTER TABLE yellow_tripdata DETACH PARTITION partitions.yellow_tripdata_2019_01")
    with pytest.raises(LayoutError, match="detached it by hand"):
        load_month(write_clean(tmp_path, JANUARY, 150), postgres)
    assert query(postgres, "SELECT count(*) FROM partitions.yellow_tripdata_2019_01") == [(100,)]
    assert tables_of_partitions(postgres) == ["yellow_tripdata_2019_01"]


def test_a_month_that_something_depends_on_says_so(postgres: str, tmp_path: Path) -> None:
    load_month(write_clean(tmp_path, JANUARY, 100), postgres)
    query(postgres, "CREATE VIEW mine AS SELECT * FROM partitions.yellow_tripdata_2019_01")
    with pytest.raises(LayoutError, match=r"depends on it \(view mine depends on .*Point it at public"):
        load_month(write_clean(tmp_path, JANUARY, 150), postgres)
    assert count_month(postgres, JANUARY) == 100
