"""`taxi report`: the page of everything that is loaded, made anew and opened.

Belongs here: opening it. Not here: the page (``taxi_assets/steps/report``).
"""

from __future__ import annotations

import webbrowser
from typing import Any, cast

from taxi_assets.cli.shared.console import print_json
from taxi_assets.orchestration.assets.report import make_report
from taxi_assets.orchestration.resources.targets import resources_for
from taxi_assets.settings import load_settings


def run_report(*, browser: bool, as_json: bool = False) -> int:
    """Makes the page from the marts; returns the exit code."""
    made = {name: cast("Any", each) for name, each in resources_for(load_settings()).items()}
    warehouse, files, lake = (made[name].process_config_and_initialize() for name in ("warehouse", "files", "lake"))
    written = make_report(warehouse, files, lake)
    if as_json:
        print_json({"path": str(written.path), "trips": written.trips, "months": written.months})
    else:
        print(f"{written.path}: {written.trips:,} trips.")
    if browser:
        webbrowser.open(written.path.as_uri())
    return 0
