"""The loop over months of checks that have a step of their own: after their asset's, or executed by themselves.

Belongs here: which months, and recording a verdict on each. Not here: what is compared, and the verdicts that decide
whether a month goes on (``verdicts.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dagster import AssetCheckExecutionContext, AssetCheckKey, Failure, Output

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS, TLC_DATASETS
from taxi_assets.orchestration.checks import handed_over
from taxi_assets.orchestration.checks.findings import CheckFunction, Finding, MonthCheck, all_months, evaluation
from taxi_assets.orchestration.partitions import HasMonths
from taxi_assets.steps.files.interrupts import interruptible


def results(
    context: AssetCheckExecutionContext,
    dataset: HasMonths,
    data_dir: DataDir,
    functions: Mapping[MonthCheck, CheckFunction],
) -> Iterator[Output[None]]:
    """Records the verdicts of those checks that are selected, each for each of its months.

    What the asset's step found in the same run is not looked for again.

    Raises:
        Failure: A month is not what a check that blocks wants it to be; all verdicts are recorded.
    """
    run = context.op_execution_context
    months = months_to_check(context, dataset, data_dir)
    selected = {check.name: check for check in context.selected_asset_check_keys}
    held_back: list[str] = []
    for check, function in functions.items():
        key = selected.get(check.name)
        if key is None:
            continue
        # Not around what Dagster is told: there, signals are Dagster's.
        with interruptible():
            findings = {month: _handed_over(context, key, month) or function(month) for month in months}
        told = [evaluation(context.instance, key, check, month, finding) for month, finding in findings.items()]
        if not (run.has_partition_key or run.has_partition_key_range):
            told.append(all_months(key, check, findings))
        for each in told:
            # Dagster takes it, and lacks it in the type.
            run.log_event(each)  # pyright: ignore[reportArgumentType]
        yield Output(None, output_name=f"{key.asset_key.to_python_identifier()}_{key.name}")
        held_back += [
            f"{check.name}: {month}: {finding.sentence}"
            for month, finding in findings.items()
            if finding.holds_back(check)
        ]
    if held_back:
        raise Failure("\n".join(held_back), allow_retries=False)


def months_to_check(context: AssetCheckExecutionContext, dataset: HasMonths, data_dir: DataDir) -> list[TripMonth]:
    """The partitions of the run; of a check that is executed by itself, every month that is clean on this machine."""
    run = context.op_execution_context
    if run.has_partition_key or run.has_partition_key_range:
        return [TripMonth(dataset.name, key) for key in run.partition_keys]
    if dataset.name in DATASETS:
        files = sorted((data_dir.root / "clean" / dataset.name).glob(f"{dataset.table}_????-??.parquet"))
        return [TripMonth.from_file_name(path.name) for path in files]
    # What is made over all of TLC's datasets.
    files = (data_dir.root / "clean").glob("*/*_tripdata_????-??.parquet")
    clean = [TripMonth.from_file_name(file.name) for file in files]
    found = {each.month for each in clean if each.dataset in TLC_DATASETS}
    return [TripMonth(dataset.name, month) for month in sorted(found)]


def _handed_over(context: AssetCheckExecutionContext, key: AssetCheckKey, month: TripMonth) -> Finding | None:
    return handed_over.take(context.run.run_id, key, month.month)
