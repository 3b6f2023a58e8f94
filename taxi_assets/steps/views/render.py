"""From one SQL text to each store's dialect.

Belongs here: how a text is filled in. Not here: the texts (the folders beside this module, and
``taxi_assets/steps/marts/sql``), and running them.

The texts are plain SQL that DuckDB, BigQuery and Postgres read alike. Where they differ, a text names a macro,
``{{ sql.seconds_between('a', 'b') }}``, which each file in ``dialects/`` defines for its store. What comes from
outside, such as the table to read, is a variable.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jinja2 import Environment

Dialect = Literal["duckdb", "bigquery", "postgres"]

HERE = Path(__file__).resolve().parent


def rendered(text: Path, dialect: Dialect, **values: object) -> str:
    """The SQL of a file in a dialect.

    Args:
        text: The file.
        dialect: Whose macros stand behind the name ``sql``.
        values: The text's own variables. They go into it as they are: quote what is not from this code.

    Raises:
        jinja2.UndefinedError: The text names something that is not given.
    """
    template = _environment().from_string(text.read_text(encoding="utf-8"))
    return template.render(sql=_macros(dialect), **values).strip().rstrip(";")


def parameter(name: str, dialect: Dialect) -> str:
    """The named parameter to which a value is bound."""
    return str(_macros(dialect).parameter(name))


@cache
def _macros(dialect: Dialect) -> Any:
    return _environment().from_string((HERE / "dialects" / f"{dialect}.sql").read_text(encoding="utf-8")).module


@cache
def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    # SQL is no HTML: what is given stands in it as it is.
    return Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
