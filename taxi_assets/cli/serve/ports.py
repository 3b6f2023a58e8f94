"""The UI's address and port: which it is, and why it cannot be had."""

from __future__ import annotations

import os
import socket

from taxi_assets.errors import SettingsError

ADDRESS = "127.0.0.1"
HIGHEST_PORT = 65_535


def ui_port() -> int:
    """``TAXI_UI_PORT``, or 3000.

    Raises:
        SettingsError: It is no port.
    """
    text = os.environ.get("TAXI_UI_PORT") or "3000"
    if not text.isdecimal() or not 1 <= int(text) <= HIGHEST_PORT:
        raise SettingsError(f"TAXI_UI_PORT={text!r}: write a port, a number from 1 to {HIGHEST_PORT}")
    return int(text)


def why_not(port: int) -> str | None:
    """Why nobody can listen on a port; None when that is possible."""
    with socket.socket() as probe:
        # As the UI's own server does: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return None
