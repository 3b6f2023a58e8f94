"""Datasets of people's own: what a declaration becomes, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import FILE_MONTH, ColumnType, Dataset
from taxi_assets.datasets.declared import datasets_in
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import TLC_DATASETS, Registry
from taxi_assets.errors import DeclarationError, LayoutError, NotPublishedError
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets.steps.clean.rules.rules import odd_rules
from taxi_assets.steps.files.header import map_columns
from taxi_assets.steps.raw.fetch import fetch_month, probe_month
from taxi_assets.steps.raw.sources import FileRequest, http_candidates

BIKES = """\
    type: taxi_assets.components.TripDataset
    attributes:
      name: bikes
      files: files/{month}.csv
      first_month: 2024-01
      pickup: started
      total: paid
      columns:
        - {name: started, type: time}
        - {name: paid, type: number, unit: USD}
        - {name: index, type: integer, aliases: [No.]}
        - {name: rider, type: text, meanings: {member: with a card}, optional: true}
    """
"""Line 3 is the name, lines 9 to 12 are the columns."""


def declare(folder: Path, text: str = BIKES, name: str = "bikes") -> Path:
    file = folder / name / "defs.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(dedent(text), encoding="utf-8")
    return file


@pytest.fixture
def bikes(tmp_path: Path) -> Dataset:
    declare(tmp_path)
    return datasets_in(tmp_path, TLC_DATASETS)["bikes"]


def test_a_declaration_becomes_a_dataset_like_the_others(bikes: Dataset) -> None:
    assert bikes.table == "bikes_tripdata"
    assert [(column.name, column.type) for column in bikes.table_columns] == [
        ("started", ColumnType.TIME),
        ("paid", ColumnType.NUMBER),
        ("index", ColumnType.INTEGER),
        ("rider", ColumnType.TEXT),
        (FILE_MONTH.name, ColumnType.DATE),
    ]
    assert [column.name for column in bikes.columns if column.required] == ["started"]
    assert bikes.essential == ("started", "paid", "index")
    assert bikes.column("rider").description == "rider, as published: member with a card."
    assert {rule.name for rule in odd_rules(bikes)} == {"pickup_outside_month", "unlisted_rider", "exact_duplicates"}


def test_the_registry_has_tlc_s_datasets_first_and_reads_the_folder_when_it_is_asked(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    declare(tmp_path, BIKES)
    assert list(registry) == [*TLC_DATASETS, "bikes"]
    assert registry["yellow"] is TLC_DATASETS["yellow"]


def test_the_shipped_example_is_one() -> None:
    example = PROJECT_ROOT / "examples" / "citibike"
    assert len((example / "defs.yaml").read_text(encoding="utf-8").splitlines()) <= 40
    assert list(datasets_in(example, TLC_DATASETS)) == ["citibike"]


def test_several_documents_in_a_file_and_other_components_beside_them(tmp_path: Path) -> None:
    other = "---\ntype: dagster.PythonScriptComponent\nattributes: {name: x}\n"
    declare(tmp_path, dedent(BIKES) + other + "---\n" + dedent(BIKES).replace("name: bikes", "name: scooters"))
    declare(tmp_path, "attributes: {{ env.X }} is no YAML: [", "templates")
    assert list(datasets_in(tmp_path, {})) == ["bikes", "scooters"]


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ("name: bikes", "name: City-Bikes", 3, "name: 'City-Bikes' is not written as small letters"),
        ("name: bikes", f"name: {'b' * 25}", 3, "name: String should have at most 24"),
        ("name: bikes", "name: yellow", 3, "name: there is a dataset yellow already, one of TLC's"),
        ("name: bikes", "name: taxi_zones", 3, "name: taxi_zones is the lookup of zones"),
        ("name: bikes", "name: everything", 3, "name: everything is the job load_everything"),
        ("name: bikes", "name: bikes_tripdata", 3, "leave out the ending"),
        ("name: bikes", "title: Bikes", 3, "name: Field required"),
        ("{month}", "{monat}", 4, "files: the placeholders are"),
        ("files/", "in/{{ env.X }}/", 4, "files: templates are not read here"),
        ("{month}", "all", 4, "files: every month needs a file of its own"),
        ("{month}", "{year}", 4, "files: every month needs a file of its own"),
        (".csv", ".csv.zip", 4, "files: it must end with .csv, .csv.gz, .parquet"),
        ("files/", "gs://bucket/", 4, "files: write a path, or a URL"),
        ("files/", "https://me:secret@host/", 4, "files: a password"),
        ("2024-01", "202401", 5, "first_month: Input should be a valid string"),
        ("2024-01", "2024-1", 5, "first_month: '2024-1' is not written as YYYY-MM"),
        ("pickup: started", "pickup: paid", 3, "pickup: 'paid' is not one of the columns of type time"),
        ("total: paid", "total: rider", 3, "total: 'rider' is not one of the columns of type number"),
        ("total: paid", "sum: paid", 7, "sum: there is nothing of this name to say"),
        ("type: number", "type: money", 10, "columns[1].type: 'money' is not one of"),
        ("name: paid", "name: file_month", 10, "columns[1].name: file_month is what every table gets"),
        ("name: paid", "name: ctid", 10, "columns[1].name: ctid is a column of Postgres' own"),
        ("name: paid", 'name: "paid; drop"', 10, "columns[1].name: 'paid; drop' is not written as"),
        ("aliases: [No.]", "aliases: [Paid]", 3, "'Paid' could be paid or index"),
        ("name: index", "name: paid", 3, "two columns have the same name"),
        ("{member: with", "{1: with", 12, "columns[3]: 1 cannot be a text"),
        ("type: number, unit", "type: [number, unit", 10, "this is no YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_line_and_field(
    right: str, wrong: str, line: int, said: str, tmp_path: Path
) -> None:
    assert right in BIKES
    file = declare(tmp_path, BIKES.replace(right, wrong, 1))
    with pytest.raises(DeclarationError) as raised:
        datasets_in(tmp_path, TLC_DATASETS)
    places = [each for each in str(raised.value).splitlines() if said in each]
    assert places, raised.value
    assert places[0].startswith(f"{file}:{line}: "), places


def test_all_that_is_wrong_is_told_at_once_without_the_values_of_others(tmp_path: Path) -> None:
    declare(tmp_path, BIKES.replace("type: number", "type: money").replace("name: bikes", "name: Bikes"))
    again = declare(tmp_path, BIKES, "more")
    first = declare(tmp_path, BIKES, "early")
    with pytest.raises(DeclarationError) as raised:
        datasets_in(tmp_path, TLC_DATASETS)
    lines = str(raised.value).splitlines()
    assert len(lines) == 3
    assert lines[-1] == f"{again}:3: name: there is a dataset bikes already, {first}"


# What such a dataset changes on the way of a month


def test_its_files_are_beside_its_declaration(bikes: Dataset, tmp_path: Path) -> None:
    month, data_dir = TripMonth("bikes", "2024-02"), DataDir(tmp_path / "data")
    assert bikes.files == str(tmp_path / "bikes/files/{month}.csv")
    published = tmp_path / "bikes" / "files" / "2024-02.csv"
    published.parent.mkdir()
    with pytest.raises(NotPublishedError, match=r"bikes 2024-02: .* looked for .*bikes/files/2024-02\.csv$"):
        fetch_month(month, bikes.files, data_dir)

    published.write_text("started,paid,index\n2024-02-03 04:05:06,1.5,7\n", encoding="utf-8")
    assert probe_month(month, bikes.files).published
    raw = fetch_month(month, bikes.files, data_dir).raw
    assert raw.path == tmp_path / "data/raw/bikes/bikes_tripdata_2024-02.csv"
    assert raw.source == str(published)
    assert raw.path.read_bytes() == published.read_bytes()


def test_or_anywhere_on_the_web() -> None:
    pattern = "https://example.org/{year}/bikes-{year}{mm}.csv.gz"
    [candidate] = http_candidates(FileRequest.of(TripMonth("bikes", "2024-02")), pattern, {})
    assert (candidate.location, candidate.format) == ("https://example.org/2024/bikes-202402.csv.gz", "csv.gz")


def test_a_column_of_its_own_may_have_a_name_that_is_skipped_elsewhere(bikes: Dataset, tmp_path: Path) -> None:
    columns = map_columns(["Started", "paid", "INDEX", ""], bikes, tmp_path)
    assert columns.positions == {"started": (0,), "paid": (1,), "index": (2,)}


def test_a_column_that_it_does_not_declare_is_refused_with_the_place_to_add_it(bikes: Dataset, tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match=f"'surprise'. Add it to the columns, .* in {bikes.defined_in}"):
        map_columns(["started", "paid", "index", "surprise"], bikes, tmp_path)
    with pytest.raises(LayoutError, match=f"aliases in {bikes.defined_in}; .* make it optional there"):
        map_columns(["started", "index"], bikes, tmp_path)
