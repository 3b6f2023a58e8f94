"""Runs one command and ends it when standard input closes.

Belongs here: only that. An emulator must not outlive the process that started it, and a process that is killed
cannot clean up; but its end of a pipe closes whatever happens. Standard library only: ``python -m
taxi_assets.cli.serve.emulator_guard COMMAND…``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

GRACE_SECONDS = 5.0


def main(command: list[str]) -> int:
    """Runs ``command`` until it ends by itself or standard input closes; returns its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end_with_parent() -> None:
        # The descriptor, not sys.stdin: a thread that waits in a buffered read keeps Python from ending.
        while os.read(0, 1024):
            pass
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    threading.Thread(target=end_with_parent, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
