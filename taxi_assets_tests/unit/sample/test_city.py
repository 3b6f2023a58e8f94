"""The synthetic city: it has the zones that the sample's trips name, and its coordinates lie in it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import shapely

from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.files.zone_shapes import CRS, DEGREES, ZoneShapes, read_zone_shapes, transformer
from taxi_assets.steps.sample import figures
from taxi_assets.steps.sample.city import write_sample_zone_shapes
from taxi_assets.steps.sample.write import write_sample_month


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> ZoneShapes:
    path = tmp_path_factory.mktemp("city") / "taxi_zones.zip"
    write_sample_zone_shapes(path)
    return read_zone_shapes(path)


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sample_zone_shapes(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_it_has_every_zone_in_its_borough(city: ZoneShapes) -> None:
    assert {zone.locationid: zone.borough for zone in city.zones} == {
        zone: borough for borough, zones in figures.BOROUGHS.items() for zone in zones if zone < figures.UNKNOWN
    }
    assert all(zone.zone == f"Zone {zone.locationid} (synthetic)" for zone in city.zones)


def test_it_is_as_odd_as_the_real_one(city: ZoneShapes) -> None:
    assert city.shapes == len(city.zones) + 1 + 2  # 56 twice, 103 three times
    assert {zone.locationid for zone in city.zones if zone.area.geom_type == "MultiPolygon"} == {117, 194, 202}
    assert [zone for zone in city.zones if zone.locationid == 184 and zone.area.interiors]


def test_its_zones_do_not_overlap(city: ZoneShapes) -> None:
    areas = [zone.area for zone in city.zones]
    assert all(area.is_valid for area in areas)
    # Corners are rounded to the hundredth of a foot.
    assert sum(area.area for area in areas) - shapely.union_all(areas).area == pytest.approx(0, abs=1000)


@pytest.mark.parametrize("month", [TripMonth("yellow", "2009-01"), TripMonth("green", "2015-01")])
def test_the_coordinates_of_sample_trips_lie_in_it(city: ZoneShapes, month: TripMonth, tmp_path: Path) -> None:
    path = tmp_path / "month.csv.gz"
    write_sample_month(month, path, 2000, rejected_share=0)
    trips = duckdb.read_csv(str(path), normalize_names=True, strict_mode=False, null_padding=True)
    names = [name for name in trips.columns if name.endswith(("lon", "lat", "longitude", "latitude"))]
    places = [trips.aggregate(f"list({name})").fetchall()[0][0] for name in names]
    for longitudes, latitudes in ((places[0], places[1]), (places[2], places[3])):
        x, y = transformer(DEGREES, CRS).transform(longitudes, latitudes)
        inside = shapely.intersects_xy(shapely.union_all([zone.area for zone in city.zones]), x, y)
        assert [
            (lon, lat) for lon, lat, found in zip(longitudes, latitudes, inside, strict=True) if not found and lon
        ] == []
        assert inside.sum() > 1900
