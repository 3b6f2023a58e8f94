"""`dagster dev` with the guarded webserver: ``python -m taxi_assets.cli.guarded_dev dagster dev``, options as usual.

Belongs here: the exchange. Not here: what the guard turns away (``taxi_assets/orchestration/webserver.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from taxi_assets.orchestration.dagster_internals.dev import dev, main

DAGSTERS, OURS = "dagster_webserver", "taxi_assets.orchestration.webserver"


def run() -> None:
    """Becomes the command line of Dagster.

    Raises:
        RuntimeError: Dagster was upgraded and starts its webserver in another way, which would be without the guard.
    """
    start = dev.open_ipc_subprocess  # pyright: ignore[reportPrivateImportUsage]
    begun: list[str] = []

    def start_guarded(parts: Sequence[str], **options: Any) -> Any:
        if not begun and DAGSTERS not in parts:
            raise RuntimeError(f"`dagster dev` starts another module than {DAGSTERS}; nothing was opened")
        begun.append(DAGSTERS)
        return start([OURS if part == DAGSTERS else part for part in parts], **options)

    dev.open_ipc_subprocess = start_guarded  # pyright: ignore[reportPrivateImportUsage]
    # The first word is for whoever looks at the list of processes.
    sys.argv = sys.argv[1:]
    main()


if __name__ == "__main__":
    run()
