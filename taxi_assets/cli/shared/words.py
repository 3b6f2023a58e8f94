"""Words of a command line: datasets and months as people write them, and what they may have meant.

Belongs here: reading them, and a sentence with the fix. Not here: which months are published. Imports nothing that is
slow, as the shell asks for completions on each Tab.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import WITHOUT_MONTHS
from taxi_assets.errors import ArgumentError

LAYER_NAMES = ("raw", "clean", "postgres", "lake", "warehouse")
"""As ``taxi_assets/orchestration/layers.py`` has them, which imports Dagster; a test holds the two together."""


def known_dataset(name: str, *, zones: bool = False) -> str:
    """A dataset's name, when there is one; ``zones``: what has no months will do, too.

    Raises:
        ArgumentError: There is none.
    """
    known = [*DATASETS, *(WITHOUT_MONTHS if zones else ())]
    return _known("dataset", name, known)


def known_layer(name: str) -> str:
    """A layer's name, likewise."""
    return _known("layer", name, LAYER_NAMES)


def _known(what: str, name: str, known: Collection[str]) -> str:
    if name in known:
        return name
    meant = get_close_matches(name.lower(), known, 1)
    hint = f"did you mean {meant[0]}? " if meant else ""
    raise ArgumentError(f"there is no {what} {name!r}: {hint}choose from {', '.join(known)}")


def one_month(dataset: str, month: str) -> TripMonth:
    """A month of a dataset.

    Raises:
        ArgumentError: There is no such dataset, or the month is not written ``2019-01``.
    """
    try:
        return TripMonth(known_dataset(dataset), month)
    except ArgumentError:
        raise
    except ValueError as error:
        raise ArgumentError(str(error)) from None


def complete_dataset(incomplete: str) -> list[str]:
    """For the shell."""
    return [name for name in (*DATASETS, *WITHOUT_MONTHS) if name.startswith(incomplete)]


def complete_layer(incomplete: str) -> list[str]:
    """For the shell."""
    return [name for name in LAYER_NAMES if name.startswith(incomplete)]
