"""Zones for the years of coordinates: what point in polygon says of each, and nothing where there is nothing to say.

Expected zones are worked out here from the file of shapes itself, point by point against every shape.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapefile
import shapely
from shapely.geometry import shape

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError
from taxi_assets.orchestration.checks.clean import zones_located
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.locate import PLACES, has_coordinates, zones_to_locate
from taxi_assets.steps.files.clean_file import read_clean
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile
from taxi_assets.steps.raw.fetch import fetch_month, fetch_zone_shapes
from taxi_assets_tests.support.raw_months import published_file, raw_file, rows
from taxi_assets_tests.unit.files.test_zone_shapes import packed, parts

MONTH = TripMonth("yellow", "2009-01")
TO_FEET = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:2263", always_xy=True)
COLUMNS = [column for place in PLACES.values() for column in place]


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PublishedFile:
    return fetch_zone_shapes("sample", DataDir(tmp_path_factory.mktemp("city"))).raw


def shapes_in(path: Path) -> list[tuple[int, Any]]:
    """Every shape of a file with the number of its zone, in feet."""
    with shapefile.Reader(path) as reader:
        return [(each.record["LocationID"], shape(each.shape.__geo_interface__)) for each in reader.iterShapeRecords()]


def plainly(longitudes: Any, latitudes: Any, path: Path) -> list[int]:
    """The zone of each point: that of the shape that it lies in, the lowest of several, else 264 or 265."""
    longitude, latitude = np.asarray(longitudes, dtype=float), np.asarray(latitudes, dtype=float)
    unknown = ~((np.abs(longitude) <= 180) & (np.abs(latitude) <= 90) & (longitude != 0) & (latitude != 0))
    x, y = TO_FEET.transform(np.where(unknown, -74.0, longitude), np.where(unknown, 40.0, latitude))
    zones = np.full(len(longitude), 265)
    for number, area in sorted(shapes_in(path), key=lambda each: each[0], reverse=True):
        shapely.prepare(area)
        zones[shapely.intersects_xy(area, x, y)] = number
    zones[unknown] = 264
    return zones.tolist()


def must_be_located_plainly(found: list[dict[str, Any]], path: Path) -> None:
    for zone, (longitude, latitude) in PLACES.items():
        places = [[row[axis] for row in found] for axis in (longitude, latitude)]
        assert [row[zone] for row in found] == plainly(*places, path)


def month_of(folder: Path, points: Any, month: TripMonth = MONTH, **more: Any) -> RawFile:
    """A published Parquet month with those pickups and dropoffs (four columns of degrees) and nothing else of note."""
    count = len(points[0])
    begun = pa.array([int(month.first_day.strftime("%s")) * 10**6] * count, pa.timestamp("us"))
    columns: dict[str, Any] = {
        "vendor_name": ["CMT"] * count, "Trip_Pickup_DateTime": begun, "Trip_Dropoff_DateTime": begun,
        "Passenger_Count": [1] * count, "Trip_Distance": [float(number) for number in range(count)],
        "Payment_Type": ["CASH"] * count, "Fare_Amt": [1.0] * count, "Total_Amt": [1.0] * count,
        **dict(zip(("Start_Lon", "Start_Lat", "End_Lon", "End_Lat"), points, strict=True)), **more,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{month.stem}.parquet"
    pq.write_table(pa.table(columns), path)
    return raw_file(path, "parquet", month)


def near_borders(path: Path, count: int, dice: np.random.Generator) -> tuple[Any, Any]:
    """Points within 20 metres of a border, in degrees."""
    lines = [shapely.boundary(area) for _, area in shapes_in(path)]
    on_line = shapely.get_coordinates(shapely.segmentize(lines, 100.0))
    at = on_line[dice.integers(len(on_line), size=count)]
    away, angle = dice.uniform(0, 65.6, count), dice.uniform(0, 2 * np.pi, count)
    back = pyproj.Transformer.from_crs("EPSG:2263", "EPSG:4326", always_xy=True)
    return back.transform(at[:, 0] + away * np.cos(angle), at[:, 1] + away * np.sin(angle))


def many_points(path: Path, count: int) -> list[Any]:
    """Longitudes and latitudes of pickups, then of dropoffs: a tenth near borders, the others anywhere around."""
    dice = np.random.default_rng(20_090_101)
    back = pyproj.Transformer.from_crs("EPSG:2263", "EPSG:4326", always_xy=True)
    west, south, east, north = shapely.total_bounds([area for _, area in shapes_in(path)])
    drawn: list[Any] = []
    for _ in range(2):
        near = near_borders(path, count // 10, dice)
        x, y = dice.uniform(west - 5000, east + 5000, count), dice.uniform(south - 5000, north + 5000, count)
        for close, anywhere in zip(near, back.transform(x, y), strict=True):
            drawn.append(np.concatenate([close, anywhere[count // 10 :]]))
    return drawn


@pytest.mark.parametrize("month", ["2009-01", "2010-03", "2014-05", "2015-01"])
def test_real_trips_are_located_as_an_independent_computation_says(
    real_data: Path, data_dir: DataDir, month: str
) -> None:
    raw = fetch_month(TripMonth("yellow", month), str(real_data / "heads"), data_dir).raw
    shapes = fetch_zone_shapes(str(real_data), data_dir).raw
    clean = clean_month(raw, data_dir, zone_shapes=shapes)
    assert clean.located == ("pulocationid", "dolocationid")
    assert clean.zone_shapes == shapes.sha256
    found = rows(clean.path)
    must_be_located_plainly(found, shapes.path)
    assert {row["pulocationid"] for row in found} - {264, 265}


def test_many_points_in_the_real_city_are_located_exactly(real_data: Path, data_dir: DataDir) -> None:
    shapes = fetch_zone_shapes(str(real_data), data_dir).raw
    clean = clean_month(month_of(data_dir.root, many_points(shapes.path, 25_000)), data_dir, zone_shapes=shapes)
    must_be_located_plainly(rows(clean.path), shapes.path)


def test_many_points_in_the_synthetic_city_are_located_exactly(city: PublishedFile, data_dir: DataDir) -> None:
    raw = month_of(data_dir.root, many_points(city.path, 25_000))
    clean = clean_month(fake(raw), data_dir, zone_shapes=city)
    found = rows(clean.path)
    must_be_located_plainly(found, city.path)
    assert len({row["pulocationid"] for row in found}) == 264  # each zone, and places outside
    assert [row["trip_distance"] for row in found] == [float(number) for number in range(len(found))]


def fake(raw: RawFile) -> RawFile:
    """The same, known to be synthetic like the city."""
    return RawFile(**{**vars(raw), "synthetic": True})


def test_places_that_are_none_are_unknown_and_those_elsewhere_outside(city: PublishedFile, data_dir: DataDir) -> None:
    inside = (-73.99, 40.74)
    places = [inside, (0.0, 0.0), (0.0, 40.74), (-73.99, 0.0), (None, 40.74), (-73.99, None), (-740.0, 40.74),
              (-73.99, 407.4), (40.74, -73.99), (2.35, 48.86), (-180.0, 90.0)]  # fmt: skip
    longitudes, latitudes = ([place[axis] for place in places] for axis in (0, 1))
    raw = month_of(data_dir.root, [longitudes, latitudes, longitudes[::-1], latitudes[::-1]])
    found = rows(clean_month(fake(raw), data_dir, zone_shapes=city).path)
    [zone] = plainly([inside[0]], [inside[1]], city.path)
    expected = [zone, 264, 264, 264, 264, 264, 264, 264, 265, 265, 265]
    assert [row["pulocationid"] for row in found] == expected
    assert [row["dolocationid"] for row in found] == expected[::-1]
    assert [(row["pickup_longitude"], row["pickup_latitude"]) for row in found] == places


@pytest.mark.parametrize(("west_of_it", "east_of_it"), [(5, 7), (7, 5)])
def test_a_point_on_the_border_of_two_zones_is_in_the_lower_one(
    data_dir: DataDir, tmp_path: Path, west_of_it: int, east_of_it: int
) -> None:
    points = ([-73.99, -73.9900001, -73.9899999], [40.74] * 3)
    x, y = TO_FEET.transform(-73.99, 40.74)
    boxes = [
        (zone, [[left, y - 900.0], [left, y + 900.0], [right, y + 900.0], [right, y - 900.0], [left, y - 900.0]])
        for zone, left, right in ((west_of_it, x - 900.0, x), (east_of_it, x, x + 900.0))
    ]
    shapes = published_file(packed(tmp_path / "taxi_zones.zip", parts(*boxes)), "zip")
    found = rows(clean_month(month_of(data_dir.root, [*points, *points]), data_dir, zone_shapes=shapes).path)
    assert [row["pulocationid"] for row in found] == [5, west_of_it, east_of_it]


@pytest.mark.parametrize("month", [MONTH, TripMonth("green", "2014-02")])
def test_of_a_csv_nothing_else_changes_whatever_its_lines_need(
    city: PublishedFile, data_dir: DataDir, month: TripMonth
) -> None:
    """Among the lines of a sample are some that are rejected and some that take a second look."""
    raw = fetch_month(month, "sample", data_dir, sample_rows=5_000).raw
    before = rows(clean_month(raw, data_dir).path)
    clean = clean_month(raw, data_dir, zone_shapes=city)
    after = rows(clean.path)
    must_be_located_plainly(after, city.path)
    without_zones = [{name: value for name, value in row.items() if name not in PLACES} for row in after]
    assert without_zones == [{name: value for name, value in row.items() if name not in PLACES} for row in before]
    assert all(row[zone] is None for row in before for zone in PLACES)
    assert all(field.nullable for field in pq.read_schema(clean.path))
    assert read_clean(month, data_dir) == clean


def test_zones_that_were_published_stay(city: PublishedFile, data_dir: DataDir) -> None:
    places = [[-73.99] * 2, [40.74] * 2] * 2
    raw = month_of(data_dir.root, places, PULocationID=[7, None], DOLocationID=[None, 9])
    without, clean = clean_month(raw, data_dir), clean_month(raw, data_dir, zone_shapes=city)
    assert clean.unchanged
    assert clean.content_id == without.content_id
    assert [(row["pulocationid"], row["dolocationid"]) for row in rows(clean.path)] == [(7, None), (None, 9)]


def test_a_file_that_lacks_one_zone_is_given_that_one(city: PublishedFile, data_dir: DataDir) -> None:
    raw = month_of(data_dir.root, [[-73.99], [40.74], [-73.99], [40.74]], PULocationID=[7])
    clean = clean_month(fake(raw), data_dir, zone_shapes=city)
    assert clean.located == ("dolocationid",)
    assert [(row["pulocationid"], row["dolocationid"]) for row in rows(clean.path)] == [
        (7, *plainly([-73.99], [40.74], city.path))
    ]


def test_zones_of_a_parquet_file_that_are_all_empty_are_located(city: PublishedFile, data_dir: DataDir) -> None:
    empty, far = pa.nulls(2, pa.int64()), [[-73.99, -73.98], [40.74, 40.75]] * 2
    raw = month_of(data_dir.root, far, PULocationID=empty, DOLocationID=pa.nulls(2))
    clean = clean_month(fake(raw), data_dir, zone_shapes=city)
    assert clean.located == tuple(PLACES)
    must_be_located_plainly(rows(clean.path), city.path)


def test_only_datasets_that_had_coordinates_are_looked_at() -> None:
    assert [name for name, dataset in DATASETS.items() if has_coordinates(dataset)] == ["yellow", "green"]


def test_new_shapes_are_a_new_version_of_located_months_alone(
    city: PublishedFile, data_dir: DataDir, tmp_path: Path
) -> None:
    other = published_file(packed(tmp_path / "taxi_zones.zip", parts((7, [[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]]))), "zip")
    located = fetch_month(MONTH, "sample", data_dir, sample_rows=50).raw
    published = fetch_month(TripMonth("yellow", "2019-01"), "sample", data_dir, sample_rows=50).raw
    assert zones_to_locate(located) == tuple(PLACES)
    assert zones_to_locate(published) == ()
    ids = [clean_month(located, data_dir, zone_shapes=shapes).content_id for shapes in (None, city, other, city)]
    assert ids[1] == ids[3]
    assert len(set(ids)) == 3
    assert clean_month(located, data_dir, zone_shapes=city).unchanged
    first = clean_month(published, data_dir)
    for shapes in (city, other):
        again = clean_month(published, data_dir, zone_shapes=shapes)
        assert (again.unchanged, again.content_id) == (True, first.content_id)


def test_without_shapes_zones_stay_empty_and_that_is_said(
    data_dir: DataDir, caplog: pytest.LogCaptureFixture, city: PublishedFile
) -> None:
    raw = fetch_month(MONTH, "sample", data_dir, sample_rows=50).raw
    with caplog.at_level(logging.WARNING):
        clean = clean_month(raw, data_dir)
    assert "yellow 2009-01: pulocationid and dolocationid stay empty" in caplog.text
    assert "materialize raw/taxi_zone_shapes" in caplog.text
    finding = zones_located(clean)
    assert (clean.located, finding.passed) == ((), False)
    assert "raw/taxi_zone_shapes" in finding.note
    with_shapes = zones_located(clean_month(raw, data_dir, zone_shapes=city))
    assert (with_shapes.passed, with_shapes.compared) == (True, True)
    later = fetch_month(TripMonth("yellow", "2019-01"), "sample", data_dir, sample_rows=50).raw
    without = zones_located(clean_month(later, data_dir))
    assert (without.passed, without.compared) == (True, False)
    assert without.sentence == "not compared: the month has no coordinates"


def test_real_trips_are_not_located_in_a_synthetic_city(
    data_dir: DataDir, caplog: pytest.LogCaptureFixture, city: PublishedFile
) -> None:
    raw = month_of(data_dir.root, [[-73.99], [40.74], [-73.99], [40.74]])
    with caplog.at_level(logging.WARNING):
        clean = clean_month(raw, data_dir, zone_shapes=city)
    assert "synthetic city" in caplog.text
    assert rows(clean.path)[0]["pulocationid"] is None


def test_shapes_that_changed_on_this_disk_locate_nothing(data_dir: DataDir, city: PublishedFile) -> None:
    shapes = fetch_zone_shapes("sample", data_dir).raw
    raw = fetch_month(MONTH, "sample", data_dir, sample_rows=50).raw
    shapes.path.write_bytes(
        packed(data_dir.root / "other.zip", parts((7, [[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]]))).read_bytes()
    )
    with pytest.raises(BrokenFileError, match="not what was fetched"):
        clean_month(raw, data_dir, zone_shapes=shapes)
    assert read_clean(MONTH, data_dir) is None
    assert fetch_zone_shapes("sample", data_dir).raw.sha256 == city.sha256
    assert clean_month(raw, data_dir, zone_shapes=fetch_zone_shapes("sample", data_dir).raw).located
