"""What people see: consoles for results and for what is said on the way, and how states look.

Belongs here: how things are drawn. Not here: what they say.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from rich.console import Console


def terminal(*, results_are_json: bool = False) -> Console:
    """A console on a copy of stdout: while a step goes on, Dagster sends the process's own to the log of the run.

    Args:
        results_are_json: Stdout is for a script, so what people read goes to stderr.
    """
    stream = sys.stderr if results_are_json else sys.stdout
    copy = os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="replace")
    return Console(file=copy, markup=False, highlight=False, soft_wrap=True)


def page() -> Console:
    """A console for what a command shows; as wide as the terminal, 80 columns where there is none."""
    return Console(markup=False, highlight=False, width=None if _has_width() else 80)


def _has_width() -> bool:
    return sys.stdout.isatty() or "COLUMNS" in os.environ


def print_json(content: Any) -> None:
    """For scripts: UTF-8 as it is, one key a line."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")
