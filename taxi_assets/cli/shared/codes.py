"""Exit codes, and what is said when somebody stops a command. Scripts rely on them; `docs/commands.md` lists them."""

from __future__ import annotations

from taxi_assets.errors import ArgumentError, PassingError, TaxiAssetsError

DONE = 0
"""What was asked for is done."""

FAILED = 1
"""Something failed or is wrong, and a person has to act; the message says how."""

WRONG_COMMAND = 2
"""The command line means nothing: no such command, dataset, month or option. Nothing was begun."""

TRY_AGAIN = 75
"""A source or a store is away; the same command may go well later. The number is EX_TEMPFAIL of sysexits."""

INTERRUPTED = 130
"""Ctrl-C stopped it, as shells have it. What was finished is kept."""

MEANINGS = {
    DONE: "done",
    FAILED: "something failed or is wrong, and a person has to act; the message says how",
    WRONG_COMMAND: "the command line means nothing: no such command, dataset, month or option; nothing was begun",
    TRY_AGAIN: "a source or a store is away; the same command may go well later",
    INTERRUPTED: "Ctrl-C stopped it; what was finished is kept",
}

STOPPED = "Stopped. What was finished is kept; run the same command again to go on."


def code_of(error: TaxiAssetsError) -> int:
    """The exit code of a command that ends with this error."""
    if isinstance(error, ArgumentError):
        return WRONG_COMMAND
    return TRY_AGAIN if isinstance(error, PassingError) else FAILED
