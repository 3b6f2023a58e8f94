"""The pages of docs/ say what the code says: what they take from it is as docs/generate.py writes it now."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from taxi_assets.settings import PROJECT_ROOT

GENERATOR = runpy.run_path(str(PROJECT_ROOT / "docs/generate.py"))
PAGES: dict[Path, str] = GENERATOR["pages"]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_made_from_the_code(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == PAGES[page], "write it again: .venv/bin/python docs/generate.py"


@pytest.mark.parametrize("name", GENERATOR["BLOCKS"])
def test_every_block_stands_in_one_page(name: str) -> None:
    assert "".join(PAGES.values()).count(f"docs/generate.py: {name} -->") == 1
