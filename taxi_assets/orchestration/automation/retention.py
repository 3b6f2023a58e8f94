"""Retention: what may be removed, when, and the jobs that do it. Each shows first what it would do.

Belongs here: raw files that every later layer has, and Dagster's records of old runs. Not here: ticks of sensors and
schedules, which dagster.yaml keeps for a while; it can do no more than that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
from pydantic import Field

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import TaxiAssetsError
from taxi_assets.orchestration.partitions import TIMEZONE
from taxi_assets.orchestration.records import latest_materialization
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.orchestration.resources.warehouse import WarehouseResource
from taxi_assets.steps.files.clean_file import rows_of
from taxi_assets.steps.files.raw_file import RawFile, manifest_path, read_raw
from taxi_assets.steps.lake.copy import has_bytes, lake_rows
from taxi_assets.steps.lake.lake import Lake, raw_name
from taxi_assets.steps.postgres.database import Database
from taxi_assets.steps.warehouse.warehouse import Warehouse
from taxi_assets.text import markdown_cell

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
"""The states that a run does not leave any more."""


@dataclass(frozen=True)
class Stores:
    """Everything that comes after the raw file."""

    data_dir: DataDir
    database: Database
    lake: Lake
    warehouse: Warehouse


@dataclass(frozen=True)
class RawVerdict:
    """What is to become of one raw file.

    Attributes:
        month: Whose.
        raw: The file.
        kept_because: Why it must stay; empty when every later layer has the month.
        frees: Bytes on disk that removing it gives back: none when the lake holds a hard link to the same file.
    """

    month: TripMonth
    raw: RawFile
    kept_because: str
    frees: int


def raw_files(data_dir: DataDir, datasets: Sequence[str]) -> Iterator[tuple[TripMonth, RawFile]]:
    """Every raw file that is there, by dataset and month."""
    for dataset in datasets:
        for manifest in sorted(
            data_dir.raw_dir(dataset).glob(manifest_path(Path(), f"{dataset}_tripdata_????-??").name)
        ):
            month = TripMonth.from_file_name(manifest.name)
            raw = read_raw(month, data_dir)
            if raw is not None:
                yield month, raw


def verdict_on(month: TripMonth, raw: RawFile, stores: Stores) -> RawVerdict:
    """Asks each store itself, now; nothing that a run has reported counts."""
    try:
        why = _missing_somewhere(month, raw, stores)
    except TaxiAssetsError as error:
        why = str(error)
    except (OSError, ValueError) as error:
        why = f"a later layer cannot be read: {error}"
    status = raw.path.stat()
    return RawVerdict(month, raw, why, 0 if status.st_nlink > 1 else status.st_size)


def _missing_somewhere(month: TripMonth, raw: RawFile, stores: Stores) -> str:
    from taxi_assets.steps.files.clean_file import read_clean
    from taxi_assets.steps.postgres.load import count_month

    clean = read_clean(month, stores.data_dir)
    if clean is None:
        return "clean does not have the month"
    if clean.raw_sha256 != raw.sha256:
        return "clean was made from another file"
    rows, rejected = rows_of(month, stores.data_dir)
    if rows + rejected != raw.published_rows:
        return f"clean and rejected have {rows:,} + {rejected:,} lines of {raw.published_rows:,}"
    if not has_bytes(stores.lake, raw_name(month.dataset, raw.path.name), raw.sha256):
        return "the lake does not have the raw file as it was published"
    counted = {
        "postgres": count_month(stores.database, month),
        "the lake": lake_rows(stores.lake, month),
        "the warehouse": stores.warehouse.count(month),
    }
    return ", ".join(f"{store} has {count:,} rows of {rows:,}" for store, count in counted.items() if count != rows)


def remove_raw(verdict: RawVerdict) -> None:
    """Removes the file; its manifest stays, so that one can tell what was there."""
    if verdict.kept_because:
        raise ValueError(f"{verdict.month} must stay: {verdict.kept_because}")
    verdict.raw.path.unlink()


def purge_table(verdicts: Sequence[RawVerdict], *, dry_run: bool) -> str:
    """The report: a line a month, in Markdown."""
    lines = ["| dataset | month | file | MB | what | MB freed |", "|---|---|---|---:|---|---:|"]
    for verdict in verdicts:
        what = (
            f"kept: {markdown_cell(verdict.kept_because)}"
            if verdict.kept_because
            else "would go"
            if dry_run
            else "removed"
        )
        freed = 0 if verdict.kept_because else verdict.frees
        lines.append(
            f"| {verdict.month.dataset} | {verdict.month.month} | {verdict.raw.path.name} "
            f"| {verdict.raw.bytes / 1e6:,.1f} | {what} | {freed / 1e6:,.1f} |"
        )
    freed = sum(verdict.frees for verdict in verdicts if not verdict.kept_because)
    return "\n".join([*lines, f"| | | | | **together** | **{freed / 1e6:,.1f}** |"])


class PurgeRawFiles(dg.Config):
    """What ``purge_raw_files`` looks at."""

    dry_run: bool = Field(default=True, description="Show what would be removed; set it to false to remove it.")
    datasets: list[str] = Field(default=list(DATASETS))
    before: str = Field(default="9999-12", description="Only months before this one, YYYY-MM.")


@dg.op
def purge_safe_raw_files(
    context: dg.OpExecutionContext,
    config: PurgeRawFiles,
    files: LocalFiles,
    postgres: Postgres,
    lake: LakeResource,
    warehouse: WarehouseResource,
) -> None:
    """Verifies each month right before its file goes, not all of them first: a store may change in between."""
    stores = Stores(files.data_dir, postgres.database(), lake.open(), warehouse.open())
    verdicts: list[RawVerdict] = []
    for month, raw in raw_files(files.data_dir, config.datasets):
        if month.month >= config.before:
            continue
        verdict = verdict_on(month, raw, stores)
        if not config.dry_run and not verdict.kept_because:
            remove_raw(verdict)
        verdicts.append(verdict)
        context.log.info(f"{month}: {verdict.kept_because or ('would go' if config.dry_run else 'removed')}")
    context.add_output_metadata({"raw files": dg.MetadataValue.md(purge_table(verdicts, dry_run=config.dry_run))})


@dg.job(
    description="Removes raw files of months that clean, Postgres, the lake and the warehouse all have, each asked at "
    "that moment. Shows only what it would do until the Launchpad says dry_run: false."
)
def purge_raw_files() -> None:
    """The report is the metadata of its one step."""
    purge_safe_raw_files()


class PruneRunHistory(dg.Config):
    """What ``prune_run_history`` looks at."""

    dry_run: bool = Field(default=True, description="Show what would be removed; set it to false to remove it.")
    older_than_days: int = Field(default=90, ge=0, description="Runs that ended longer ago than this.")


def superseded(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run's record may go.

    Removing a run removes its events, and with them the only record of the months that it materialized: the UI would
    show these as missing. So a run stays while it is the latest to have materialized any month.
    """
    events = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    seen = {(event.asset_key, event.partition_key) for event in events if event.asset_key is not None}
    for key, partition in seen:
        latest = latest_materialization(instance, key, partition)
        if latest is None or latest.run_id == run_id:
            return False
    return True


