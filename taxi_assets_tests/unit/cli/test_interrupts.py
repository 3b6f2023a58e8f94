"""A program that a shell started in the background is told to ignore SIGINT; ours hears it all the same."""

from __future__ import annotations

import subprocess
import sys

ASKED = "import signal, taxi_assets.__main__ as program; {}print(repr(signal.getsignal(signal.SIGINT)))"


def handler(code: str) -> str:
    command = f"{sys.executable} -c '{code}' & wait"
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True).stdout


def test_a_program_in_the_background_hears_interrupts_and_so_do_its_children() -> None:
    assert "SIG_IGN" in handler(ASKED.format("")), "a shell without job control does that"
    assert "default_int_handler" in handler(ASKED.format("program.hear_interrupts(); "))
