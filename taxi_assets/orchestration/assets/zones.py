"""The zone lookup (raw, postgres and warehouse) and the zones' shapes (raw), without partitions."""

from collections.abc import Callable
from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, DataVersion, MaterializeResult, MetadataValue, asset

from taxi_assets.datasets.registry import TLC_URL
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES, TAXI_ZONE_SHAPES_FILE, TAXI_ZONES
from taxi_assets.errors import NotPublishedError
from taxi_assets.orchestration.assets.failures import failures_as_ours
from taxi_assets.orchestration.assets.inputs import raw_zones, zone_shapes_file
from taxi_assets.orchestration.assets.metadata import lookup_schema, raw_metadata
from taxi_assets.orchestration.assets.trip_asset import OWNERS
from taxi_assets.orchestration.layers import POSTGRES, RAW, WAREHOUSE, Layer
from taxi_assets.orchestration.names import COLUMN_SCHEMA, NOT_PUBLISHED, ROW_COUNT, TABLE_NAME
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.postgres import Postgres
from taxi_assets.orchestration.resources.source import Source
from taxi_assets.orchestration.resources.warehouse import WarehouseResource
from taxi_assets.steps.files.raw_file import PublishedFile
from taxi_assets.steps.files.zone_shapes import read_zone_shapes
from taxi_assets.steps.lake.copy import copy_zone_shapes
from taxi_assets.steps.warehouse.load import load_zones as load_warehouse


def zone_assets(engine: str) -> list[AssetsDefinition]:
    """``raw/taxi_zones``, ``postgres/taxi_zones``, ``warehouse/taxi_zones``, which is in ``engine``, and the shapes."""

    @_zone_asset(RAW, "the lookup exactly as published", {"csv"})
    def raw(context: AssetExecutionContext, source: Source, files: LocalFiles) -> MaterializeResult[Any]:
        with failures_as_ours(context, TAXI_ZONES.name):
            fetched = source.fetch_zones(files.data_dir)
        return MaterializeResult(metadata=raw_metadata(fetched, unchanged=False))

    @_zone_asset(POSTGRES, f"`{TAXI_ZONES.name}` beside the trips, replaced whole", {"postgres"})
    def postgres_(context: AssetExecutionContext, postgres: Postgres, files: LocalFiles) -> MaterializeResult[Any]:
        from taxi_assets.steps.clean.zones import clean_zones
        from taxi_assets.steps.postgres.zones import load_zones

        with failures_as_ours(context, TAXI_ZONES.name):
            parquet = clean_zones(raw_zones(files.data_dir), files.data_dir)
            name = f"taxi {context.run.run_id[:8]} {TAXI_ZONES.name}"
            rows = load_zones(parquet, postgres.database(), application_name=name)
        return _loaded(rows, postgres.table(TAXI_ZONES.name))

    @_zone_asset(WAREHOUSE, "the lookup beside the trips", {engine})
    def warehouse_(
        context: AssetExecutionContext, lake: LakeResource, warehouse: WarehouseResource, files: LocalFiles
    ) -> MaterializeResult[Any]:
        with failures_as_ours(context, TAXI_ZONES.name):
            raw = raw_zones(files.data_dir)
            loaded = load_warehouse(raw, lake.open(), warehouse.open(), run_id=context.run.run_id)
        return _loaded(loaded.rows, loaded.table)

    return [raw, _shapes_asset(), postgres_, warehouse_]


def _shapes_asset() -> AssetsDefinition:
    """``raw/taxi_zone_shapes``; its copy in the lake is for runs whose disk is empty."""

    @asset(
        key=RAW.key(TAXI_ZONE_SHAPES),
        group_name=TAXI_ZONE_SHAPES,
        description="Taxi zone shapes: the borders of the zones exactly as published (EPSG:2263, US feet), verified to "
        "the last shape, with a copy in the lake. Trips of the years of coordinates are located with them, and maps "
        "drawn.",
        kinds={"raw", "file", "lake"},
        owners=OWNERS,
        pool=RAW.pool,
    )
    def shapes(
        context: AssetExecutionContext, source: Source, files: LocalFiles, lake: LakeResource
    ) -> MaterializeResult[Any]:
        said: dict[str, Any] = {}
        with failures_as_ours(context, TAXI_ZONE_SHAPES):
            try:
                fetched = source.fetch_zone_shapes(files.data_dir)
            except NotPublishedError as error:
                if source.is_named:
                    raise
                # A folder or a server of one's own may well have trips alone. Dagster calls a backfill failed of which
                # an asset is not materialized, so this is a materialization that says what it is not.
                there = zone_shapes_file(files.data_dir, lake)
                said[NOT_PUBLISHED] = _without_shapes(error, there)
                context.log.warning(said[NOT_PUBLISHED])
                if there is None:
                    return MaterializeResult(metadata=said, data_version=DataVersion("none"))
                from taxi_assets.steps.raw.fetch import FetchedFile

                fetched = FetchedFile(there, unchanged=True)
            copied = copy_zone_shapes(fetched.raw, lake.open())
            zones = len(read_zone_shapes(fetched.raw.path).zones)
        metadata = raw_metadata(fetched.raw, unchanged=fetched.unchanged)
        return MaterializeResult(
            metadata={**said, **metadata, "zones": zones, "lake object": copied.info.uri},
            data_version=DataVersion(fetched.raw.sha256),
        )

    return shapes


def _without_shapes(error: NotPublishedError, there: PublishedFile | None) -> str:
    what_now = (
        "there are none, so maps and the zones of trips that have coordinates alone stay empty"
        if there is None
        else f"those that were fetched from {there.source} are kept"
    )
    return f"{error}. The shapes are optional: {what_now}. TLC has them as {TLC_URL}/misc/{TAXI_ZONE_SHAPES_FILE}"


def _zone_asset(layer: Layer, description: str, kinds: set[str]) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    return asset(
        key=layer.key(TAXI_ZONES.name),
        deps=[] if layer is RAW else [RAW.key(TAXI_ZONES.name)],
        group_name=TAXI_ZONES.name,
        description=f"{TAXI_ZONES.title}: {description}. {TAXI_ZONES.description}",
        metadata={COLUMN_SCHEMA: lookup_schema(TAXI_ZONES)},
        kinds={layer.name, *kinds},
        owners=OWNERS,
        pool=layer.pool,
    )


def _loaded(rows: int, table: str) -> MaterializeResult[Any]:
    query = MetadataValue.md(f"```sql\nselect * from {TAXI_ZONES.name} order by {TAXI_ZONES.key};\n```")
    return MaterializeResult(metadata={ROW_COUNT: rows, TABLE_NAME: table, "query": query})
