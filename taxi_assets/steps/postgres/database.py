"""Which database the trips are in, and the schemas of it that are ours.

Belongs here: the names of schemas and of what stands in them, quoted. Not here: connections (``connection.py``), DDL
(``tables.py``), what a month's own tables are called (``tables.Names``).

    public.yellow_tripdata                      TAXI_POSTGRES_SCHEMA is not set
    partitions.yellow_tripdata_2019_01

    taxi.yellow_tripdata                        TAXI_POSTGRES_SCHEMA=taxi
    taxi_partitions.yellow_tripdata_2019_01
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from taxi_assets.steps.files.sql import identifier

if TYPE_CHECKING:
    from psycopg import sql

PUBLIC = "public"
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Schemas:
    """Where our tables are within a database.

    Attributes:
        trips: The schema of what people query: ``TAXI_POSTGRES_SCHEMA``.
    """

    trips: str = PUBLIC

    @property
    def partitions(self) -> str:
        """The schema of the months' tables, apart so that :attr:`trips` lists only what people query."""
        return "partitions" if self.trips == PUBLIC else f"{self.trips}_partitions"

    def table(self, name: str) -> sql.Identifier:
        """A table that people query, as SQL."""
        from psycopg import sql

        return sql.Identifier(self.trips, name)

    def partition(self, name: str) -> sql.Identifier:
        """A month's table, as SQL."""
        from psycopg import sql

        return sql.Identifier(self.partitions, name)

    def text(self, table: str) -> str:
        """The table as text: for people, and for ``to_regclass``. ``public.yellow_tripdata``, ``"My trips".…``."""
        return f"{_shown(self.trips)}.{_shown(table)}"

    def partition_text(self, table: str) -> str:
        """The same for a month's table: ``partitions.yellow_tripdata_2019_01``."""
        return f"{_shown(self.partitions)}.{_shown(table)}"


IN_PUBLIC = Schemas()


@dataclass(frozen=True)
class TripsDatabase:
    """Where the trips are.

    Attributes:
        conninfo: Anything libpq understands: a URL or ``key=value`` pairs.
        schemas: Which of the database's schemas are ours.
    """

    conninfo: str
    schemas: Schemas = IN_PUBLIC

    @staticmethod
    def of(database: Database) -> TripsDatabase:
        """A conninfo alone means the tables in ``public``."""
        return TripsDatabase(database) if isinstance(database, str) else database


Database: TypeAlias = str | TripsDatabase
"""What functions take: a conninfo, or a database with its schemas."""


def _shown(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else identifier(name)
