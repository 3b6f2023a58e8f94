"""Which canonical column each column of a file is, by the names in its header.

Belongs here: names, whatever their order and spelling, which columns are skipped, and what is said when names do not
fit. Not here: reading the header from a file, and values.

Files are re-issued in newer layouts (fhv 2019 gained a column), so a calendar of layouts would reject good files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from taxi_assets.datasets.columns import Dataset, plain_name
from taxi_assets.datasets.registry import DATASETS, TLC_URL
from taxi_assets.datasets.vocabulary import is_ignored
from taxi_assets.errors import LayoutError
from taxi_assets.text import shown

_MOST_NAMES_SHOWN = 5
_LONGEST_NAME_SHOWN = 32
_DATA = re.compile(r"-?\d[\d.:/ -]*")


@dataclass(frozen=True)
class ColumnMap:
    """Which columns of a file hold which canonical column.

    Attributes:
        header: Names in the file's order, as published, without surrounding blanks and quotes.
        positions: Canonical name to positions in ``header``. Almost always one; fhv 2018 has two columns for the
            dispatching base, and some Parquet files both ``airport_fee`` and ``Airport_fee``: of those the first that
            is filled counts.
        skipped: The columns that are not read, for people.
    """

    header: tuple[str, ...]
    positions: dict[str, tuple[int, ...]]
    skipped: tuple[str, ...] = ()


def map_columns(
    names: Sequence[str], dataset: Dataset, path: Path, *, source: str = "", ignore: Set[str] = frozenset()
) -> ColumnMap:
    """Finds the canonical column of each of a file's columns, whatever their order and spelling.

    Args:
        names: The file's columns in its order.
        dataset: What the file should be.
        path: The file, for the messages.
        source: Where it came from: TLC adds columns, others export them.
        ignore: Names that are skipped on purpose (``TAXI_IGNORE_COLUMNS``), each as ``plain_name`` makes it.

    Raises:
        LayoutError: A name is repeated, or not in the registry; a column that every file of the dataset has is missing;
            two columns say when a trip began; or the columns are those of another dataset.
    """
    header = tuple(name.strip() for name in names)
    if not any(header):
        raise LayoutError(f"{path}: the header is empty, so its columns have no names; nothing was cleaned")
    positions, unknown, skipped = _match(header, dataset, ignore)
    if not positions and any(map(_DATA.fullmatch, header)):
        raise LayoutError(
            f"{path}: its first line holds data, not the names of columns ({_listed(header)}). Nothing was cleaned; "
            "put the header line back, then materialize its raw asset again"
        )
    _check_not_repeated(header, path)
    missing = [name for name in dataset.essential if name not in positions]
    if unknown or missing:
        raise LayoutError(_explain(header, dataset, unknown, missing, path, source))
    _check_one_pickup(header, dataset, positions, path)
    return ColumnMap(header, positions, skipped)


def _match(
    header: Sequence[str], dataset: Dataset, ignore: Set[str]
) -> tuple[dict[str, tuple[int, ...]], list[str], tuple[str, ...]]:
    """Positions by canonical name, the names that the dataset does not know, and the columns that are skipped."""
    positions: dict[str, tuple[int, ...]] = {}
    unknown: list[str] = []
    skipped: list[str] = []
    for position, name in enumerate(header):
        column = dataset.column_called(name)
        if plain_name(name) in ignore or (column is None and is_ignored(name)):
            skipped.append(shown(name, _LONGEST_NAME_SHOWN) or f"column {position + 1}, which has no name")
        elif column is None:
            unknown.append(name)
        else:
            positions[column.name] = (*positions.get(column.name, ()), position)
    return positions, unknown, tuple(skipped)


def _explain(
    header: Sequence[str], dataset: Dataset, unknown: list[str], missing: list[str], path: Path, source: str
) -> str:
    """Says what is wrong with a header and what to do about it."""
    for other in DATASETS.values():
        positions, unknown_there, _ = _match(header, other, frozenset())
        if other is not dataset and not unknown_there and all(name in positions for name in other.essential):
            return (
                f"{path}: these are the columns of {other.name}, not of {dataset.name} ({_listed(header)}). "
                f"Nothing was cleaned; put the {dataset.name} file in its place, then materialize raw/{dataset.table} "
                "again"
            )
    problems: list[str] = []
    if unknown:
        problems.append(
            f"the registry does not know {_quoted_list(unknown)}. {_advice(dataset, unknown, missing, source)}"
        )
    if missing:
        gone = "make it optional there" if dataset.defined_in else "take it out of the dataset's `essential`"
        problems.append(
            f"no column for {_quoted_list(missing)}, which every {dataset.name} file has had. If it has another name "
            f"here, add that to its aliases in {_place(dataset)}; if it is gone for good, {gone}"
        )
    return f"{path}: {'; and '.join(problems)}. Nothing was cleaned; the header is: {_listed(header)}"


def _advice(dataset: Dataset, unknown: list[str], missing: list[str], source: str) -> str:
    """What to do about unknown names: the publisher adds a column now and then, everybody else's tools more often."""
    it = "it" if len(unknown) == 1 else "them"
    if source.startswith(TLC_URL) and not missing and len(unknown) <= 2:  # noqa: PLR2004  # as TLC has done so far
        return (
            f"If TLC added {'a column' if len(unknown) == 1 else 'columns'}, append {it} to "
            f"taxi_assets/datasets/{dataset.name}.py; to load the month without {it}, set "
            f"TAXI_IGNORE_COLUMNS={_setting(unknown)}"
        )
    if dataset.defined_in:
        return (
            f"Add {it} to the columns, or to the aliases of one, in {dataset.defined_in}, or skip {it} on purpose: "
            f"TAXI_IGNORE_COLUMNS={_setting(unknown)}"
        )
    return (
        f"If the publisher's files do not have {it}, skip {it} on purpose: TAXI_IGNORE_COLUMNS={_setting(unknown)}. If "
        f"a known column is called so, add the name to its aliases in {_place(dataset)}"
    )


