"""The floor of the load step: rows that are encoded already, over as many COPY streams as ours, into a bare table.

No index, no constraint, no statistics, no swap; the server writes the same rows with the same durability. The rows are
those of the clean file in ``job.folder``, encoded by ``prepare_rows`` beforehand. Columns without a value are left out,
as ours leaves them out.
"""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.contenders.contender import load_modules
from benchmarks.rig.job import Job

TABLE = "public.floor"
_CHUNK_BYTES = 1 << 20
_COLUMNS = "columns"


def streams() -> int:
    """As many as ``load_month`` opens."""
    from taxi_assets.steps.postgres.load import load_month

    return int(inspect.signature(load_month).parameters["streams"].default)


def prepare() -> None:
    """Loads the driver."""
    load_modules("psycopg")


def prepare_rows(clean: Path, folder: Path) -> None:
    """Encodes a clean file into one file a stream, row groups dealt out in turn."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pgpq import ArrowToPostgresBinaryEncoder

    from taxi_assets.datasets.registry import DATASETS
    from taxi_assets.steps.postgres.copy_streams import columns_to_send

    folder.mkdir(parents=True, exist_ok=True)
    file, count = pq.ParquetFile(clean), streams()
    names = columns_to_send(file.metadata, DATASETS["yellow"])
    (folder / _COLUMNS).write_text(", ".join(names))
    schema = pa.schema([file.schema_arrow.field(name) for name in names])
    for stream in range(count):
        encoder = ArrowToPostgresBinaryEncoder(schema)
        with (folder / f"{stream}.bin").open("wb") as encoded:
            encoded.write(encoder.write_header())
            for group in range(stream, file.num_row_groups, count):
                for batch in file.iter_batches(row_groups=[group], columns=names):
                    encoded.write(encoder.write_batch(batch.select(names)))
            encoded.write(encoder.finish())


def make_table(conninfo: str) -> None:
    """The bare table, with the columns of ours."""
    import psycopg

    from taxi_assets.datasets.registry import DATASETS

    columns = ", ".join(f"{column.name} {column.type.postgres}" for column in DATASETS["yellow"].table_columns)
    with psycopg.connect(conninfo) as server:
        server.execute(f"CREATE TABLE {TABLE} ({columns})")


def run(job: Job, parts: dict[str, float]) -> None:  # noqa: ARG001  # all contenders are called alike
    """All streams at once."""
    files = sorted(Path(job.folder).glob("*.bin"))
    with ThreadPoolExecutor(len(files)) as pool:
        for sent in [pool.submit(_send, job.conninfo, file) for file in files]:
            sent.result()


def _send(conninfo: str, encoded: Path) -> None:
    import psycopg

    columns = encoded.with_name(_COLUMNS).read_text()
    with (
        encoded.open("rb") as file,
        psycopg.connect(conninfo) as server,
        server.cursor() as cursor,
        cursor.copy(f"COPY {TABLE} ({columns}) FROM STDIN WITH (FORMAT binary)") as copy,
    ):
        while chunk := file.read(_CHUNK_BYTES):
            copy.write(chunk)
