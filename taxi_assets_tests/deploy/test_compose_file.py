"""What docker-compose.yml promises, read from the file: no engine is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from taxi_assets.settings import PROJECT_ROOT, Settings
from taxi_assets_tests.deploy.compose_file import COMPOSE, COMPOSE_TEXT, SERVICES, megabytes, variables, with_defaults

CORE = {"postgres", "code-server", "webserver", "daemon"}
PROFILES = {
    "viewers": {"webserver-read-only"},
    "proxy": {"proxy"},
    "tools": {"pgadmin"},
    "gcp-emulated": {"storage-emulator", "bigquery-emulator"},
}
EXAMPLE = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
SECRET_WORDS = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|WEBHOOK|CREDENTIAL", re.IGNORECASE)

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_up_without_a_profile_starts_the_four_that_are_needed() -> None:
    assert {name for name, service in SERVICES.items() if not service.get("profiles")} == CORE
    for profile, names in PROFILES.items():
        assert {name for name, service in SERVICES.items() if service.get("profiles") == [profile]} == names


@each_service
def test_every_port_is_on_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert with_defaults(port).startswith("127.0.0.1:"), port


def test_only_the_proxy_can_be_opened_by_a_setting() -> None:
    openable = {
        name
        for name, service in SERVICES.items()
        for port in service.get("ports", [])
        if not port.startswith("127.0.0.1:")
    }
    assert openable == {"proxy"}


@each_service
def test_every_service_is_checked_restarted_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["healthcheck"]["start_interval"], "without it `up --wait` takes as long as an interval"
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"]
    assert megabytes(service["mem_limit"]) >= 256
    assert service["pids_limit"] > 0
    assert service["logging"] == {"driver": "local"}, "the default driver never rotates"
    assert service["init"] is True


@each_service
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    # pgAdmin's start script writes beside the program.
    assert service["read_only"] is (name != "pgadmin")
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "pgadmin" else [])
    assert not [volume for volume in service.get("volumes", []) if "docker.sock" in volume], "that is root on the host"


@each_service
def test_who_is_waited_for_is_waited_for_until_healthy(name: str) -> None:
    for awaited in SERVICES[name].get("depends_on", {}).values():
        assert awaited == {"condition": "service_healthy"}


def test_no_secret_has_a_default() -> None:
    for name, default in variables().items():
        if SECRET_WORDS.search(name):
            assert default == "", f"{name} has the default {default}"
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"deploy/secrets/{name}"}, "a secret from a variable shows in `docker inspect`"


@each_service
def test_no_password_is_given_in_the_environment(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if "PASSWORD" in variable and not variable.startswith("PGADMIN_CONFIG_"):
            assert variable.endswith("_FILE"), variable
            assert str(value).startswith("/run/secrets/")


def test_each_container_gets_only_the_passwords_that_it_needs() -> None:
    given = {name: set(service.get("secrets", [])) for name, service in SERVICES.items()}
    assert given == {
        "postgres": {"postgres_password", "dagster_password", "taxi_assets_password"},
        "code-server": {"dagster_password", "taxi_assets_password"},
        "webserver": {"dagster_password"},
        "webserver-read-only": {"dagster_password"},
        "daemon": {"dagster_password"},
        "proxy": {"ui_users"},
        "pgadmin": {"pgadmin_password"},
        "storage-emulator": set(),
        "bigquery-emulator": set(),
    }


def test_a_container_of_ours_starts_with_all_its_secrets_or_not_at_all() -> None:
    """The images of others refuse by themselves."""
    ours = [service for service in SERVICES.values() if service["image"].startswith("taxi_assets:")]
    assert len(ours) == 4
    for service in ours:
        assert service["environment"]["NEEDED_TO_START"].split() == service["secrets"]


def test_the_proxy_does_not_share_a_network_with_postgres() -> None:
    assert not set(SERVICES["proxy"]["networks"]) & set(SERVICES["postgres"]["networks"])


def test_env_example_documents_exactly_the_variables_that_are_read() -> None:
    documented = re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE)
    assert sorted(documented) == sorted(set(documented)), "one is there twice"
    assert set(documented) == set(variables())


def test_env_example_says_the_same_defaults_as_the_compose_file() -> None:
    documented = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert documented == variables()


def test_every_setting_of_the_project_reaches_the_code_server() -> None:
    # The image sets TAXI_DATA_DIR; deploy/entrypoint.py makes TAXI_POSTGRES_URL from the secret.
    made_inside = {"TAXI_DATA_DIR", "TAXI_POSTGRES_URL"}
    settings = {name.upper() for name in Settings.model_fields} - made_inside
    environment = SERVICES["code-server"]["environment"]
    assert set(environment) == settings | {"MALLOC_ARENA_MAX", "NEEDED_TO_START"}
    for name in settings:
        assert environment[name] == f"${{{name}:-{variables()[name]}}}"


def test_what_keeps_data_keeps_it_in_named_volumes() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in mounted if not name.startswith("./")} == set(COMPOSE["volumes"])
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"], "where postgres 18 and later keep it"


def test_files_that_are_mounted_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (PROJECT_ROOT / source).is_file(), f"Docker would make a folder of {source}"


def test_a_greedy_run_reaches_its_own_limit_before_the_containers() -> None:
    dagster = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    others = dagster["concurrency"]["runs"]["max_concurrent_runs"] - 1
    greedy = SERVICES["code-server"]["ulimits"]["data"] / 2**20
    ordinary, server = 512, 384
    assert megabytes(SERVICES["code-server"]["mem_limit"]) >= greedy + others * ordinary + server


def test_postgres_gets_a_quarter_of_its_memory_as_buffers() -> None:
    settings = dict(option.split("=") for option in SERVICES["postgres"]["command"][2::2])
    assert megabytes(settings["shared_buffers"].lower().removesuffix("b")) * 4 == megabytes(
        SERVICES["postgres"]["mem_limit"]
    )
    explained = COMPOSE_TEXT.split("    command:\n      - postgres\n")[1].split("    # Parallel queries")[0]
    for name in settings:
        before = explained.split(f"- {name}=")[0].splitlines()
        assert any(line.strip().startswith("#") for line in before), name


def test_the_workspace_names_the_code_server_of_the_compose_file() -> None:
    [entry] = yaml.safe_load((PROJECT_ROOT / "deploy/workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    assert entry["grpc_server"]["host"] in SERVICES
    assert "code-server" in SERVICES["webserver"]["depends_on"]
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f'"--port", "{entry["grpc_server"]["port"]}"' in dockerfile


def test_pgadmin_has_the_trips_database_registered_without_a_password() -> None:
    servers = json.loads((PROJECT_ROOT / "deploy/pgadmin/servers.json").read_text(encoding="utf-8"))["Servers"]
    [server] = servers.values()
    assert (server["Host"], server["Port"], server["MaintenanceDB"], server["Username"]) == (
        "postgres",
        5432,
        "ny_taxi",
        "taxi_assets",
    )
    assert "Password" not in server
    assert "PassFile" not in server


def test_emulated_gcp_points_at_the_services_of_its_profile() -> None:
    text = (PROJECT_ROOT / "deploy/gcp-emulated.env").read_text(encoding="utf-8")
    values = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    for name in ("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"):
        host = values[name].removeprefix("http://").split(":")[0]
        assert host in PROFILES["gcp-emulated"]
    assert set(values) <= set(variables())


def test_nothing_secret_can_get_into_git_or_the_image() -> None:
    ignored = (PROJECT_ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", "/deploy/secrets/", "/backups/"} <= set(ignored)
    allowed = [line for line in Path(PROJECT_ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert "*" in Path(PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    assert not [line for line in allowed if "secret" in line or ".env" in line or line == "!deploy"]
