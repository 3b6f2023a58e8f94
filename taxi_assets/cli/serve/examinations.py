"""What `taxi doctor` looks at, one function a thing: what was found, and how it is mended.

Belongs here: looking. Nothing is made, started or changed by it, and no secret is shown. Not here: the page
(``doctor.py``). Does not import Dagster: where that is broken, too, the doctor has to come.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from enum import Enum
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from taxi_assets.cli.serve.ports import ADDRESS, ui_port, why_not
from taxi_assets.cli.shared.running import running_ui
from taxi_assets.datasets.months import TripMonth
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.errors import SettingsError, StoreUnavailableError, TaxiAssetsError
from taxi_assets.installation import checkout, default_dagster_home, default_data_dir
from taxi_assets.settings import Settings, load_settings
from taxi_assets.text import shown

OLDEST_PYTHON = (3, 10)

LEAST_FREE, LITTLE_FREE = 1e9, 10e9
"""Bytes: a month of fhvhv needs half a gigabyte in each of three layers while it is loaded; years need tens."""

MOST_SECONDS_OFF, MANY_SECONDS_OFF = 30.0, 240.0
"""The clock's error that is told, and that is wrong: Google takes no signature that is five minutes old."""

ASK_SECONDS = 10.0

PROBED = TripMonth("yellow", "2019-01")
"""A month that every named source has."""


class Verdict(str, Enum):
    """How a thing is. The values are what scripts read."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Examined:
    """What was found of one thing.

    Attributes:
        name: Which thing.
        verdict: How it is; only what is wrong makes the doctor fail.
        said: What was found.
        fix: How it is mended; empty where nothing has to be.
    """

    name: str
    verdict: Verdict
    said: str
    fix: str = ""


@dataclass(frozen=True)
class Patient:
    """What the functions look at.

    Attributes:
        settings: Those of the environment; None where they are wrong.
        environment: The variables.
        offline: Nobody outside of this machine is asked.
    """

    settings: Settings | None
    environment: Mapping[str, str]
    offline: bool = False

    @property
    def data(self) -> Path:
        """The data folder, also where another setting is wrong."""
        if self.settings is not None:
            return self.settings.taxi_data_dir
        return Path(self.environment.get("TAXI_DATA_DIR") or default_data_dir()).expanduser().absolute()

    @property
    def home(self) -> Path:
        """Where Dagster's records are."""
        return Path(self.environment.get("DAGSTER_HOME") or default_dagster_home()).expanduser().absolute()


def examine(*, offline: bool = False) -> Iterator[Examined]:
    """Looks at everything; what needs settings that are wrong is left out."""
    try:
        settings, problem = load_settings(), None
    except SettingsError as error:
        settings, problem = None, error
    patient = Patient(settings, os.environ, offline)
    yield from _settings(patient, problem)
    for look in (_python, _folders, _disk, _port, _postgres, _records, _source, _google, _emulators, _clock):
        yield from look(patient)


def _settings(patient: Patient, problem: SettingsError | None) -> Iterator[Examined]:
    settings = patient.settings
    if problem is not None or settings is None:
        for line in str(problem).splitlines():
            yield Examined("settings", Verdict.WRONG, line, "Set it to what the sentence says, or unset it.")
        return
    known = [name.upper() for name in Settings.model_fields]
    yield Examined("settings", Verdict.FINE, f"target {settings.taxi_target}, source {_source_name(settings)}")
    for name in patient.environment:
        meant = get_close_matches(name, known, 1, 0.85) if name.startswith(("TAXI_", "GCP_")) else []
        if meant and name not in known and not name.endswith("_PORT"):
            yield Examined(
                "settings", Verdict.NOTE, f"{name} is set, and nothing reads it", f"Did you mean {meant[0]}?"
            )


def _source_name(settings: Settings) -> str:
    from taxi_assets.steps.raw.sources import is_url, shown_url

    source = settings.taxi_source
    return shown_url(source) if is_url(source) else source


def _python(_: Patient) -> Iterator[Examined]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        yield Examined("python", Verdict.WRONG, f"Python {version}", "Use Python 3.10 or newer.")
    else:
        lies = checkout() or Path(__file__).resolve().parents[2]
        yield Examined("python", Verdict.FINE, f"Python {version} of {sys.prefix}; taxi_assets lies in {lies}")
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        fix = "Install the system's time zones (package tzdata), or: pip install tzdata"
        yield Examined("python", Verdict.WRONG, "it does not know the time zone America/New_York", fix)


