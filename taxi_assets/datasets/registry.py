"""The registry: every dataset that the project knows, by name, and who publishes them."""

from __future__ import annotations

from collections.abc import Mapping

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.fhv import FHV
from taxi_assets.datasets.fhvhv import FHVHV
from taxi_assets.datasets.green import GREEN
from taxi_assets.datasets.yellow import YELLOW

TLC_URL = "https://d37ci6vzurychx.cloudfront.net"
"""Where TLC publishes; months are below ``trip-data/``."""

DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in (YELLOW, GREEN, FHV, FHVHV)}
