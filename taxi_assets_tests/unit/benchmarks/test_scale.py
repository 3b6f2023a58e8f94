"""The simulation of a cluster: what it must say whatever the costs are, and what the page says it said."""

import pytest

from benchmarks.scale import MONTHS, MONTHS_PER_RUN, POOL_LIMIT, WIDER_LIMIT, TripCosts, simulate, table
from taxi_assets.settings import PROJECT_ROOT


@pytest.fixture(scope="module")
def costs() -> TripCosts:
    return TripCosts.measured()


@pytest.mark.parametrize("limit", [POOL_LIMIT, WIDER_LIMIT])
def test_the_page_shows_what_the_simulation_says(costs: TripCosts, limit: int) -> None:
    assert table(costs, limit) in (PROJECT_ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")


def test_one_run_at_a_time_waits_for_nobody(costs: TripCosts) -> None:
    alone = simulate(1, costs)
    assert alone.limit == ("the runs themselves", 1.0)
    # One after the other, each month 15 seconds of BigQuery and its third of 31.5 seconds of launching.
    assert alone.seconds > sum(MONTHS.values()) * (15 + 31.5 / MONTHS_PER_RUN)


def test_more_runs_are_never_slower_and_never_pass_the_pools(costs: TripCosts) -> None:
    times = [simulate(runs, costs).seconds for runs in (1, 4, 16, 64)]
    assert times == sorted(times, reverse=True)
    assert times[-1] >= sum(MONTHS.values()) * 15 / POOL_LIMIT


def test_a_slow_postgres_is_named_as_the_limit() -> None:
    slow = simulate(16, TripCosts(raw=0.0, clean=0.0, load=20e-6, written=0.0))
    assert slow.limit[0] == "pool postgres"
