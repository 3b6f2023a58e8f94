"""The layers that a month goes through, and what each is made from: the one table of them.

Belongs here: names, order and pools, as assets, conditions and checks take them. Not here: what is done in a layer
(``taxi_assets/steps``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagster import AssetKey


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name: First part of its assets' keys.
        made_from: The layers whose month it is made from; the last of them is the one that it follows.
        pool: Whose steps run one at a time; limits are in dagster.yaml. None: as many as there are runs.
    """

    name: str
    made_from: tuple[str, ...] = ()
    pool: str | None = None

    @property
    def follows(self) -> str | None:
        """The layer after which this one has its turn; None for the first."""
        return self.made_from[-1] if self.made_from else None

    def key(self, table: str) -> AssetKey:
        """``yellow_tripdata`` in the layer ``raw`` is the asset ``raw/yellow_tripdata``."""
        return AssetKey([self.name, table])


RAW = Layer("raw", pool="source")
CLEAN = Layer("clean", made_from=("raw",))
POSTGRES = Layer("postgres", made_from=("clean",), pool="postgres")
LAKE = Layer("lake", made_from=("raw", "clean"), pool="lake")
WAREHOUSE = Layer("warehouse", made_from=("lake",), pool="warehouse")

MARTS = Layer("marts", pool="warehouse")
"""After all of them, and no layer of a dataset: a month of it is over all services, so that it is never in one run with
their months, which begin at different times, and it follows them by a condition of its own."""

REPORT = Layer("report")
"""After the marts: what is made of all of them at once, without months."""

LAYERS: Mapping[str, Layer] = {layer.name: layer for layer in (RAW, CLEAN, POSTGRES, LAKE, WAREHOUSE)}
"""By name, in the order in which a month goes through them."""


def followers(layer: Layer) -> list[Layer]:
    """The layers that have their turn right after this one.

    >>> [follower.name for follower in followers(CLEAN)]
    ['postgres', 'lake']
    """
    return [other for other in LAYERS.values() if other.follows == layer.name]


def with_followers(layer: Layer) -> list[Layer]:
    """A layer, and all that have their turn after it, each after the one that it follows.

    >>> [each.name for each in with_followers(CLEAN)]
    ['clean', 'postgres', 'lake', 'warehouse']
    """
    return [layer, *(below for follower in followers(layer) for below in with_followers(follower))]