def _place(dataset: Dataset) -> str:
    """Where the dataset's columns are listed."""
    return dataset.defined_in or f"taxi_assets/datasets/{dataset.name}.py or vocabulary.py"


def _setting(names: Iterable[str]) -> str:
    return shown(",".join(names), 3 * _LONGEST_NAME_SHOWN)


def _check_not_repeated(header: Sequence[str], path: Path) -> None:
    """Exactly the same name twice is an accident; the same in another spelling is a column of another year."""
    repeated = [name for name, count in Counter(header).items() if count > 1 and not is_ignored(name)]
    if repeated:
        raise LayoutError(
            f"{path}: the header repeats {_quoted_list(repeated)}, so it is not known which column is meant; nothing "
            f"was cleaned. The header is: {_listed(header)}"
        )


def _check_one_pickup(
    header: Sequence[str], dataset: Dataset, positions: dict[str, tuple[int, ...]], path: Path
) -> None:
    names = [header[position] for position in positions[dataset.pickup]]
    if len(names) > 1:
        raise LayoutError(
            f"{path}: {_quoted_list(names)} both say when a trip began, so it is not known which is meant; nothing was "
            "cleaned. Take one of them out of the file"
        )


def _quoted_list(names: Sequence[str]) -> str:
    return _listed(names, quote="'")


def _listed(names: Sequence[str], quote: str = "") -> str:
    """Names for a message; of many the first ones."""
    listed = ", ".join(f"{quote}{shown(name, _LONGEST_NAME_SHOWN)}{quote}" for name in names[:_MOST_NAMES_SHOWN])
    more = len(names) - _MOST_NAMES_SHOWN
    return f"{listed} and {more} more" if more > 0 else listed
