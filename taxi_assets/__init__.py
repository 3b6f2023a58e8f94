"""taxi_assets: New York's taxi trip records, from the file as published to every store.

The way of a month, in the order of the rooms that it comes through (``docs/architecture.md`` walks with it):

    datasets/             what TLC publishes: columns, types, code tables, first months
    steps/                what is done to a month, without Dagster
      files/              what layers hand to each other, and how it is read
      sample/             the synthetic source
      raw/                source     -> raw        the file exactly as published, verified
      clean/              raw        -> clean      typed, normalised Parquet; rejected lines set aside
      postgres/           clean      -> postgres   the month swapped in whole
      gcp/                Google's clients, and what is checked before they work
      lake/               raw, clean -> lake       a folder or a GCS bucket
      warehouse/          lake       -> warehouse  DuckDB views or a BigQuery table
    embedded_postgres/    the private server of a data folder
    orchestration/        the same steps under Dagster: instance, resources, automation, assets, checks
    components.py         what `dg scaffold defs` offers for that: a monthly dataset of your own
    defs/                 yours: what you put there joins the graph
    definitions.py        the code location
    cli/                  what people type

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
