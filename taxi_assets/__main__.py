"""The commands behind the Makefile: ``python -m taxi_assets COMMAND``.

Belongs here: reading a command line and turning our errors into a sentence and an exit code. Not here: work.
"""

from __future__ import annotations

import argparse
import os
import sys

from taxi_assets.errors import TaxiAssetsError
from taxi_assets.settings import Settings, load_settings


def demo(settings: Settings) -> int:
    """Carry three synthetic months of yellow and green through every layer, with a progress bar."""
    from taxi_assets.cli.demo import run_demo

    return run_demo(settings)


def dev(settings: Settings) -> int:
    """Open the Dagster UI with run history in the embedded server."""
    from taxi_assets.cli.dev import run_dev

    return run_dev(settings)


def psql(settings: Settings) -> int:
    """Open psql on the trips database."""
    from taxi_assets.cli.dev import run_psql

    return run_psql(settings)


def status(settings: Settings) -> int:
    """Say where the embedded PostgreSQL server is and how to connect to it."""
    from taxi_assets.cli.dev import show_status

    return show_status(settings)


def stop(settings: Settings) -> int:
    """Stop the embedded PostgreSQL server."""
    from taxi_assets.cli.dev import stop_server

    return stop_server(settings)


def remove(settings: Settings) -> int:
    """Stop the embedded PostgreSQL server and delete its tables and run history."""
    from taxi_assets.cli.dev import remove_server

    return remove_server(settings)


def clean(settings: Settings) -> int:
    """Remove what the project made, data and run history, and nothing else."""
    from taxi_assets.cli.clean import clean_up

    return clean_up(settings)


def backfill(settings: Settings, options: argparse.Namespace) -> int:
    """Ask the running Dagster daemon for a range of months, in every layer."""
    from taxi_assets.cli.dev import run_backfill

    return run_backfill(settings, options.datasets, options.first, options.last)


COMMANDS = {command.__name__: command for command in (demo, dev, psql, status, stop, remove, clean)}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m taxi_assets", description=(__doc__ or "").partition("\n")[0])
    choices = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        choices.add_parser(name, help=command.__doc__)
    months = choices.add_parser("backfill", help=backfill.__doc__)
    months.add_argument("datasets", nargs="+", help="yellow, green, fhv, fhvhv")
    months.add_argument("--from", dest="first", required=True, metavar="YYYY-MM")
    months.add_argument("--to", dest="last", required=True, metavar="YYYY-MM")
    options = parser.parse_args(arguments)
    try:
        if options.command == "backfill":
            return backfill(load_settings(), options)
        return COMMANDS[options.command](load_settings())
    except TaxiAssetsError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. What was finished is kept; run the same command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    # Google's gRPC logs at import otherwise.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.exit(main())
