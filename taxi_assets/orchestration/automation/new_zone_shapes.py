"""The sensor ``new_zone_shapes``: months of coordinates are located when the zones' shapes arrive, or change.

Belongs here: which months are asked for, and when. Not here: locating (``taxi_assets/steps/clean``), which every run of
``clean`` does with the shapes that are there.

``clean`` has no edge from ``raw/taxi_zone_shapes``: shapes are optional, and most months need none. So this looks at
each materialization of a clean month once per version of the shapes, also at those that a run made while the shapes
were on their way, and asks for exactly the months that are without zones or have those of another version.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, BinaryIO

import dagster as dg

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth, months_between, stretches
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES
from taxi_assets.errors import NotMaterializedError, PassingError
from taxi_assets.orchestration import names
from taxi_assets.orchestration.automation.jobs import LOAD_JOBS
from taxi_assets.orchestration.dagster_internals.runs import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from taxi_assets.orchestration.layers import CLEAN, RAW, with_followers
from taxi_assets.orchestration.records import latest_materialization, metadata_of
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.steps.clean.locate import has_coordinates, zones_left_empty
from taxi_assets.steps.files.clean_file import read_clean_copy
from taxi_assets.steps.lake.lake import Lake, clean_name

MATERIALIZED_PER_TICK = 100
"""Most clean months of a dataset that one tick looks at."""

SECONDS_PER_TICK = 30.0
"""No further month is looked at after this long; a tick has 60 seconds, and footers may come from a bucket."""


@dataclass
class Cursor:
    """What the sensor keeps.

    Attributes:
        shapes: The version of the shapes that all below is about.
        since: Storage id of the materialization that brought it.
        seen: By dataset the storage id of the last materialization that was looked at.
        asked: Months that were asked for, which are not asked for again, whatever became of their run.
    """

    shapes: str = ""
    since: int = 0
    seen: dict[str, int] = field(default_factory=dict[str, int])
    asked: list[str] = field(default_factory=list[str])

    @classmethod
    def from_text(cls, text: str | None) -> Cursor:
        """Reads a cursor; None, or one that cannot be read, gives an empty one, which only means to look again."""
        try:
            return cls(**json.loads(text or "{}"))
        except (ValueError, TypeError):
            return cls()

    def to_text(self) -> str:
        """As Dagster keeps it."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class _Look:
    """One look at the clean months of all datasets."""

    instance: dg.DagsterInstance
    data_dir: DataDir
    lake: LakeResource
    cursor: Cursor
    synthetic: bool
    until: float

    @cached_property
    def _opened_lake(self) -> Lake:
        return self.lake.open()

    def months(self, dataset: Dataset) -> list[str]:
        """The months to be asked for; notes in the cursor what was looked at."""
        return [month for month, metadata in self._new(dataset) if self._is_wanted(dataset, month, metadata)]

    def _new(self, dataset: Dataset) -> Iterator[tuple[str, dict[str, Any]]]:
        """Months, each with the metadata of its last materialization, if that is new and its run is over."""
        key, seen = CLEAN.key(dataset.table), self.cursor.seen
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(key, after_storage_id=seen.get(dataset.name, 0)),
            limit=MATERIALIZED_PER_TICK,
            ascending=True,
        ).records
        for record in records:
            run = self.instance.get_run_by_id(record.run_id)
            if (run and not run.is_finished) or time.monotonic() > self.until:
                return
            month = record.partition_key or ""
            latest = latest_materialization(self.instance, key, month)
            if latest and latest.storage_id == record.storage_id:
                yield month, metadata_of(record)
            seen[dataset.name] = record.storage_id

    def _is_wanted(self, dataset: Dataset, key: str, metadata: dict[str, Any]) -> bool:
        month = TripMonth(dataset.name, key)
        if str(month) in self.cursor.asked or metadata.get(names.ZONE_SHAPES) == self.cursor.shapes:
            return False
        try:
            with self._clean_file(month, metadata.get(names.CONTENT_ID)) as file:
                clean = read_clean_copy(file, month, self.data_dir)
                if clean is None or (self.synthetic and not clean.synthetic):
                    return False
                return clean.zone_shapes != self.cursor.shapes if clean.located else bool(zones_left_empty(file))
        except NotMaterializedError:
            return False

    def _clean_file(self, month: TripMonth, content_id: str | None) -> BinaryIO:
        """The clean month of that version on this machine, else what the lake has."""
        path = self.data_dir.clean(month)
        if path.is_file():
            file = path.open("rb")
            clean = read_clean_copy(file, month, self.data_dir)
            if clean and clean.content_id == content_id:
                return file
            file.close()
        return self._opened_lake.open(clean_name(month))


