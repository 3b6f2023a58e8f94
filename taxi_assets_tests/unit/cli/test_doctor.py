"""`taxi doctor` finds what is wrong, says how it is mended, and shows no secret."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taxi_assets.cli.program import main
from taxi_assets.cli.serve import examinations
from taxi_assets_tests.support.commands import clean_environment

SECRET = "hush-hush"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh machine: nothing was ever loaded."""
    for name, value in clean_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    for name in ("TAXI_POSTGRES_URL", "DAGSTER_POSTGRES_URL", "TAXI_TARGET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAXI_SOURCE", "sample")
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("TAXI_UI_PORT", str(free.getsockname()[1]))


def doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """The exit code, and what was found by name."""
    code = main(["doctor", "--offline", "--json"])
    found: dict[str, list[dict[str, str]]] = {}
    for each in json.loads(capsys.readouterr().out):
        assert set(each) == {"name", "verdict", "said", "fix"}
        found.setdefault(each["name"], []).append(each)
    return code, found


def wrong(found: dict[str, list[dict[str, str]]]) -> list[str]:
    return [name for name, several in found.items() if any(each["verdict"] == "wrong" for each in several)]


def test_on_a_fresh_machine_nothing_is_wrong_and_nothing_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, found = doctor(capsys)
    assert (code, wrong(found)) == (0, [])
    assert not (tmp_path / "data").exists()
    assert {"settings", "python", "folders", "disk", "port", "postgres", "source", "clock"} <= set(found)


def test_a_wrong_setting_does_not_keep_the_rest_from_being_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAXI_TARGET", "moon")
    code, found = doctor(capsys)
    assert (code, wrong(found)) == (1, ["settings"])
    assert "TAXI_TARGET='moon': use one of local, gcp" in found["settings"][0]["said"]
    assert "disk" in found


def test_a_variable_that_nobody_reads_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAXI_SUORCE", "tlc")
    code, found = doctor(capsys)
    assert code == 0, "it does no harm"
    assert [each["fix"] for each in found["settings"] if each["verdict"] == "note"] == ["Did you mean TAXI_SOURCE?"]


@pytest.mark.parametrize(("free", "code"), [(0.5e9, 1), (5e9, 0), (500e9, 0)])
def test_a_full_disk_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, free: float, code: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=1e12))
    assert doctor(capsys)[0] == code


def test_a_port_that_is_taken_is_told_with_another(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("TAXI_UI_PORT", str(other.getsockname()[1]))
        code, found = doctor(capsys)
    assert (code, wrong(found)) == (1, ["port"])
    assert found["port"][0]["fix"].startswith("taxi up --port 3")


def test_a_postgres_that_is_away_is_told_without_its_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "TAXI_POSTGRES_URL", f"postgresql://root:{SECRET}@127.0.0.1:9/ny_taxi"
    )  # pragma: allowlist secret
    code, found = doctor(capsys)
    assert (code, wrong(found)) == (1, ["postgres"])
    assert "cannot be reached" in found["postgres"][0]["said"]
    assert SECRET not in json.dumps(found)


def test_a_folder_that_may_not_be_written_to_is_told_with_its_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = next(each for each in ("/sys/taxi", "/System/taxi") if Path(each).parent.is_dir())
    monkeypatch.setenv("DAGSTER_HOME", folder)
    _, found = doctor(capsys)
    assert "Set DAGSTER_HOME to a folder of your own." in [each["fix"] for each in found["folders"]]


@pytest.mark.parametrize(("seconds", "verdict"), [(2.0, "fine"), (60.0, "note"), (900.0, "wrong")])
def test_the_clock_is_held_against_a_servers(monkeypatch: pytest.MonkeyPatch, seconds: float, verdict: str) -> None:
    from datetime import datetime, timedelta, timezone

    theirs = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    monkeypatch.setattr(examinations, "_date_of_a_server", lambda _: (theirs, "example.org"))
    patient: Any = examinations.Patient(None, {})
    [clock] = examinations._clock(patient)
    assert clock.verdict.value == verdict


def test_the_page_says_the_same_in_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_TARGET", "moon")
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["doctor", "--offline"]) == 1
    said = capsys.readouterr().out
    assert "✗ settings" in said
    assert "→ Set it to what the sentence says" in said
    assert "1 thing to mend." in said
    assert "\x1b" not in said
