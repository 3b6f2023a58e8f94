"""Who imports whom in the package, read from its source without running it; and the order that is right.

    python -m taxi_assets_tests.support.imports [FOLDER] [--mermaid]

prints the picture of a checkout, this one or an older one's folder. Imports below ``if TYPE_CHECKING`` and inside
functions count like all others: they, too, say who knows whom.

Belongs here: reading and drawing. Not here: what fails (``taxi_assets_tests/unit/house/test_imports.py``). Standard
library only, so that it runs in any environment.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).resolve().parents[2] / "taxi_assets"

HOUSE = (
    "text",
    "errors",
    "installation",
    "datasets",
    "data_dir",
    "settings",
    "steps",
    "steps.files",
    "steps.views",
    "steps.sample",
    "steps.raw",
    "steps.clean.rules",
    "steps.clean.reading",
    "steps.clean",
    "trips",
    "steps.postgres",
    "steps.gcp",
    "steps.lake",
    "steps.warehouse",
    "steps.marts",
    "steps.report",
    "embedded_postgres",
    "orchestration",
    "orchestration.dagster_internals",
    "orchestration.instance",
    "orchestration.resources",
    "orchestration.automation",
    "orchestration.checks",
    "orchestration.assets",
    "components",
    "defs",
    "definitions",
    "cli.shared",
    "cli.serve",
    "cli.carry",
    "cli.look",
    "cli",
    "__main__",
    "automation",
    "emulators",
    "taxi_assets",
)
"""The packages from the ground up, and the modules beside them; each imports only what stands before it.

``automation`` and ``emulators`` are old names that people's files hold; ``taxi_assets`` is the package's own
``__init__``, which hands on the functions for people.
"""

Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        importer: Dotted name of the module that imports.
        imported: Dotted name of the module that is imported: of the package, or of somebody else's.
        path: File of the importer.
        line: Line of the import in it.
    """

    importer: str
    imported: str
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.importer} imports {self.imported}"


@dataclass(frozen=True)
class Sources:
    """The modules of a package and what they import.

    Attributes:
        folder: The package's folder.
        modules: Dotted name of each module and its file.
        imports: Imports of the package's own modules.
        outside: Imports of everything else.
    """

    folder: Path
    modules: dict[str, Path] = field(repr=False)
    imports: tuple[Import, ...] = field(repr=False)
    outside: tuple[Import, ...] = field(repr=False)

    def package_of(self, module: str) -> str:
        """The package that holds a module, without the root's name; a module right below the root stands for itself."""
        root = self.folder.name
        holder = module if self.modules[module].name == "__init__.py" else module.rpartition(".")[0]
        return (module if holder == root else holder).removeprefix(f"{root}.")

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """From the ground up: as in the house, where all have a place in it, else those first that need least."""
        names = {self.package_of(module) for module in self.modules}
        if names <= set(HOUSE):
            return tuple(name for name in HOUSE if name in names)
        # Who imports another reaches more than it. In a circle all reach the same: there counts who is imported more.
        reach, needs = reachable(self.package_graph), Counter[str]()
        for importer, imported in map(self.packages_of, self.between_packages):
            needs.update({importer: 1, imported: -1})
        return tuple(sorted(names, key=lambda name: (len(reach[name] | {name}), needs[name], name)))

    @cached_property
    def between_packages(self) -> tuple[Import, ...]:
        """The imports that leave their package."""
        return tuple(each for each in self.imports if len(set(self.packages_of(each))) > 1)

    def packages_of(self, found: Import) -> tuple[str, str]:
        """The package that imports and the one that is imported."""
        return self.package_of(found.importer), self.package_of(found.imported)

    @property
    def upward(self) -> list[Import]:
        """The imports whose package stands below the one that it imports."""
        height = {name: number for number, name in enumerate(self.packages)}
        pairs = ((each, self.packages_of(each)) for each in self.between_packages)
        return [each for each, (importer, imported) in pairs if height[importer] < height[imported]]

    @cached_property
    def package_graph(self) -> Graph:
        """Each package and those that it imports."""
        graph: dict[str, set[str]] = {self.package_of(module): set() for module in self.modules}
        for importer, imported in map(self.packages_of, self.between_packages):
            graph[importer].add(imported)
        return graph

    @cached_property
    def module_graph(self) -> Graph:
        """Each module and those that it imports."""
        graph: dict[str, set[str]] = {module: set() for module in self.modules}
        for each in self.imports:
            graph[each.importer].add(each.imported)
        return graph


def read_sources(folder: Path = HERE) -> Sources:
    """Reads all imports of the package in a folder.

    Raises:
        SyntaxError: A file is not Python.
    """
    modules = {_dotted(path, folder): path for path in sorted(folder.rglob("*.py"))}
    found = [each for module, path in modules.items() for each in _imports_of(module, path, modules)]
    return Sources(
        folder,
        modules,
        tuple(each for each in found if each.imported in modules),
        tuple(each for each in found if each.imported not in modules),
    )


