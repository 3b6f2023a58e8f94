"""What starting costs: seconds of imports in fresh interpreters.

Belongs here: timing ``import`` statements, in alternating order. The interpreter's own start is not counted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.rig.cost import alternating
from benchmarks.rig.plan import PROJECT_ROOT
from benchmarks.rig.worker import neutral_environment
from benchmarks.rig.workshop import Workshop

MODULES = ("dagster", "taxi_assets.definitions")
_TIMED = "import sys, time; began = time.perf_counter(); __import__(sys.argv[1]); print(time.perf_counter() - began)"


def measure_imports(workshop: Workshop) -> dict[str, float]:
    """Median seconds by module; the first round, which warms the disk's cache, is not counted."""
    workshop.say("imports: fresh interpreters")
    seconds: dict[str, list[float]] = {module: [] for module in MODULES}
    for module in MODULES:
        _import_seconds(module)
    for module in alternating(MODULES, max(workshop.plan.repeats, 5)):
        seconds[module].append(_import_seconds(module))
    return {module: statistics.median(taken) for module, taken in seconds.items()}


def _import_seconds(module: str) -> float:
    command = [sys.executable, "-c", _TIMED, module]
    environment = neutral_environment()
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT_ROOT, env=environment)
    return float(done.stdout)
