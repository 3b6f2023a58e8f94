"""Components that ``dg scaffold defs`` makes in ``taxi_assets/defs/``: a monthly dataset of your own.

Belongs here: what Dagster has to know of them. Not here: what may be declared and how it is read
(``taxi_assets/datasets/declared.py``), and what is made of it, which is what is made of TLC's datasets.
"""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
from pydantic import BaseModel

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.declared import FILE, Declaration
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import DeclarationError
from taxi_assets.orchestration.assets.everything import assets_of
from taxi_assets.orchestration.checks.everything import checks_of
from taxi_assets.settings import load_settings

_TEMPLATE = """\
type: {type_name}
attributes:
  name: {name}
  title: {title}
  # Where the file of a month is: a path, relative to this file, or a URL, with {{month}} (2024-01), or {{year}} and
  # {{mm}} in it. It ends with .csv, .csv.gz or .parquet.
  files: files/{{month}}.csv
  first_month: "2024-01"
  pickup: started_at
  # The columns of the files, whatever their order there. Types: code (a small whole number), integer, number, text,
  # time. A file that lacks one is refused, unless it is `optional: true`.
  columns:
    - {{name: started_at, type: time, description: When the trip began.}}
    - {{name: distance, type: number, unit: km, optional: true}}
"""


class TripDatasetScaffolder(dg.Scaffolder[BaseModel]):
    """Writes a declaration that loads as it is, named after the folder that it lies in."""

    def scaffold(self, request: dg.ScaffoldRequest[BaseModel]) -> None:
        """See Dagster's class."""
        if request.scaffold_format != "yaml" or request.append:
            raise DeclarationError(f"a dataset is declared in a {FILE} of its own: leave out --format and --append")
        name = re.sub(r"\W", "_", request.target_path.name.lower())
        text = _TEMPLATE.format(type_name=request.type_name, name=name, title=name.replace("_", " ").capitalize())
        (request.target_path / FILE).write_text(text, encoding="utf-8")


@dg.scaffold_with(TripDatasetScaffolder)
class TripDataset(dg.Component):
    """A monthly dataset of your own, one CSV or Parquet file a month.

    It gets what TLC's datasets have: assets in all five layers, checks, a job, a monthly schedule, and a place in every
    sensor. The registry reads the same file, so that ``load_trips`` and the commands know the dataset too.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """What may stand below ``attributes``."""
        return Declaration

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> TripDataset:
        """The dataset that the registry has of the same file.

        Raises:
            DeclarationError: It has none: the component does not come from a file that it reads.
        """
        name = attributes.name if isinstance(attributes, Declaration) else ""
        dataset = DATASETS.get(name)
        if dataset is None or not Path(dataset.defined_in).is_relative_to(context.path):
            raise DeclarationError(
                f"{context.path}: the dataset {name or 'without a name'} is not declared in a {FILE} there, which is "
                "where other processes look for it; put its attributes into one"
            )
        return cls(dataset)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The dataset's assets and their checks; jobs, schedules and sensors follow from the registry."""
        del context
        return dg.Definitions(assets=assets_of(self.dataset, load_settings()), asset_checks=checks_of(self.dataset))
