"""taxi_assets: New York's taxi trip records, from the file as published to every store.

The way of a month, in the order of the files that carry it:

    datasets/               what TLC publishes: columns, types, code tables, first months
    steps/fetch.py          source     -> raw        the file exactly as published, verified
    steps/clean.py          raw        -> clean      typed, normalised Parquet; rejected lines set aside
    steps/load_postgres.py  clean      -> postgres   the month swapped in whole
    steps/copy_to_lake.py   raw, clean -> lake       a folder or a GCS bucket
    steps/load_warehouse.py lake       -> warehouse  DuckDB views or a BigQuery table
    assets/ checks/         the same steps as Dagster assets, and what is verified about them
    resources/              what a step works with, per target
    automation/             partitions, jobs, schedules, sensors
    definitions.py          the code location

For people: ``taxi_assets.load_trips("yellow", "2019-01")`` is a DataFrame, ``taxi_assets.scan_trips(…)`` the same for
more than fits into memory (``trips.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taxi_assets.trips import load_trips as load_trips
    from taxi_assets.trips import scan_trips as scan_trips

__all__ = ["load_trips", "scan_trips"]


def __getattr__(name: str) -> Any:
    """Imports the functions for people when they are first used: the code location does without them."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("taxi_assets.trips"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
