"""Before each commit: the hooks of .pre-commit-config.yaml run, from .venv alone, and stop what they are there for.

Two of them hold the workflow and the issue forms against GitHub's own schemas.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from taxi_assets.settings import PROJECT_ROOT

CONFIG = ".pre-commit-config.yaml"
HOOKS: dict[str, str] = {
    hook["id"]: hook["entry"]
    for repo in yaml.safe_load((PROJECT_ROOT / CONFIG).read_text(encoding="utf-8"))["repos"]
    for hook in repo["hooks"]
}
WORKFLOW = PROJECT_ROOT / ".github/workflows/ci.yml"


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def run_hooks(folder: Path, home: Path, *arguments: str, skip: str) -> subprocess.CompletedProcess[str]:
    """Runs pre-commit with the network out of reach."""
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--color=never", *arguments], cwd=folder,
        env={**os.environ, "PRE_COMMIT_HOME": str(home), "SKIP": skip, "https_proxy": "http://127.0.0.1:9"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def results(told: str) -> dict[str, str]:
    """Passed, Failed or Skipped by the hook's id."""
    names = {
        hook["name"]: hook["id"]
        for hook in yaml.safe_load((PROJECT_ROOT / CONFIG).read_text(encoding="utf-8"))["repos"][0]["hooks"]
    }
    lines = re.finditer(r"^(?P<name>.+?)\.{3,}.*?(?P<result>Passed|Failed|Skipped)$", told, re.MULTILINE)
    return {names[line["name"]]: line["result"] for line in lines}


@pytest.mark.slow
def test_the_tree_passes(tmp_path: Path) -> None:
    # `make lint` and `make audit`, which CI runs, ask these two of the whole tree: that takes half a minute.
    ran = run_hooks(PROJECT_ROOT, tmp_path, "--all-files", skip="types,secrets")
    expected = {name: "Skipped" if name in {"types", "secrets"} else "Passed" for name in HOOKS}
    assert (ran.returncode, results(ran.stdout)) == (0, expected), ran.stdout + ran.stderr


@pytest.mark.slow
def test_what_is_wrong_is_stopped(tmp_path: Path) -> None:
    commit = tmp_path / "commit"
    forms = commit / ".github/ISSUE_TEMPLATE"
    for folder in (forms, commit / ".github/workflows", commit / ".ci"):
        folder.mkdir(parents=True)
    for name in (CONFIG, ".secrets.baseline", ".ci/locks.py"):
        shutil.copy(PROJECT_ROOT / name, commit / name)
    for name in ("pyproject.toml", *(lock.name for lock in PROJECT_ROOT.glob("requirements*"))):
        shutil.copy(PROJECT_ROOT / name, commit / name)
    (commit / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    (commit / ".gitignore").write_text(".venv\n")
    git(commit, "init", "--quiet")

    (commit / "pyproject.toml").write_text(
        (commit / "pyproject.toml").read_text(encoding="utf-8").replace('"tenacity>=9', '"tenacity>=99'),
        encoding="utf-8",
    )
    (commit / "untidy.py").write_text("import os\nx = {  'a':1}\n")
    (commit / "key.txt").write_text("-----BEGIN RSA " + "PRIVATE KEY-----\n")
    (commit / "large.parquet").write_bytes(bytes(600_000))
    (commit / "merged.md").write_text("\n".join(["<" * 7 + " HEAD", "a", "=" * 7, "b", ">" * 7 + " theirs", ""]))
    (commit / ".github/workflows/ci.yml").write_text(
        WORKFLOW.read_text(encoding="utf-8").replace("timeout-minutes: 30", "timeout: 30")
    )
    (forms / "bug.yml").write_text("name: No body\ndescription: It asks for nothing.\n")
    (forms / "config.yml").write_text("blank_issues: false\n")
    git(commit, "add", "--all")
    # As in the middle of a merge, when marks of a conflict can be left over.
    (commit / ".git/MERGE_MSG").write_text("Merge\n")
    (commit / ".git/MERGE_HEAD").write_text("0" * 40 + "\n")

    ran = run_hooks(commit, tmp_path / "home", "--files", *git(commit, "ls-files").split(), skip="types")
    assert results(ran.stdout) == {name: "Skipped" if name == "types" else "Failed" for name in HOOKS}, ran.stdout


def test_hooks_ask_as_make_does() -> None:
    """A commit that passes them does not fail in CI for style, types or locks."""
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8").replace("$(BIN)", ".venv/bin")
    asked = {name: HOOKS[name].replace(" --force-exclude", "") for name in ("style", "format", "types", "locks")}
    missing = [name for name, command in asked.items() if command not in makefile]
    assert missing == [], "the hooks of these call something else than `make lint`"


def test_ci_tries_every_python_that_is_supported() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    minimum = re.search(r'requires-python = ">=([\d.]+)"', (PROJECT_ROOT / "pyproject.toml").read_text("utf-8"))
    assert minimum is not None
    assert workflow["jobs"]["linux"]["strategy"]["matrix"]["python"] == [minimum[1], "3.11", "3.12", "3.13"]
    assert workflow["permissions"] == {"contents": "read"}
    assert (PROJECT_ROOT / ".ci/run").stat().st_mode & 0o111, "the workflow calls it"
