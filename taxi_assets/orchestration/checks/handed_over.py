"""What an asset's step found of its months, for the checks that follow it in the same process and run.

Belongs here: keeping it until it is recorded. Not here: what is found.

A verdict can be recorded only when the materialization that it is about is, which Dagster does when the step has ended.
The checks' own step, which comes right after, does it then, and need not look at a whole month a second time. Where
that step runs in another process it finds nothing here, and looks.
"""

from __future__ import annotations

from dagster import AssetCheckKey

from taxi_assets.orchestration.checks.findings import Finding

_kept: dict[tuple[str, AssetCheckKey, str], Finding] = {}


def give(run_id: str, key: AssetCheckKey, month: str, finding: Finding) -> None:
    """Keeps what was found; what other runs of this process left is dropped."""
    for other in [kept for kept in _kept if kept[0] != run_id]:
        del _kept[other]
    _kept[run_id, key, month] = finding


def take(run_id: str, key: AssetCheckKey, month: str) -> Finding | None:
    """What was found, once; None when this process does not know."""
    return _kept.pop((run_id, key, month), None)
