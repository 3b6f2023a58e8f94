"""Is this container's process well? ``python health.py code-server|webserver``, exit code 0 or 1.

Belongs here: checks that run every half minute and must not cost seconds of CPU each. `dagster api grpc-health-check`
asks the same question of the code server, but imports Dagster first, which takes two to three seconds. The daemon is
checked with Dagster's own `dagster-daemon liveness-check`, less often: only Dagster knows how to read heartbeats.
"""

from __future__ import annotations

import sys
import urllib.request


def code_server() -> None:
    """Asks gRPC's standard health service; it answers once the definitions are loaded."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel("127.0.0.1:4000") as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=8
        )
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        sys.exit(f"the code server answers {answer.status}, not SERVING")


def webserver() -> None:
    """Asks for the page that says which version runs; it needs neither code server nor database."""
    urllib.request.urlopen("http://127.0.0.1:3000/server_info", timeout=8).close()


if __name__ == "__main__":
    {"code-server": code_server, "webserver": webserver}[sys.argv[1]]()
