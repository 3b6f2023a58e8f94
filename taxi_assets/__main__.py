"""``python -m taxi_assets COMMAND``, and ``taxi COMMAND``, which is the same program under a short name.

Belongs here: beginning. Not here: the commands (``cli/program.py``). The Makefile calls it as a module, because scripts
in an environment name their Python by its path, which may be any.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from taxi_assets.cli.program import main


def program() -> NoReturn:
    """What the console script `taxi` runs."""
    # Google's gRPC logs at import otherwise.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.exit(main())


if __name__ == "__main__":
    program()
