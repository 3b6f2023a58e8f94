"""Quoting for the SQL that steps build from the registry.

Belongs here: the quoting functions for DuckDB. Postgres text is composed with ``psycopg.sql``.
"""

from __future__ import annotations

import re


def identifier(name: str) -> str:
    """A name as a quoted identifier: ``pickup"x`` becomes ``"pickup""x"``."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Text as a quoted literal, for the places where DuckDB takes no parameter (COPY targets, options)."""
    return "'" + text.replace("'", "''") + "'"


def escape_glob(path: str) -> str:
    """A path for DuckDB's readers, which take ``*``, ``?`` and ``[`` in a path for patterns."""
    return re.sub(r"([*?\[])", r"[\1]", path)
