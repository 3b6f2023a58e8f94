"""Do the locks fit the requirements that they were made from? Part of ``make lint``; asks nobody and takes no second.

Exit code 1: a lock lacks a package, pins one outside of its range, or differs from the lock that it builds on.
What it cannot see without a package registry is a requirement that was removed, and whose pin is left over.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent

Pins = dict[str, set[Version]]
"""Versions by name; several where the platform or Python decides."""


def pins_of(lock: Path) -> Pins:
    """Every ``name==version`` of a lock."""
    pins: Pins = defaultdict(set)
    for line in lock.read_text(encoding="utf-8").splitlines():
        name, equals, rest = line.partition("==")
        if equals and not line.startswith((" ", "#")):
            pins[canonicalize_name(name)].add(Version(rest.split()[0]))
    return pins


def group(pyproject: dict[str, Any], name: str) -> list[Requirement]:
    """The requirements of a dependency group, with those of the groups that it includes."""
    found: list[Requirement] = []
    for entry in pyproject["dependency-groups"][name]:
        found += group(pyproject, entry["include-group"]) if isinstance(entry, dict) else [Requirement(entry)]
    return found


def listed(file: Path) -> list[Requirement]:
    """The requirements of an environment that is none of the project's groups."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Requirement(text) for line in lines if (text := line.partition("#")[0].strip())]


def of_extras(requirement: Requirement) -> list[Requirement]:
    """What the extras of a requirement (``psycopg[binary]``) add to it, as its installed version says."""
    if not requirement.extras:
        return []
    try:
        listed = [Requirement(text) for text in metadata.requires(requirement.name) or []]
    except metadata.PackageNotFoundError:
        return []
    return [each for each in listed if each.marker and _applies(each.marker, requirement.extras)]


def _applies(marker: Marker, extras: set[str]) -> bool:
    return not marker.evaluate({"extra": ""}) and any(marker.evaluate({"extra": extra}) for extra in extras)


def misfits(requirements: list[Requirement], pins: Pins) -> Iterator[str]:
    """A sentence for each requirement that the pins do not meet."""
    for requirement in [*requirements, *(each for outer in requirements for each in of_extras(outer))]:
        found = pins.get(canonicalize_name(requirement.name))
        if not found:
            yield f"it lacks {requirement.name}"
        for version in sorted(found or ()):
            if not requirement.specifier.contains(version, prereleases=True):
                yield f"it has {requirement.name} {version}, and {requirement.specifier} is wanted"


def differences(pins: Pins, base: Path) -> Iterator[str]:
    """A sentence for each package that a lock pins otherwise than the one that is installed before it."""
    for name, versions in pins_of(base).items():
        if name in pins and pins[name] != versions:
            ours, theirs = (", ".join(map(str, sorted(found))) for found in (pins[name], versions))
            yield f"it has {name} {ours}, and {base.name} has {theirs}"


def problems(root: Path) -> Iterator[str]:
    """Everything that is wrong with the locks of a project."""
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = [Requirement(text) for text in pyproject["project"]["dependencies"]]
    wanted: dict[str, tuple[list[Requirement], str | None]] = {
        "requirements-uv.lock": (group(pyproject, "uv"), None),
        "requirements.lock": ([*project, *group(pyproject, "build")], None),
        "requirements-dev.lock": ([*project, *group(pyproject, "dev")], "requirements.lock"),
        "requirements-bench.lock": ([*project, *group(pyproject, "bench")], "requirements-dev.lock"),
        "requirements-emulators.lock": (listed(root / "requirements-emulators.in"), None),
        "requirements-dbt.lock": (listed(root / "requirements-dbt.in"), None),
    }
    for name, (requirements, base) in wanted.items():
        pins = pins_of(root / name)
        for problem in [*misfits(requirements, pins), *(differences(pins, root / base) if base else ())]:
            yield f"{name}: {problem}"


if __name__ == "__main__":
    found = list(problems(ROOT))
    for line in found:
        print(line)
    if found:
        sys.exit("The locks do not fit what they were made from. Run: make lock")
