"""Checks of ``marts``: the trips and the money of the warehouse, service by service.

Belongs here: what the marts and the warehouse say of the same month. Not here: what is wrong within either.
"""

from collections.abc import Iterator

from dagster import AssetCheckExecutionContext, AssetChecksDefinition, Output, multi_asset_check

from taxi_assets.datasets.marts import MONEY, Mart
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.orchestration.checks.findings import CheckFunction, Finding, MonthCheck
from taxi_assets.orchestration.checks.months import results
from taxi_assets.orchestration.checks.stores import CENTS_PER_MILLION_ROWS
from taxi_assets.orchestration.layers import MARTS
from taxi_assets.orchestration.partitions import MartMonths, months_of_all
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.orchestration.resources.warehouse import WarehouseResource
from taxi_assets.steps.marts.marts import MartStore
from taxi_assets.steps.warehouse.warehouse import Warehouse

TRIPS_EQUAL_WAREHOUSE = MonthCheck(
    "trips_equal_warehouse", "Trips that the mart counts = trips of the warehouse, by service.", blocking=True
)
TOTALS_EQUAL_WAREHOUSE = MonthCheck(
    "totals_equal_warehouse",
    "Money that the mart adds up = in the warehouse, by service, to a cent per million rows.",
    blocking=True,
)


def mart_checks(mart: Mart) -> AssetChecksDefinition:
    """Parity of a mart with the warehouse, which blocks what is made of it."""
    key = MARTS.key(mart.name)
    checks = (TRIPS_EQUAL_WAREHOUSE, *([TOTALS_EQUAL_WAREHOUSE] if _money(mart) else []))

    @multi_asset_check(
        name=f"check_marts_{mart.name}", specs=[check.spec(key, months_of_all()) for check in checks], can_subset=True
    )
    def check_mart(
        context: AssetCheckExecutionContext, warehouse: WarehouseResource, files: LocalFiles
    ) -> Iterator[Output[None]]:
        functions = mart_functions(mart, warehouse.open(), warehouse.marts())
        yield from results(context, MartMonths(mart.name), files.data_dir, functions)

    return check_mart


def mart_functions(mart: Mart, warehouse: Warehouse, store: MartStore) -> dict[MonthCheck, CheckFunction]:
    """What these checks do with a month."""
    functions: dict[MonthCheck, CheckFunction] = {
        TRIPS_EQUAL_WAREHOUSE: lambda month: same_trips(mart, month.month, warehouse, store)
    }
    if money := _money(mart):
        functions[TOTALS_EQUAL_WAREHOUSE] = lambda month: same_money(mart, month.month, warehouse, store, money)
    return functions


def _money(mart: Mart) -> dict[str, str]:
    """For each service the mart's column of its money, where the mart has it."""
    columns = {column.name for column in mart.columns}
    return {service: column for service, column in MONEY.items() if column in columns}


def same_trips(mart: Mart, month: str, warehouse: Warehouse, store: MartStore) -> Finding:
    """Counts a month in both, for each service that has begun by then."""
    figures: dict[str, object] = {}
    wrong: list[str] = []
    for service in _services(month):
        expected, found = warehouse.count(service), int(store.total(mart, service, mart.counted) or 0)
        figures[service.dataset] = expected
        if expected != found:
            figures[f"{service.dataset} in the mart"] = found
            wrong.append(f"the mart counts {found:,} trips of {service.dataset}, the warehouse {expected:,}")
    return Finding(not wrong, figures, _note(wrong, mart))


def same_money(mart: Mart, month: str, warehouse: Warehouse, store: MartStore, money: dict[str, str]) -> Finding:
    """Compares sums, for each service that publishes money."""
    figures: dict[str, object] = {}
    wrong: list[str] = []
    for service in _services(month):
        dataset, column = TLC_DATASETS[service.dataset], money.get(service.dataset)
        if column is None or dataset.total is None:
            continue
        expected, found = warehouse.total(service, dataset.total) or 0.0, store.total(mart, service, column) or 0.0
        allowed = CENTS_PER_MILLION_ROWS * max(1.0, warehouse.count(service) / 1_000_000)
        figures[service.dataset] = expected
        if not abs(expected - found) <= allowed:
            figures[f"{service.dataset} in the mart"] = found
            wrong.append(f"sum({column}) of {service.dataset} is {found} in the mart, {expected} in the warehouse")
    return Finding(not wrong, figures, _note(wrong, mart))


def _services(month: str) -> list[TripMonth]:
    return [TripMonth(dataset.name, month) for dataset in TLC_DATASETS.values() if dataset.first_month <= month]


def _note(wrong: list[str], mart: Mart) -> str:
    again = f"; materialize {MARTS.key(mart.name).to_user_string()} of this month again" if wrong else ""
    return ", ".join(wrong) + again
