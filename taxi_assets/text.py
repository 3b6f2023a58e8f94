"""Text that others wrote, as it may be shown: published values, names of files and columns, what servers say.

Belongs here: what a text may not do to whoever reads it, in a terminal, a log, the UI's Markdown or a chat. Not here:
where texts are shown. Imports nothing of the project, as its errors are written with it.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_CELL = 200
"""Characters that a cell of a table shows of a value."""

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp", "Co"))
"""Unicode's categories of what is not seen, but acts: controls, bidirectional overrides, line and paragraph breaks."""

_HARMLESS = re.compile(r"[0-9 :.+-]*|[A-Za-z0-9 ]*")
_PROSE = re.compile(r"""[A-Za-z0-9 .,:;()%'"/_+=-]*""")
_ADDRESS = re.compile(r"://|www\.", re.IGNORECASE)


def plain(text: str) -> str:
    r"""The text for terminals, logs and plain fields: what acts without being seen is written as its escape.

    Line feeds and tabs stay.

    >>> plain("fare\x1b[2J")
    'fare\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(each) if unicodedata.category(each) in _HIDDEN and each not in "\n\t" else each
                   for each in text)  # fmt: skip


def shown(text: str | bytes, longest: int = 200) -> str:
    r"""What a file or an engine wrote, as the message of an error may hold it: one line, and not too long.

    >>> shown(b"PK\x03\x04 caf\xc3\xa9\nmore")
    'PK\\x03\\x04 café\\nmore'
    >>> shown("VendorID,tpep_pickup_datetime", longest=12)
    'VendorID,tpe…'
    """
    if isinstance(text, bytes):
        text = text[: 4 * (longest + 1)].decode("utf-8", errors="backslashreplace")
    line = plain(text[: longest + 1]).replace("\n", "\\n").replace("\t", "\\t")
    return line if len(line) <= longest else f"{line[:longest]}…"


def markdown_cell(value: object) -> str:
    r"""A value for a cell of a Markdown table: figures and words as they are, everything else as code.

    Code is the one thing in which Markdown leaves images, links, addresses and HTML alone; backslashes alone would not
    do, as GitHub's dialect makes links of the text that they leave. A backslash is doubled, as in Python's strings; of
    a long value the first 200 characters are shown. None gives an empty cell.

    >>> markdown_cell(-73.98), markdown_cell("![x](http://a.example)"), markdown_cell("a|b")
    ('-73.98', '`![x](http://a.example)`', '`a\\|b`')
    """
    text = "" if value is None else str(value)
    if len(text) > LONGEST_CELL:
        text = f"{text[:LONGEST_CELL]}…"
    return text if _HARMLESS.fullmatch(text) else _code(text)


def markdown_line(text: str) -> str:
    r"""A sentence for where the UI shows Markdown: as it is while it holds only what prose is made of, else as code.

    >>> markdown_line("2 lines rejected (0.5 %)"), markdown_line("rejected: <img src=//a.example>")
    ('2 lines rejected (0.5 %)', '`rejected: <img src=//a.example>`')
    """
    return text if _PROSE.fullmatch(text) and not _ADDRESS.search(text) else _code(text)


def _code(text: str) -> str:
    text = plain(text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")).replace("|", "\\|")
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    # Code that begins or ends with a backtick is set off by a blank, which Markdown takes away.
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def chat_quote(text: str) -> str:
    r"""A block for Slack, Mattermost and their like, in which they make no links, images or mentions of the text.

    >>> chat_quote("<!channel> look")
    '```\n&lt;!channel&gt; look\n```'
    """
    # Slack wants these three escaped everywhere; a backtick could end the block.
    escaped = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
    return f"```\n{escaped}\n```"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
