"""What a lake is: a folder or a bucket in which every object is whole, and the names of the objects.

Belongs here: what both lakes share. Not here: the folder (``folder.py``), the bucket (``gcs.py``), and how a month gets
there (``copy.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.files.progress import OnProgress, no_progress


@dataclass(frozen=True)
class ObjectInfo:
    """One object as it lies in a lake.

    Attributes:
        name: Below the lake's root, with forward slashes: ``clean/yellow/yellow_tripdata_2019-01.parquet``.
        uri: Where it is, for people and engines: ``gs://bucket/name`` or ``file:///folder/name``.
        bytes: Its size.
        version: Changes whenever the content is replaced: the generation in GCS, modification time in a folder.
        metadata: Facts kept with it. GCS: those given to ``put``, and ``sha256``. Folder: none.
    """

    name: str
    uri: str
    bytes: int
    version: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class PutResult:
    """What ``put`` left in the lake, and whether it had to write (False: the same bytes were there already)."""

    info: ObjectInfo
    written: bool


class Lake(Protocol):
    """A folder or a bucket. Every write publishes a whole object or nothing.

    All methods raise ``StoreUnavailableError`` when the lake cannot be reached after every retry.
    """

    def put(
        self, local: Path, name: str, *, metadata: Mapping[str, str], on_progress: OnProgress = no_progress
    ) -> PutResult:
        """Makes ``name`` hold the bytes of ``local``, unless it does already. Progress is in bytes."""
        ...

    def get(self, name: str, local: Path, *, on_progress: OnProgress = no_progress) -> bool:
        """Fetches an object to a local path, verified and published atomically; False when there is none."""
        ...

    def stat(self, name: str) -> ObjectInfo | None:
        """What is known of an object without reading it, or None when there is none."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A seekable stream of an object; a reader of a Parquet footer reads little more than the footer.

        Raises:
            NotMaterializedError: There is no such object.
        """
        ...

    def names(self, prefix: str) -> list[str]:
        """Names of the objects whose name starts with ``prefix``, sorted."""
        ...

    def delete(self, name: str) -> None:
        """Removes an object; an object that is gone already is no error."""
        ...


def raw_name(dataset: str, file_name: str) -> str:
    """The object of a published file: ``raw/yellow/yellow_tripdata_2019-01.csv.gz``."""
    return f"raw/{dataset}/{file_name}"


def clean_name(month: TripMonth) -> str:
    """The object of a clean month: ``clean/yellow/yellow_tripdata_2019-01.parquet``."""
    return f"clean/{month.dataset}/{month.stem}.parquet"
