"""The registry: every dataset that the project knows, by name."""

from __future__ import annotations

from collections.abc import Mapping

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.fhv import FHV
from taxi_assets.datasets.fhvhv import FHVHV
from taxi_assets.datasets.green import GREEN
from taxi_assets.datasets.yellow import YELLOW

DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in (YELLOW, GREEN, FHV, FHVHV)}
