"""The bars of months: fed by the steps of this process, or by the log of a run elsewhere, they say the same."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import AssetKey
from rich.console import Console

from taxi_assets.cli.carry.bars import MonthBars, month_bars
from taxi_assets.steps.files.progress import ProgressLines, from_words, in_words, no_progress

LAYERS = ("raw", "clean")


def event(kind: str, **fields: Any) -> Any:
    """A log entry as Dagster's, as far as the bars look at it."""
    told = {"is_step_start": False, "is_step_materialization": False, "step_key": None, **fields, kind: True}
    return SimpleNamespace(dagster_event=SimpleNamespace(**told), user_message="")


def line(message: str) -> Any:
    return SimpleNamespace(dagster_event=None, user_message=message)


def materialized(layer: str, month: str) -> Any:
    materialization = SimpleNamespace(
        asset_key=AssetKey([layer, "yellow_tripdata"]),
        partition=month,
        metadata={
            "dagster/row_count": SimpleNamespace(value=7_667_792),
            "bytes": SimpleNamespace(value=128_300_000),
        },
    )
    return event("is_step_materialization", step_materialization_data=SimpleNamespace(materialization=materialization))


def shown(bars: MonthBars) -> str:
    output = io.StringIO()
    Console(file=output, width=100).print(bars.progress.make_tasks_table(bars.progress.tasks))
    return output.getvalue()


def test_what_a_step_of_this_process_tells_is_seen() -> None:
    with month_bars(Console(file=io.StringIO()), 4) as bars:
        bars.expect(dict.fromkeys(["yellow 2019-01", "yellow 2019-02"], LAYERS))
        bars.see(event("is_step_start", step_key="raw__yellow_tripdata"))
        with ProgressLines("yellow 2019-01", print) as lines:
            lines.of("fetched", "bytes")(120_300_000, 687_100_000)
            now = shown(bars)
        after = shown(bars)
    assert "▸·" in now
    assert "raw 120.3 of 687.1 MB, 17 %" in now
    assert "●·" in after
    assert bars.done == {("raw", "yellow 2019-01")}


def test_a_step_that_fails_is_marked_and_stays_on_the_screen_when_the_next_months_come() -> None:
    with month_bars(Console(file=io.StringIO()), 4) as bars:
        bars.expect(dict.fromkeys(["yellow 2019-01"], LAYERS))
        bars.see(event("is_step_start", step_key="raw__yellow_tripdata"))
        with pytest.raises(OSError, match="no disk"), ProgressLines("yellow 2019-01", print):
            raise OSError("no disk")
        bars.expect(dict.fromkeys(["yellow 2019-02"], LAYERS))
        assert "failed in raw" in shown(bars)
    assert bars.done == set()


def test_the_log_of_a_run_elsewhere_gives_the_same_picture() -> None:
    with month_bars(Console(file=io.StringIO()), 2) as bars:
        bars.expect(dict.fromkeys(["yellow 2019-01"], LAYERS))
        bars.see(event("is_step_start", step_key="raw__yellow_tripdata"))
        bars.see(line("yellow 2019-01, fetched: 120.3 of 687.1 MB, 17 %"))
        assert "raw 120.3 of 687.1 MB, 17 %" in shown(bars)
        bars.see(line("yellow 2019-01 done (1 of 12, 3.1 s)"))
        assert "●·" in shown(bars)
        bars.see(event("is_step_start", step_key="clean__yellow_tripdata"))
        bars.see(line("yellow 2019-01 failed (1 of 12): broken"))
        assert "●✗" in shown(bars)
        bars.see(materialized("raw", "2019-01"))
        bars.see(materialized("clean", "2019-01"))
        assert "7,667,792 rows, 128.3 MB" in shown(bars)
    assert len(bars.done) == 2


def test_what_has_no_line_of_its_own_is_counted_once() -> None:
    with month_bars(Console(file=io.StringIO()), 1) as bars:
        bars.expect({"zone_hours 2019-01": ["marts"]})
        bars.see(event("is_step_start", step_key="marts__zone_hours"))
        with ProgressLines("marts 2019-01", print):
            pass
        assert bars.done == set()
        materialization = SimpleNamespace(asset_key=AssetKey(["marts", "zone_hours"]), partition="2019-01", metadata={})
        data = SimpleNamespace(materialization=materialization)
        bars.see(event("is_step_materialization", step_materialization_data=data))
    assert bars.done == {("marts", "zone_hours 2019-01")}


def test_nobody_watches_when_the_bars_are_gone() -> None:
    with month_bars(Console(file=io.StringIO()), 1) as bars:
        bars.expect(dict.fromkeys(["yellow 2019-01"], LAYERS))
    with ProgressLines("yellow 2019-01", print) as lines:
        lines.of("fetched", "bytes")(1, 2)
    assert "▸" not in shown(bars)
    no_progress(1, 2)


@pytest.mark.parametrize(
    ("what", "unit", "done", "total"),
    [
        ("fetched", "bytes", 120_300_000, 687_100_000),
        ("raw file read", "bytes", 100_000, None),
        ("loaded into Postgres", "rows", 1_200_000, 7_667_792),
        ("loaded into Postgres", "rows", 12, None),
    ],
)
def test_a_line_of_a_log_is_read_back(what: str, unit: Any, done: int, total: int | None) -> None:
    assert from_words(f"yellow 2019-01, {in_words(what, unit, done, total)}") == (
        "yellow 2019-01", what, unit, done, total,
    )  # fmt: skip


def test_other_lines_of_a_log_are_no_progress() -> None:
    assert from_words("yellow 2019-01 done (1 of 12, 3.1 s)") is None
    assert from_words("warehouse: new catalogue /data/warehouse.duckdb") is None
