"""Datasets of people's own, as they are declared in ``taxi_assets/defs/``: a ``defs.yaml`` becomes a ``Dataset``.

Belongs here: what may stand in such a file, and what is said when something else does. Not here: the component that
puts the dataset's assets into the graph (``taxi_assets/components.py``).

The files are read without Dagster, so that ``load_trips`` and the commands know the datasets too, and every process
knows the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from taxi_assets.datasets.codes import CodeTable
from taxi_assets.datasets.columns import FILE_MONTH, Column, ColumnType, Dataset, plain_name
from taxi_assets.datasets.months import file_of_month
from taxi_assets.errors import DeclarationError

COMPONENT = "taxi_assets.components.TripDataset"
"""The ``type`` of a declaration, which Dagster imports."""

FILE = "defs.yaml"

_LONGEST_NAME = 24
"""Postgres cuts names after 63 bytes, and the index of a month that is being loaded adds 39 to the dataset's."""

_LONGEST_COLUMN = 60

_TAKEN = {
    "taxi_zones": "is the lookup of zones",
    "taxi_zone_shapes": "is the file of their shapes",
    "everything": "is the job load_everything",
    "marts": "is what is made of all datasets",
    "report": "is the page about all datasets",
}
_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""What every table of Postgres has already."""

_THREE_MONTHS = ("2024-01", "2024-02", "2025-01")
_ENDINGS = (".csv", ".csv.gz", ".parquet")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""Safe in every store and on every disk: small letters, digits and underscores, a letter first."""

Month = Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]


class DeclaredColumn(BaseModel):
    """One column of the files.

    Attributes:
        name: In every store, and in the files, where case, underscores, hyphens and blanks do not matter.
        type: ``code`` (a small whole number), ``integer``, ``number``, ``text`` or ``time`` (without a zone).
        description: For people; shown in every store and in the UI.
        unit: Of a number: ``USD``, ``km``, ``seconds``.
        aliases: Other names that files have for it.
        meanings: The values of a ``code`` or ``text`` column and what each means; others are kept and counted.
        optional: Files may lack it; it is NULL then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[Name, Field(max_length=_LONGEST_COLUMN)]
    type: Literal["code", "integer", "number", "text", "time"]
    description: str = ""
    unit: str = ""
    aliases: list[str] = []
    meanings: dict[int | str, str] = {}
    optional: bool = False

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name == FILE_MONTH.name:
            raise ValueError(f"{name} is what every table gets, the month of the file; give yours another name")
        if name in _SYSTEM_COLUMNS:
            raise ValueError(f"{name} is a column of Postgres' own; give yours another name, and this one as an alias")
        return name

    @model_validator(mode="after")
    def _meanings_fit_the_type(self) -> DeclaredColumn:
        values = {"code": int, "text": str}.get(self.type)
        wrong = [value for value in self.meanings if type(value) is not values]
        if wrong:
            raise ValueError(f"{wrong[0]!r} cannot be a {self.type}; a code is a whole number, a text stands in quotes")
        return self

    def column(self, *, required: bool) -> Column:
        """The column of the registry."""
        description = self.description or f"{self.name}, as published."
        if self.meanings:
            description = f"{description.removesuffix('.')}: {CodeTable(self.meanings).sentence()}"
        return Column(
            self.name,
            ColumnType[self.type.upper()],
            description,
            unit=self.unit,
            aliases=tuple(self.aliases),
            meanings=dict(self.meanings),
            required=required,
        )


class Declaration(BaseModel):
    """A monthly dataset: one CSV or Parquet file a month.

    Attributes:
        name: Of its tables and assets: ``citibike`` gives ``citibike_tripdata``.
        title: What people call it.
        description: For the UI and for table comments.
        files: Where the file of a month is: a path, relative to this file, or a URL, with ``{month}`` (2024-01), or
            ``{year}`` and ``{mm}``. It ends with ``.csv``, ``.csv.gz`` or ``.parquet``.
        first_month: The first month that there is, ``YYYY-MM``.
        lag_days: How many days after its end a month is published at the earliest.
        pickup: The ``time`` column that says when a trip began. A line without it is rejected.
        dropoff: The ``time`` column that says when it ended.
        total: A column of numbers whose sum is compared between all stores.
        columns: All columns of the files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[Name, Field(max_length=_LONGEST_NAME)]
    title: str = ""
    description: str = ""
    files: str
    first_month: Month
    lag_days: Annotated[int, Field(ge=0, le=3650)] = 0
    pickup: str
    dropoff: str | None = None
    total: str | None = None
    columns: Annotated[list[DeclaredColumn], Field(min_length=1)]

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in _TAKEN:
            raise ValueError(f"{name} {_TAKEN[name]}; choose another name")
        if name.endswith("_tripdata"):
            raise ValueError(f"its table is called {name}_tripdata; leave out the ending")
        return name

    @field_validator("files")
    @classmethod
    def _names_one_file_a_month(cls, files: str) -> str:
        if "://" in files and not files.startswith(("http://", "https://")):
            raise ValueError("write a path, or a URL that starts with https:// or http://")
        if "@" in files.partition("://")[2].partition("/")[0]:
            raise ValueError("a password in a file that others read; serve the files without one, or copy them here")
        if "{{" in files:
            raise ValueError("templates are not read here; write the path or URL itself")
        if not files.endswith(_ENDINGS):
            raise ValueError(f"it must end with {', '.join(_ENDINGS)}; pack other files anew")
        try:
            named = {file_of_month(files, month) for month in _THREE_MONTHS}
        except (KeyError, IndexError, ValueError, AttributeError):
            raise ValueError("the placeholders are {month} (2024-01), {year} and {mm}, and nothing else") from None
        if len(named) < len(_THREE_MONTHS):
            raise ValueError("every month needs a file of its own: write {month}, or {year} and {mm}, where it stands")
        return files

    @model_validator(mode="after")
    def _columns_play_their_parts(self) -> Declaration:
        called: dict[str, str] = {}
        for column in self.columns:
            for name in (column.name, *column.aliases):
                other = called.setdefault(plain_name(name), column.name)
                if other != column.name:
                    raise ValueError(f"{name!r} could be {other} or {column.name}; names and aliases must differ")
        if len({column.name for column in self.columns}) < len(self.columns):
            raise ValueError("two columns have the same name")
        types = {column.name: column.type for column in self.columns}
        for part, name, fitting in (
            ("pickup", self.pickup, ("time",)),
            ("dropoff", self.dropoff, ("time",)),
            ("total", self.total, ("number", "integer", "code")),
        ):
            if name is not None and types.get(name) not in fitting:
                raise ValueError(f"{part}: {name!r} is not one of the columns of type {' or '.join(fitting)}")
        return self

    def dataset(self, path: Path) -> Dataset:
        """The dataset of the registry, for a declaration in that file."""
        away = "://" in self.files
        return Dataset(
            name=self.name,
            title=self.title or self.name,
            description=self.description or f"{self.title or self.name}, a dataset declared in {path.name}.",
            first_month=self.first_month,
            columns=tuple(column.column(required=column.name == self.pickup) for column in self.columns),
            pickup=self.pickup,
            dropoff=self.dropoff,
            total=self.total,
            essential=tuple(column.name for column in self.columns if not column.optional),
            files=self.files if away else str(path.parent / Path(self.files).expanduser()),
            lag_days=self.lag_days,
            defined_in=str(path),
        )


