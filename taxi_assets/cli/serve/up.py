"""`taxi up` and `make dev`: the Dagster UI and its daemon.

Belongs here: what has to be right before they start. Not here: what they show.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import webbrowser
from contextlib import suppress

from taxi_assets.cli.serve.ports import ADDRESS, ui_port, why_not
from taxi_assets.cli.serve.processes import run_together
from taxi_assets.cli.shared.codes import DONE, STOPPED
from taxi_assets.cli.shared.dagster_home import dagster_home, prepare_dagster
from taxi_assets.cli.shared.running import noted_as_running, running_ui
from taxi_assets.errors import SettingsError
from taxi_assets.installation import command
from taxi_assets.settings import Settings, load_settings

UI_SECONDS = 180.0
"""How long the browser waits for the UI: ten seconds on an idle machine, a minute on a busy one."""


def run_up(*, browser: bool, port: int | None = None) -> int:
    """Shows the UI until it is told to stop; the embedded server stays up until `stop`.

    Args:
        browser: Whether the person's browser is opened as soon as the UI answers.
        port: Of the UI; None for ``TAXI_UI_PORT``, or 3000.
    """
    settings = load_settings()
    running = running_ui(dagster_home())
    if running:
        # A second daemon on the same records would start every run twice.
        print(f"The UI is up already: {running.url} (process {running.pid}); "
              f"`{command('down', data_dir=settings.taxi_data_dir)}` stops it.")  # fmt: skip
        if browser:
            webbrowser.open(running.url)
        return DONE
    port = _free_port(settings, port)
    url = f"http://{ADDRESS}:{port}"
    environment = {**os.environ, **prepare_dagster(settings)}
    # Links in alerts lead here, unless people come in by another address.
    environment.setdefault("TAXI_UI_URL", url)
    # A backfill waits while the code server is away; without this, Dagster takes its assets for deleted and gives up.
    environment.setdefault("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "1")
    stop = command("stop", data_dir=settings.taxi_data_dir)
    print(f"Dagster UI: {url}  (Ctrl-C to stop; `{stop}` also stops the database)")
    print(f"The files are in {settings.taxi_data_dir}, Dagster's records in {dagster_home()}.", flush=True)
    if browser:
        threading.Thread(target=_open_when_it_answers, args=(port, url), daemon=True).start()
    with noted_as_running(dagster_home(), url):
        code = run_together(environment, ADDRESS, port)
    with suppress(OSError):  # the terminal may be closed
        print(STOPPED, flush=True)
    return code


def _open_when_it_answers(port: int, url: str) -> None:
    deadline = time.monotonic() + UI_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((ADDRESS, port)) == 0:
                webbrowser.open(url)
                return
        time.sleep(0.5)


def _free_port(settings: Settings, port: int | None) -> int:
    """The port, or ``TAXI_UI_PORT``, on which somebody can listen.

    Dagster would start without the UI, bury the reason in its log and go on.

    Raises:
        SettingsError: It is no port, or one that is taken.
    """
    port = port or ui_port()
    reason = why_not(port)
    if reason is None:
        return port
    other = next((each for each in range(3001, 3100) if why_not(each) is None), 3001)
    dev = command("dev", data_dir=settings.taxi_data_dir)
    raise SettingsError(f"port {port} of {ADDRESS} cannot be had ({reason}), so the UI was not started; "
                        f"take another: TAXI_UI_PORT={other} {dev}")  # fmt: skip
