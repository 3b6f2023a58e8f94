"""Every wrong setting gets a sentence that names the variable, the value and the fix; secrets never appear."""

import base64
import json
from pathlib import Path

import pytest

from taxi_assets.errors import SettingsError
from taxi_assets.settings import GCP_KEYS, PROJECT_ROOT, Settings, load_settings

VARIABLES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def test_defaults_need_no_environment() -> None:
    settings = load_settings()
    assert settings.taxi_target == "local"
    assert settings.taxi_source == "auto"
    assert settings.taxi_data_dir == PROJECT_ROOT / "data"
    assert settings.taxi_postgres_url is None


@pytest.mark.parametrize("written", ["/no/such/folder", "file:///no/such/folder"])
def test_a_source_folder_that_is_away_is_no_error_of_the_settings(written: str) -> None:
    """A share that is not mounted must not keep the code location from loading: the step says so, and tries again."""
    assert load_settings(taxi_source=written).taxi_source == "/no/such/folder"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_POSTGRES_URL", "")
    monkeypatch.setenv("TAXI_TARGET", "")
    assert load_settings().taxi_target == "local"


@pytest.mark.parametrize(
    ("variable", "value", "fix"),
    [
        ("TAXI_TARGET", "aws", "use one of local, gcp"),
        ("TAXI_SOURCE", "no/such/folder", "or a folder"),
        ("TAXI_SOURCE", __file__, "or a folder"),
        ("TAXI_SOURCE", "ftp://example.org", "use one of auto, datatalksclub, tlc, sample"),
        ("TAXI_SAMPLE_ROWS", "many", "integer"),
        ("TAXI_SAMPLE_ROWS", "0", "greater than or equal to 1"),
        ("TAXI_MONTHS_PER_RUN", "0", "greater than or equal to 1"),
        ("TAXI_DATA_DIR", __file__, "name a folder"),
        ("TAXI_POSTGRES_SCHEMA", "zoomcamp", "choose a name of your own"),
        ("TAXI_POSTGRES_SCHEMA", "pg_temp", "choose a name of your own"),
        ("TAXI_POSTGRES_SCHEMA", "é" * 27, "1 to 52 bytes"),
        ("TAXI_POSTGRES_SCHEMA", "100%", "without %"),
    ],
)
def test_a_wrong_value_is_named_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, fix: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert variable in str(caught.value)
    assert repr(value) in str(caught.value)
    assert fix in str(caught.value)


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_TARGET", "aws")
    monkeypatch.setenv("TAXI_SAMPLE_ROWS", "many")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("variable", "secret"),
    [
        ("TAXI_POSTGRES_URL", "mysql://root:hunter2@db/trips"),
        ("TAXI_ALERT_WEBHOOK", "hooks.example.org/hunter2"),
        ("SECRET_GCP_SERVICE_ACCOUNT", "hunter2"),
        ("SECRET_GCP_SERVICE_ACCOUNT", base64.b64encode(b'{"private_key": "hunter2"').decode()),
        ("SECRET_GCP_SERVICE_ACCOUNT", base64.b64encode(b'{"type": "user", "key": "hunter2"}').decode()),
    ],
)
def test_a_wrong_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, variable: str, secret: str) -> None:
    monkeypatch.setenv(variable, secret)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert variable in str(caught.value)
    assert secret not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_right_secret_does_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_POSTGRES_URL", "postgresql://taxi:hunter2@db/trips")
    account = base64.b64encode(json.dumps({"type": "service_account", "private_key": "hunter2"}).encode()).decode()
    monkeypatch.setenv("SECRET_GCP_SERVICE_ACCOUNT", account)
    shown = repr(load_settings())
    assert "hunter2" not in shown
    assert account not in shown


def test_the_gcp_target_asks_for_the_keys_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_TARGET", "gcp")
    monkeypatch.setenv("GCP_PROJECT_ID", "my-project")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    not_set = str(caught.value).split("not set: ")[1]
    assert not_set.split(", ") == [key for key in GCP_KEYS if key != "GCP_PROJECT_ID"]


def test_a_folder_may_be_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_SOURCE", str(tmp_path))
    assert load_settings().taxi_source == str(tmp_path)


def test_overrides_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_SOURCE", "tlc")
    assert load_settings(taxi_source="sample").taxi_source == "sample"


def test_columns_to_skip_are_a_list_by_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_IGNORE_COLUMNS", " TripID, weather,,Unnamed: 0 ")
    assert load_settings().taxi_ignore_columns == ("TripID", "weather", "Unnamed: 0")
    monkeypatch.setenv("TAXI_IGNORE_COLUMNS", "")
    assert load_settings().taxi_ignore_columns == ()


@pytest.mark.parametrize("name", ["VendorID", "tpepPickupDateTime", "pickup_datetime", "TOTAL AMOUNT"])
def test_a_column_that_makes_a_file_what_it_is_cannot_be_skipped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_IGNORE_COLUMNS", f"TripID,{name}")
    with pytest.raises(SettingsError, match=f"TAXI_IGNORE_COLUMNS=.*{name} cannot be skipped"):
        load_settings()


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "file://localhost{path}", "~/{name}", "{path}/../{name}"])
def test_a_folder_may_be_written_in_every_form(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my trips"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    written = form.format(path=str(folder).replace(" ", "%20") if form.startswith("file") else folder, name=folder.name)
    assert load_settings(taxi_source=written).taxi_source == str(folder.resolve())


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("file://server/trips", "three slashes"),
        ("./no/such/folder", "or one that exists"),
    ],
)
def test_what_cannot_be_a_folder_is_an_error(written: str, says: str) -> None:
    with pytest.raises(SettingsError, match=f"TAXI_SOURCE=.*{says}"):
        load_settings(taxi_source=written)
