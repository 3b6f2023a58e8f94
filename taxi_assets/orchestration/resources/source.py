"""Where published files come from, as a Dagster resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration.resources.resource import Resource
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.files.raw_file import PublishedFile

if TYPE_CHECKING:
    from taxi_assets.steps.raw.fetch import FetchedFile, FetchedMonth, Judge, Probe


class Source(Resource):
    """Where the published files come from."""

    # A URL, which may hold a password, is given as an EnvVar, so that the UI shows the variable's name in its place.
    source: str = Field(
        repr=False,
        description="auto (the course's CSV releases where they exist, TLC's Parquet elsewhere), datatalksclub, tlc, "
        "sample (synthetic), a folder, or a URL, by its variable: TAXI_SOURCE.",
    )
    sample_rows: int = Field(description="How many lines a synthetic month has: TAXI_SAMPLE_ROWS.")

    @property
    def is_named(self) -> bool:
        """It is one of the named publishers: no folder, no base URL, and not the sample."""
        from taxi_assets.steps.raw.sources import PUBLISHED

        return self.source in PUBLISHED

    def fetch(
        self, month: TripMonth, data_dir: DataDir, judge: Judge, on_progress: OnProgress = no_progress
    ) -> FetchedMonth:
        """See :func:`taxi_assets.steps.raw.fetch.fetch_month`."""
        from taxi_assets.steps.raw.fetch import fetch_month

        return fetch_month(
            month,
            self._source_of(month),
            data_dir,
            sample_rows=self.sample_rows,
            judge=judge,
            on_progress=on_progress,
        )

    def fetch_landed(
        self, month: TripMonth, data_dir: DataDir, judge: Judge, on_progress: OnProgress = no_progress
    ) -> FetchedMonth:
        """Takes the month from the file that was dropped into the landing folder instead of from the publisher."""
        from taxi_assets.steps.raw.fetch import fetch_month

        return fetch_month(month, str(data_dir.accepted), data_dir, judge=judge, on_progress=on_progress)

    def probe(self, month: TripMonth) -> Probe:
        """See :func:`taxi_assets.steps.raw.fetch.probe_month`; patient for no longer than a sensor's tick may be."""
        from taxi_assets.steps.raw.fetch import probe_month
        from taxi_assets.steps.raw.http_retries import HttpPolicy

        # Dagster gives a sensor's tick 60 seconds: a source that is down has to be known as such well before.
        within_a_tick = HttpPolicy(
            attempts=2, first_wait=0.5, longest_wait=1.0, longest_retry_after=2.0, connect_timeout=4.0, read_timeout=6.0
        )
        return probe_month(month, self._source_of(month), sample_rows=self.sample_rows, http=within_a_tick)

    def _source_of(self, month: TripMonth) -> str:
        """A dataset of one's own says itself where its files are."""
        return DATASETS[month.dataset].files or self.source

    def fetch_zone_shapes(self, data_dir: DataDir) -> FetchedFile:
        """See :func:`taxi_assets.steps.raw.fetch.fetch_zone_shapes`."""
        from taxi_assets.steps.raw.fetch import fetch_zone_shapes

        return fetch_zone_shapes(self.source, data_dir)

    def fetch_zones(self, data_dir: DataDir) -> PublishedFile:
        """See :func:`taxi_assets.steps.raw.fetch.fetch_zones`."""
        from taxi_assets.steps.raw.fetch import fetch_zones

        return fetch_zones(self.source, data_dir)
