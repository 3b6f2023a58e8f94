"""The Kubernetes job of a run as dagster-k8s sends it to the cluster, with our values of Dagster's chart.

Real are the values, dagster-k8s and the client of the Kubernetes API; the cluster is a local HTTP server that keeps
what is sent to it. The chart itself is on no package index: what its templates write into the launcher's settings
(helm/dagster/templates/helpers/instance/_run-launcher.tpl of Dagster 1.13) and into the code server's environment
(charts/dagster-user-deployments/templates/helpers/_helpers.tpl) is said again here.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml
from dagster import DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher import LaunchRunContext
from dagster._core.test_utils import create_run_for_test

from taxi_assets_tests.support import waiting_job

NAMESPACE = "taxi"
IMAGE = "registry.example/taxi_assets:1"

# What the chart passes on under another name only.
_LAUNCHER_KEYS = {
    "imagePullPolicy": "image_pull_policy",
    "envVars": "env_vars",
    "volumes": "volumes",
    "volumeMounts": "volume_mounts",
    "labels": "labels",
    "resources": "resources",
    "schedulerName": "scheduler_name",
    "securityContext": "security_context",
}
_RUN_KEYS = {
    "containerConfig": "container_config",
    "podSpecConfig": "pod_spec_config",
    "podTemplateSpecMetadata": "pod_template_spec_metadata",
    "jobSpecConfig": "job_spec_config",
    "jobMetadata": "job_metadata",
}


def run_job(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The manifest of a run's job, as it goes over the wire.

    Args:
        values: Of the chart.
        folder: An empty one, for the instance and the client's settings.
    """
    with _cluster() as (address, received):
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(address)), encoding="utf-8")
        launcher = {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {**_launcher_config(values), "load_incluster_config": False, "kubeconfig_file": str(kubeconfig)},
        }
        (folder / "dagster.yaml").write_text(yaml.safe_dump({"run_launcher": launcher}), encoding="utf-8")
        job = ReconstructableRepository.for_module(waiting_job.__name__, "defs").get_reconstructable_job("waiting")
        origin = job.get_python_origin()
        repository = origin.repository_origin._replace(
            container_image=IMAGE, container_context=_container_context(values)
        )
        with DagsterInstance.from_config(str(folder)) as instance:
            run = create_run_for_test(
                instance, job_name="waiting", job_code_origin=origin._replace(repository_origin=repository)
            )
            instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    [manifest] = received
    return manifest


def _launcher_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the chart writes below ``run_launcher`` into its dagster.yaml."""
    given = values["runLauncher"]["config"]["k8sRunLauncher"]
    config: dict[str, Any] = {
        "job_namespace": given.get("jobNamespace") or NAMESPACE,
        "service_account_name": values["global"]["serviceAccountName"],
        "dagster_home": values["global"].get("dagsterHome", "/opt/dagster/dagster_home"),
        "instance_config_map": "taxi-dagster-instance",
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
        "env_secrets": [secret["name"] for secret in given.get("envSecrets", ())],
        "run_k8s_config": {_RUN_KEYS[key]: value for key, value in given.get("runK8sConfig", {}).items()},
    }
    return config | {ours: given[theirs] for theirs, ours in _LAUNCHER_KEYS.items() if theirs in given}


def _container_context(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the code server tells the daemon of itself for the pods of runs; nothing unless the values say so."""
    [code] = values["dagster-user-deployments"]["deployments"]
    if not code.get("includeConfigInLaunchedRuns", {"enabled": True})["enabled"]:
        return None
    context: dict[str, Any] = {
        "namespace": NAMESPACE,
        "service_account_name": values["global"]["serviceAccountName"],
        "image_pull_policy": code["image"]["pullPolicy"],
        "env_config_maps": [f"taxi-dagster-user-deployments-{code['name']}-user-env"],
        "env_secrets": [secret["name"] for secret in code.get("envSecrets", ())],
        "volume_mounts": code.get("volumeMounts", []),
    }
    return {"k8s": context | {key: code[key] for key in ("volumes", "labels", "resources", "env") if key in code}}


def _kubeconfig(address: str) -> dict[str, Any]:
    return {
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": address}}],
        "users": [{"name": "test", "user": {}}],
    }


@contextmanager
def _cluster() -> Generator[tuple[str, list[dict[str, Any]]]]:
    """An API server that accepts every job; its address, and the jobs so far."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(json.loads(body))
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            """Nothing: the tests look at what was received."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", received
        finally:
            server.shutdown()
