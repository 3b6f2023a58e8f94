"""deploy/kubernetes/values.yaml: against what Dagster's chart documents, and the pods that come of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.test_utils import create_run_for_test
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import serialize_value

from taxi_assets.settings import GCP_KEYS, PROJECT_ROOT, Settings
from taxi_assets_tests.deploy.compose_file import SERVICES
from taxi_assets_tests.deploy.pods import IMAGE, run_job
from taxi_assets_tests.support import waiting_job

TEXT = (PROJECT_ROOT / "deploy/kubernetes/values.yaml").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load(TEXT)
DAGSTER_YAML: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8"))
[CODE] = VALUES["dagster-user-deployments"]["deployments"]
NEEDED = "NEEDED_TO_START"
RUNS = VALUES["runLauncher"]["config"]["k8sRunLauncher"]

# The keys that the chart documents (helm/dagster/values.yaml and the models of its schema, 1.13), as far as we use any.
# What is mapped to None is Kubernetes' own and passed on as it is.
PROBE = {"enabled", "exec", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold"}
DOCUMENTED: dict[str, Any] = {
    "global": {"postgresqlSecretName", "dagsterHome", "serviceAccountName", "celeryConfigSecretName"},
    "generatePostgresqlPasswordSecret": bool,
    "generateCeleryConfigSecret": bool,
    "serviceAccount": {"create", "name", "annotations"},
    "dagster-user-deployments": {
        "enabled": bool,
        "enableSubchart": bool,
        "imagePullSecrets": None,
        "deployments": {
            "name": str,
            "image": {"repository", "tag", "pullPolicy"},
            "dagsterApiGrpcArgs": None,
            "codeServerArgs": None,
            "port": int,
            "includeConfigInLaunchedRuns": {"enabled"},
            "env": None,
            "envConfigMaps": None,
            "envSecrets": None,
            "labels": None,
            "volumes": None,
            "volumeMounts": None,
            "annotations": None,
            "nodeSelector": None,
            "affinity": None,
            "tolerations": None,
            "podSecurityContext": None,
            "securityContext": None,
            "resources": None,
            "readinessProbe": PROBE,
            "livenessProbe": None,
            "startupProbe": None,
            "service": {"annotations"},
        },
    },
    "runLauncher": {
        "type": str,
        "config": {
            "k8sRunLauncher": {
                "imagePullPolicy", "image", "jobNamespace", "loadInclusterConfig", "kubeconfigFile", "envConfigMaps",
                "envSecrets", "envVars", "volumes", "volumeMounts", "labels", "resources", "schedulerName",
                "failPodOnRunFailure", "securityContext", "runK8sConfig",
            },
        },
    },
    "postgresql": {
        "enabled", "image", "postgresqlHost", "postgresqlUsername", "postgresqlPassword", "postgresqlDatabase",
        "postgresqlParams", "postgresqlScheme", "service",
    },
    "computeLogManager": {
        "type": str,
        "config": {
            "gcsComputeLogManager": {"bucket", "localDir", "prefix", "jsonCredentialsEnvvar", "uploadInterval"},
        },
    },
    "dagsterWebserver": {
        "service", "enableReadOnly", "resources", "replicaCount", "image", "workspace", "ingress", "podSecurityContext",
        "securityContext",
    },
    "ingress": {"enabled"},
    "dagsterDaemon": {
        "enabled": bool,
        "env": None,
        "podSecurityContext": None,
        "securityContext": None,
        "resources": None,
        "runCoordinator": {
            "enabled": bool,
            "type": str,
            "config": {
                "queuedRunCoordinator": {
                    "maxConcurrentRuns", "tagConcurrencyLimits", "dequeueIntervalSeconds", "dequeueUseThreads",
                    "dequeueNumWorkers", "blockOpConcurrencyLimitedRuns",
                },
            },
        },
        "runMonitoring": {
            "enabled", "startTimeoutSeconds", "cancelTimeoutSeconds", "pollIntervalSeconds", "maxResumeRunAttempts",
            "freeSlotsAfterRunEndSeconds",
        },
        "runRetries": {"enabled", "maxRetries", "retryOnAssetOrOpFailure"},
    },
    "concurrency": {
        "enabled": bool,
        "pools": {"defaultLimit", "granularity", "opGranularityRunBuffer"},
        "runs": {"maxConcurrentRuns", "tagConcurrencyLimits"},
    },
    "pythonLogs": {"managedPythonLoggers", "pythonLogLevel", "dagsterHandlerConfig"},
    "retention": {"enabled", "schedule", "sensor", "autoMaterialize"},
    "telemetry": {"enabled"},
}  # fmt: skip


def undocumented(value: Any, documented: Any, path: str = "") -> list[str]:
    """Paths of the values that the chart would ignore or refuse."""
    if documented is None:
        return []
    if isinstance(documented, type):
        return [] if isinstance(value, documented) else [f"{path} is not {documented.__name__}"]
    if isinstance(value, list):
        return [wrong for each in value for wrong in undocumented(each, documented, f"{path}[]")]
    if isinstance(documented, set):
        return [f"{path}.{key}" for key in value if key not in documented]
    return [
        wrong
        for key, each in value.items()
        for wrong in (undocumented(each, documented[key], f"{path}.{key}") if key in documented else [f"{path}.{key}"])
    ]


def test_every_value_is_one_that_the_chart_documents() -> None:
    assert undocumented(VALUES, DOCUMENTED) == []


def test_a_misspelt_value_would_be_found() -> None:
    wrong = {"runLauncher": {"config": {"k8sRunLauncher": {"resource": {}}}}, "postgres": {}}
    assert undocumented(wrong, DOCUMENTED) == [".runLauncher.config.k8sRunLauncher.resource", ".postgres"]


def test_the_charts_version_is_that_of_dagster() -> None:
    locked = re.search(r"^dagster==(\S+)", (PROJECT_ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked
    for text in (TEXT, (PROJECT_ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")):
        assert set(re.findall(r"--version (\S+)", text)) == {locked[1]}


def test_every_setting_is_one_of_the_projects_and_gcp_is_complete() -> None:
    given = {each["name"] for each in CODE["env"]} - {"HOME"}
    assert given <= {name.upper() for name in Settings.model_fields}
    assert set(GCP_KEYS) <= given
    assert {"name": "TAXI_TARGET", "value": "gcp"} in CODE["env"]


def test_backfills_wait_for_the_code_server_as_they_do_on_one_server() -> None:
    [each] = VALUES["dagsterDaemon"]["env"]
    # What a container needs before it starts, the chart says in secrets of its own.
    on_one_server = {name: value for name, value in SERVICES["daemon"]["environment"].items() if name != NEEDED}
    assert {each["name"]: each["value"]} == on_one_server


def test_no_password_and_no_key_stands_in_the_values() -> None:
    assert not VALUES["generatePostgresqlPasswordSecret"]
    assert "postgresqlPassword" not in VALUES["postgresql"]
    assert not [each for each in CODE["env"] if re.search("PASSWORD|SECRET|TOKEN|URL|WEBHOOK", each["name"])]
    assert CODE["envSecrets"] == [{"name": "taxi-assets"}]


def test_nothing_is_reachable_from_outside() -> None:
    assert VALUES["ingress"] == {"enabled": False}
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"


def test_no_volume_is_shared() -> None:
    assert all(set(volume) == {"name", "emptyDir"} for volume in CODE["volumes"])
    mounted = {mount["mountPath"] for mount in CODE["volumeMounts"]}
    assert mounted == {"/data", "/tmp"}
    assert {"name": "TAXI_DATA_DIR", "value": "/data"} in CODE["env"]
    assert RUNS["volumes"] == CODE["volumes"]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of a run's job."""
    return run_job(VALUES, tmp_path_factory.mktemp("instance"))


