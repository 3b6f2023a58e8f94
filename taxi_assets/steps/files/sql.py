"""SQL that steps build from the registry: quoting, and the scan of Parquet files.

Belongs here: the quoting functions for DuckDB, and how DuckDB is told to read Parquet. Not here: Postgres, whose text
is composed with ``psycopg.sql``; CSV, which only cleaning reads (``taxi_assets/steps/clean/reading/csv_queries.py``).
"""

from __future__ import annotations

import re
from pathlib import Path


def identifier(name: str) -> str:
    """A name as a quoted identifier: ``pickup"x`` becomes ``"pickup""x"``."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Text as a quoted literal, for the places where DuckDB takes no parameter (COPY targets, options)."""
    return "'" + text.replace("'", "''") + "'"


def escape_glob(path: str) -> str:
    """A path for DuckDB's readers, which take ``*``, ``?`` and ``[`` in a path for patterns."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def parquet_scan(*paths: Path, pattern: str = "", **options: bool) -> str:
    """The rows of Parquet files, to stand after FROM: the one place where DuckDB is told to read some.

    A path names a file and says nothing about its rows: DuckDB would take the folder ``vendorid=9`` for a column, and
    ``data [1]`` for a pattern.

    Args:
        paths: The files; with ``pattern``, the folder below which it is looked for.
        pattern: With DuckDB's wildcards, as in ``clean/yellow/*.parquet``.
        options: Of DuckDB's ``read_parquet``: ``union_by_name``, ``file_row_number``.

    >>> print(parquet_scan(Path("data [1]"), pattern="*.parquet", union_by_name=True))
    read_parquet(['data [[]1]/*.parquet'], hive_partitioning = false, union_by_name = true)
    """
    end = f"/{pattern}" if pattern else ""
    files = ", ".join(literal(f"{escape_glob(str(path))}{end}") for path in paths)
    told = {"hive_partitioning": False, **options}
    return f"read_parquet([{files}], {', '.join(f'{name} = {str(value).lower()}' for name, value in told.items())})"
