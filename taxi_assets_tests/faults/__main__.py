"""``python -m taxi_assets_tests.faults``: a campaign, or one fault of it again."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from taxi_assets_tests.faults.campaign import Task, flushed, run, table, tasks
from taxi_assets_tests.faults.kinds import KINDS
from taxi_assets_tests.faults.mutants import MUTATIONS


def main() -> int:
    """Exit code 1 when there was a violation."""
    parser = argparse.ArgumentParser(prog="python -m taxi_assets_tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=300, help="how many, of all kinds in turn")
    parser.add_argument("--mutants", type=int, default=2_000)
    parser.add_argument(
        "--only", action="append", choices=[*KINDS, *MUTATIONS], metavar="KIND", help=", ".join([*KINDS, *MUTATIONS])
    )
    parser.add_argument("--number", type=int, help="this one alone, of the kind that --only names")
    options = parser.parse_args()
    only = options.only or [*KINDS, *MUTATIONS]
    if options.number is not None:
        work = [Task(options.seed, kind, options.number) for kind in only]
    else:
        faults, mutations = [kind for kind in KINDS if kind in only], [kind for kind in MUTATIONS if kind in only]
        work = [
            *(tasks(options.seed, faults, options.faults) if faults else ()),
            *(tasks(options.seed, mutations, options.mutants) if mutations else ()),
        ]
    # What is tried again is told at length.
    logging.disable(logging.WARNING)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="taxi-campaign-") as folder:
        tallies = run(work, Path(folder), flushed)
    flushed(f"\nseed {options.seed}, {time.monotonic() - begun:.0f} s\n\n{table(tallies)}")
    return 1 if any(tally.violations for tally in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