def evaluate(
    context: dg.SensorEvaluationContext, files: LocalFiles, lake: LakeResource, months_per_run: int
) -> dg.SensorResult:
    """One tick."""
    arrived = latest_materialization(context.instance, RAW.key(TAXI_ZONE_SHAPES), None)
    shapes = metadata_of(arrived) if arrived else {}
    if arrived is None or names.SHA256 not in shapes:
        return dg.SensorResult(skip_reason="There are no zone shapes.")
    cursor = Cursor.from_text(context.cursor)
    if cursor.shapes != shapes[names.SHA256]:
        cursor = Cursor(shapes[names.SHA256], arrived.storage_id)
    synthetic, until = bool(shapes.get("synthetic")), time.monotonic() + SECONDS_PER_TICK
    try:
        look = _Look(context.instance, files.data_dir, lake, cursor, synthetic, until)
        wanted = {name: look.months(dataset) for name, dataset in DATASETS.items() if has_coordinates(dataset)}
    except PassingError as error:
        # The cursor stays, so the next tick looks at the same months.
        return dg.SensorResult(skip_reason=f"The lake is away: {error}")
    cursor.asked += [str(TripMonth(name, month)) for name, months in wanted.items() for month in months]
    requests = [
        _request(DATASETS[name], batch, cursor)
        for name, months in wanted.items()
        for batch in _batches(months, months_per_run)
    ]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "No month lacks zones, or has those of other shapes.",
        cursor=cursor.to_text(),
    )


def _batches(months: list[str], most: int) -> Iterator[list[str]]:
    """Months that follow one another, at most so many together."""
    for first, last in stretches(months):
        stretch = months_between(first, last)
        yield from (stretch[begin : begin + most] for begin in range(0, len(stretch), most))


def _request(dataset: Dataset, months: list[str], cursor: Cursor) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{cursor.since}/{cursor.shapes}/{dataset.name}/{months[0]}/{months[-1]}",
        job_name=LOAD_JOBS[dataset.name].name,
        asset_selection=[layer.key(dataset.table) for layer in with_followers(CLEAN)],
        tags={
            names.DATASET: dataset.name,
            names.REASON: "located with new zone shapes",
            ASSET_PARTITION_RANGE_START_TAG: months[0],
            ASSET_PARTITION_RANGE_END_TAG: months[-1],
        },
    )


def new_zone_shapes_sensor(months_per_run: int) -> dg.SensorDefinition:
    """``new_zone_shapes``. On by default: it only goes on with what a person has begun."""

    @dg.sensor(
        name="new_zone_shapes",
        jobs=[LOAD_JOBS[name] for name, dataset in DATASETS.items() if has_coordinates(dataset)],
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
        description="When the zones' shapes arrive or change: cleans the months again that have coordinates and no "
        "zones, or zones of other shapes, and carries them through the layers that follow. Each is asked for once.",
    )
    def new_zone_shapes(context: dg.SensorEvaluationContext, files: LocalFiles, lake: LakeResource) -> dg.SensorResult:
        return evaluate(context, files, lake, months_per_run)

    return new_zone_shapes
