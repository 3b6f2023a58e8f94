"""A long step shows in the run's log how far it is: bytes of a slow download, rows on their way into Postgres."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from dagster import ExecuteInProcessResult

from taxi_assets.steps.files import progress
from taxi_assets_tests.support.graph_runs import Graph
from taxi_assets_tests.support.http_source import HttpSource, Trickle
from taxi_assets_tests.support.published_files import csv_text

LINE = re.compile(r"yellow 2019-01, (.+): ([\d.,]+) of ([\d.,]+) (MB|rows), (\d+) %")


def lines_of(graph: Graph, result: ExecuteInProcessResult) -> list[tuple[str, ...]]:
    """What, done, total, unit and percent of each line in the run's log."""
    messages = [entry.user_message for entry in graph.instance.all_logs(result.run_id)]
    return [found.groups() for message in messages if (found := LINE.fullmatch(message))]


def test_a_slow_download_says_how_much_is_there(
    tmp_path: Path, postgres: str, http_source: HttpSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST_LINE_AFTER", 0.2)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.4)
    # Not compressed any further, so that there are megabytes to wait for.
    content = gzip.compress(csv_text(60_000), compresslevel=0)
    http_source.publish("yellow/yellow_tripdata_2019-01.csv.gz", content)
    http_source.misbehave(Trickle(pieces=8, pause=0.3))
    # A URL goes by the name of its variable.
    monkeypatch.setenv("TAXI_SOURCE", http_source.url)
    graph = Graph(tmp_path, postgres, taxi_source=http_source.url)

    result = graph.run("yellow", "2019-01", layers=["raw"])

    assert result.success
    lines = lines_of(graph, result)
    assert 1 <= len(lines) <= 2.4 / 0.4 + 1
    assert {(what, total, unit) for what, _, total, unit, _ in lines} == {
        ("fetched", f"{len(content) / 1e6:,.1f}", "MB")
    }
    percents = [int(percent) for *_, percent in lines]
    assert percents == sorted(percents)
    assert 0 < percents[0] < 100


def test_a_big_month_says_how_many_rows_are_loaded(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST_LINE_AFTER", 0.02)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.02)
    graph = Graph(tmp_path, postgres, taxi_sample_rows=300_000)

    result = graph.run("yellow", "2019-01")

    assert result.success
    rows = graph.metadata("postgres", "yellow", "2019-01")["dagster/row_count"]
    loaded = [line for line in lines_of(graph, result) if line[0] == "loaded into Postgres"]
    assert len(loaded) > 1
    assert {(total, unit) for _, _, total, unit, _ in loaded} == {(f"{rows:,}", "rows")}
    done = [int(count.replace(",", "")) for _, count, *_ in loaded]
    assert done == sorted(set(done))
    assert all(int(percent) == 100 * count // rows for count, (*_, percent) in zip(done, loaded, strict=True))


def test_months_that_are_done_at_once_have_no_such_lines(tmp_path: Path, postgres: str) -> None:
    graph = Graph(tmp_path, postgres)
    result = graph.run("yellow", "2019-01", layers=["raw"])
    assert result.success
    assert lines_of(graph, result) == []
