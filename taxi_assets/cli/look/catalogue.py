"""`taxi catalogue FILE --schema S`: views over the lake in a DuckDB file of a person's own.

Belongs here: what is said of it. Not here: the views (``taxi_assets/steps/warehouse/catalogue.py``).
"""

from __future__ import annotations

from pathlib import Path

from taxi_assets.cli.shared.console import print_json
from taxi_assets.settings import load_settings
from taxi_assets.steps.warehouse.catalogue import write_catalogue


def run_catalogue(file: Path, schema: str, *, as_json: bool = False) -> int:
    """Makes the views, or brings them up to date; returns the exit code."""
    settings = load_settings()
    views = write_catalogue(file, schema, settings.data_dir)
    if as_json:
        print_json({"file": str(file.absolute()), "schema": schema, "views": list(views)})
    else:
        print(f"{file}: schema {schema} shows {', '.join(views)} of the lake in {settings.data_dir.lake}.")
    return 0