def datasets_in(folder: Path, taken: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """The datasets that are declared in a folder and below it, by name.

    Args:
        folder: Where people put what is theirs.
        taken: The datasets whose names are not free.

    Raises:
        DeclarationError: Something in a declaration is wrong. Each line says which file, where, and what.
    """
    found: dict[str, Dataset] = {}
    problems: list[str] = []
    for path in sorted(folder.rglob(FILE)):
        for line, attributes, positions in _declarations(path):
            try:
                dataset = Declaration.model_validate(attributes).dataset(path)
            except ValidationError as error:
                problems += [_explain(path, positions, problem) for problem in error.errors()]
                continue
            other = {**taken, **found}.get(dataset.name)
            if other is not None:
                where = f", {other.defined_in}" if other.defined_in else ", one of TLC's"
                problems.append(f"{path}:{line}: name: there is a dataset {dataset.name} already{where}")
            found.setdefault(dataset.name, dataset)
    if problems:
        raise DeclarationError("\n".join(problems))
    return found


_Node = Any
"""A node of PyYAML, which knows the line that it stands in. PyYAML has no types."""


def _declarations(path: Path) -> Iterator[tuple[int, Any, _Node]]:
    """Each declaration of a file: the line of its attributes, these as plain values, and where each of them stands."""
    text = path.read_text(encoding="utf-8")
    if COMPONENT not in text:
        return
    import yaml

    try:
        documents: list[_Node] = [*cast("Iterator[_Node]", yaml.compose_all(text, Loader=yaml.SafeLoader))]
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark
        raise DeclarationError(f"{path}:{mark.line + 1 if mark else 1}: this is no YAML: {error.problem}") from None
    for document in documents:
        parts = _inside(document)
        if getattr(parts.get("type"), "value", None) == COMPONENT:
            node = parts.get("attributes", document)
            plain: Any = yaml.SafeLoader("")
            yield _line_of(node), plain.construct_document(node) if "attributes" in parts else {}, node


def _inside(node: _Node) -> dict[str, _Node]:
    """The values of a mapping by their keys; none of anything else."""
    pairs: list[tuple[_Node, _Node]] = node.value if getattr(node, "id", "") == "mapping" else []
    return {key.value: value for key, value in pairs}


def _line_of(node: _Node) -> int:
    return int(node.start_mark.line) + 1


def _explain(path: Path, positions: _Node, problem: Any) -> str:
    place: Sequence[str | int] = problem["loc"]
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch":
        wanted = "YYYY-MM" if place[-1] == "first_month" else "small letters, digits and underscores, a letter first"
        message = f"{problem['input']!r} is not written as {wanted}"
    elif problem["type"] == "literal_error":
        message = f"{problem['input']!r} is not one of {problem['ctx']['expected']}"
    elif problem["type"] == "extra_forbidden":
        message = "there is nothing of this name to say"
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    return f"{path}:{_line(positions, place)}: {f'{where}: ' if where else ''}{message}"


def _line(node: _Node, place: Sequence[str | int]) -> int:
    """Where a value stands, or the nearest around it that there is."""
    for part in place:
        inside = _inside(node)
        if isinstance(part, int) and node.id == "sequence":
            node = node.value[part]
        elif str(part) in inside:
            node = inside[str(part)]
        else:
            break
    return _line_of(node)
