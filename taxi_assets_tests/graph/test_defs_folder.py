"""What people put into taxi_assets/defs/, tried with Dagster's own commands in a copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from dagster import AssetKey, DagsterInstance

from taxi_assets.datasets.months import TripMonth
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse

MONTH = TripMonth("yellow", "2019-01")
COUNTS_TRIPS = """
    import dagster as dg

    from taxi_assets.datasets.months import TripMonth
    from taxi_assets.datasets.registry import DATASETS
    from taxi_assets.orchestration.partitions import months_of
    from taxi_assets.orchestration.resources.warehouse import WarehouseResource


    @dg.asset(deps=[["warehouse", "yellow_tripdata"]], partitions_def=months_of(DATASETS["yellow"]))
    def trips_counted(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
        month = TripMonth("yellow", context.partition_key)
        return dg.MaterializeResult(metadata={"trips": warehouse.open().count(month)})
    """
SCRIPT = """
    type: dagster.PythonScriptComponent
    attributes:
      execution: {name: report, path: report.py}
      assets: [{key: %s, deps: [warehouse/yellow_tripdata]}]
    """


@dataclass(frozen=True)
class Copy:
    """A copy of the project, which is imported instead of the one that is tested here."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "taxi_assets" / "defs"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def home(self) -> Path:
        return self.root / "home"

    def put(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")

    def run(self, *command: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(path or self.root),
            "DAGSTER_HOME": str(self.home),
            "TAXI_DATA_DIR": str(self.data),
            "TAXI_SOURCE": "sample",
            "TAXI_SAMPLE_ROWS": "500",
        }
        program = Path(sys.executable).with_name(command[0])
        return subprocess.run(
            [program, *command[1:]], cwd=path or self.root, env=environment, capture_output=True, text=True, check=False
        )

    def ran(self, *command: str, path: Path | None = None) -> str:
        done = self.run(*command, path=path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    made = Copy(tmp_path / "project")
    shutil.copytree(
        PROJECT_ROOT / "taxi_assets", made.root / "taxi_assets", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE", "dagster.yaml"):
        shutil.copy(PROJECT_ROOT / name, made.root)
    made.home.mkdir()
    (made.home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    return made


def test_what_dg_scaffolds_joins_the_graph_and_follows_our_assets(copy: Copy) -> None:
    copy.ran("dg", "scaffold", "defs", "dagster.asset", "trips_counted.py")
    assert "def trips_counted(" in (copy.folder / "trips_counted.py").read_text(encoding="utf-8")
    copy.put("trips_counted.py", COUNTS_TRIPS)
    copy.put("report/defs.yaml", SCRIPT % "report")
    copy.put("report/report.py", "print('hello')")

    listed = {asset["asset_key"]: asset for asset in json.loads(copy.ran("dg", "list", "defs", "--json"))["assets"]}
    for key in ("trips_counted", "report"):
        assert listed[key]["dependency_keys"] == ["warehouse/yellow_tripdata"]

    layers = [f'key:"{layer}/yellow_tripdata"' for layer in ("raw", "clean", "lake", "warehouse")]
    everything = " or ".join([*layers, 'key:"trips_counted"'])
    copy.ran("dg", "launch", "--assets", everything, "--partition", MONTH.month)
    with DagsterInstance.from_config(str(copy.home)) as instance:
        event = instance.get_latest_materialization_event(AssetKey("trips_counted"))
    assert event is not None
    assert event.asset_materialization is not None
    trips = DuckDbWarehouse(copy.data / "warehouse.duckdb", copy.data / "lake").count(MONTH)
    assert trips > 0
    assert event.asset_materialization.metadata["trips"].value == trips


def test_a_name_that_is_ours_is_refused_and_both_are_named(copy: Copy) -> None:
    copy.put(
        "mine/everything.py",
        """
        import dagster as dg

        @dg.asset(key=["raw", "yellow_tripdata"])
        def mine() -> None: ...

        @dg.asset_check(asset=["lake", "yellow_tripdata"], name="rows_equal_clean")
        def again() -> dg.AssetCheckResult: ...

        @dg.sensor(name="follow_upstream", target=mine)
        def sensor() -> None: ...

        @dg.definitions
        def defs():
            return dg.Definitions(
                assets=[mine, dg.AssetSpec("new")], asset_checks=[again], sensors=[sensor], resources={"lake": 1},
                jobs=[dg.define_asset_job("load_yellow", [mine])], executor=dg.multiprocess_executor,
            )
        """,
    )
    copy.put("report/defs.yaml", SCRIPT % "raw/taxi_zones")
    copy.put("report/report.py", "print('hello')")

    checked = copy.run("dg", "check", "defs")

    assert checked.returncode != 0
    said = [
        line.split("Error: ")[-1] for line in (checked.stdout + checked.stderr).splitlines() if " defines the " in line
    ]
    mine, report = Path("taxi_assets/defs/mine/everything.py"), Path("taxi_assets/defs/report")
    assert said == [
        f"{place} defines the {name}, and so does taxi_assets itself. Rename or remove yours"
        for place, name in (
            (report, "asset raw/taxi_zones"),
            (mine, "asset raw/yellow_tripdata"),
            (mine, "check lake/yellow_tripdata:rows_equal_clean"),
            (mine, "executor"),
            (mine, "job load_yellow"),
            (mine, "resource lake"),
            (mine, "schedule or sensor follow_upstream"),
        )
    ]


def test_the_wheel_has_it_and_loads_it_without_a_checkout(copy: Copy, tmp_path: Path) -> None:
    copy.put("trips_counted.py", COUNTS_TRIPS)
    copy.put("report/defs.yaml", SCRIPT % "report")
    copy.put("report/report.py", "print('hello')")
    copy.ran("python", "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist"))
    [wheel] = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")

    code = "from taxi_assets.definitions import defs; print(*defs.resolve_all_asset_keys())"
    keys = copy.ran("python", "-c", code, path=tmp_path / "installed")
    assert "['trips_counted']" in keys
    assert "['report']" in keys
