"""The steps under Dagster: assets and their checks, what asks for runs, and where records are kept."""
