"""Which code location a run is of: written for runs that a server launched; there is no public way to say it."""

# The repository of a code location that has only one.
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME

# What names the location, its repository and a job of it.
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

# The tag by which job pages find their runs.
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

__all__ = [
    "REPOSITORY_LABEL_TAG",
    "SINGLETON_REPOSITORY_NAME",
    "RegisteredCodeLocationOrigin",
    "RemoteJobOrigin",
    "RemoteRepositoryOrigin",
]
