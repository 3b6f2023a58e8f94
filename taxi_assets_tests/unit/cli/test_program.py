"""`taxi`: every command has help and examples that parse, nothing slow is imported for them, errors are a sentence."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from taxi_assets.cli.program import EXAMPLES, app, main
from taxi_assets.cli.shared.codes import MEANINGS, TRY_AGAIN, WRONG_COMMAND, code_of
from taxi_assets.cli.shared.words import LAYER_NAMES, known_dataset
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import ArgumentError, NotPublishedError, StoreUnavailableError
from taxi_assets.orchestration.layers import LAYERS
from taxi_assets_tests.support.commands import understood

PROGRAM: Any = typer.main.get_command(app)
COMMANDS = {name: command for name, command in PROGRAM.commands.items() if not command.hidden}
SLOW = ("dagster", "pandas", "duckdb", "pyarrow", "google", "psycopg")


def imported_by(code: str, **environment: str) -> tuple[str, set[str]]:
    """What a fresh interpreter prints, and which of the slow packages it has imported at its end."""
    asked = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint(*(set({SLOW}) & set(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", asked], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    *said, slow = ended.stdout.split("\n")[:-1]
    return "\n".join(said), set(slow.split())


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_shows_what_a_command_does_and_its_examples(name: str) -> None:
    shown = CliRunner().invoke(app, [*([name] if name else []), "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0, shown.output
    for example in EXAMPLES.get(name, ()):
        assert example in shown.output, "as it can be copied"
    expected = [COMMANDS[name].help] if name else [command.get_short_help_str(300) for command in COMMANDS.values()]
    assert all(str(text).split(".")[0].split("\n")[0] in shown.output for text in expected)


@pytest.mark.parametrize("example", [line for lines in EXAMPLES.values() for line in lines])
def test_every_example_is_a_command_line(example: str) -> None:
    words = example.rpartition("| ")[2] if "| taxi" in example else example
    _, _, typed = words.partition("taxi ")
    for redirect in (" <", " >"):
        typed = typed.partition(redirect)[0]
    assert understood(typed) in COMMANDS


def test_help_imports_nothing_that_is_slow() -> None:
    said, slow = imported_by("from taxi_assets.cli.program import main; main(['--help'])")
    assert "Carry months" in said
    assert slow == set()


def test_a_completion_knows_datasets_and_imports_nothing_that_is_slow() -> None:
    asked = {"_TAXI_COMPLETE": "complete_bash", "COMP_WORDS": "taxi load f", "COMP_CWORD": "2"}
    said, slow = imported_by("from taxi_assets.cli.program import main; main([])", **asked)
    assert said.split() == ["fhv", "fhvhv"]
    assert slow == set()


def test_the_names_of_the_layers_are_those_of_the_graph() -> None:
    assert tuple(LAYERS) == LAYER_NAMES


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("lod yellow", "taxi: No such command 'lod'. Did you mean 'load'? Help: taxi --help"),
        ("load yelow 2019-01", "taxi load: there is no dataset 'yelow': did you mean yellow? choose from yellow, "),
        ("load yellow 2019-01 --to werehouse", "there is no layer 'werehouse': did you mean warehouse?"),
        ("why yellow 2019-13", "'2019-13' is not a month; write it as YYYY-MM, for example 2019-01. Help: taxi why"),
        ("why taxi_zones 2019-01", "there is no dataset 'taxi_zones'"),
        ("status yellow --year 2008", "taxi status: yellow has no months in 2008; it has 2009-01 to "),
        ("up --port 0", "greater than or equal to 1. Help: taxi up --help"),
        ("backfill yellow --from 2019-01", "Missing option '--to'. Help: taxi backfill --help"),
        ("sql 'select 1' --postgres --bigquery", "choose one of --postgres and --bigquery"),
        ("emulators", "say which command is to run between the emulators"),
    ],
)
def test_a_command_line_that_means_nothing_is_one_sentence_with_the_fix(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(words)) == WRONG_COMMAND
    out, err = capsys.readouterr()
    [sentence] = err.splitlines()
    assert said in sentence
    assert not out


def test_without_a_command_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == WRONG_COMMAND
    assert "Carry months" in "".join(capsys.readouterr())


def test_every_dataset_is_known_by_its_name() -> None:
    assert [known_dataset(name) for name in DATASETS] == list(DATASETS)


def test_the_exit_code_tells_whether_to_wait_or_to_act() -> None:
    codes = [code_of(error("x")) for error in (NotPublishedError, StoreUnavailableError, ArgumentError)]
    assert codes == [1, TRY_AGAIN, WRONG_COMMAND]
    assert set(codes) <= set(MEANINGS)


def test_the_old_word_for_up_still_works() -> None:
    assert understood("dev") == "dev"
