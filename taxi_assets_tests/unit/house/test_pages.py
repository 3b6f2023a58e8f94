"""The pages of docs/: what they take from the code is as docs/generate.py writes it, and all is tried."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.pages import DOCS, blocks

GENERATOR = runpy.run_path(str(PROJECT_ROOT / "docs/generate.py"))
PAGES: dict[Path, str] = GENERATOR["pages"]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_made_from_the_code(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == PAGES[page], "write it again: .venv/bin/python docs/generate.py"


@pytest.mark.parametrize("name", GENERATOR["BLOCKS"])
def test_every_block_stands_in_one_page(name: str) -> None:
    assert "".join(PAGES.values()).count(f"docs/generate.py: {name} -->") == 1


TRIED_ELSEWHERE = {
    # These pages are older than the marks, and have tests of their own.
    "architecture.md", "automation.md", "benchmarking.md", "benchmarks.md", "deploy.md", "faults.md", "files.md",
    "gcp.md", "kubernetes.md", "rules.md", "sample.md", "versions.md",
}  # fmt: skip
MARKS = (
    "run", "run: postgres", "run: duckdb", "run: postgres, duckdb", "run: course", "run: course, no rows", "run: port",
    "run: own files", "run: manifests", "run: dbt",
)  # fmt: skip
MARKS_THAT_GO_ON = ("not run here: ", "run: every store, ", "file: ", "edit: ", "made by docs/generate.py: ")


def test_every_block_says_how_it_is_tried() -> None:
    untold = [
        str(block)
        for path in sorted(DOCS.rglob("*.md"))
        for block in blocks(path)
        if block.page not in TRIED_ELSEWHERE and not block.page.startswith("decisions/")
        if block.mark not in MARKS and not block.mark.startswith(MARKS_THAT_GO_ON)
    ]
    assert untold == [], "put <!-- run --> above, or <!-- not run here: why -->; see taxi_assets_tests/support/pages.py"


@pytest.mark.slow
def test_the_site_is_built_from_the_pages_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "--quiet", "build", "--site-dir", tmp_path],
        cwd=PROJECT_ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, f"{built.stdout}{built.stderr}\nA new page needs a line in mkdocs.yml, below nav"
    [front] = [page for page in tmp_path.glob("index.html") if "Which way in?" in page.read_text(encoding="utf-8")]
    fetched = re.findall(
        r"<(?:link|script|img)[^>]+(?:href|src)=\"(https?://[^\"]+)", front.read_text(encoding="utf-8")
    )
    assert fetched == [], "the site asks nobody for fonts or scripts"
