"""Docstrings, comments and pages name nothing that does not exist: no module, file, function, target or setting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.findings import none_of
from taxi_assets_tests.support.names import Checkout

FOREIGN = {
    "default_statistics_target": "a setting of PostgreSQL",
    "deadlock_timeout": "a setting of PostgreSQL",
    "empty_table": "a method of pyarrow's schemas",
    "executed_with_root_target": "a condition of Dagster's",
    "load_from_defs_folder": "a function of Dagster's",
    "payments.py": "an example of a file that a person puts into defs/",
    "trips_per_day.py": "an example of a file that a person puts into defs/",
    "helm/dagster/values.yaml": "a file of Dagster's chart",
    "include_dir": "a line of postgresql.conf",
    "iter_content": "a method of requests' answers",
    "max_connections": "a setting of PostgreSQL",
    "minmax_multi": "a family of BRIN's operator classes",
    "post_processing": "a field of Dagster's in a defs.yaml",
    "postgresql.conf": "a file of a cluster",
    "psycopg.sql": "a module, not a file",
    "pyarrow.Schema": "a class",
    "fct_monthly_zone_revenue": "a model of the course's dbt project",
    "few_trips.py": "an example of a file that a person puts into defs/",
    "script/__init__.py": "an example of a file that a person puts into defs/",
    "sqlite_store.py": "an example of a file that a person puts into defs/",
    "since_last_handled": "a condition of Dagster's",
    "store_rejects": "a setting of DuckDB's CSV reader",
    "wal_level": "a setting of PostgreSQL",
    "yellow_tripdata_2019_01_loading_1a2b3c4d": "an example of a table that is being filled",
}
"""Names that are others', and that our code never uses."""

MADE = "deploy/secrets"
"""A folder that is not in a checkout: deploy/make-secrets makes it."""


@pytest.fixture(scope="module")
def checkout() -> Checkout:
    return Checkout(PROJECT_ROOT, unread=Path(__file__))


def test_files_that_are_named_exist(checkout: Checkout) -> None:
    none_of(each for each in checkout.missing_files() if each.name not in FOREIGN)


def test_folders_that_are_named_exist(checkout: Checkout) -> None:
    none_of(each for each in checkout.missing_folders() if not each.name.startswith(MADE))


def test_modules_that_are_named_exist(checkout: Checkout) -> None:
    none_of(checkout.missing_dotted())


def test_what_docstrings_point_to_exists(checkout: Checkout) -> None:
    none_of(checkout.missing_roles())


def test_targets_of_make_that_are_named_exist(checkout: Checkout) -> None:
    none_of(checkout.missing_targets())


def test_functions_and_settings_that_are_named_exist(checkout: Checkout) -> None:
    none_of(each for each in checkout.missing_words() if each.name not in FOREIGN)


def test_what_is_excused_is_still_named(checkout: Checkout) -> None:
    named = {each.name for each in (*checkout.missing_words(), *checkout.missing_files())}
    assert FOREIGN.keys() <= named


LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")


def test_links_between_pages_lead_somewhere(checkout: Checkout) -> None:
    links = [each for each in checkout.mentions(LINK, 1) if each.path.suffix == ".md"]
    assert len(links) > 10
    none_of(each for each in links if not leads_somewhere(each.path, each.name))


def leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name) if name else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# The reader itself, on a small checkout


CODE = '''"""Doc of ``there.py``, :func:`done`, :meth:`Kind.made` and ``taxi_assets.there.done``."""

def done() -> None:
    """{docstring}"""
    text = "words_in_strings"  # {comment}

class Kind:
    made = 1
'''


def small(folder: Path, page: str = "", docstring: str = "As ``there.py``.", comment: str = "done") -> Checkout:
    (folder / "taxi_assets").mkdir()
    (folder / "docs").mkdir()
    (folder / "taxi_assets/__init__.py").touch()
    (folder / "taxi_assets/there.py").write_text(CODE.format(docstring=docstring, comment=comment), encoding="utf-8")
    (folder / "docs/page.md").write_text(page, encoding="utf-8")
    (folder / "Makefile").write_text("demo: there\n", encoding="utf-8")
    return Checkout(folder)


def missing(checkout: Checkout) -> list[str]:
    found = (
        *checkout.missing_files(),
        *checkout.missing_folders(),
        *checkout.missing_dotted(),
        *checkout.missing_roles(),
        *checkout.missing_targets(),
        *checkout.missing_words(),
    )
    return list(dict.fromkeys(f"{each.path.name}:{each.line}: {each.name}" for each in found))


def test_names_that_exist_are_fine(tmp_path: Path) -> None:
    page = "`taxi_assets/there.py`, `taxi_assets/`, `words_in_strings`, `make demo`, `there.done`, snake_case outside"
    assert missing(small(tmp_path, page)) == []


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        ("See ``gone.py``.", "gone.py"),
        ("See ``steps/there.py``.", "steps/there.py"),
        ("See :func:`gone`.", "gone"),
        ("See :meth:`Kind.gone`.", "Kind.gone"),
        ("See taxi_assets.there.gone.", "taxi_assets.there.gone"),
        ("See taxi_assets.gone.", "taxi_assets.gone"),
        ("See ``there.gone``.", "there.gone"),
        ("As quoted by quote_identifier.", "quote_identifier"),
    ],
)
def test_a_stale_name_in_a_docstring_is_found(docstring: str, found: str, tmp_path: Path) -> None:
    assert missing(small(tmp_path, docstring=docstring)) == [f"there.py:4: {found}"]


def test_a_stale_name_in_a_comment_is_found(tmp_path: Path) -> None:
    assert missing(small(tmp_path, comment="as gone_too does")) == ["there.py:5: gone_too"]


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("see `docs/gone.md`", "docs/gone.md"),
        ("in `taxi_assets/steps/`", "taxi_assets/steps/"),
        ("call `gone_too()`", "gone_too"),
        ("`make gone`", "gone"),
        ("TAXI_SOURCE=sample make gone", "gone"),
        ("python -m taxi_assets.gone", "taxi_assets.gone"),
    ],
)
def test_a_stale_name_in_a_page_is_found(page: str, found: str, tmp_path: Path) -> None:
    assert missing(small(tmp_path, page)) == [f"page.md:1: {found}"]


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# How fast, really?\n", encoding="utf-8")
    assert leads_somewhere(page, "#how-fast-really")
    assert leads_somewhere(page, "page.md#how-fast-really")
    assert not leads_somewhere(page, "page.md#how-fast")
    assert not leads_somewhere(page, "gone.md")
