"""What the lake knows of a month beside its trips: the published file, and what cleaning made of it.

Belongs here: reading these figures. Not here: what is computed from the trips themselves (``sql/``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.files.clean_file import read_clean_copy
from taxi_assets.steps.files.formats import FORMATS
from taxi_assets.steps.lake.lake import Lake, clean_name, raw_name


@dataclass(frozen=True)
class MonthFacts:
    """A month in the lake.

    Attributes:
        month: Which.
        file: Name of the published file; empty when the lake does not have it.
        format: Of that file: csv, csv.gz or parquet; empty likewise.
        source: See :class:`taxi_assets.steps.files.raw_file.RawFile`.
        synthetic: See :class:`taxi_assets.steps.files.raw_file.RawFile`.
        version: Content id of the clean file.
        published: Data lines of the published file.
        rejected: Lines rejected.
        unreadable: Values of optional columns that became NULL.
        rows: Trips.
    """

    month: TripMonth
    file: str
    format: str
    source: str
    synthetic: bool
    version: str
    published: int
    rejected: int
    unreadable: int
    rows: int


def month_facts(month: TripMonth, lake: Lake) -> MonthFacts | None:
    """What the lake says of a month now; None when it does not have it.

    Raises:
        BrokenFileError: The clean object is not a clean file of ours.
        StoreUnavailableError: The lake cannot be reached.
    """
    if lake.stat(clean_name(month)) is None:
        return None
    with lake.open(clean_name(month)) as clean:
        return facts_of(month, clean, _raw_file(month, lake))


def facts_of(month: TripMonth, clean: BinaryIO, file: str) -> MonthFacts:
    """The same by an opened clean file and the name of the published one.

    Raises:
        BrokenFileError: It is not a clean file of ours.
    """
    found = read_clean_copy(clean, month, DataDir(Path()))
    if found is None:
        raise BrokenFileError(
            f"{clean_name(month)}: what the lake holds is not a clean file of this project. The marts are as they "
            f"were; materialize lake/{month.table} {month.month} again"
        )
    return MonthFacts(
        month=month,
        file=file,
        format=next((name for name in FORMATS if file.endswith(f".{name}")), ""),
        source=found.source,
        synthetic=found.synthetic,
        version=found.content_id,
        published=found.published_rows,
        rejected=found.rejected_rows,
        unreadable=sum(found.unreadable.values()),
        rows=found.rows,
    )


def _raw_file(month: TripMonth, lake: Lake) -> str:
    return next((PurePosixPath(name).name for name in lake.names(raw_name(month.dataset, f"{month.stem}."))), "")
