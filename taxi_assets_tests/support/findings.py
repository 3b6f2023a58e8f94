"""How tests that read the code tell what they found."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def none_of(found: Iterable[object]) -> None:
    """Fails with one line for each that was found."""
    if lines := [str(each) for each in found]:
        pytest.fail("\n".join(lines), pytrace=False)
