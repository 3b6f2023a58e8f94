"""Storage: a class that dagster.yaml names has to have these as its bases, and none of them is exported."""

# The base of every storage that dagster.yaml may name.
from dagster._core.storage.base_storage import DagsterStorage

# What Dagster takes when dagster.yaml names none; dagster_postgres exports its counterpart, dagster does not.
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

# How dagster.yaml becomes an object.
from dagster._serdes import ConfigurableClass, ConfigurableClassData

__all__ = [
    "ConfigurableClass",
    "ConfigurableClassData",
    "DagsterSqliteStorage",
    "DagsterStorage",
]
