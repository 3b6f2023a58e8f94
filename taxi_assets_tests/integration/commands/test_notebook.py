"""The notebook in examples/: it runs from top to bottom on synthetic trips, and is kept without what it printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.commands import clean_environment

NOTEBOOK = PROJECT_ROOT / "examples" / "first_look.ipynb"


@pytest.mark.slow
def test_the_notebook_goes_from_trips_to_charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells), "keep it without outputs"

    # The kernel inherits the environment; matplotlib and IPython keep what they like to keep in folders of their own.
    environment = {**clean_environment(tmp_path), "TAXI_SAMPLE_ROWS": "500", "IPYTHONDIR": str(tmp_path / "ipython")}
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()

    outputs = [output for cell in cells for output in cell.outputs]
    charts = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(charts) == 3
    printed = "".join(output.get("text", "") for output in outputs)
    assert printed.count("from sample") == 3, printed
    assert not [output for output in outputs if output.get("name") == "stderr"], outputs
