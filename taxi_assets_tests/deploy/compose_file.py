"""docker-compose.yml as the tests read it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from taxi_assets.settings import PROJECT_ROOT

COMPOSE_TEXT = (PROJECT_ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<operator>:?[-?+])(?P<word>[^}]*))?\}")


def variables(text: str = COMPOSE_TEXT) -> dict[str, str]:
    """Every variable that the file reads, with the default that it gives."""
    return {found["name"]: found["word"] or "" for found in _VARIABLE.finditer(text)}


def with_defaults(text: str) -> str:
    """The text as compose reads it when no variable is set."""
    return _VARIABLE.sub(lambda found: found["word"] or "" if found["operator"] in ("-", ":-") else "", text)


def megabytes(limit: str) -> int:
    """``512m`` and ``4g`` in MiB."""
    return int(limit[:-1]) * {"m": 1, "g": 1024}[limit[-1]]
