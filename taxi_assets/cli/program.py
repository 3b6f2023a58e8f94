"""The commands of `taxi`: their words, options, help and examples.

Belongs here: what a command line may say, and turning our errors into a sentence and an exit code. Not here: work,
which each command's own module does and which is imported when it is run: most need Dagster, which takes seconds, and
neither `taxi --help` nor a completion shall wait for that.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from taxi_assets.cli.shared.codes import DONE, FAILED, INTERRUPTED, STOPPED, WRONG_COMMAND, code_of
from taxi_assets.cli.shared.words import complete_dataset, complete_layer, known_dataset, known_layer, one_month
from taxi_assets.errors import ArgumentError, TaxiAssetsError

CARRY, LOOK, SERVE = "Carry months", "Look", "Run and mend"
"""The three headings of the help."""

EXAMPLES: dict[str, tuple[str, ...]] = {}
"""By command: lines that a person can type, which the help shows and a test reads back."""

OLD_WORDS = {"dev": "up --no-browser"}
"""Commands that are another one by now. They work and are not shown."""

app = typer.Typer(
    name="taxi",
    help="New York's taxi trip records: from the published file to Parquet, Postgres, a lake and a warehouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)

UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""What Typer raises for a command line that means nothing; it exports this kind of it alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    program = typer.main.get_command(app)
    try:
        return program.main(list(sys.argv[1:] if arguments is None else arguments), "taxi", standalone_mode=False) or 0
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            where = error.ctx.command_path if error.ctx else "taxi"
            said = error.format_message().rstrip()
            say(f"{where}: {said}{'' if said.endswith(('.', '?')) else '.'} Help: {where} --help")
        return WRONG_COMMAND


def say(sentence: str) -> None:
    """To a person, beside what a script reads."""
    print(sentence, file=sys.stderr)


def command(
    panel: str, *examples: str, hidden: bool = False, **settings: Any
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Adds a command under its function's name; the function returns the exit code."""

    def add(work: Callable[..., int]) -> Callable[..., int]:
        name = work.__name__.rstrip("_")

        @functools.wraps(work)
        def guarded(*arguments: Any, **options: Any) -> int:
            return _guarded(name, lambda: work(*arguments, **options))

        EXAMPLES[name] = examples
        shown = "\n".join(("[bold]Examples[/]", *(f"  {example}" for example in examples))) if examples else None
        return app.command(name, rich_help_panel=panel, epilog=shown, hidden=hidden, **settings)(guarded)

    return add


def _guarded(name: str, work: Callable[[], int]) -> int:
    try:
        return work()
    except TaxiAssetsError as error:
        code = code_of(error)
        said = f"taxi {name}: {error}. Help: taxi {name} --help" if code == WRONG_COMMAND else str(error)
        say(said if code == WRONG_COMMAND else f"{type(error).__name__}: {said}")
        return code
    except (PermissionError, NotADirectoryError) as error:
        say(
            f"{type(error).__name__}: {error.filename}: {error.strerror}. Run as the user whose folder it is, or set "
            "TAXI_DATA_DIR and DAGSTER_HOME to folders of your own"
        )
        return FAILED
    except BrokenPipeError:
        # `taxi status | head`: whoever reads has enough. Python would complain when it flushes at its end.
        sys.stdout = sys.stderr
        return DONE
    except KeyboardInterrupt:
        say(STOPPED)
        return INTERRUPTED


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts; its keys stay.")]
OneDataset = Annotated[
    str, typer.Argument(help="yellow, green, fhv or fhvhv.", autocompletion=complete_dataset, show_default=False)
]
ToLayer = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="LAYER", help="This layer and what it is made from; all without it.",
        autocompletion=complete_layer, show_default=False,
    ),
]  # fmt: skip


