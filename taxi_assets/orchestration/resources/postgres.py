"""The trips database, as a Dagster resource: the embedded server, or the one that ``TAXI_POSTGRES_URL`` names."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from taxi_assets.data_dir import DataDir
from taxi_assets.orchestration.resources.resource import Resource
from taxi_assets.steps.postgres.database import PUBLIC, Schemas, TripsDatabase


class Postgres(Resource):
    """The PostgreSQL database with the trips: your own, or the embedded server."""

    # Given as an EnvVar, so that the UI shows the variable's name and not the password.
    url: str | None = Field(
        repr=False, description="Your own database, by the variable TAXI_POSTGRES_URL; empty: the embedded server."
    )
    data_root: str = Field(description="The folder in which the embedded server keeps its data: TAXI_DATA_DIR.")
    trips_schema: str = Field(default=PUBLIC, description="The schema of the tables: TAXI_POSTGRES_SCHEMA.")

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
