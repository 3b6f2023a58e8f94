"""The lake, as a Dagster resource: a folder in the ``local`` target, a GCS bucket in the ``gcp`` target."""

from abc import ABC, abstractmethod
from pathlib import Path

from dagster import ConfigurableResource, InitResourceContext

from taxi_assets.orchestration.resources.gcp import GcpAccess
from taxi_assets.steps.lake.lake import Lake


class LakeResource(ConfigurableResource, ABC):  # pyright: ignore[reportMissingTypeArgument]  # it yields no value
    """What assets ask for; each target gives one of the two below."""

    @abstractmethod
    def open(self) -> Lake:
        """The lake to work with; Google's clients are imported here and not before."""


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


class GcsLakeResource(GcpAccess, LakeResource):
    """A bucket; before a run begins, everything that the ``gcp`` target needs is checked."""

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Preflight: see :func:`taxi_assets.steps.gcp.preflight.check_gcp`."""
        from taxi_assets.steps.gcp.preflight import check_gcp

        del context
        check_gcp(self.settings())

    def open(self) -> Lake:
        """The bucket."""
        from taxi_assets.steps.gcp.clients import storage_client
        from taxi_assets.steps.lake.gcs import GcsLake

        return GcsLake(storage_client(self.settings()), self.bucket)
