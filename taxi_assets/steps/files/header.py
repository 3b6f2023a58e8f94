"""Which canonical column each column of a file is, by the names in its header.

Belongs here: names, whatever their order and case, and what is said when they do not fit. Not here: reading the
header from a file, and values.

Files are re-issued in newer layouts (fhv 2019 gained a column), so a calendar of layouts would reject good files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.vocabulary import IGNORED_COLUMNS
from taxi_assets.errors import LayoutError


@dataclass(frozen=True)
class ColumnMap:
    """Which columns of a file hold which canonical column.

    Attributes:
        header: Names in the file's order, as published, without surrounding blanks and quotes.
        positions: Canonical name to positions in ``header``. Almost always one; fhv 2018 has two columns for the
            dispatching base, of which the first that is filled counts.
    """

    header: tuple[str, ...]
    positions: dict[str, tuple[int, ...]]


def map_columns(names: Sequence[str], dataset: Dataset, path: Path) -> ColumnMap:
    """Finds the canonical column of each of a file's columns, whatever their order and case.

    Args:
        names: The file's columns in its order.
        dataset: What the file should be.
        path: The file, for the messages.

    Raises:
        LayoutError: A name is empty, repeated, or not in the registry; a column that every file of the dataset has is
            missing; or the columns are those of another dataset.
    """
    header = tuple(name.strip() for name in names)
    if not any(header):
        raise LayoutError(f"{path}: the header is empty, so its columns have no names; nothing was cleaned")
    _refuse_repeated(header, path)
    positions, unknown = _match(header, dataset)
    missing = [name for name in dataset.essential if name not in positions]
    if unknown or missing:
        raise LayoutError(_explain(header, dataset, unknown, missing, path))
    return ColumnMap(header, positions)


def _match(header: Sequence[str], dataset: Dataset) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Positions by canonical name, and the names that the dataset does not know."""
    canonical = {alias: column.name for column in dataset.columns for alias in (column.name, *column.aliases)}
    positions: dict[str, tuple[int, ...]] = {}
    unknown: list[str] = []
    for position, name in enumerate(header):
        if name.lower() in IGNORED_COLUMNS:
            continue
        column = canonical.get(name.lower())
        if column is None:
            unknown.append(name)
        else:
            positions[column] = (*positions.get(column, ()), position)
    return positions, unknown


def _explain(header: Sequence[str], dataset: Dataset, unknown: list[str], missing: list[str], path: Path) -> str:
    """Says what is wrong with a header and what to do about it."""
    for other in DATASETS.values():
        positions, unknown_there = _match(header, other)
        if other is not dataset and not unknown_there and all(name in positions for name in other.essential):
            return (
                f"{path}: these are the columns of {other.name}, not of {dataset.name} ({', '.join(header)}). "
                f"Nothing was cleaned; put the {dataset.name} file in its place, then materialize raw/{dataset.table} "
                "again"
            )
    problems: list[str] = []
    if unknown:
        problems.append(
            f"the registry does not know {_quoted_list(unknown)}. If TLC added "
            f"{'a column' if len(unknown) == 1 else 'columns'}, append {'it' if len(unknown) == 1 else 'them'} to "
            f"taxi_assets/datasets/{dataset.name}.py; if it is a new name of a known column, add it to that column's "
            "aliases there or in taxi_assets/datasets/vocabulary.py"
        )
    if missing:
        problems.append(
            f"no column for {_quoted_list(missing)}, which every {dataset.name} file has had. If TLC renamed it, add "
            "the new name to its aliases; if it is gone for good, take it out of the dataset's `essential` in "
            f"taxi_assets/datasets/{dataset.name}.py"
        )
    return f"{path}: {'; and '.join(problems)}. Nothing was cleaned; the header is: {', '.join(header)}"


def _refuse_repeated(header: Sequence[str], path: Path) -> None:
    counts = Counter(name.lower() for name in header)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise LayoutError(
            f"{path}: the header repeats {_quoted_list(repeated)}, so it is not known which column is meant; nothing "
            f"was cleaned. The header is: {', '.join(header)}"
        )


def _quoted_list(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
