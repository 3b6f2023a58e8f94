"""From secrets to database URLs, and how secrets are made."""

from __future__ import annotations

import importlib.util
import re
import shutil
import stat
import subprocess
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

from taxi_assets.settings import PROJECT_ROOT


@pytest.fixture(scope="module")
def entrypoint() -> ModuleType:
    spec = importlib.util.spec_from_file_location("entrypoint", PROJECT_ROOT / "deploy/entrypoint.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_secret_becomes_the_url_of_its_database(entrypoint: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "dagster_password").write_text("abc\n")
    assert entrypoint.database_urls(tmp_path, "postgres") == {
        "DAGSTER_POSTGRES_URL": "postgresql://dagster:abc@postgres/dagster"
    }, "a container gets the URLs of the secrets that it was given, and no other"


def test_a_password_of_any_characters_survives_the_url(entrypoint: ModuleType, tmp_path: Path) -> None:
    password = "p@ss/w:rd?#%25 é"
    (tmp_path / "taxi_assets_password").write_text(password)
    url = urlsplit(entrypoint.database_urls(tmp_path, "postgres")["TAXI_POSTGRES_URL"])
    assert unquote(url.password or "") == password
    assert (url.username, url.hostname, url.path) == ("taxi_assets", "postgres", "/ny_taxi")


def test_an_empty_secret_stops_the_container_and_says_how_to_make_one(entrypoint: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "dagster_password").write_text("\n")
    with pytest.raises(SystemExit, match=r"dagster_password: the secret is empty; make one .* deploy/make-secrets"):
        entrypoint.database_urls(tmp_path, "postgres")


def test_a_folder_in_a_secrets_place_says_what_is_missing(entrypoint: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "taxi_assets_password").mkdir()
    with pytest.raises(SystemExit, match=r"deploy/secrets/taxi_assets_password is missing on the host"):
        entrypoint.database_urls(tmp_path, "postgres")


def test_a_secret_that_is_required_and_was_not_given_stops_the_container(
    entrypoint: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"deploy/secrets/dagster_password is missing on the host"):
        entrypoint.database_urls(tmp_path, "postgres", ["dagster_password"])


def test_the_entrypoint_becomes_its_command_and_keeps_urls_that_are_set(tmp_path: Path) -> None:
    ran = subprocess.run(
        ["python3", PROJECT_ROOT / "deploy/entrypoint.py", "sh", "-c", "echo $0 $DAGSTER_POSTGRES_URL; exit 7"],
        env={"PATH": "/usr/bin:/bin", "DAGSTER_POSTGRES_URL": "postgresql://elsewhere/dagster"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (7, "sh postgresql://elsewhere/dagster\n")


def test_the_roles_in_the_urls_are_those_that_postgres_is_given(entrypoint: ModuleType) -> None:
    script = (PROJECT_ROOT / "deploy/postgres/roles.sh").read_text(encoding="utf-8")
    made = set(re.findall(r"^owner_of (\w+) (\w+) (\w+)$", script, re.MULTILINE))
    assert made == set(entrypoint.DATABASES.values())


def test_backup_and_restore_take_both_databases(entrypoint: ModuleType) -> None:
    databases = {database for _, database, _ in entrypoint.DATABASES.values()}
    owners = {f"{database}:{role}" for role, database, _ in entrypoint.DATABASES.values()}
    for script in ("deploy/backup", "deploy/restore"):
        [*loops] = re.findall(r"^for database in (.*); do$", (PROJECT_ROOT / script).read_text(), re.MULTILINE)
        assert loops
        assert all(set(loop.split()) == databases for loop in loops), script
    [pairs] = re.findall(r"^for pair in (.*); do$", (PROJECT_ROOT / "deploy/restore").read_text(), re.MULTILINE)
    assert set(pairs.split()) == owners


@pytest.fixture
def make_secrets(tmp_path: Path) -> Path:
    """The script in a folder of its own."""
    return Path(shutil.copy(PROJECT_ROOT / "deploy/make-secrets", tmp_path))


def contents(script: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in (script.parent / "secrets").iterdir()}


def test_secrets_are_long_random_and_behind_a_closed_folder(make_secrets: Path) -> None:
    subprocess.run([make_secrets], check=True, capture_output=True)
    made = contents(make_secrets)
    assert set(made) == {"postgres_password", "dagster_password", "taxi_assets_password", "pgadmin_password"}
    assert len(set(made.values())) == 4
    assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in made.values())
    assert stat.S_IMODE((make_secrets.parent / "secrets").stat().st_mode) == 0o700


def test_making_secrets_again_keeps_those_that_are_there(make_secrets: Path) -> None:
    subprocess.run([make_secrets], check=True, capture_output=True)
    first = contents(make_secrets)
    lost = make_secrets.parent / "secrets" / "pgadmin_password"
    lost.unlink()
    lost.mkdir()  # as some engines do when they are to mount a file that is not there
    subprocess.run([make_secrets], check=True, capture_output=True)
    second = contents(make_secrets)
    assert {name for name in first if first[name] != second[name]} == {"pgadmin_password"}


def test_one_secret_can_be_replaced(make_secrets: Path) -> None:
    subprocess.run([make_secrets], check=True, capture_output=True)
    first = contents(make_secrets)
    subprocess.run([make_secrets, "--rotate", "dagster_password"], check=True, capture_output=True)
    second = contents(make_secrets)
    assert {name for name in first if first[name] != second[name]} == {"dagster_password"}
    refused = subprocess.run([make_secrets, "--rotate", "no_such"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "there is no such secret" in refused.stderr
