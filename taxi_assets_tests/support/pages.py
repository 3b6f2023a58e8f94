"""The code blocks of docs/, each with the mark above it that says how it is tried.

    <!-- run -->                     in the shell or in Python, with the synthetic source
    <!-- run: postgres, duckdb -->   the query, in each of these stores
    <!-- not run here: why -->       whoever reads the page in the repository or on the site does not see the marks

Belongs here: finding blocks. Not here: what a mark means, which the tests that look for it say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from taxi_assets.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]+) -->\n+)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes:
        page: From docs/ on, as in ``course/homework.md``.
        line: Of the fence.
        language: What follows the fence: ``sh``, ``sql``, ``python``.
        mark: What the comment above says; empty without one.
        text: The code.
    """

    page: str
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(path: Path) -> list[Block]:
    """All blocks of a page, in its order."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            path.relative_to(DOCS).as_posix(),
            text.count("\n", 0, found.start("language")) + 1,
            found["language"],
            found["mark"] or "",
            found["text"],
        )
        for found in _FENCE.finditer(text)
    ]


def marked(mark: str) -> list[Block]:
    """The blocks of all pages whose mark begins so."""
    return [block for path in sorted(DOCS.rglob("*.md")) for block in blocks(path) if block.mark.startswith(mark)]
