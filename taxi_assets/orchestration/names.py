"""Tags of runs: what they are called, and which of them automation acts upon.

Belongs here: names. ``taxi_assets/orchestration/assets/materialize.py`` puts them on runs while these go on, so that
a run has them however it was launched; conditions, sensors and alerts read them.
"""

from __future__ import annotations

DATASET = "dataset"
"""Name of the dataset that a run works on; a run never mixes datasets, whose months begin at different times."""

BACKFILL = "backfill"
"""``true`` on the runs of a backfill."""

LANDED_FILE = "landed_file"
"""Name of the file in ``landing/accepted`` that a run takes instead of the source's."""


VERSION = "version"
"""On runs that the sensor new_months asked for: month, validator, and the validator that it replaces."""

FAILURE = "failure"
"""``passing`` or ``permanent`` on a run with a step that failed: whether the same might go well another time."""


def takes_along(layer: str) -> str:
    """On every run that materializes ``layer``: ``layer/clean``."""
    return f"layer/{layer}"


def partly_failed(layer: str) -> str:
    """On a batch of months some of which failed in ``layer``, after which Dagster skips the layers that follow."""
    return f"partly_failed/{layer}"


VALIDATOR = "validator"
"""What identifies the file at its source; the sensor new_months compares it with what the source says."""


LANDED = "landed"
"""There on raw files that a person dropped into the landing folder."""
