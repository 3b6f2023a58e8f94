"""The trips database, as a Dagster resource: the embedded server, or the one that ``TAXI_POSTGRES_URL`` names."""

from __future__ import annotations

from pathlib import Path

from dagster import ConfigurableResource
from pydantic import Field

from taxi_assets.data_dir import DataDir
from taxi_assets.steps.postgres.database import PUBLIC, Schemas, TripsDatabase


class Postgres(ConfigurableResource):  # pyright: ignore[reportMissingTypeArgument]  # no resource yields a value here
    """Where the trips tables are.

    Attributes:
        url: ``TAXI_POSTGRES_URL``, given as an ``EnvVar`` so that the UI shows the variable's name and not the
            password; None: the embedded server.
        data_root: ``TAXI_DATA_DIR``, below which the embedded server lives.
        trips_schema: ``TAXI_POSTGRES_SCHEMA``.
    """

    url: str | None = Field(repr=False)
    data_root: str
    trips_schema: str = PUBLIC

    def database(self) -> TripsDatabase:
        """The database with the schema of the trips; starts the embedded server when it is not running.

        Raises:
            StoreUnavailableError: The embedded server does not start.
        """
        return TripsDatabase(self.conninfo(), Schemas(self.trips_schema))

    def table(self, name: str) -> str:
        """A table of the trips with its schema, for people."""
        return Schemas(self.trips_schema).text(name)

    def conninfo(self) -> str:
        """How libpq reaches the database; starts the embedded server when it is not running.

        Raises:
            StoreUnavailableError: The embedded server does not start.
        """
        if self.url:
            return self.url
        from taxi_assets.embedded_postgres.server import EmbeddedPostgres

        server = EmbeddedPostgres(DataDir(Path(self.data_root)).postgres)
        server.start()
        return server.conninfo()
