"""How an asset finds what the asset before it made: on this machine, else in the lake.

Belongs here: which version is wanted, and where it is looked for. Not here: how it is fetched
(``taxi_assets/steps/lake/restore.py``).

A run that carries a month through all layers finds everything on its own disk. One that takes a later layer alone may
be somewhere else (each run in a cluster has an empty disk of its own), or the file may have been purged since; then
the lake has it, unless something upstream was materialized after it and never got there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dagster import AssetExecutionContext

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES, TAXI_ZONE_SHAPES_FILE, TAXI_ZONES
from taxi_assets.errors import NotMaterializedError
from taxi_assets.orchestration.assets.materialize import Progress
from taxi_assets.orchestration.layers import CLEAN, RAW, Layer
from taxi_assets.orchestration.names import CONTENT_ID, SHA256
from taxi_assets.orchestration.records import latest_metadata
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile, manifest_path, read_manifest, read_raw


@dataclass(frozen=True)
class Inputs:
    """The months that an asset is made from.

    Attributes:
        context: Of the asset; its instance knows what was materialized last.
        files: The data folder of this machine.
        lake: Where a month is looked for that is not there. Opened only then.
    """

    context: AssetExecutionContext
    files: LocalFiles
    lake: LakeResource

    def raw(self, month: TripMonth, progress: Progress) -> RawFile:
        """The month's published file.

        Raises:
            NotMaterializedError: It is neither here nor, in the version that was materialized last, in the lake.
        """
        data_dir = self.files.data_dir
        raw = read_raw(month, data_dir)
        if raw is not None:
            return raw
        from taxi_assets.steps.lake.restore import raw_from_lake

        wanted = self._materialized(RAW, month, SHA256)
        on_progress = progress("fetched from the lake", "bytes")
        return raw_from_lake(month, data_dir, self.lake.open(), sha256=wanted, on_progress=on_progress)

    def clean(self, month: TripMonth, progress: Progress) -> CleanFile:
        """The month's clean file.

        Raises:
            NotMaterializedError: It is neither here nor, in the version that was materialized last, in the lake.
        """
        from taxi_assets.steps.files.clean_file import read_clean
        from taxi_assets.steps.lake.restore import clean_from_lake

        data_dir = self.files.data_dir
        clean = read_clean(month, data_dir)
        if clean is not None:
            return clean
        wanted = self._materialized(CLEAN, month, CONTENT_ID)
        on_progress = progress("fetched from the lake", "bytes")
        return clean_from_lake(month, data_dir, self.lake.open(), content_id=wanted, on_progress=on_progress)

    def _materialized(self, layer: Layer, month: TripMonth, fact: str) -> str | None:
        """A fact of the last materialization of a month; None when there is none, as in a new run history."""
        return latest_metadata(self.context.instance, layer.key(month.table), month.month).get(fact)


def zone_shapes_file(data_dir: DataDir, lake: LakeResource) -> PublishedFile | None:
    """The zones' shapes on this machine, else from the lake; None when they are in neither.

    Raises:
        BrokenFileError: The manifest, or what the lake has, cannot be read.
        StoreUnavailableError: The lake cannot be reached.
    """
    raw = read_manifest(manifest_path(data_dir.raw_dir(TAXI_ZONE_SHAPES), Path(TAXI_ZONE_SHAPES_FILE).stem))
    if raw is not None:
        return raw
    from taxi_assets.steps.lake.restore import zone_shapes_from_lake

    return zone_shapes_from_lake(data_dir, lake.open())


def raw_zones(data_dir: DataDir) -> PublishedFile:
    """The zone lookup's raw file.

    Raises:
        NotMaterializedError: There is none.
    """
    folder = data_dir.raw_dir(TAXI_ZONES.name)
    raw = read_manifest(manifest_path(folder, Path(TAXI_ZONES.file_name).stem))
    if raw is None:
        raise NotMaterializedError(f"{TAXI_ZONES.name}: no raw file in {folder}; materialize raw/{TAXI_ZONES.name}")
    return raw
