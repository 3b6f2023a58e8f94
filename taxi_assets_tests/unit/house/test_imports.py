"""Imports run down: no package knows one above it, and nothing below ``orchestration/`` knows Dagster.

The order is ``HOUSE`` in ``taxi_assets_tests/support/imports.py``, which also prints the picture.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.findings import none_of
from taxi_assets_tests.support.imports import HOUSE, Sources, circles, diagram, picture, read_sources

WITHOUT_DAGSTER = HOUSE[: HOUSE.index("orchestration")]


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources()


def test_every_package_has_its_place_in_the_house(sources: Sources) -> None:
    homeless = sorted({sources.package_of(module) for module in sources.modules} - set(HOUSE))
    none_of(f"{name}: give it a place in HOUSE, taxi_assets_tests/support/imports.py" for name in homeless)


def test_no_package_imports_one_above_it(sources: Sources) -> None:
    none_of(sources.upward)


def test_no_packages_import_each_other_in_a_circle(sources: Sources) -> None:
    none_of(circles(sources.package_graph))


def test_no_modules_import_each_other_in_a_circle(sources: Sources) -> None:
    none_of(circles(sources.module_graph))


def test_what_is_below_the_orchestration_does_not_know_dagster(sources: Sources) -> None:
    none_of(
        each
        for each in (*sources.imports, *sources.outside)
        if sources.package_of(each.importer) in WITHOUT_DAGSTER
        and each.imported.startswith(("dagster", "taxi_assets.orchestration"))
    )


@pytest.mark.parametrize(
    ("folder", "unknown"),
    [("taxi_assets", ("taxi_assets_tests", "benchmarks")), ("benchmarks", ("taxi_assets_tests", "pytest"))],
)
def test_neither_the_package_nor_the_benchmarks_know_the_tests(folder: str, unknown: tuple[str, ...]) -> None:
    outside = read_sources(PROJECT_ROOT / folder).outside
    none_of(each for each in outside if each.imported.split(".")[0] in unknown)


# The reader itself, on small packages


def package(folder: Path, **modules: str) -> Sources:
    """A package ``taxi_assets`` of these modules (``steps__raw__fetch`` is steps/raw/fetch.py)."""
    root = folder / "taxi_assets"
    for name, text in modules.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for above in path.parents:
            if above.is_relative_to(root):
                (above / "__init__.py").touch()
    return read_sources(root)


@pytest.mark.parametrize(
    "text",
    [
        "import taxi_assets.steps.clean.zones",
        "from taxi_assets.steps.clean import zones",
        "from taxi_assets.steps.clean.zones import REJECT",
        "from ..clean.zones import REJECT",
        "from ..clean import zones",
        "def late():\n    from taxi_assets.steps.clean.zones import REJECT",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import taxi_assets.steps.clean.zones as zones",
    ],
)
def test_an_import_of_a_package_above_is_found_however_it_is_written(text: str, tmp_path: Path) -> None:
    sources = package(tmp_path, steps__raw__fetch=text, steps__clean__zones="REJECT = ()")
    [upward] = sources.upward
    assert (upward.importer, upward.imported) == ("taxi_assets.steps.raw.fetch", "taxi_assets.steps.clean.zones")
    assert f"fetch.py:{text.count(chr(10)) + 1}: " in str(upward)


def test_an_import_of_a_package_below_is_none(tmp_path: Path) -> None:
    text = "from taxi_assets.steps.raw import fetch"
    sources = package(tmp_path, steps__raw__fetch="", steps__clean__zones=text)
    assert sources.package_graph["steps.clean"] == {"steps.raw"}
    assert not sources.upward


def test_a_circle_is_found_though_no_two_import_each_other(tmp_path: Path) -> None:
    ring = {"a": "b", "b": "c", "c": "a", "d": "a"}
    sources = package(tmp_path, **{name: f"import taxi_assets.{other}" for name, other in ring.items()})
    assert circles(sources.package_graph) == [["a", "b", "c"]]
    assert circles(sources.module_graph) == [["taxi_assets.a", "taxi_assets.b", "taxi_assets.c"]]


def test_the_picture_counts_and_names_what_runs_up(tmp_path: Path) -> None:
    sources = package(
        tmp_path,
        steps__raw__fetch="from taxi_assets.steps.clean import zones\nfrom taxi_assets import errors",
        steps__clean__zones="from taxi_assets import errors",
        errors="",
    )
    lines = picture(sources).splitlines()
    assert lines[1] == "3 imports leave their package: 2 run down, 1 up"
    assert any(line.endswith("↓ errors 1  ↑ steps.clean 1") for line in lines)
    assert "  taxi_assets/steps/raw/fetch.py:1: steps.raw imports taxi_assets.steps.clean.zones, which is above" in (
        picture(sources)
    )
    assert "    steps_raw -.-> steps_clean" in diagram(sources).splitlines()


def test_the_picture_of_a_tree_with_other_rooms_is_drawn_too(tmp_path: Path) -> None:
    sources = package(tmp_path, assets__raw="import taxi_assets.steps.fetch", steps__fetch="")
    assert [line.split()[0] for line in picture(sources).splitlines()[3:6]] == ["assets", "taxi_assets", "steps"]
