"""The names that prose mentions (docstrings, comments, pages), and those that exist.

Belongs here: finding both, by reading. Not here: what fails (``taxi_assets_tests/unit/house/test_names.py``).
"""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# Environments, caches, data and what else is no part of the checkout.
SKIPPED = re.compile(r"\.(?!(?:ci|github)$).*|data|site|__pycache__|node_modules")
UNREAD = (".lock", ".png", ".xz", ".json", ".baseline")
ROOTS = ("taxi_assets", "taxi_assets_tests", "benchmarks")

_GENERATED = re.compile(r"<!-- made by .*?<!-- end -->", re.DOTALL)
_FILE = re.compile(r"[\w./-]*\w\.(?:py|sql|md|yaml|toml|conf)\b")
_DOTTED = re.compile(r"\btaxi_assets(?:_tests)?(?:\.\w+)+(?::\w+)?")
_FOLDER = re.compile(r"(?<![\w./-])(?:taxi_assets|taxi_assets_tests|benchmarks|docs|deploy)/[\w./-]*")
_ROLE = re.compile(r":(?:func|class|meth|data|attr|exc|mod):`([^`]+)`")
_MAKE = re.compile(r"(?:`|\$ |^)(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*)(?=`|;| *$| +#| [A-Z])")
_SPAN = re.compile(r"(`{1,2})([^`]+)\1")
_WORD = re.compile(r"(?<![\w./-])[a-z_][a-z0-9]*(?:_[a-z0-9]+)+\b(?!\.\w)")
_ATTRIBUTE = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+(?=\(|$)")


@dataclass(frozen=True)
class Mention:
    """A name in a line of prose."""

    name: str
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.name}"


