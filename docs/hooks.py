"""What MkDocs asks while it builds the site: a link that leaves docs/ becomes plain text.

In the repository such a link opens the file; the site has only the pages.
"""

from __future__ import annotations

import re
from typing import Any

_OUTSIDE = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<up>(?:\.\./)+)(?P<path>[^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's text with the links that leave the folder taken out."""
    depth = page.file.src_uri.count("/")

    def inside(link: re.Match[str]) -> str:
        leaves = link["up"].count("../") > depth
        return link["text"] if leaves else link[0]

    return _OUTSIDE.sub(inside, markdown)
