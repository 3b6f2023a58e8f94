"""lake -> warehouse: a month of the lake made visible to SQL.

Belongs here: what a warehouse is, and how a month and the zone lookup get there from a lake. Not here: the two
warehouses themselves, a DuckDB catalogue of views (``duckdb_views.py``) and BigQuery tables
(``bigquery.py``).
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import NotMaterializedError
from taxi_assets.steps.clean.zones import clean_zones
from taxi_assets.steps.files.formats import parquet_rows
from taxi_assets.steps.files.raw_file import PublishedFile
from taxi_assets.steps.lake.copy import lake_rows
from taxi_assets.steps.lake.lake import Lake, ObjectInfo, clean_name
from taxi_assets.steps.warehouse.warehouse import ZONES_NAME, CleanObject, Warehouse, WarehouseMonth

logger = logging.getLogger(__name__)


def load_month(month: TripMonth, lake: Lake, warehouse: Warehouse, *, run_id: str = "") -> WarehouseMonth:
    """Loads a month from the lake.

    Raises:
        NotMaterializedError: The month is not in the lake.
        BrokenFileError: Its object is not a Parquet file, or the warehouse refuses it. The month that was there
            before is still there, whole.
        CountMismatchError: Rows went missing on the way; as above.
        StoreUnavailableError: The warehouse cannot be reached; as above.
    """
    info = lake.stat(clean_name(month))
    if info is None:
        raise NotMaterializedError(
            f"{month}: {clean_name(month)} is not in the lake; materialize lake/{month.table} of this month"
        )
    return warehouse.load(month, _clean_object(info, lake_rows(lake, month)), run_id=run_id)


def load_zones(raw: PublishedFile, lake: Lake, warehouse: Warehouse, *, run_id: str = "") -> WarehouseMonth:
    """Loads the zone lookup: its clean Parquet goes to the lake, and the warehouse takes it from there.

    Raises:
        LayoutError: The CSV does not have the lookup's columns.
        BrokenFileError: A zone is missing, comes twice or has no number.
        StoreUnavailableError: The lake or the warehouse cannot be reached.
    """
    with tempfile.TemporaryDirectory(prefix="taxi-zones-") as folder:
        parquet = clean_zones(raw, DataDir(Path(folder)))
        put = lake.put(parquet, ZONES_NAME, metadata={"source": raw.source, "rows": str(raw.published_rows)})
        rows = parquet_rows(parquet)
    return warehouse.load_zones(_clean_object(put.info, rows), run_id=run_id)


def _clean_object(info: ObjectInfo, rows: int) -> CleanObject:
    return CleanObject(info.uri, rows, info.metadata.get("sha256") or f"version {info.version}")
