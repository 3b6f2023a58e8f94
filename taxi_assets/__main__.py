"""``python -m taxi_assets COMMAND``, and ``taxi COMMAND``, which is the same program under a short name.

Belongs here: beginning. Not here: the commands (``cli/program.py``). The Makefile calls it as a module, because scripts
in an environment name their Python by its path, which may be any.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from taxi_assets.cli.program import main


def hear_interrupts() -> None:
    """Makes SIGINT an interrupt again where a shell started this in the background, and so told it to ignore that.

    What is ignored is so for all processes that follow, and Dagster ends the helpers of a run by SIGINT: each run would
    wait a minute for them.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def program() -> NoReturn:
    """What the console script `taxi` runs."""
    # Google's gRPC logs at import otherwise.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    hear_interrupts()
    sys.exit(main())


if __name__ == "__main__":
    program()