class Checkout:
    """The files of a checkout, read once.

    Args:
        root: Its folder.
        unread: A file whose code proves no name; a list of names would prove its own.
    """

    def __init__(self, root: Path, unread: Path | None = None) -> None:
        self.root = root
        self._unread = unread

    @cached_property
    def files(self) -> list[Path]:
        """Everything that a person wrote."""
        found: list[Path] = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if not SKIPPED.fullmatch(name)]
            found += [Path(folder, name) for name in names if not name.endswith((".pyc", ".partial"))]
        return sorted(found)

    @cached_property
    def prose(self) -> list[tuple[Path, int, str]]:
        """Every line of prose: docstrings and comments of Python, comments of settings, pages whole."""
        texts = {path: path.read_text(encoding="utf-8") for path in self.files if path.suffix not in UNREAD}
        return [(path, number, line) for path, text in texts.items() for number, line in _prose(path, text)]

    @cached_property
    def words(self) -> set[str]:
        """Every word that occurs in code, settings or names of files."""
        found = {word for path in self.files for word in re.findall(r"\w+", str(path.relative_to(self.root)))}
        for path in self.files:
            if path.suffix not in (*UNREAD, ".md") and path != self._unread:
                found.update(_code_words(path, path.read_text(encoding="utf-8")))
        return found

    @cached_property
    def modules(self) -> Mapping[str, set[str]]:
        """Each of our modules by its dotted name, and what is defined or imported in it."""
        python = (path for path in self.files if path.suffix == ".py")
        relative = ((path, path.relative_to(self.root)) for path in python)
        return {
            _dotted(name): set(_defined(ast.parse(path.read_text(encoding="utf-8"))))
            for path, name in relative
            if name.parts[0] in ROOTS
        }

    def has_file(self, name: str) -> bool:
        """Whether a file ends so: ``clean.py``, ``steps/clean/clean.py``, or the whole path; up from anywhere, too."""
        wanted = re.sub(r"^(?:\.{0,2}/)+", "", name)  # a dot that begins a name stays
        return any(f"/{path.relative_to(self.root).as_posix()}".endswith(f"/{wanted}") for path in self.files)

    def has_folder(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return (self.root / name.rstrip(".")).exists()

    def has_dotted(self, name: str) -> bool:
        """Whether a dotted name leads to a module, or to something that is defined in one."""
        parts = name.replace(":", ".").split(".")
        for end in range(len(parts), 0, -1):
            names = self.modules.get(".".join(parts[:end]))
            if names is not None:
                return end == len(parts) or ".".join(parts[end:]) in names
        return False

    def mentions(self, pattern: re.Pattern[str], group: int = 0) -> Iterator[Mention]:
        """What a pattern finds in prose."""
        for path, number, line in self.prose:
            yield from (Mention(found[group], path, number) for found in pattern.finditer(line))

    def missing_files(self) -> list[Mention]:
        """Names of files. An absolute one lies elsewhere, as in a container: there its last part counts."""
        return [
            each
            for each in self.mentions(_FILE)
            if not self.has_file(each.name.rpartition("/")[2] if each.name.startswith("/") else each.name)
        ]

    def missing_folders(self) -> list[Mention]:
        """Paths from the root of the checkout on."""
        return [each for each in self.mentions(_FOLDER) if not self.has_folder(each.name)]

    def missing_dotted(self) -> list[Mention]:
        """Modules, and what is in them, by their whole name."""
        return [each for each in self.mentions(_DOTTED) if not self.has_dotted(each.name)]

    def missing_roles(self) -> list[Mention]:
        """What a docstring points to: by its whole name, or by the one that it has in this module."""

        def exists(each: Mention) -> bool:
            here = _dotted(each.path.relative_to(self.root))
            known = self.modules.get(here, set())
            defined = any(name == each.name or name.endswith(f".{each.name}") for name in known)
            imported = each.name.partition(".")[0] in known and any(each.name in names for names in everywhere)
            return defined or imported or self.has_dotted(each.name)

        everywhere = self.modules.values()
        return [each for each in self.mentions(_ROLE, 1) if not exists(each)]

    def missing_targets(self) -> list[Mention]:
        """Targets of make."""
        makefile = (self.root / "Makefile").read_text(encoding="utf-8")
        targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
        return [each for each in self.mentions(_MAKE, 1) if each.name not in targets]

    def missing_words(self) -> list[Mention]:
        """Functions, variables, attributes and settings that no code knows.

        A word counts when it has an underscore, in pages only in a code span; in code spans ``one.other`` counts, too.
        """
        found: list[Mention] = []
        for path, number, line in self.prose:
            spans = [span for _, span in _SPAN.findall(line)]
            names = {name for text in (spans if path.suffix == ".md" else [line]) for name in _WORD.findall(text)}
            names |= {span[0] for span in map(_ATTRIBUTE.match, spans) if span and not _FILE.fullmatch(span[0])}
            found += [
                Mention(name, path, number) for name in sorted(names) if not self.words.issuperset(name.split("."))
            ]
        return found


def _prose(path: Path, text: str) -> Iterator[tuple[int, str]]:
    if path.suffix == ".py":
        for token in _python_prose(text):
            yield from enumerate(token.string.splitlines(), token.start[0])
    elif path.suffix == ".md":
        # What is generated is held against the code by another test; its lines stay, so that numbers are right.
        yield from enumerate(_GENERATED.sub(lambda block: "\n" * block[0].count("\n"), text).splitlines(), 1)
    else:
        for number, line in enumerate(text.splitlines(), 1):
            if comment := re.search(r"(?:^|\s)(#.*)", line):
                yield number, comment[1]


def _python_prose(text: str) -> Iterator[tokenize.TokenInfo]:
    docstrings = _docstrings(ast.parse(text))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and token.start in docstrings):
            yield token


def _docstrings(tree: ast.Module) -> set[tuple[int, int]]:
    """Where strings stand alone: docstrings, and those below a constant or a field."""
    return {
        (node.value.lineno, node.value.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def _code_words(path: Path, text: str) -> Iterator[str]:
    if path.suffix != ".py":
        for line in text.splitlines():
            yield from re.findall(r"\w+", re.split(r"(?:^|\s)#", line)[0])
        return
    prose = {token.start for token in _python_prose(text)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.start not in prose:
            yield from re.findall(r"\w+", token.string)


def _dotted(name: Path) -> str:
    parts = name.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _defined(tree: ast.AST, owner: str = "") -> Iterator[str]:
    """Names of a module, also of those below ``if``; members of a class with its name before them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield owner + node.name
            if isinstance(node, ast.ClassDef):
                yield from _defined(node, f"{owner}{node.name}.")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (owner + (alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (owner + name.id for name in targets if isinstance(name, ast.Name))
        else:
            yield from _defined(node, owner)
