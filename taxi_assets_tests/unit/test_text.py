"""What others wrote does nothing to whoever reads it: not in a terminal, not in Markdown, not through our errors."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import pytest

from taxi_assets import errors, text
from taxi_assets.text import markdown_cell, markdown_line, plain, shown

HOSTILE = (
    "![x](http://a.example/p.png)",
    "<img src=http://a.example/p.png>",
    "[click](javascript:alert(1))",
    "<http://a.example>",
    "http://a.example",
    "www.a.example",
    "me@a.example",
    "a | b",
    "a \\| ![x](http://a.example)",
    "`![x](http://a.example)`",
    "``` ` ![x](http://a.example)",
    "line\n\n![x](http://a.example)",
    "\u202etxt.exe",
    "\x1b]8;;http://a.example\x07link\x1b]8;;\x07",
    "\ud800",
)


def test_the_examples() -> None:
    assert doctest.testmod(text).failed == 0


@pytest.mark.parametrize("show", [markdown_cell, markdown_line])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_cell_is_one_piece_of_code_in_one_cell(value: str, show: Callable[[str], str]) -> None:
    cell = show(value)
    fence = cell[: len(cell) - len(cell.lstrip("`"))]
    inside = cell[len(fence) : -len(fence)]
    assert fence
    assert cell == f"{fence}{inside}{fence}"
    assert fence not in inside, "nothing in it ends the code"
    assert cell.isprintable(), "nor the line"
    # Of the backslashes before a pipe, a table takes pairs first: an odd number keeps the pipe in the cell.
    for position, character in enumerate(inside):
        before = inside[:position]
        assert character != "|" or (len(before) - len(before.rstrip("\\"))) % 2 == 1


@pytest.mark.parametrize("value", ["2019-01-05 00:46:40", "-73.98", "N", "12", "Newark Airport", ""])
def test_figures_and_words_stay_as_they_are(value: str) -> None:
    assert markdown_cell(value) == value


def test_prose_stays_prose() -> None:
    said = "yellow 2019-01: 2 lines rejected (0.5 %), more than 1% of them; see rejected/yellow"
    assert markdown_line(said) == said


def test_a_long_value_is_cut() -> None:
    assert len(markdown_cell("!" * 1_000_000)) < 250


def test_an_error_has_no_control_characters() -> None:
    said = str(errors.LayoutError("columns: 'fare\x1b[2J\u202e\x85'\nsecond line"))
    assert said == "columns: 'fare\\x1b[2J\\u202e\\x85'\nsecond line"


def test_what_is_written_in_other_languages_stays() -> None:
    assert plain("Größe 大小 ✓") == "Größe 大小 ✓"


@pytest.mark.parametrize(
    ("foreign", "as_shown"),
    [
        ("plain, ä and 東", "plain, ä and 東"),
        (b"PK\x03\x04\x00", r"PK\x03\x04\x00"),
        (b"caf\xe9", r"caf\xe9"),
        ("two\r\nlines\tand a tab", r"two\r\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\u202eturned\u2028", r"\u202eturned\u2028"),
    ],
)
def test_what_others_wrote_is_shown_in_one_printable_line(foreign: str | bytes, as_shown: str) -> None:
    assert shown(foreign) == as_shown
    assert shown(foreign, longest=4).isprintable()


@pytest.mark.parametrize("foreign", ["x" * 5_000, "\x00" * 5_000, b"\xff" * 5_000, "東".encode() * 5_000])
def test_what_is_long_is_cut(foreign: str | bytes) -> None:
    assert len(shown(foreign, longest=100)) == 101
    assert shown(foreign, longest=100).endswith("…")
