"""Somebody with a clone of the project; see ``support/clones.py``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from taxi_assets_tests.support.clones import ODD_NAME, Clone, Person, somebody


@pytest.fixture(scope="module")
def person() -> Iterator[Person]:
    with somebody() as person:
        yield person


@pytest.fixture
def clone(person: Person, request: pytest.FixtureRequest) -> Iterator[Clone]:
    # A short name: the whole path of a script in .venv has a limit, too.
    path = getattr(request, "param", ODD_NAME)
    clone = person.clone(hashlib.sha256(request.node.name.encode()).hexdigest()[:8], path)
    yield clone
    clone.run("make", "stop")
    clone.run("rm", "-rf", str(clone.root.parent))
