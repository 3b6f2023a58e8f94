"""`make dev`: the Dagster UI and its daemon.

Belongs here: what has to be right before they start. Not here: what they show.
"""

from __future__ import annotations

import os
import socket
from argparse import Namespace
from contextlib import suppress

from taxi_assets.cli import STOPPED
from taxi_assets.cli.dagster_home import dagster_home, prepare_dagster
from taxi_assets.cli.processes import run_together
from taxi_assets.errors import SettingsError
from taxi_assets.installation import command
from taxi_assets.settings import Settings, load_settings

ADDRESS = "127.0.0.1"
HIGHEST_PORT = 65_535


def run_dev(_: Namespace) -> int:
    """Shows the UI until it is told to stop; the embedded server stays up until `stop`."""
    settings = load_settings()
    port = _free_port(settings)
    environment = {**os.environ, **prepare_dagster(settings)}
    # Links in alerts lead here, unless people come in by another address.
    environment.setdefault("TAXI_UI_URL", f"http://{ADDRESS}:{port}")
    # A backfill waits while the code server is away; without this, Dagster takes its assets for deleted and gives up.
    environment.setdefault("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "1")
    stop = command("stop", data_dir=settings.taxi_data_dir)
    print(f"Dagster UI: http://{ADDRESS}:{port}  (Ctrl-C to stop; `{stop}` also stops the database)")
    print(f"The files are in {settings.taxi_data_dir}, Dagster's records in {dagster_home()}.", flush=True)
    code = run_together(environment, ADDRESS, port)
    with suppress(OSError):  # the terminal may be closed
        print(STOPPED, flush=True)
    return code


def _free_port(settings: Settings) -> int:
    """``TAXI_UI_PORT``, on which somebody can listen.

    Dagster would start without the UI, bury the reason in its log and go on.

    Raises:
        SettingsError: It is no port, or one that is taken.
    """
    text = os.environ.get("TAXI_UI_PORT") or "3000"
    if not text.isdecimal() or not 1 <= int(text) <= HIGHEST_PORT:
        raise SettingsError(f"TAXI_UI_PORT={text!r}: write a port, a number from 1 to {HIGHEST_PORT}")
    port = int(text)
    reason = _why_not(port)
    if reason is None:
        return port
    other = next((each for each in range(3001, 3100) if _why_not(each) is None), 3001)
    dev = command("dev", data_dir=settings.taxi_data_dir)
    raise SettingsError(f"port {port} of {ADDRESS} cannot be had ({reason}), so the UI was not started; "
                        f"take another: TAXI_UI_PORT={other} {dev}")  # fmt: skip


def _why_not(port: int) -> str | None:
    """Why nobody can listen on a port; None when that is possible."""
    with socket.socket() as probe:
        # As the UI's own server does: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return None
