"""The registry: every dataset that the project knows, by name, and who publishes TLC's.

Belongs here: putting TLC's datasets and people's own together. Not here: what a declaration of one's own may say
(``declared.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.fhv import FHV
from taxi_assets.datasets.fhvhv import FHVHV
from taxi_assets.datasets.green import GREEN
from taxi_assets.datasets.yellow import YELLOW

TLC_URL = "https://d37ci6vzurychx.cloudfront.net"
"""Where TLC publishes; months are below ``trip-data/``."""

TLC_DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in (YELLOW, GREEN, FHV, FHVHV)}
"""What TLC publishes: four datasets with columns in common."""

DEFS = Path(__file__).resolve().parents[1] / "defs"
"""Where people put what is theirs."""


class Registry(Mapping[str, Dataset]):
    """TLC's datasets, then those that are declared in a folder, which is read when the first is asked for.

    Whoever asks first may get a ``DeclarationError``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _known(self) -> Mapping[str, Dataset]:
        from taxi_assets.datasets.declared import datasets_in

        return {**TLC_DATASETS, **datasets_in(self._folder, TLC_DATASETS)}

    def __getitem__(self, name: str) -> Dataset:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


DATASETS: Mapping[str, Dataset] = Registry(DEFS)