@pytest.fixture(scope="module")
def pod(job: dict[str, Any]) -> dict[str, Any]:
    """What it says of the run's pod."""
    return job["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod: dict[str, Any]) -> dict[str, Any]:
    """The only container of a run's pod."""
    [container] = pod["containers"]
    return container


def test_a_runs_job_is_what_kubernetes_understands(job: dict[str, Any]) -> None:
    kubernetes_validate.validate(job, "1.34", strict=True)


def test_a_run_has_its_own_limits_and_not_the_code_servers(container: dict[str, Any]) -> None:
    assert container["resources"] == RUNS["resources"]
    assert container["resources"]["limits"]["memory"] == "3Gi"
    assert container["resources"] != CODE["resources"]


def test_the_code_servers_limits_would_be_seen_in_a_run(tmp_path: Path) -> None:
    """The switch that the chart has on by itself."""
    [code] = yaml.safe_load(TEXT)["dagster-user-deployments"]["deployments"]
    del code["includeConfigInLaunchedRuns"]
    job = run_job({**VALUES, "dagster-user-deployments": {"deployments": [code]}}, tmp_path)
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == CODE["resources"]["limits"]["memory"]


def test_a_runs_scratch_fits_into_its_limits(pod: dict[str, Any], container: dict[str, Any]) -> None:
    scratch = {volume["name"]: volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"]}
    assert {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]} == {
        "data": "/data",
        "tmp": "/tmp",
    }
    assert set(scratch) == {"data", "tmp"}
    gigabytes = sum(int(size.removesuffix("Gi")) for size in scratch.values())
    limit = container["resources"]["limits"]["ephemeral-storage"]
    assert gigabytes <= int(limit.removesuffix("Gi")), "a pod over its limit is evicted"


def test_a_run_has_the_code_servers_image_settings_and_secrets(container: dict[str, Any]) -> None:
    given = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert container["image"] == IMAGE
    assert given.items() >= {each["name"]: each["value"] for each in CODE["env"]}.items()
    assert len(given) == len(container["env"]), "a variable is given twice"
    assert container["envFrom"] == [{"secretRef": secret} for secret in CODE["envSecrets"]]
    [password] = [each for each in container["env"] if each["name"] == "DAGSTER_PG_PASSWORD"]
    assert password["valueFrom"]["secretKeyRef"]["name"] == VALUES["global"]["postgresqlSecretName"]


def test_a_run_may_do_no_more_than_the_containers_of_compose(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    uid = re.search(r"--uid (\d+) --user-group --no-create-home", (PROJECT_ROOT / "Dockerfile").read_text())
    assert uid
    assert pod["securityContext"]["runAsUser"] == int(uid[1])
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == VALUES["global"]["serviceAccountName"]


# Deployments are the chart's to write; what the values put into a pod's and a container's place is looked at here.
STANDING: dict[str, dict[str, Any]] = {
    "code server": CODE,
    "webserver": VALUES["dagsterWebserver"],
    "daemon": VALUES["dagsterDaemon"],
}


@pytest.mark.parametrize("name", STANDING)
def test_what_the_values_say_of_a_standing_pod_is_what_kubernetes_understands(name: str) -> None:
    given = STANDING[name]
    kept = ("env", "envFrom", "resources", "securityContext", "readinessProbe", "volumeMounts")
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod"},
        "spec": {
            "containers": [{"name": "it", "image": IMAGE, **{key: given[key] for key in kept if key in given}}],
            "securityContext": given["podSecurityContext"],
            "volumes": given.get("volumes", []),
        },
    }
    kubernetes_validate.validate(manifest, "1.34", strict=True)


@pytest.mark.parametrize("name", STANDING)
def test_a_standing_pod_is_limited_and_does_not_run_as_root(name: str) -> None:
    given = STANDING[name]
    assert "memory" in given["resources"]["limits"]
    assert given["podSecurityContext"]["runAsNonRoot"]
    assert given["securityContext"]["allowPrivilegeEscalation"] is False
    assert given["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_kubernetes_and_dagster_do_not_both_start_a_run_again(job: dict[str, Any]) -> None:
    assert job["spec"]["backoffLimit"] == 0
    assert VALUES["dagsterDaemon"]["runRetries"]["enabled"]


def test_what_the_chart_does_not_read_of_dagster_yaml_is_said_again() -> None:
    retries, ours = VALUES["dagsterDaemon"]["runRetries"], DAGSTER_YAML["run_retries"]
    assert (retries["maxRetries"], retries["retryOnAssetOrOpFailure"]) == (
        ours["max_retries"],
        ours["retry_on_asset_or_op_failure"],
    )
    monitoring = VALUES["dagsterDaemon"]["runMonitoring"]
    assert (
        monitoring["freeSlotsAfterRunEndSeconds"] == DAGSTER_YAML["run_monitoring"]["free_slots_after_run_end_seconds"]
    )
    pools, our_pools = VALUES["concurrency"]["pools"], DAGSTER_YAML["concurrency"]["pools"]
    assert pools["granularity"] == our_pools["granularity"]
    assert pools["opGranularityRunBuffer"] == our_pools["op_granularity_run_buffer"]
    assert VALUES["pythonLogs"]["managedPythonLoggers"] == DAGSTER_YAML["python_logs"]["managed_python_loggers"]
    for name, theirs in (("sensor", "sensor"), ("autoMaterialize", "auto_materialize")):
        kept = VALUES["retention"][name]["purgeAfterDays"]
        assert kept | DAGSTER_YAML["retention"][theirs]["purge_after_days"] == kept


def test_a_run_pod_works_without_dagster_k8s(tmp_path: Path) -> None:
    """What a run's container executes, with the launcher that the chart writes into its dagster.yaml."""
    without = "import sys; sys.modules['dagster_k8s'] = None; from dagster.__main__ import main; main()"
    (tmp_path / "dagster.yaml").write_text(
        yaml.safe_dump(
            {
                "run_launcher": {
                    "module": "dagster_k8s",
                    "class": "K8sRunLauncher",
                    "config": {
                        "service_account_name": "taxi-assets",
                        "dagster_home": {"env": "DAGSTER_HOME"},
                        "instance_config_map": {"env": "DAGSTER_K8S_INSTANCE_CONFIG_MAP"},
                        "postgres_password_secret": {"env": "DAGSTER_K8S_PG_PASSWORD_SECRET"},
                    },
                },
                "run_monitoring": {"enabled": True, "start_timeout_seconds": 600, "poll_interval_seconds": 60},
                "run_retries": {"enabled": True, "max_retries": 2},
                "telemetry": {"enabled": False},
            }
        )
    )
    job = ReconstructableRepository.for_module(waiting_job.__name__, "defs").get_reconstructable_job("waiting")
    (tmp_path / "release").touch()
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        run = create_run_for_test(
            instance,
            job_name="waiting",
            run_config={"ops": {"wait": {"config": {"until": str(tmp_path / "release"), "named": False}}}},
            job_code_origin=job.get_python_origin(),
        )
        arguments = ExecuteRunArgs(
            job_origin=job.get_python_origin(),
            run_id=run.run_id,
            instance_ref=None,
            set_exit_code_on_failure=True,
        )
        pod = subprocess.run(
            [sys.executable, "-c", without, "api", "execute_run", serialize_value(arguments)],
            env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert pod.returncode == 0, pod.stderr[-2000:]
        finished = instance.get_run_by_id(run.run_id)
    assert finished is not None
    assert finished.status is DagsterRunStatus.SUCCESS
