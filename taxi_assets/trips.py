"""Trips for people: clean months as a DataFrame, as Arrow batches, or as a DuckDB relation.

Belongs here: reading what is already clean. Not here: making it; a month that is missing is an error that says how to
make it.

    >>> import taxi_assets
    >>> taxi_assets.load_trips("yellow", "2019-01", columns=["tpep_pickup_datetime", "total_amount"])  # doctest: +SKIP
    >>> taxi_assets.scan_trips("yellow", ("2019-01", "2019-12")).relation().count("*")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth, months_between
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import ArgumentError, NotMaterializedError
from taxi_assets.installation import command
from taxi_assets.settings import load_settings

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

DtypeBackend = Literal["numpy_nullable", "pyarrow"]
"""What pandas' own readers take as ``dtype_backend``."""

BATCH_ROWS = 65_536
"""Rows in a batch of :meth:`Trips.arrow`."""


@dataclass(frozen=True)
class Trips:
    """Clean months of one dataset, not read yet.

    Attributes:
        dataset: Whose trips.
        months: Which months, in the order in which they are read.
        columns: Names of the columns, in the order in which they come.
        paths: The clean Parquet file of each month.
    """

    dataset: Dataset
    months: tuple[TripMonth, ...]
    columns: tuple[str, ...]
    paths: tuple[Path, ...]

    def df(self, dtype_backend: DtypeBackend | None = None) -> pd.DataFrame:
        """All trips as a pandas DataFrame; takes memory for all of them.

        The types are those that pandas' own readers give: whole numbers are ``int64``, and ``float64`` where some are
        missing; times are ``datetime64[us]``, as a few dropoffs of fhv lie in the year 3019, beyond what nanoseconds
        can hold.

        Args:
            dtype_backend: As in ``pandas.read_parquet``: ``"numpy_nullable"`` keeps whole numbers whole and has
                ``<NA>`` for what is missing (``Int64``, ``Float64``, ``string``), ``"pyarrow"`` gives Arrow's types.

        Raises:
            BrokenFileError: A month's file is damaged.
            ArgumentError: There is no such backend.
        """
        import pandas as pd
        import pyarrow as pa

        mappers: dict[DtypeBackend | None, Callable[[Any], Any] | None] = {
            None: None,
            "numpy_nullable": {
                pa.int64(): pd.Int64Dtype(),
                pa.float64(): pd.Float64Dtype(),
                pa.string(): pd.StringDtype(),
            }.get,
            "pyarrow": pd.ArrowDtype,
        }
        if dtype_backend not in mappers:
            raise ArgumentError(f"there is no dtype_backend {dtype_backend!r}, but 'numpy_nullable' and 'pyarrow'")
        table = self.arrow().read_all()
        wide: list[Any] = [
            pa.field(each.name, pa.int64() if each.type == pa.int32() else each.type) for each in table.schema
        ]
        frame = table.cast(pa.schema(wide)).to_pandas(types_mapper=mappers[dtype_backend], date_as_object=False)
        return cast("pd.DataFrame", frame)

    def arrow(self, batch_rows: int = BATCH_ROWS) -> Any:
        """The trips as Arrow batches, read as they are asked for; for more than fits into memory.

        Codes are ``int32``. A month that is replaced meanwhile is read whole, in one version or the other. Whoever asks
        for a batch of a file that is damaged gets a ``BrokenFileError``.

        Returns:
            A ``pyarrow.RecordBatchReader``: iterate over it, or hand it to pandas, Polars or DuckDB.
        """
        import pyarrow as pa

        from taxi_assets.datasets.columns import arrow_schema

        columns = [self.dataset.column(name) for name in self.columns]
        schema = arrow_schema(columns, to_query=True)
        return cast("Any", pa.RecordBatchReader).from_batches(schema, self._batches(schema, batch_rows))

    def _batches(self, schema: Any, batch_rows: int) -> Iterator[Any]:
        from pyarrow import dataset as arrow_dataset

        from taxi_assets.datasets.columns import arrow_schema
        from taxi_assets.steps.files.duckdb_connection import errors_explained

        # With the registry's schema, a month that was cleaned before a column was added has it as NULL.
        stored = arrow_schema(self.dataset.table_columns)
        wanted = {column.name: cast("Any", arrow_dataset.field(column.name)).cast(column.type) for column in schema}
        for path in self.paths:
            with errors_explained(path, path.parent):
                month = cast("Any", arrow_dataset.dataset(str(path), schema=stored))
                yield from month.to_batches(columns=wanted, batch_size=batch_rows, batch_readahead=2)

    def relation(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """The trips as a DuckDB relation, computed by DuckDB where they lie; for more than fits into memory.

        Codes are ``INTEGER``. Reading begins when rows are asked for, so what DuckDB says of a damaged file then is
        DuckDB's own error.

        DuckDB opens the files by name each time that it computes, so a query that runs while a month is replaced may
        fail; those of the warehouse's views do not.

        Args:
            connection: Where the relation lives; None for a connection of its own.

        Raises:
            BrokenFileError: The end of a file, where Parquet describes itself, is damaged.
        """
        import duckdb

        from taxi_assets.steps.files.duckdb_connection import errors_explained
        from taxi_assets.steps.files.sql import identifier, parquet_scan

        connection = connection or duckdb.connect()
        for path in self.paths:
            with errors_explained(path, path.parent):
                connection.sql(f"FROM {parquet_scan(path)}")
        months = connection.sql(f"FROM {parquet_scan(*self.paths, union_by_name=True)}")
        present = set(months.columns)
        wanted = [(identifier(name), self.dataset.column(name).type, name in present) for name in self.columns]
        return months.project(
            ", ".join(f"CAST({name if there else 'NULL'} AS {kind.to_query}) AS {name}" for name, kind, there in wanted)
        )


def scan_trips(
    dataset: str,
    months: str | tuple[str, str] | Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    data_dir: Path | str | None = None,
) -> Trips:
    """Clean months, to be read as a DataFrame, in Arrow batches or by DuckDB.

    Args:
        dataset: ``yellow``, ``green``, ``fhv`` or ``fhvhv``.
        months: One month (``"2019-01"``), a tuple of the first and the last (``("2019-01", "2019-03")``), or a list.
        columns: Names of the columns wanted, or None for all.
        data_dir: Where the files are; None for ``TAXI_DATA_DIR``.

    Raises:
        NotMaterializedError: A month has no clean file.
        ArgumentError: The dataset or a column does not exist.
        ValueError: A month is not written ``YYYY-MM``, or a range ends before
            it begins.
    """
    if dataset not in DATASETS:
        raise ArgumentError(f"there is no dataset {dataset!r}; there are {', '.join(DATASETS)}")
    known = DATASETS[dataset]
    names = tuple(column.name for column in known.table_columns)
    wanted = names if columns is None else tuple(columns)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise ArgumentError(f"{dataset} has no column {', '.join(map(repr, unknown))}; it has {', '.join(names)}")
    files = DataDir(Path(data_dir)) if data_dir is not None else load_settings().data_dir
    chosen = tuple(TripMonth(dataset, month) for month in _months(months))
    return Trips(known, chosen, wanted, tuple(_clean_file(month, files) for month in chosen))


def load_trips(
    dataset: str,
    months: str | tuple[str, str] | Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    data_dir: Path | str | None = None,
    dtype_backend: DtypeBackend | None = None,
) -> pd.DataFrame:
    """Clean months as a pandas DataFrame: :func:`scan_trips`, read at once.

    For more than fits into memory use ``scan_trips(…).arrow()`` or ``scan_trips(…).relation()``. Arguments and
    errors are those of :func:`scan_trips` and of :meth:`Trips.df`.
    """
    return scan_trips(dataset, months, columns, data_dir=data_dir).df(dtype_backend)


def _months(months: str | tuple[str, str] | Sequence[str]) -> list[str]:
    """The months that are meant, each once as often as it was named."""
    if isinstance(months, str):
        return [months]
    if not isinstance(months, tuple):
        return list(months)
    try:
        first, last = (TripMonth("", month).month for month in months)
    except ValueError as error:
        raise ValueError(
            f"{months!r} is not a range of months ({error}); several months are written as a list"
        ) from error
    between = months_between(first, last)
    if not between:
        raise ValueError(f"the range {months!r} ends before it begins")
    return between


def _clean_file(month: TripMonth, files: DataDir) -> Path:
    path = files.clean(month)
    if not path.is_file():
        load = command("load", month.dataset, month.month, data_dir=files.root.resolve())
        raise NotMaterializedError(f"{month} is not there yet ({path} does not exist); make it with: {load}")
    return path