def reachable(graph: Graph) -> dict[str, set[str]]:
    """For each node those that can be reached from it, itself only where a way leads back."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        reach[start], ahead = set(), list(graph[start])
        while ahead:
            node = ahead.pop()
            if node not in reach[start]:
                reach[start].add(node)
                ahead.extend(graph[node])
    return reach


def circles(graph: Graph) -> list[list[str]]:
    """Groups of nodes in which each leads to each of the others."""
    reach = reachable(graph)
    groups = {frozenset(other for other in reach[node] if node in reach[other]) for node in graph}
    return sorted(sorted(group) for group in groups if group)


def _dotted(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports_of(module: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, path)
            # `from package import name`: the name is a module of the package, or something inside of its __init__.
            inside = (f"{base}.{alias.name}" for alias in node.names)
            names = sorted({name if name in modules else base for name in inside})
        else:
            continue
        yield from (Import(module, name, path, node.lineno) for name in names)


def _base(node: ast.ImportFrom, module: str, path: Path) -> str:
    """What stands between `from` and `import`, in full where it begins with dots."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    package = parts if path.name == "__init__.py" else parts[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def picture(sources: Sources) -> str:
    """The packages from the roof down: how big each is, what it imports, and what is against the order."""
    across, upward = sources.between_packages, sources.upward
    counted = Counter(map(sources.packages_of, across))
    lines = {name: [0, 0] for name in sources.packages}
    for module, path in sources.modules.items():
        sizes = lines[sources.package_of(module)]
        sizes[0] += 1
        sizes[1] += len(path.read_text(encoding="utf-8").splitlines())
    rows = [
        f"  {name:<26}{modules:>4} modules {size:>6,} lines  {_told(name, sources.packages, counted)}".rstrip()
        for name, (modules, size) in reversed(lines.items())
    ]
    return "\n".join(
        [
            f"{sources.folder.name}: {len(sources.modules)} modules in {len(lines)} packages and modules beside them, "
            f"{sum(size for _, size in lines.values()):,} lines",
            f"{len(across)} imports leave their package: {len(across) - len(upward)} run down, {len(upward)} up",
            "",
            *rows,
            "",
            *_listed("imports that run up", [_short(each, sources) for each in upward]),
            *_listed("circles of packages", [", ".join(each) for each in circles(sources.package_graph)]),
            *_listed("circles of modules", [", ".join(each) for each in circles(sources.module_graph)]),
        ]
    )


def _told(name: str, packages: tuple[str, ...], counted: Mapping[tuple[str, str], int]) -> str:
    """What a package imports, nearest first: ``↓`` what stands below it, ``↑`` what stands above."""
    place = packages.index(name)
    arrows = [("↓", reversed(packages[:place])), ("↑", iter(packages[place + 1 :]))]
    told = (
        (arrow, [f"{other} {counted[name, other]}" for other in others if (name, other) in counted])
        for arrow, others in arrows
    )
    return "  ".join(f"{arrow} {', '.join(imported)}" for arrow, imported in told if imported)


def _short(found: Import, sources: Sources) -> str:
    importer, imported = sources.packages_of(found)
    path = found.path.relative_to(sources.folder.parent)
    return f"{path}:{found.line}: {importer} imports {found.imported}, which is above it in {imported}"


def _listed(title: str, found: list[str]) -> list[str]:
    return [f"{title}: {len(found) or 'none'}", *(f"  {each}" for each in found)]


def diagram(sources: Sources) -> str:
    """The same as a Mermaid flowchart. An arrow that a longer way replaces is left out; one that runs up is dotted."""
    up = {sources.packages_of(each) for each in sources.upward}
    down = {
        name: {other for other in sources.package_graph[name] if (name, other) not in up} for name in sources.packages
    }
    reach = reachable(down)
    arrows = [
        f"    {_node(name)} --> {_node(other)}"
        for name in reversed(sources.packages)
        for other in reversed(sources.packages)
        if other in down[name] and not any(other in reach[between] for between in down[name])
    ]
    dotted = [f"    {_node(name)} -.-> {_node(other)}" for name, other in sorted(up)]
    linked = {name for pair in map(sources.packages_of, sources.between_packages) for name in pair}
    drawn = (name for name in reversed(sources.packages) if name in linked)
    nodes = [f'    {_node(name)}["{name.replace(".", "/")}"]' for name in drawn]
    return "\n".join(["flowchart TD", *nodes, *arrows, *dotted])


def _node(name: str) -> str:
    return name.replace(".", "_").strip("_")


def main(arguments: list[str] | None = None) -> None:
    """Prints the picture of a checkout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="a checkout, or a package's folder")
    parser.add_argument("--mermaid", action="store_true", help="print a Mermaid flowchart")
    options = parser.parse_args(arguments)
    inside = options.folder.resolve() / HERE.name
    sources = read_sources(inside if inside.is_dir() else options.folder.resolve())
    sys.stdout.write((diagram if options.mermaid else picture)(sources) + "\n")


if __name__ == "__main__":
    main()
