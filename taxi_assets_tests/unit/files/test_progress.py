"""Progress in words, at intervals, whichever thread tells it."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from taxi_assets.steps.files.progress import ProgressLines, in_words


@pytest.mark.parametrize(
    ("unit", "done", "total", "said"),
    [
        ("bytes", 120_340_000, 687_100_000, "fetched: 120.3 of 687.1 MB, 17 %"),
        ("bytes", 2_500_000_000, None, "fetched: 2,500.0 MB"),
        ("rows", 1_200_000, 7_667_792, "fetched: 1,200,000 of 7,667,792 rows, 15 %"),
        ("rows", 7_667_791, 7_667_792, "fetched: 7,667,791 of 7,667,792 rows, 99 %"),
        ("rows", 7_667_792, 7_667_792, "fetched: 7,667,792 of 7,667,792 rows, 100 %"),
        ("rows", 0, 0, "fetched: 0 of 0 rows"),
    ],
)
def test_a_line_has_done_total_unit_and_percent(unit, done: int, total: int | None, said: str) -> None:
    assert in_words("fetched", unit, done, total) == said


def test_a_step_that_is_done_at_once_has_no_line() -> None:
    written: list[str] = []
    with ProgressLines("yellow 2019-01", written.append) as lines:
        lines.of("fetched", "bytes")(10, 10)
    assert written == []


def test_lines_come_every_so_often_however_often_progress_is_told() -> None:
    written: list[tuple[float, str]] = []
    begun = time.monotonic()
    with ProgressLines(
        "yellow 2019-01", lambda line: written.append((time.monotonic() - begun, line)), first_after=0.2, every=0.3
    ) as lines:
        on_progress = lines.of("fetched", "bytes")
        while (passed := time.monotonic() - begun) < 1.3:
            on_progress(int(passed * 1e9), 2_000_000_000)
    times = [moment for moment, _ in written]
    assert 2 <= len(written) <= 4, "more than once, and never more often than every 0.3 s"
    assert times[0] >= 0.2
    assert all(later - earlier >= 0.29 for earlier, later in pairwise(times))
    assert all(line.startswith("yellow 2019-01, fetched: ") for _, line in written)


def test_what_stands_still_is_said_once() -> None:
    written: list[str] = []
    with ProgressLines("yellow 2019-01", written.append, first_after=0.01, every=0.01) as lines:
        lines.of("loaded", "rows")(7, 7)
        time.sleep(0.3)
    assert written == ["yellow 2019-01, loaded: 7 of 7 rows, 100 %"]


def test_figures_of_several_threads_and_steps_are_never_mixed() -> None:
    """Each step counts to a total of its own, and done and total of a line belong to the same call."""
    written: list[str] = []
    with ProgressLines("m", written.append, first_after=0.0, every=0.0) as lines:

        def tell(what: str, total: int) -> None:
            on_progress = lines.of(what, "rows")
            for _ in range(3000):
                on_progress(total, total)

        threads = [threading.Thread(target=tell, args=(f"step {number}", number)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(written) <= {f"m, step {number}: {number} of {number} rows, 100 %" for number in range(1, 5)}
    assert written


def test_nothing_is_written_after_the_step_ended_or_failed() -> None:
    written: list[str] = []
    lines = ProgressLines("m", written.append, first_after=0.01, every=0.01)

    def fail() -> None:
        with lines:
            lines.of("fetched", "bytes")(1, 2)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    before = len(written)
    lines.of("fetched", "bytes")(2, 2)
    time.sleep(0.1)
    assert len(written) == before