@dataclass(frozen=True)
class Pruned:
    """Ids of the old runs, by what becomes of them.

    Attributes:
        removed: Records and logs go.
        logs_only: What the steps printed goes; the record stays, as it is the latest of some month.
    """

    removed: list[str]
    logs_only: list[str]


def prune(instance: dg.DagsterInstance, before: datetime, *, dry_run: bool) -> Pruned:
    """Removes what ended before that moment, or says what would go."""
    old = instance.get_runs(dg.RunsFilter(statuses=ENDED, updated_before=before))
    pruned = Pruned([], [])
    for run in old:
        (pruned.removed if superseded(instance, run.run_id) else pruned.logs_only).append(run.run_id)
        if not dry_run:
            instance.compute_log_manager.delete_logs(prefix=[run.run_id])
            if run.run_id in pruned.removed:
                instance.delete_run(run.run_id)
    return pruned


@dg.op
def prune_old_runs(context: dg.OpExecutionContext, config: PruneRunHistory) -> None:
    """Reports how many, and does it unless it is a dry run."""
    before = datetime.now(timezone.utc) - timedelta(days=config.older_than_days)
    pruned = prune(context.instance, before, dry_run=config.dry_run)
    counts: Mapping[str, int] = {
        "runs removed": len(pruned.removed),
        "runs kept without their logs, as the latest of some month": len(pruned.logs_only),
    }
    context.add_output_metadata({"dry run": config.dry_run, **counts})
    context.log.info(f"{'would be: ' if config.dry_run else ''}{counts}")


@dg.job(
    description="Removes records and logs of old runs that are not the latest of any month. Shows only what it would "
    "do until the Launchpad says dry_run: false."
)
def prune_run_history() -> None:
    """What ``prune_run_history_weekly`` runs without the dry run."""
    prune_old_runs()


prune_weekly = dg.ScheduleDefinition(
    name="prune_run_history_weekly",
    job=prune_run_history,
    cron_schedule="30 3 * * 0",
    execution_timezone=TIMEZONE,
    run_config=dg.RunConfig(ops={"prune_old_runs": PruneRunHistory(dry_run=False)}),
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Sundays at 3:30 in New York, with dry_run: false and 90 days. Off until someone switches it on: it "
    "removes.",
)
