"""The table of layers, against the graph that is made of it."""

from __future__ import annotations

from taxi_assets.datasets.registry import DATASETS
from taxi_assets.definitions import build_defs
from taxi_assets.orchestration.layers import CLEAN, LAYERS, RAW, WAREHOUSE, followers
from taxi_assets.settings import load_settings


def test_a_layer_comes_after_everything_that_it_is_made_from() -> None:
    before: set[str] = set()
    for name, layer in LAYERS.items():
        assert set(layer.made_from) <= before
        before.add(name)


def test_every_layer_but_the_first_follows_one() -> None:
    assert [layer.name for layer in LAYERS.values() if layer.follows is None] == ["raw"]
    assert [layer.name for layer in followers(CLEAN)] == ["postgres", "lake"]
    assert followers(WAREHOUSE) == []


def test_the_graph_has_the_assets_of_the_table_with_its_dependencies_and_pools() -> None:
    graph = build_defs(load_settings()).resolve_asset_graph()
    for dataset in DATASETS.values():
        for layer in LAYERS.values():
            node = graph.get(layer.key(dataset.table))
            assert node.parent_keys == {LAYERS[name].key(dataset.table) for name in layer.made_from}
            assert node.pools == ({layer.pool} if layer.pool else set())
    assert RAW.key("yellow_tripdata").path == ["raw", "yellow_tripdata"]
