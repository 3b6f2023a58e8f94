"""The private PostgreSQL server of a data folder. It knows neither Dagster nor trips."""
