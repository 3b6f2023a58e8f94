"""What is always a little odd is counted; what is unusual warns. On real files, and on one that was doctored."""

from __future__ import annotations

from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration.checks.clean import oddities
from taxi_assets.orchestration.checks.findings import Finding
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.rules.rules import odd_rules
from taxi_assets.steps.clean.rules.usual import unusual, usual
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets.steps.sample.write import sample_format, write_sample_month
from taxi_assets_tests.support.dagster_processes import PROJECT_ROOT
from taxi_assets_tests.support.raw_months import raw_file

REAL = PROJECT_ROOT.parent / "shared" / "data"
MONTH = TripMonth("yellow", "2019-01")


def found(month: TripMonth, source: Path, data_dir: DataDir) -> Finding:
    return oddities(clean_month(fetch_month(month, str(source), data_dir).raw, data_dir))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not beside this checkout, in ../shared/data")
@pytest.mark.parametrize(
    ("dataset", "month", "folder"),
    [
        ("yellow", "2019-01", "releases"),
        ("yellow", "2019-02", "releases"),
        ("yellow", "2020-03", "releases"),
        ("yellow", "2020-04", "releases"),
        ("green", "2024-01", "tlc"),
    ],
)
def test_an_ordinary_month_is_green_and_its_oddities_are_counted(
    dataset: str, month: str, folder: str, tmp_path: Path
) -> None:
    finding = found(TripMonth(dataset, month), REAL / folder, DataDir(tmp_path))
    assert finding.passed, finding.note
    assert any(finding.figures.values())


@pytest.mark.parametrize(("dataset", "month"), [("yellow", "2019-01"), ("green", "2024-01"), ("fhvhv", "2023-01")])
def test_a_synthetic_month_is_green(dataset: str, month: str, tmp_path: Path) -> None:
    trip_month = TripMonth(dataset, month)
    file_format = sample_format(trip_month)
    for rows in (20, 200, 20_000):
        path = tmp_path / f"{trip_month.stem}.{file_format}"
        write_sample_month(trip_month, path, rows)
        finding = oddities(clean_month(raw_file(path, file_format, trip_month), DataDir(tmp_path / f"data{rows}")))
        assert finding.passed, finding.note


def test_a_month_with_an_unusual_share_warns_with_the_usual_beside_it(tmp_path: Path) -> None:
    """The file of another month under this one's name."""
    published = tmp_path / "published" / "yellow"
    published.mkdir(parents=True)
    other = TripMonth("yellow", "2019-02")
    write_sample_month(other, published / f"{other.stem}.csv.gz", 2_000)
    (published / f"{other.stem}.csv.gz").rename(published / f"{MONTH.stem}.csv.gz")
    finding = found(MONTH, published.parent, DataDir(tmp_path / "data"))
    assert not finding.passed
    assert finding.note.startswith("pickup_outside_month 100.00% of 2,000 trips ")
    assert "(usual 0.01%: measured on the first 10,000 trips of 2020-03; warns above 1%)" in finding.note
    assert "negative_fare" not in finding.note


@pytest.mark.parametrize(
    ("count", "trips", "warns"),
    [
        (0, 0, False),
        (1, 1, False),
        (3, 20, False),
        (19, 20, True),
        (20, 20, True),
        (22, 200, False),
        (60_000, 1_000_000, False),
        (61_000, 1_000_000, True),
    ],
)
def test_the_smaller_the_month_the_more_a_share_has_to_stand_out(count: int, trips: int, *, warns: bool) -> None:
    """The bound is 6 %."""
    assert ("negative_fare" in unusual({"negative_fare": count}, MONTH, trips)) is warns


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_bound_is_above_the_share_that_is_usual_and_has_a_source(dataset: str) -> None:
    month = TripMonth(dataset, "2019-03")
    known = {rule.name: usual(rule.name, month) for rule in odd_rules(DATASETS[dataset])}
    assert any(known.values())
    assert [name for name, each in known.items() if each and not (each.share < each.most and each.source)] == []
    if dataset in ("yellow", "green"):
        assert [name for name, each in known.items() if each is None] == []
