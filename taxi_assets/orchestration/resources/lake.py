"""The lake, as a Dagster resource: what assets ask for, and the folder of the ``local`` target.

Not here: the bucket of the ``gcp`` target (``gcp.py``), which only that target imports.
"""

from abc import ABC, abstractmethod
from pathlib import Path

from pydantic import Field

from taxi_assets.orchestration.resources.resource import Resource
from taxi_assets.steps.lake.lake import Lake


class LakeResource(Resource, ABC):
    """What assets ask for; each target gives one of its own."""

    @abstractmethod
    def open(self) -> Lake:
        """The lake to work with."""


class FolderLakeResource(LakeResource):
    """The lake: copies of the published files and of the clean Parquet, in a folder laid out like a bucket."""

    root: str = Field(description="The folder: lake in TAXI_DATA_DIR.")

    def open(self) -> Lake:
        """The folder."""
        from taxi_assets.steps.lake.folder import FolderLake

        return FolderLake(Path(self.root))
