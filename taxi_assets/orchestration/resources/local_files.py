"""The local data folder, as a Dagster resource."""

from __future__ import annotations

from pathlib import Path

from dagster import InitResourceContext
from pydantic import Field

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import plain_name
from taxi_assets.orchestration.dagster_internals.runs import PARTITION_NAME_TAG
from taxi_assets.orchestration.instance.dead_runs import end_dead_runs, name_process
from taxi_assets.orchestration.instance.in_words import months_of_run
from taxi_assets.orchestration.names import MONTHS
from taxi_assets.orchestration.resources.resource import Resource


class LocalFiles(Resource):
    """The data folder of this machine: raw, clean and rejected files, each in its folder."""

    root: str = Field(description="The folder: TAXI_DATA_DIR.")
    ignore_columns: list[str] = Field(
        default=[],
        description="Columns that a published file may have and that are skipped on purpose: TAXI_IGNORE_COLUMNS.",
    )

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Before the first step of a run: says which process and which months it has, and ends runs that were killed.

        It stands here because every run has this resource.
        """
        if context.instance is not None and context.run is not None:
            run = context.run
            name_process(context.instance, run.run_id)
            if PARTITION_NAME_TAG not in run.tags and (months := months_of_run(run.tags)):
                context.instance.add_run_tags(run.run_id, {MONTHS: months})
            end_dead_runs(context.instance)

    @property
    def data_dir(self) -> DataDir:
        """The folder's layout."""
        return DataDir(Path(self.root))

    @property
    def ignore(self) -> frozenset[str]:
        """Names of columns that are skipped on purpose, whatever their spelling."""
        return frozenset(map(plain_name, self.ignore_columns))
