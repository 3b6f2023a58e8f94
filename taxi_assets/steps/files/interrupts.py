"""Being told to stop: Ctrl-C, or the cancelling of a run, ends the work that is under way at once.

Belongs here: how an interrupt reaches engines and libraries, and that it stays one. Not here: what becomes of a run
that was interrupted, which is Dagster's business.

By themselves they do badly. DuckDB makes a ``RuntimeError`` of an interrupt, which reads like a defect, and its threads
may carry the query to its end first. psycopg cancels the statement on the server for ``KeyboardInterrupt`` alone; after
any other one (Dagster has its own) the connection is stuck in the middle of a statement, and closing it raises an error
that looks like a lost connection, which would be tried again.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_SECONDS_BETWEEN_STOPS = 0.1

_under_way: list[Callable[[], None]] = []
"""How to stop what goes on at this moment, in whichever thread."""

_told_to_stop = threading.Event()


@contextmanager
def stopped_by(stop: Callable[[], None]) -> Generator[None]:
    """While the block goes on, an interrupt calls ``stop`` first, and again until the block ends. It must not wait.

    Raises:
        KeyboardInterrupt: The interrupt came before, and this thread did not know.
    """
    _under_way.append(stop)
    try:
        _raise_if_told()
        yield
    finally:
        _under_way.remove(stop)


@contextmanager
def interruptible() -> Generator[None]:
    """Lets Ctrl-C, and SIGTERM where somebody handles it, end the block with ``KeyboardInterrupt`` and nothing else.

    What is under way is stopped, in all threads; the errors that come of that are not raised, and a block that goes on
    all the same raises at its end. Blocks may stand in one another. A signal that nobody handles still ends the
    process, and one that is ignored still is.
    """
    before: dict[signal.Signals, Callable[..., object]] = {}
    # Python runs handlers in the main thread, and lets no other set them.
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler) and handler is not _interrupt:
                before[number] = handler
                signal.signal(number, _interrupt)
    try:
        # It may have been raised where nobody can catch it (in a destructor, in a callback from C), or some library
        # took it for an error of its own: then the block went on.
        _raise_if_told()
        yield
        _raise_if_told()
    except Exception as error:
        if _told_to_stop.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if before:
            _told_to_stop.clear()


def _raise_if_told() -> None:
    if _told_to_stop.is_set():
        raise KeyboardInterrupt


def _interrupt(*_: object) -> None:
    _told_to_stop.set()
    _stop_all()
    # A query that begins in another thread at this very moment does not notice.
    threading.Thread(target=_stop_the_rest, name="interrupt", daemon=True).start()
    raise KeyboardInterrupt


def _stop_the_rest() -> None:
    while _under_way:
        time.sleep(_SECONDS_BETWEEN_STOPS)
        _stop_all()


def _stop_all() -> None:
    for stop in tuple(_under_way):
        # It may have ended by itself since.
        with suppress(Exception):
            stop()
