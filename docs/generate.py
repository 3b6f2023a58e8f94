"""Writes what the pages of this folder take from the code: ``.venv/bin/python docs/generate.py``.

A page is written by hand except between two lines such as ``<!-- made by docs/generate.py: oddities -->`` and
``<!-- end -->``; what stands there is the block of that name. Belongs here: how a table of the code reads in a page.
Not here: what is in the tables, and ``benchmarks.md``, which ``make bench`` measures. A test holds the pages against
what this would write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from taxi_assets.cli.program import EXAMPLES, app
from taxi_assets.cli.shared.codes import MEANINGS
from taxi_assets.datasets.columns import FILE_MONTH, Column, Dataset
from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.steps.clean.rules.rules import DUPLICATES, REJECT_RULES, odd_rules
from taxi_assets.steps.sample.dirt import DEFECTS, PARTS, REJECTED_SHARE, REJECTIONS, REPEATED, Defect
from taxi_assets_tests.support.imports import diagram, read_sources

DOCS = Path(__file__).resolve().parent
_TYPE = re.compile(r" *<.*>")
_BLOCK = re.compile(r"(<!-- made by docs/generate\.py: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Each page that has blocks, as it should be."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
    return {path: _BLOCK.sub(_filled, text) for path, text in texts.items() if _BLOCK.search(text)}


def _filled(block: re.Match[str]) -> str:
    lines = "".join(f"{line}\n" for line in BLOCKS[block["name"]]())
    return f"{block[1]}\n{lines}\n{block[3]}"


def _reasons() -> Iterator[str]:
    yield from _head("reason", "meaning")
    for rule in REJECT_RULES:
        yield _row(f"`{rule.name}`", rule.sentence)


def _oddities() -> Iterator[str]:
    """Each oddity once, with the datasets that it is counted in; duplicates, which all have, come last."""
    counted: dict[str, tuple[str, list[str]]] = {}
    for dataset in TLC_DATASETS.values():
        for rule in odd_rules(dataset):
            counted.setdefault(rule.name, (rule.sentence, []))[1].append(dataset.name)
    counted[DUPLICATES.name] = counted.pop(DUPLICATES.name)
    yield from _head("rule", "meaning", "counted in")
    for name, (sentence, datasets) in counted.items():
        yield _row(f"`{name}`", sentence, ", ".join(datasets))


def _dirt() -> Iterator[str]:
    yield _row("dirt", "what it looks like", *TLC_DATASETS)
    yield f"|---|---|{'---:|' * len(TLC_DATASETS)}"
    for defect in (*REPEATED, *DEFECTS):
        since = "" if defect.first_month == "2009-01" else f" Since {defect.first_month}."
        yield _row(f"`{defect.name}`", f"{defect.sentence}{since}", *_shares(defect))


def _shares(defect: Defect) -> list[str]:
    return [f"{defect.shares[name] * 100 / PARTS:g} %" if name in defect.shares else "" for name in TLC_DATASETS]


def _rejections() -> Iterator[str]:
    yield f"One line in {round(1 / REJECTED_SHARE):,}, each kind as likely as the others; benchmarks switch them off."
    yield ""
    yield from _head("line", "what it looks like")
    for rejection in REJECTIONS:
        yield _row(f"`{rejection.name}`", rejection.sentence)


def _dictionary() -> Iterator[str]:
    for dataset in TLC_DATASETS.values():
        yield f"### {dataset.title}: `{dataset.table}`"
        yield ""
        yield f"{dataset.description} Published since {dataset.first_month}."
        yield ""
        yield from _head("column", "type", "unit", "meaning", "months", "origin")
        for column in dataset.table_columns:
            yield _row(
                f"`{column.name}`",
                column.type.postgres,
                column.unit,
                _cell(column.description),
                _months(column, dataset),
                _origin(column),
            )
        yield ""
    yield f"### {TAXI_ZONES.title}: `{TAXI_ZONES.name}`"
    yield ""
    yield TAXI_ZONES.description
    yield ""
    yield from _head("column", "type", "meaning")
    for column in TAXI_ZONES.columns:
        yield _row(f"`{column.name}`", column.type.postgres, _cell(column.description))


def _origin(column: Column) -> str:
    if column is FILE_MONTH:
        return "derived"
    return "published; derived where located" if "located from them" in column.description else "published"


def _months(column: Column, dataset: Dataset) -> str:
    """When files have the column, where that is known to differ from the dataset's own months."""
    first = column.first_month if column.first_month and column.first_month > dataset.first_month else None
    if column.last_month:
        return f"{first or dataset.first_month} to {column.last_month}"
    return f"since {first}" if first else ""


def _columns() -> Iterator[str]:
    """Each column once, with the datasets that have it: what can be compared across them."""
    found: dict[str, list[str]] = {}
    for dataset in TLC_DATASETS.values():
        for column in dataset.table_columns:
            found.setdefault(column.name, []).append(dataset.name)
    yield _row("column", *TLC_DATASETS)
    yield f"|---|{':-:|' * len(TLC_DATASETS)}"
    for name, datasets in sorted(found.items()):
        yield _row(f"`{name}`", *("x" if dataset in datasets else "" for dataset in TLC_DATASETS))


def _codes() -> Iterator[str]:
    yield from _head("column", "value", "meaning", "words that files have used for it")
    seen: set[tuple[str, str]] = set()
    for column in (column for dataset in TLC_DATASETS.values() for column in dataset.columns):
        for value, meaning in column.meanings.items():
            if (column.name, str(value)) in seen:
                continue
            seen.add((column.name, str(value)))
            words = [word for word, code in column.codes.items() if code == value and word != str(value)]
            shown = ", ".join(f"`{word}`" for word in words)
            yield _row(f"`{column.name}`", f"`{value}`", _cell(meaning), shown)


def _imports() -> Iterator[str]:
    yield "```mermaid"
    yield diagram(read_sources())
    yield "```"


def _exit_codes() -> Iterator[str]:
    yield from _head("exit code", "meaning")
    for code, meaning in MEANINGS.items():
        yield _row(f"`{code}`", meaning)


def _commands() -> Iterator[str]:
    """By the headings of the help: what is typed, what it does, what it takes, and examples."""
    shown = [each for each in typer.main.get_command(app).commands.values() if not each.hidden]
    for panel in dict.fromkeys(command.rich_help_panel for command in shown):
        yield from (f"## {panel}", "")
        for command in shown:
            if command.rich_help_panel == panel:
                yield from _command(command)


def _command(command: Any) -> Iterator[str]:
    context = command.make_context(command.name, [], resilient_parsing=True)
    taken = [each.get_help_record(context) or (each.human_readable_name, "") for each in command.params]
    yield from (f"### taxi {command.name}", "")
    yield from (" ".join(line.split()) for line in f"{command.help}\n".split("\n\n"))
    yield ""
    if taken:
        yield from _head("takes", "meaning")
        for name, meaning in taken:
            yield _row(f"`{_TYPE.sub('', name).strip()}`", meaning.replace("|", "\\|"))
        yield ""
    yield "<!-- not run here: taxi_assets_tests/unit/cli/test_program.py tries each line -->"
    yield from ("```sh", *EXAMPLES[command.name], "```", "")


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield f"|{'---|' * len(names)}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


BLOCKS: dict[str, Callable[[], Iterator[str]]] = {
    "reasons": _reasons,
    "oddities": _oddities,
    "dirt": _dirt,
    "rejections": _rejections,
    "imports": _imports,
    "dictionary": _dictionary,
    "columns": _columns,
    "codes": _codes,
    "exitcodes": _exit_codes,
    "commands": _commands,
}


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
