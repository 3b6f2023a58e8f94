"""The names that the run storage and the launcher once had: copies of dagster.yaml in people's DAGSTER_HOME say them.

Belongs here: only those two. ``taxi_assets.automation.storage`` and ``taxi_assets.automation.launcher`` are the very
modules of ``taxi_assets.orchestration.instance``, not second ones with classes of their own.
"""

import sys

from taxi_assets.orchestration.instance import launcher, storage

__all__ = ["launcher", "storage"]

# Python looks here after it has imported the parent, and before it would look for a file.
sys.modules[f"{__name__}.launcher"] = launcher
sys.modules[f"{__name__}.storage"] = storage
