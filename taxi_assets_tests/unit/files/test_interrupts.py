"""Ctrl-C and SIGTERM in the middle of a query: at once, and as what they are. In processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

LONG_QUERY = "SELECT sum(sin(i * 1.0)) FROM range(100_000_000_000) t(i)"
STEP = f"""
import os, signal
from pathlib import Path
from taxi_assets.steps.files.duckdb_connection import errors_explained, working_connection
from taxi_assets.steps.files.interrupts import interruptible

class OtherInterrupt(BaseException): "As Dagster's: no KeyboardInterrupt, from a handler of its own."

def handler(*_): raise OtherInterrupt

def query():
    with errors_explained(Path("x"), Path(".")), working_connection(Path("x")) as connection:
        os.write(1, b"begun\\n")
        connection.execute({LONG_QUERY!r}).fetchall()

def outcome(work):
    try:
        work()
    except BaseException as error:
        print(type(error).__name__, flush=True)
    print("handlers restored" if signal.getsignal(signal.SIGINT) is before else "handlers lost", flush=True)

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, handler)
before = handler
"""
IN_THREADS = """
def in_threads():
    from concurrent.futures import ThreadPoolExecutor
    with interruptible(), ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(query), pool.submit(query)]:
            each.result()

outcome(in_threads)
"""
WITH_A_CLEAN_UP_THAT_FAILS = """
def with_a_clean_up():
    with interruptible():
        try:
            query()
        finally:
            raise ValueError("the connection is in the middle of a statement")

outcome(with_a_clean_up)
"""


WHERE_NOBODY_CATCHES_IT = """
class Told:
    def __del__(self): raise_signal(signal.SIGINT)

def in_a_destructor():
    with interruptible():
        told = Told()
        del told
        os.write(1, b"went on\\n")

def by_a_library():
    with interruptible():
        with interruptible():
            try:
                raise_signal(signal.SIGTERM)
            except BaseException:
                os.write(1, b"went on\\n")
        with interruptible(): os.write(1, b"never\\n")

from signal import raise_signal
outcome(in_a_destructor)
outcome(by_a_library)
with interruptible(): print("next")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", ["outcome(query)", IN_THREADS, WITH_A_CLEAN_UP_THAT_FAILS])
def test_an_interrupt_ends_queries_at_once_and_stays_one(number: signal.Signals, step: str) -> None:
    with subprocess.Popen([sys.executable, "-c", STEP + step], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.5)
        sent = time.monotonic()
        process.send_signal(number)
        said = process.communicate(timeout=30)[0].splitlines()
        assert time.monotonic() - sent < 2
    assert [line for line in said if line != "begun"] == ["KeyboardInterrupt", "handlers restored"]


def test_an_interrupt_that_was_swallowed_is_raised_at_the_end_and_not_in_the_next_block() -> None:
    code = STEP + WHERE_NOBODY_CATCHES_IT
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=30, check=True)
    raised = ["went on", "KeyboardInterrupt", "handlers restored"]
    assert said.stdout.splitlines() == [*raised, *raised, "next"]


def test_what_is_ignored_stays_ignored_and_what_nobody_handles_ends_the_process() -> None:
    """As a script that starts something in the background has it, and as `kill` does."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from taxi_assets.steps.files.interrupts import interruptible\n"
        "with interruptible():\n"
        "    signal.raise_signal(signal.SIGINT); print('still here', flush=True); signal.raise_signal(signal.SIGTERM)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGTERM, "still here\n", "")