@command(CARRY, "taxi demo", "TAXI_SAMPLE_ROWS=2000 taxi demo")
def demo() -> int:
    """Carry three synthetic months of yellow and green through every layer, with bars."""
    from taxi_assets.cli.carry.demo import run_demo

    return run_demo()


@command(
    CARRY,
    "taxi load yellow 2019-01",
    "taxi load yellow 2019-01..2019-12 --to postgres",
    "taxi load green 2020-03 --to clean --json",
    "taxi load taxi_zones",
)
def load(
    dataset: Annotated[
        str,
        typer.Argument(
            help="yellow, green, fhv or fhvhv; or taxi_zones or taxi_zone_shapes, which have no months.",
            autocompletion=complete_dataset,
            show_default=False,
        ),
    ],
    months: Annotated[str | None, typer.Argument(help="2019-01, or 2019-01..2019-12.", show_default=False)] = None,
    to: ToLayer = None,
    here: Annotated[
        bool, typer.Option("--here", help="Load in this process, also where an instance is up that could do it.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Carry months through the layers, a bar for each month: in this process, or where `taxi up` runs, there.

    Either way the UI shows the runs. Ctrl-C is safe: what is finished is kept, and the same command goes on.
    """
    known_dataset(dataset, zones=True)
    if to:
        known_layer(to)
    from taxi_assets.cli.carry.load import run_load

    return run_load(dataset, months, to, here=here, as_json=as_json)


@command(
    CARRY,
    "taxi backfill yellow --from 2019-01 --to 2020-12",
    "taxi backfill yellow green --from 2019-01 --to 2019-12 --json",
)
def backfill(
    datasets: Annotated[list[str], typer.Argument(help="Which datasets.", autocompletion=complete_dataset)],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM", help="First month.", show_default=False)],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM", help="Last month.", show_default=False)],
    as_json: AsJson = False,
) -> int:
    """Ask the running Dagster daemon (`taxi up`) for a range of months, in every layer, and do not wait for it."""
    for dataset in datasets:
        one_month(dataset, first)
        one_month(dataset, last)
    from taxi_assets.cli.carry.backfill import run_backfill

    return run_backfill(datasets, first, last, as_json=as_json)


@command(LOOK, "taxi status", "taxi status yellow --year 2019", "taxi status yellow --year 2019 --ask --json")
def status(
    dataset: Annotated[
        str | None, typer.Argument(help="Only this one.", autocompletion=complete_dataset, show_default=False)
    ] = None,
    year: Annotated[int | None, typer.Option(help="Only this year.", show_default=False)] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask the source which months it has, and which it has re-issued.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show months by layers: there, missing, failed and why, re-issued since, not published yet; and where all lies."""
    if dataset:
        known_dataset(dataset)
    from taxi_assets.cli.look.status import show_status

    return show_status(dataset, year, ask=ask, as_json=as_json)


@command(LOOK, "taxi why yellow 2019-02", "taxi why green 2019-01 --json")
def why(
    dataset: OneDataset,
    month: Annotated[str, typer.Argument(help="2019-02.", show_default=False)],
    as_json: AsJson = False,
) -> int:
    """Say what happened to a month: its file and version, rejected lines, checks, runs, and what to do."""
    chosen = one_month(dataset, month)
    from taxi_assets.cli.look.why import show_why

    return show_why(chosen, as_json=as_json)


@command(
    LOOK,
    'taxi sql "select count(*) from yellow_tripdata"',
    'taxi sql "select payment_type, avg(tip_amount) from yellow_tripdata group by 1" --postgres',
    'taxi sql "from yellow_tripdata limit 1000" --parquet trips.parquet',
    "taxi sql - --csv < query.sql > rows.csv",
)
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT; - reads it from standard input.", show_default=False)],
    postgres: Annotated[bool, typer.Option("--postgres", help="Ask Postgres.")] = False,
    bigquery: Annotated[bool, typer.Option("--bigquery", help="Ask BigQuery.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, all rows.")] = False,
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all rows into a Parquet file.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, an object a row.")] = False,
) -> int:
    """Ask the warehouse (DuckDB, or BigQuery in target gcp) or Postgres one question. Nothing can be changed by it."""
    from taxi_assets.cli.look.sql import run_sql

    if postgres and bigquery:
        raise ArgumentError("choose one of --postgres and --bigquery")
    store = "postgres" if postgres else "bigquery" if bigquery else None
    return run_sql(query, store, as_csv=as_csv, as_json=as_json, parquet=parquet)


@command(LOOK, "taxi psql", "echo 'select count(*) from yellow_tripdata' | taxi psql")
def psql() -> int:
    """Open psql on the trips database."""
    from taxi_assets.cli.look.psql import run_psql

    return run_psql()


@command(LOOK, "taxi catalogue taxi_rides_ny.duckdb --schema prod")
def catalogue(
    file: Annotated[Path, typer.Argument(help="A DuckDB file; made if it is not there.", show_default=False)],
    schema: Annotated[str, typer.Option(help="Where the views go; the course's dbt project reads prod.")] = "main",
    as_json: AsJson = False,
) -> int:
    """Make views of all trips and zones in any DuckDB file, for tools that own their file, as dbt does."""
    from taxi_assets.cli.look.catalogue import run_catalogue

    return run_catalogue(file, schema, as_json=as_json)


@command(LOOK, "taxi report", "taxi report --no-browser --json")
def report(
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open it.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make the page of everything that is loaded, and open it."""
    from taxi_assets.cli.look.report import run_report

    return run_report(browser=not no_browser, as_json=as_json)


@command(SERVE, "taxi up", "taxi up --no-browser --port 3001")
def up(
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the browser.")] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Of the UI; else TAXI_UI_PORT, else 3000.", show_default=False)
    ] = None,
) -> int:
    """Open the Dagster UI with its services: the run history, the daemon, the trips database. Ctrl-C ends it."""
    from taxi_assets.cli.serve.up import run_up

    return run_up(browser=not no_browser, port=port)


@command(SERVE, hidden=True)
def dev() -> int:
    """The old word for `up --no-browser`."""
    from taxi_assets.cli.serve.up import run_up

    return run_up(browser=False)


@command(SERVE, "taxi down")
def down() -> int:
    """Stop all of it: the UI with its services, wherever it was started, and the embedded PostgreSQL server."""
    from taxi_assets.cli.serve.down import run_down

    return run_down()


@command(SERVE, "taxi doctor", "taxi doctor --offline --json")
def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody outside of this machine.")] = False,
    as_json: AsJson = False,
) -> int:
    """Look at settings, disk, port, Python, Postgres, source, credentials and clock: what is wrong, and how to mend it.

    The exit code is 1 when something is wrong.
    """
    from taxi_assets.cli.serve.doctor import run_doctor

    return run_doctor(offline=offline, as_json=as_json)


@command(SERVE, "taxi stop")
def stop() -> int:
    """Stop the embedded PostgreSQL server. The next command that needs it starts it again."""
    from taxi_assets.cli.serve.server import stop_server

    return stop_server()


@command(SERVE, "taxi remove")
def remove() -> int:
    """Stop the embedded PostgreSQL server and delete its tables and run history. Files stay."""
    from taxi_assets.cli.serve.server import remove_server

    return remove_server()


@command(SERVE, "taxi clean")
def clean() -> int:
    """Remove what the project made, data and run history, and nothing else."""
    from taxi_assets.cli.serve.clean import clean_up

    return clean_up()


@command(
    SERVE,
    "taxi emulators taxi demo",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
def emulators(
    words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND [ARGUMENT …]", show_default=False)] = None,
) -> int:
    """Run a command between emulators of Cloud Storage and BigQuery that live as long as it does."""
    from taxi_assets.cli.serve.emulators import run_between_emulators

    return run_between_emulators(words or [])
