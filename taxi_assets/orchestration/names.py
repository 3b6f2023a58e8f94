"""Names under which something is written down for others to find: tags of runs, and keys of metadata.

Belongs here: names that are read back, by automation, checks, commands, or by plots over time. They stay as they are:
run histories that exist hold them. Not here: metadata that only people look at, which is named where it is written.

``taxi_assets/orchestration/assets/materialize.py`` tags runs while these go on, so that a run has its tags however it
was launched; sensors add theirs to the runs that they ask for.
"""

from __future__ import annotations

from collections.abc import Mapping

# Tags of runs that people read in the list of runs.

DATASET = "dataset"
"""Name of the dataset that a run works on; a run never mixes datasets, whose months begin at different times."""

BACKFILL = "backfill"
"""``true`` on the runs of a backfill."""

LANDED_FILE = "landed_file"
"""Name of the file in ``landing/accepted`` that a run takes instead of the source's."""

MONTHS = "months"
"""On runs of several months, which Dagster notes as two tags that the list does not show: ``2019-01 to 2019-12``."""

REASON = "reason"
"""Why a sensor asked for the run, in words."""

FAILURE = "failure"
"""``passing`` or ``permanent`` on a run with a step that failed: whether the same might go well another time."""

ACCEPT = "accept"
"""Names of blocking checks, by comma, whose failure a person accepts in this run: they warn."""

# Tags of runs for automation alone.

_HIDDEN = ".dagster/taxi."
"""Tags that begin with ``.dagster/`` are in the records and in no list: Dagster's UI leaves them out."""

VERSION = f"{_HIDDEN}version"
"""On runs that the sensor new_months asked for: month, validator, and the validator that it replaces."""

SOURCE = f"{_HIDDEN}source"
"""Beside it: where the file was seen."""

MAKES_UP = f"{_HIDDEN}makes_up"
"""Id of the run that failed in passing, on a run that the sensor after_outages asked for in its place."""

TRY = f"{_HIDDEN}try"
"""Beside it: which try this is, counted from 1."""

PROCESS = f"{_HIDDEN}process"
"""``host:pid`` of the process that executes a run."""

PROCESS_BEGUN = f"{_HIDDEN}process_begun"
"""When that process began, as the system writes it: numbers are given to other processes in time."""


def takes_along(layer: str) -> str:
    """On every run that materializes ``layer``."""
    return f"{_HIDDEN}layer.{layer}"


def partly_failed(layer: str) -> str:
    """On a batch of months some of which failed in ``layer``, after which Dagster skips the layers that follow."""
    return f"{_HIDDEN}partly_failed.{layer}"


def formerly(tag: str) -> str:
    """How a tag for automation was called while lists still showed them; records that exist have that name.

    >>> formerly(takes_along("clean"))
    'layer/clean'
    """
    return tag.removeprefix(_HIDDEN).replace(".", "/")


def has(run_tags: Mapping[str, str], tag: str) -> bool:
    """Whether a run, which may be an old one, has a tag for automation."""
    return tag in run_tags or formerly(tag) in run_tags


# Metadata of materializations that automation and commands read back.

VALIDATOR = "validator"
"""What identifies the file at its source; the sensor new_months compares it with what the source says."""

LANDED = "landed"
"""There on raw files that a person dropped into the landing folder."""

SHA256 = "sha256"
"""Which version of the raw file it is: a layer that finds none on its machine takes this one from the lake."""

CONTENT_ID = "content id"
"""Which version of the clean file it is, likewise."""

ZONE_SHAPES = "zone shapes"
"""On clean months whose zones were located: with which version of the shapes."""

NOT_PUBLISHED = "not published"
"""There on shapes that the source does not have, though these are optional: why, and what was kept."""

SECONDS = "seconds"
"""How long the month took."""

UNCHANGED = "unchanged"
"""Whether the month was there already, so that nothing was written."""

# Lines are "rejected" everywhere else; a plot over time follows its key, so these two keep their old word.

REJECTED_ROWS = "refused rows"
REJECTED_LINES = "refused lines"

FAILED_BECAUSE = "reason"
"""On the observation of a month that failed: why, in words."""

FAILED_WITH = "error"
"""Beside it: the class of our error."""

# Metadata that Dagster's UI understands. Its own constants for these are private.

ROW_COUNT = "dagster/row_count"
URI = "dagster/uri"
TABLE_NAME = "dagster/table_name"
COLUMN_SCHEMA = "dagster/column_schema"
CODE_REFERENCES = "dagster/code_references"
