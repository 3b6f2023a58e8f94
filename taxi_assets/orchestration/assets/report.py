"""report/overview: one HTML page of all that is in the marts, made again whenever they change."""

from typing import TYPE_CHECKING, Any, cast

from dagster import AssetExecutionContext, AssetsDefinition, DataVersion, MaterializeResult, MetadataValue, asset

from taxi_assets.datasets.marts import MARTS as ALL_MARTS
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES, TAXI_ZONES
from taxi_assets.orchestration.assets.failures import failures_as_ours
from taxi_assets.orchestration.assets.inputs import zone_shapes_file
from taxi_assets.orchestration.assets.trip_asset import OWNERS
from taxi_assets.orchestration.automation.conditions import follow_marts
from taxi_assets.orchestration.layers import MARTS, RAW, REPORT, WAREHOUSE
from taxi_assets.orchestration.names import SECONDS, UNCHANGED, URI
from taxi_assets.orchestration.resources.lake import LakeResource
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.targets import resources_for
from taxi_assets.orchestration.resources.warehouse import WarehouseResource
from taxi_assets.settings import Settings

if TYPE_CHECKING:
    from taxi_assets.steps.report.write import Report


def report_asset() -> AssetsDefinition:
    """``report/overview``."""

    @asset(
        key=REPORT.key("overview"),
        deps=[
            *(MARTS.key(mart) for mart in ALL_MARTS),
            RAW.key(TAXI_ZONE_SHAPES),
            WAREHOUSE.key(TAXI_ZONES.name),
        ],
        description="One HTML page of everything that is loaded: trips, fares and tips by month, a map of the zones, "
        "the hours of the week, and what became of every file. It needs no network. It follows the marts by itself.",
        kinds={"html", "report"},
        owners=OWNERS,
        pool=REPORT.pool,
        group_name=REPORT.name,
        automation_condition=follow_marts(),
    )
    def overview(
        context: AssetExecutionContext, warehouse: WarehouseResource, files: LocalFiles, lake: LakeResource
    ) -> MaterializeResult[Any]:
        with failures_as_ours(context, "report/overview"):
            written = make_report(warehouse, files, lake)
        return MaterializeResult(
            metadata={
                "path": MetadataValue.path(str(written.path)),
                URI: written.uri or str(written.path),
                "trips a month": MetadataValue.md(written.picture),
                "trips": written.trips,
                "months": written.months,
                "missing months": written.missing,
                "synthetic months": written.synthetic,
                "map": written.has_map,
                "bytes": written.bytes,
                UNCHANGED: written.unchanged,
                SECONDS: round(written.seconds, 3),
            },
            data_version=DataVersion(written.version),
        )

    return overview


def make_report(warehouse: WarehouseResource, files: LocalFiles, lake: LakeResource) -> "Report":
    """Writes the page of these stores; errors as :func:`taxi_assets.steps.report.write.write_report`."""
    from taxi_assets.steps.files.zone_shapes import read_zone_shapes
    from taxi_assets.steps.report.write import write_report

    shapes = zone_shapes_file(files.data_dir, lake)
    return write_report(
        warehouse.marts(),
        files.data_dir,
        shapes=None if shapes is None else read_zone_shapes(shapes.path),
        lake=lake.open(),
    )


def report_of(settings: Settings) -> "Report":
    """The same for callers outside of a run, who record nothing: the page of the stores of these settings."""
    made = {
        name: cast("Any", resource).process_config_and_initialize()
        for name, resource in resources_for(settings).items()
        if name in ("warehouse", "files", "lake")
    }
    return make_report(**made)
