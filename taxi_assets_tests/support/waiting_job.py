"""A code location for tests: one job whose run lasts until a file appears."""

import time
from pathlib import Path

from dagster import Definitions, OpExecutionContext, in_process_executor, job, op


@op(config_schema={"until": str})
def wait(context: OpExecutionContext) -> None:
    deadline = time.monotonic() + 120
    while not Path(context.op_config["until"]).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(context.op_config["until"])
        time.sleep(0.05)


@job(executor_def=in_process_executor)
def waiting() -> None:
    wait()


defs = Definitions(jobs=[waiting])
