"""The commands of the project: ``python -m taxi_assets COMMAND``. The Makefile calls them, an installed wheel has them.

Belongs here: reading a command line and turning our errors into a sentence and an exit code. Not here: work.
"""

from __future__ import annotations

import argparse
import os
import sys

from taxi_assets.cli import INTERRUPTED, STOPPED
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import WITHOUT_MONTHS
from taxi_assets.errors import ArgumentError, TaxiAssetsError

COMMANDS = {
    "demo": "Carry three synthetic months of yellow and green through every layer, with a progress bar.",
    "dev": "Open the Dagster UI with run history in the embedded server.",
    "load": "Carry months through the layers now, with a progress bar, recorded for the UI.",
    "backfill": "Ask the running Dagster daemon for a range of months, in every layer.",
    "psql": "Open psql on the trips database.",
    "status": "Say which folders are used, where the embedded PostgreSQL server is and how to connect to it.",
    "stop": "Stop the embedded PostgreSQL server.",
    "remove": "Stop the embedded PostgreSQL server and delete its tables and run history.",
    "clean": "Remove what the project made, data and run history, and nothing else.",
    "emulators": "Run a command between emulators of Cloud Storage and BigQuery that live as long as it does.",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except ArgumentError as error:
        # What the parser cannot know, because it takes a dataset's months or the files of this machine to tell.
        parser.error(str(error))
    except TaxiAssetsError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except (PermissionError, NotADirectoryError) as error:
        print(
            f"{type(error).__name__}: {error.filename}: {error.strerror}. Run as the user whose folder it is, or set "
            "TAXI_DATA_DIR and DAGSTER_HOME to folders of your own",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m taxi_assets", description=(__doc__ or "").partition("\n")[0])
    choices = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = {name: choices.add_parser(name, help=text, description=text) for name, text in COMMANDS.items()}
    command["load"].add_argument("dataset", choices=[*DATASETS, *WITHOUT_MONTHS])
    command["load"].add_argument(
        "months", nargs="?", help="2019-01, or 2019-01..2019-12; taxi_zones and taxi_zone_shapes have none"
    )
    command["load"].add_argument(
        "--to", metavar="LAYER", help="this layer and what it is made from, as in: --to clean; without it, all"
    )
    command["backfill"].add_argument("datasets", nargs="+", choices=list(DATASETS))
    command["backfill"].add_argument("--from", dest="first", required=True, metavar="YYYY-MM")
    command["backfill"].add_argument("--to", dest="last", required=True, metavar="YYYY-MM")
    command["emulators"].add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND [ARGUMENT …]")
    return parser


def _run(options: argparse.Namespace) -> int:
    """Imports the one command that is run: most need Dagster, which takes seconds."""
    match options.command:
        case "demo":
            from taxi_assets.cli.demo import run_demo as run
        case "dev":
            from taxi_assets.cli.dev import run_dev as run
        case "load":
            from taxi_assets.cli.load import run_load as run
        case "backfill":
            from taxi_assets.cli.backfill import run_backfill as run
        case "psql":
            from taxi_assets.cli.server import run_psql as run
        case "status":
            from taxi_assets.cli.server import show_status as run
        case "stop":
            from taxi_assets.cli.server import stop_server as run
        case "remove":
            from taxi_assets.cli.server import remove_server as run
        case "clean":
            from taxi_assets.cli.clean import clean_up as run
        case _:
            from taxi_assets.cli.emulators import run_between_emulators as run
    return run(options)


if __name__ == "__main__":
    # Google's gRPC logs at import otherwise.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.exit(main())
