"""The views that stand beside the tables of trips: the course's, and TLC's own spelling.

Belongs here: which there are, and their SELECT in a store's dialect. Not here: making them (the stores).
"""

from __future__ import annotations

from collections.abc import Mapping

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.spelling import ZONES_SPELLING, spelling_of
from taxi_assets.steps.files.sql import identifier
from taxi_assets.steps.views.render import HERE, Dialect, rendered

ZOOMCAMP = "zoomcamp"
"""Schema of the course's views; in BigQuery they are in the dataset ``<GCP_DATASET>_zoomcamp``."""

TLC = "tlc"
"""Schema of the views in TLC's spelling."""

ZONES = "zones"
"""Name of the zone lookup there."""

ZOOMCAMP_COMMENT = "As the table of the course's Postgres flow"
TLC_COMMENT = "The same rows under the names of TLC's files, to be quoted"


def zoomcamp_sql(dataset: Dataset, dialect: Dialect, source: str) -> str | None:
    """The course's table of a dataset as a SELECT, or None: it has none of the app companies.

    Args:
        dataset: Whose.
        dialect: Of the store.
        source: The dataset's table, to stand after FROM.
    """
    text = HERE / ZOOMCAMP / f"{dataset.table}.sql"
    return rendered(text, dialect, trips=source) if text.is_file() else None


def tlc_sql(dataset: Dataset, source: str) -> str:
    """The dataset's table in TLC's spelling; the same text in DuckDB and Postgres."""
    return _renamed(spelling_of(dataset), source)


def tlc_zones_sql(source: str) -> str:
    """The zone lookup likewise."""
    return _renamed(ZONES_SPELLING, source)


def _renamed(names: Mapping[str, str], source: str) -> str:
    columns = ",\n    ".join(f"{identifier(name)} AS {identifier(spelled)}" for name, spelled in names.items())
    return f"SELECT\n    {columns}\nFROM {source}"
