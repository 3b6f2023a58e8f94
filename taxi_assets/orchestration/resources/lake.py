"""The lake, as a Dagster resource: what assets ask for, and the folder of the ``local`` target.

Not here: the bucket of the ``gcp`` target (``gcp.py``), which only that target imports.
"""

from abc import ABC, abstractmethod
from pathlib import Path

from dagster import ConfigurableResource

from taxi_assets.steps.lake.lake import Lake


class LakeResource(ConfigurableResource, ABC):  # pyright: ignore[reportMissingTypeArgument]  # it yields no value
    """What assets ask for; each target gives one of its own."""

    @abstractmethod
    def open(self) -> Lake:
        """The lake to work with."""


class FolderLakeResource(LakeResource):
    """A folder laid out like the bucket.

    Attributes:
        root: Absolute path, ``TAXI_DATA_DIR/lake``.
    """

    root: str

    def open(self) -> Lake:
        """The folder."""
        from taxi_assets.steps.lake.folder import FolderLake

        return FolderLake(Path(self.root))
