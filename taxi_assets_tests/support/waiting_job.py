"""A code location for tests: one job whose run lasts until a file appears, and names its process as ours do."""

import time
from pathlib import Path

from dagster import Definitions, OpExecutionContext, in_process_executor, job, op

from taxi_assets.orchestration.instance.dead_runs import name_process


@op(config_schema={"until": str, "named": bool})
def wait(context: OpExecutionContext) -> None:
    if context.op_config["named"]:
        name_process(context.instance, context.run_id)
    deadline = time.monotonic() + 120
    while not Path(context.op_config["until"]).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(context.op_config["until"])
        time.sleep(0.05)


@job(executor_def=in_process_executor)
def waiting() -> None:
    wait()


defs = Definitions(jobs=[waiting])
