"""`taxi down`: ends what `taxi up` began, from any terminal.

Belongs here: telling and waiting. Not here: what the processes do when they are told (``processes.py``).
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil

from taxi_assets.cli.serve.server import stop_server
from taxi_assets.cli.shared.codes import FAILED
from taxi_assets.cli.shared.dagster_home import dagster_home
from taxi_assets.cli.shared.running import running_ui

PATIENCE_SECONDS = 30.0
"""A worker that is ended records that, which takes it up to twelve seconds."""


def run_down() -> int:
    """Ends the UI with its services and the embedded server; returns the exit code."""
    home = dagster_home()
    ui = running_ui(home)
    if ui is None:
        print(f"No UI runs on the records in {home}.")
        return stop_server()
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        process = psutil.Process(ui.pid)
        os.kill(ui.pid, signal.SIGTERM)
        try:
            process.wait(PATIENCE_SECONDS)
        except psutil.TimeoutExpired:
            print(
                f"The UI (process {ui.pid}) has not ended within {PATIENCE_SECONDS:.0f} s, so its database was left "
                f"running. Look at its terminal, or end it with: kill -9 {ui.pid}; then run the same command again."
            )
            return FAILED
    print(f"The UI of {ui.url} and its services are stopped.")
    return stop_server()
