"""What a clean month lost of what was published: rejected lines, and values that could not be read.

Belongs here: how much was lost, and how much is too much. Not here: the rules (``rules.py``), and what a check makes of
it (``taxi_assets/orchestration/checks/clean.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets.steps.files.sql import identifier, parquet_scan

MOST_REJECTED = 0.01
"""Share of a month's lines. Of the course's releases and TLC's files less than one line in ten thousand is rejected; a
hundred times that is a file in another layout."""

MOST_UNREADABLE = 0.05
"""Share of the values of a filled column. A few clocks and codes are off in every month; one value in twenty is a form
that is not read."""

ALONE = 1
"""So many lines, or values of a column, never block, whatever their share: in a small extract one is more than a
hundredth, and says nothing of the file's layout."""

FILLED = 0.5
"""A column is filled when this share of the month's trips say something in it. In one that hardly any trip fills, a few
odd values are a large share and mean little: they warn."""


@dataclass(frozen=True)
class Losses:
    """What a month lost.

    Attributes:
        clean: The month.
        values: For each column with unreadable values how many its trips have there, readable ones included.
    """

    clean: CleanFile
    values: dict[str, int]

    @property
    def rejected_share(self) -> float:
        """Of all published lines."""
        return self.clean.rejected_rows / self.clean.published_rows

    def unreadable_share(self, column: str) -> float:
        """Of all values that the column has."""
        return self.clean.unreadable[column] / self.values[column]

    @property
    def any(self) -> bool:
        """Whether anything was lost."""
        return bool(self.clean.rejected_rows or self.clean.unreadable)

    @property
    def too_many(self) -> list[str]:
        """What exceeds its share, in words."""
        lines = self.clean.rejected_rows > ALONE and self.rejected_share > MOST_REJECTED
        rejected = [f"more than {MOST_REJECTED:.0%} of the lines"] if lines else []
        return rejected + [
            f"more than {MOST_UNREADABLE:.0%} of {column}"
            for column, values in self.values.items()
            if self.clean.unreadable[column] > ALONE
            and self.unreadable_share(column) > MOST_UNREADABLE
            and values >= FILLED * self.clean.rows
        ]


def find_losses(clean: CleanFile) -> Losses:
    """What a clean month lost, by its own footer and its values: what was not readable is in neither file any more.

    Raises:
        BrokenFileError: The clean file cannot be read.
    """
    from taxi_assets.steps.files.duckdb_connection import errors_explained, working_connection

    path = clean.path
    columns = list(clean.unreadable)
    if not columns:
        return Losses(clean, {})
    filled = ", ".join(f"count({identifier(column)})" for column in columns)
    with errors_explained(path, path.parent), working_connection(path) as connection:
        [counts] = connection.execute(f"SELECT {filled} FROM {parquet_scan(path)}").fetchall()
    return Losses(clean, {name: count + clean.unreadable[name] for name, count in zip(columns, counts, strict=True)})