def _folders(patient: Patient) -> Iterator[Examined]:
    for variable, folder in (("TAXI_DATA_DIR", patient.data), ("DAGSTER_HOME", patient.home)):
        there = _nearest(folder)
        try:
            # Permissions do not tell: root may write anywhere but on a disk that is read-only.
            tempfile.TemporaryFile(dir=there).close()
        except OSError as error:
            said = f"{variable}={folder}: nothing can be written there ({error.strerror})"
            yield Examined("folders", Verdict.WRONG, said, f"Set {variable} to a folder of your own.")
        else:
            made = "" if folder.is_dir() else " (made by the first command that needs it)"
            yield Examined("folders", Verdict.FINE, f"{variable}: {folder}{made}")


def _nearest(folder: Path) -> Path:
    """The folder, or the next one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _disk(patient: Patient) -> Iterator[Examined]:
    usage = shutil.disk_usage(_nearest(patient.data))
    said = f"{usage.free / 1e9:,.1f} of {usage.total / 1e9:,.1f} GB free for {patient.data}"
    if usage.free < LEAST_FREE:
        yield Examined("disk", Verdict.WRONG, said, "Free space, or set TAXI_DATA_DIR to a folder on another disk.")
    elif usage.free < LITTLE_FREE:
        yield Examined("disk", Verdict.NOTE, said, "Enough for months, not for years.")
    else:
        yield Examined("disk", Verdict.FINE, said)


def _port(patient: Patient) -> Iterator[Examined]:
    ui = running_ui(patient.home)
    if ui is not None:
        yield Examined("port", Verdict.FINE, f"the UI is up: {ui.url} (process {ui.pid})")
        return
    try:
        port = ui_port()
    except SettingsError as error:
        yield Examined("port", Verdict.WRONG, str(error), "Unset TAXI_UI_PORT, or write a number.")
        return
    reason = why_not(port)
    if reason is None:
        yield Examined("port", Verdict.FINE, f"{port} of {ADDRESS} is free for the UI")
    else:
        free = next((each for each in range(3001, 3100) if why_not(each) is None), 3001)
        yield Examined("port", Verdict.WRONG, f"{port} of {ADDRESS}: {reason}", f"taxi up --port {free}")


def _postgres(patient: Patient) -> Iterator[Examined]:
    settings = patient.settings
    if settings is None:
        return
    url = settings.taxi_postgres_url
    if url is not None:
        yield _server("postgres", url.get_secret_value(), "TAXI_POSTGRES_URL", to_write=True)
        return
    server = EmbeddedPostgres(settings.data_dir.postgres)
    try:
        conninfo, running = server.conninfo(), server.is_running()
    except StoreUnavailableError:
        yield Examined("postgres", Verdict.FINE, "the embedded server; made by the first command that needs it")
        return
    except (TaxiAssetsError, OSError) as error:
        yield Examined("postgres", Verdict.WRONG, str(error), "Run as the user who started it.")
        return
    if running:
        yield _server("postgres", conninfo, "TAXI_DATA_DIR", to_write=True)
    else:
        yield Examined("postgres", Verdict.FINE, "the embedded server, stopped; the next command starts it")


def _records(patient: Patient) -> Iterator[Examined]:
    url = patient.environment.get("DAGSTER_POSTGRES_URL")
    if url:
        yield _server("records", url, "DAGSTER_POSTGRES_URL", to_write=False)


def _server(name: str, conninfo: str, variable: str, *, to_write: bool) -> Examined:
    from taxi_assets.steps.postgres.connection import connection

    try:
        with connection(conninfo, application_name="taxi doctor") as server:
            found = server.execute(
                "SELECT current_setting('server_version'), current_database(), pg_is_in_recovery(), "
                "has_database_privilege(current_database(), 'CREATE')"
            ).fetchone()
    except TaxiAssetsError as error:
        return Examined(name, Verdict.WRONG, str(error), f"See {variable}, and whether the server is up.")
    version, database, standby, may_create = found or ("?", "?", False, True)
    said = f"PostgreSQL {version} answers, database {database}"
    if standby:
        return Examined(name, Verdict.WRONG, f"{said}, which is a read-only standby", f"Set {variable} to its primary.")
    if to_write and not may_create:
        fix = f'GRANT CREATE ON DATABASE "{database}" TO the user of {variable}'
        return Examined(name, Verdict.WRONG, f"{said}, in which this user may not make tables", fix)
    return Examined(name, Verdict.FINE, said)


def _source(patient: Patient) -> Iterator[Examined]:
    from taxi_assets.steps.raw.fetch import probe_month
    from taxi_assets.steps.raw.http_retries import HttpPolicy
    from taxi_assets.steps.raw.sources import is_url

    settings = patient.settings
    if settings is None:
        return
    source = settings.taxi_source
    if source == "sample":
        yield Examined("source", Verdict.FINE, "synthetic trips, made on the spot")
        return
    is_folder = Path(source).is_dir() and not is_url(source)
    if is_folder:
        yield Examined("source", Verdict.FINE, f"the folder {source}")
        return
    if patient.offline:
        yield Examined("source", Verdict.NOTE, f"{_source_name(settings)} was not asked (--offline)")
        return
    once = HttpPolicy(attempts=1, connect_timeout=ASK_SECONDS, read_timeout=ASK_SECONDS)
    fix = "Look at the network and its proxy (HTTPS_PROXY), or set TAXI_SOURCE=sample to go on with synthetic trips."
    try:
        answer = probe_month(PROBED, source, http=once)
    except TaxiAssetsError as error:
        yield Examined("source", Verdict.WRONG, shown(str(error), 300), fix)
        return
    if answer.published:
        yield Examined("source", Verdict.FINE, f"{source if not is_url(source) else 'it'} has {PROBED}: {answer.url}")
    else:
        yield Examined("source", Verdict.NOTE, f"it answers, but has no {PROBED}: {answer.url}", "See its layout.")


def _google(patient: Patient) -> Iterator[Examined]:
    settings = patient.settings
    if settings is None or settings.taxi_target != "gcp":
        return
    from taxi_assets.steps.gcp.clients import (
        BUCKET_ROLE,
        DATA_ROLE,
        bigquery_client,
        bigquery_retry,
        explained,
        storage_client,
        storage_retry,
    )
    from taxi_assets.steps.gcp.connection import GcpConnection

    key = settings.secret_gcp_service_account
    if patient.offline:
        yield Examined("google", Verdict.NOTE, "Google was not asked (--offline)")
        return
    try:
        gcp = GcpConnection(
            settings.gcp_project_id or "",
            settings.gcp_location or "",
            settings.gcp_bucket_name or "",
            settings.gcp_dataset or "",
            key.get_secret_value() if key else None,
            settings.storage_emulator_host,
            settings.bigquery_emulator_host,
        )
        whose = "emulators" if gcp.storage_emulator else "a service account" if key else "default credentials"
        with explained(f"gs://{gcp.bucket}: looking", role=BUCKET_ROLE, kept="nothing was changed"):
            bucket = storage_client(gcp).lookup_bucket(gcp.bucket, retry=storage_retry(ASK_SECONDS))
        made = "" if bucket is not None else ", which the first load makes"
        yield Examined("google", Verdict.FINE, f"Cloud Storage answers ({whose}): gs://{gcp.bucket}{made}")
        with (
            explained(f"{gcp.dataset_id}: looking", role=DATA_ROLE, kept="nothing was changed"),
            bigquery_client(gcp) as client,
        ):
            listed = cast("Any", client.list_datasets(retry=bigquery_retry(ASK_SECONDS)))
            names = {str(each.dataset_id) for each in listed}
        made = "" if gcp.dataset in names else ", which the first load makes"
        yield Examined("google", Verdict.FINE, f"BigQuery answers: {gcp.dataset_id}{made}")
    except TaxiAssetsError as error:
        fix = "docs/gcp.md: credentials, roles, and how each is given."
        yield Examined("google", Verdict.WRONG, shown(str(error), 400), fix)


def _emulators(_: Patient) -> Iterator[Examined]:
    root = checkout()
    if root is None:
        return
    there = (root / ".venv-emulators" / ".ready").exists() and (root / ".venv-emulators" / "bin" / "python").exists()
    said = "installed" if there else "not installed; only `make demo-gcp` and their tests need them"
    yield Examined("emulators", Verdict.FINE if there else Verdict.NOTE, said, "" if there else "make emulators")


def _clock(patient: Patient) -> Iterator[Examined]:
    now = datetime.now(timezone.utc)
    theirs = None if patient.offline else _date_of_a_server(patient.settings)
    if theirs is None:
        yield Examined("clock", Verdict.NOTE, f"{now:%Y-%m-%d %H:%M:%S} UTC; there was no server to compare it with")
        return
    off = abs((now - theirs[0]).total_seconds())
    said = f"{now:%Y-%m-%d %H:%M:%S} UTC, {off:.0f} s from that of {theirs[1]}"
    if off > MANY_SECONDS_OFF:
        yield Examined("clock", Verdict.WRONG, said, "Set the clock: timedatectl set-ntp true")
    else:
        yield Examined("clock", Verdict.NOTE if off > MOST_SECONDS_OFF else Verdict.FINE, said)


def _date_of_a_server(settings: Settings | None) -> tuple[datetime, str] | None:
    """The time by the header of the source's server, and its name; None where no server is asked, or none answers."""
    import requests

    from taxi_assets.steps.raw.sources import PUBLISHED, is_url

    if settings is None:
        return None
    named = PUBLISHED.get(settings.taxi_source)
    url = named[0].base if named else settings.taxi_source
    if not is_url(url):
        return None
    try:
        answer = requests.head(url, timeout=ASK_SECONDS, allow_redirects=False)
        return parsedate_to_datetime(answer.headers["Date"]), urlsplit(url).hostname or "the source"
    except (requests.RequestException, KeyError, ValueError):
        return None
