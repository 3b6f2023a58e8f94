"""The tables of the project's page, as a browser has them."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page


def rows(page: Page, table: str) -> list[list[str]]:
    """The cells of a table's body, shown or folded away."""
    found: Any = page.evaluate(
        "name => [...document.getElementById(name).tBodies[0].rows].map(row => [...row.cells].map(c => c.textContent))",
        table,
    )
    return found
