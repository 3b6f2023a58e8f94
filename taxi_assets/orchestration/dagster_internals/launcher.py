"""Launching: ``DefaultRunLauncher`` is public, what its health check returns and how it asks a code server is not.

Importing this imports gRPC and Google's protobuf with it, which the definitions do without.
"""

# What the client raises when nobody answers.
from dagster._core.errors import DagsterUserCodeUnreachableError

# The answer that run monitoring expects of a launcher.
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

# Asking a code server which runs it has; there is no other way but its gRPC interface.
from dagster._grpc.client import DagsterGrpcClient

# What it answers, written in Dagster's own way, which takes this class to read.
from dagster._grpc.types import GetCurrentRunsResult

# What a launcher is made from when dagster.yaml names it.
from dagster._serdes import ConfigurableClassData

__all__ = [
    "CheckRunHealthResult",
    "ConfigurableClassData",
    "DagsterGrpcClient",
    "DagsterUserCodeUnreachableError",
    "GetCurrentRunsResult",
    "WorkerStatus",
]
