"""What people put into taxi_assets/defs/, tried with Dagster's own commands in a copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import duckdb
import psycopg
import pytest
from dagster import AssetKey, DagsterInstance

from taxi_assets.datasets.months import TripMonth
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
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

    def run(self, *command: str, path: Path | None = None, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            **settings,
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

    def ran(self, *command: str, path: Path | None = None, **settings: str) -> str:
        done = self.run(*command, path=path, **settings)
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
    copy.ran("dg", "scaffold", "defs", "taxi_assets.components.TripDataset", "city-bikes")
    assert "def trips_counted(" in (copy.folder / "trips_counted.py").read_text(encoding="utf-8")
    copy.put("trips_counted.py", COUNTS_TRIPS)
    copy.put("report/defs.yaml", SCRIPT % "report")
    copy.put("report/report.py", "print('hello')")

    listed = {asset["asset_key"]: asset for asset in json.loads(copy.ran("dg", "list", "defs", "--json"))["assets"]}
    for key in ("trips_counted", "report"):
        assert listed[key]["dependency_keys"] == ["warehouse/yellow_tripdata"]
    ways = {"raw": [], "clean": ["raw"], "postgres": ["clean"], "lake": ["clean", "raw"], "warehouse": ["lake"]}
    for layer, before in ways.items():
        key = f"{layer}/city_bikes_tripdata"
        assert sorted(listed[key]["dependency_keys"]) == [f"{each}/city_bikes_tripdata" for each in before]

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


HEADER = (
    "ride_id,rideable_type,started_at,ended_at,start_station_name,start_station_id,end_station_name,end_station_id,"
    "start_lat,start_lng,end_lat,end_lng,member_casual"
)
RIDES = f"""{HEADER}
"A1","classic_bike","2024-01-02 03:04:05.678","2024-01-02 03:14:05","1 Av","6140.05","2 Av","",40.7,-73.9,,,"member"
"A2","electric_bike","2024-01-03 13:04:05","2024-01-03 13:14:05","2 Av","7","","",40.8,-73.9,,,"casual"
"A3","electric_bike","yesterday","2024-01-03 13:14:05","2 Av","7","","",40.8,-73.9,,,"casual"
"""
"""As the operator writes them; the third line has no time that can be read."""

CARRIES_A_MONTH = """
    import json

    import dagster as dg

    import taxi_assets
    from taxi_assets.definitions import defs

    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("load_citibike")
        result = job.execute_in_process(instance=instance, partition_key="2024-01", raise_on_error=False)
    found = {each.asset_check_key.to_user_string(): each.passed for each in result.get_asset_check_evaluations()}
    trips = taxi_assets.load_trips("citibike", "2024-01")
    repository = defs.get_repository_def()
    print(json.dumps({
        "success": result.success,
        "checks": found,
        "frame": trips.ride_id.tolist(),
        "automation": [repository.has_schedule_def("citibike_monthly"), repository.has_sensor_def("new_months")],
    }))
    """


def test_a_dataset_of_one_s_own_goes_through_all_layers(copy: Copy, postgres_server: EmbeddedPostgres) -> None:
    (copy.folder / "citibike").mkdir()
    shutil.copy(PROJECT_ROOT / "examples" / "citibike" / "defs.yaml", copy.folder / "citibike")
    copy.put("citibike/files/202401-citibike-tripdata.csv", RIDES)
    database = f"test_{uuid4().hex[:12]}"
    postgres_server.ensure_database(database)
    script = dedent(CARRIES_A_MONTH)
    said = json.loads(
        copy.ran("python", "-c", script, TAXI_POSTGRES_URL=postgres_server.url(database)).splitlines()[-1]
    )

    assert said["success"]
    assert said["frame"] == ["A1", "A2"]
    assert said["automation"] == [True, True]
    # One line of three is lost, which one line alone may be.
    assert {key: passed for key, passed in said["checks"].items() if not passed} == {
        "clean/citibike_tripdata:losses": False
    }
    assert said["checks"].keys() >= {
        *(
            f"clean/citibike_tripdata:{name}"
            for name in ("every_line_accounted_for", "contents_as_registered", "losses", "oddities")
        ),
        *(f"{layer}/citibike_tripdata:rows_equal_clean" for layer in ("postgres", "lake", "warehouse")),
    }
    expected = [("A1", "03:04:05.678", "member", date(2024, 1, 1)), ("A2", "13:04:05", "casual", date(2024, 1, 1))]
    query = "SELECT ride_id, started_at::time::text, member_casual, file_month FROM citibike_tripdata ORDER BY ride_id"
    with psycopg.connect(postgres_server.conninfo(database)) as server:
        assert server.execute(query).fetchall() == expected
    with duckdb.connect(str(copy.data / "warehouse.duckdb"), read_only=True) as warehouse:
        assert warehouse.execute(query).fetchall() == expected
    with duckdb.connect() as reader:
        rejected = copy.data / "rejected/citibike/citibike_tripdata_2024-01.parquet"
        [(reason, line)] = reader.execute("SELECT reason, line FROM read_parquet(?)", [str(rejected)]).fetchall()
    assert reason == "unreadable_pickup_time"
    assert line.startswith('"A3"')
    assert (copy.data / "lake/clean/citibike/citibike_tripdata_2024-01.parquet").is_file()
    # And the command for people knows it.
    why = json.loads(copy.ran("python", "-m", "taxi_assets", "why", "citibike", "2024-01", "--json"))
    assert (why["clean"]["rows"], why["rejected"]) == (2, {"unreadable_pickup_time": 1})
    status = json.loads(copy.ran("python", "-m", "taxi_assets", "status", "citibike", "--year", "2024", "--json"))
    assert status["datasets"]["citibike"]["2024-01"].keys() == why["layers"].keys()


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
