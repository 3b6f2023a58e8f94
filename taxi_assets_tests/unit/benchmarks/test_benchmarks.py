"""The figures of the benchmark: medians, ratios, goals, and how they are reported. Nothing here is timed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.measures.growth import Growth, _windows
from benchmarks.measures.months import TITLES, Measured
from benchmarks.measures.unchanged import Unchanged
from benchmarks.report.goals import Goal, goals
from benchmarks.report.results import Results
from benchmarks.rig.cost import Cost, Watch, alternating, median_cost, stopwatch
from benchmarks.rig.job import Job


def cost(seconds: float, memory: int = 100, **parts: float) -> Cost:
    return Cost(seconds, seconds, seconds, memory, memory, None, 7, parts)


def months(**seconds: float) -> dict[str, Measured]:
    defaults = dict.fromkeys(TITLES, 1.0)
    return {
        name: Measured(cost(value, raw=0.1, clean=0.5, load=0.4) if name == "ours" else cost(value), 1000, [value])
        for name, value in {**defaults, **seconds}.items()
    }


def by_name(results: Results, words: str) -> Goal:
    (found,) = [goal for goal in goals(results) if words in goal.name]
    return found


def test_medians_are_taken_of_each_figure_by_itself():
    middle = median_cost([cost(3, memory=10, load=1), cost(1, memory=30, load=5), cost(2, memory=20, load=3)])

    assert (middle.seconds, middle.client_memory, middle.parts) == (2, 20, {"load": 3})


def test_figures_that_the_system_does_not_tell_stay_unknown():
    assert median_cost([cost(1), cost(2)]).client_written is None


def test_contenders_take_turns_and_every_other_round_runs_backwards():
    assert alternating(["a", "b", "c"], 3) == ["a", "b", "c", "c", "b", "a", "a", "b", "c"]


def test_a_fraction_is_extrapolated_in_proportion():
    assert Measured(cost(2.0), rows=100, all_seconds=[2.0]).seconds_for(1000) == 20.0


def test_a_contender_that_loaded_a_fraction_is_compared_by_what_all_rows_would_take():
    found = months(ours=1.0)
    found["pandas_to_sql"] = Measured(cost(4.0), rows=100, all_seconds=[4.0])

    assert by_name(Results(months=found), "pandas").found == 40.0


def test_a_step_is_held_against_its_floor_and_not_against_the_whole_month():
    results = Results(months=months(ours=1.0, floor_clean=0.4, floor_load=0.2))

    clean, load = by_name(results, "clean step"), by_name(results, "load step")

    assert (clean.found, clean.met) == (pytest.approx(1.25), True)
    assert (load.found, load.met) == (pytest.approx(2.0), False)


def test_growth_compares_the_last_month_with_one_into_empty_tables_at_the_time_and_with_the_staged_merge():
    costs = {"ours": {1: cost(0.5), 36: cost(1.2)}, "staged_merge": {1: cost(5.0), 36: cost(24.0)}}
    results = Results(growth=Growth(10, costs, {1: cost(0.5), 36: cost(1.0)}))

    assert by_name(results, "against a first month").found == pytest.approx(1.2)
    assert not by_name(results, "against a first month").met
    assert by_name(results, "staged merge").found == pytest.approx(20.0)


def test_a_second_request_or_one_that_is_no_head_misses_the_goal():
    results = Results(unchanged=Unchanged(cost(1), cost(1), ["HEAD /a", "GET /a"]))

    assert [goal.met for goal in goals(results)] == [False, False]


def test_sections_that_were_left_out_promise_nothing():
    assert goals(Results()) == []


@pytest.mark.parametrize("repeats", [1, 3, 5])
def test_no_month_is_measured_twice_and_the_last_is_the_one_that_is_named(repeats: int):
    windows = _windows((1, 12, 36), repeats)

    measured = [number for window in windows.values() for number in window]
    assert len(measured) == len(set(measured)) == 3 * repeats
    assert (windows[1][0], windows[12][-1], windows[36][-1]) == (1, 12, 36)


@pytest.mark.parametrize(("milestones", "repeats"), [((1, 2, 3), 3), ((1, 2), 1), ((1, 12, 36), 40), ((1, 4, 36), 3)])
def test_where_months_lie_close_fewer_are_measured_and_none_under_anothers_name(
    milestones: tuple[int, ...], repeats: int
):
    windows = _windows(milestones, repeats)

    measured = [number for window in windows.values() for number in window]
    assert measured == sorted(set(measured))
    assert [windows[1][0], *(windows[milestone][-1] for milestone in milestones[1:])] == list(milestones)


def test_months_of_a_job_go_on_over_the_turn_of_the_year():
    assert Job(source="", month="2019-11", rows=1, months=4).month_keys == ["2019-11", "2019-12", "2020-01", "2020-02"]


def test_a_watch_counts_what_children_of_the_client_did():
    burn = "import time\nwhile time.process_time() < 0.3: bytearray(30_000_000)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print('done', flush=True)"
    parent = f"input(); exec({child!r}); input()"
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    watch = Watch(process.pid, None)
    watch.start()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"

    taken = watch.stop(1.0, {})

    process.communicate("\n")
    assert taken.client_cpu >= 0.3
    assert taken.client_memory > 0
    assert taken.server_cpu == 0


def test_parts_that_come_again_add_up():
    parts: dict[str, float] = {"clean": 5.0}

    with stopwatch(parts, "clean"):
        pass

    assert parts["clean"] >= 5.0
