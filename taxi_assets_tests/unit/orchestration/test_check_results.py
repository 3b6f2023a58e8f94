"""What a check says, as the UI takes it: Markdown, in which a file may be quoted."""

from __future__ import annotations

from dagster import AssetCheckKey, AssetKey

from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.checks.findings import Finding, MonthCheck, all_months, nothing_to_compare

PICTURE = "![x](http://a.example/p.png)"
CHECK = MonthCheck("contents", "Columns are the registry's.")
KEY = AssetCheckKey(AssetKey("clean"), CHECK.name)
MONTH = TripMonth("yellow", "2019-01")


def test_what_a_check_quotes_of_a_file_is_code_in_its_sentence_and_in_its_table() -> None:
    found = Finding(passed=False, figures={"columns": PICTURE}, note=f"columns differ: {PICTURE}")
    result = all_months(KEY, CHECK, {MONTH: found})
    assert result.description == f"`yellow 2019-01: columns differ: {PICTURE}`"
    assert f"| 2019-01 | **no** | `{PICTURE}` |" in str(result.metadata["months"].value)


def test_figures_and_sentences_are_as_they_are() -> None:
    found = Finding(passed=False, figures={"rows": 1234}, note="2 lines rejected (0.5 %)")
    result = all_months(KEY, CHECK, {MONTH: found})
    assert result.description == "yellow 2019-01: 2 lines rejected (0.5 %)"
    assert "| 2019-01 | **no** | 1,234 |" in str(result.metadata["months"].value)


def test_what_had_nothing_to_be_compared_with_does_not_read_as_expected() -> None:
    nothing = nothing_to_compare("no confirmed count is known")
    alone = all_months(KEY, CHECK, {MONTH: nothing})
    assert (alone.passed, alone.description) == (True, "not compared: no confirmed count is known")
    assert "| 2019-01 | not compared | no |" in str(alone.metadata["months"].value)
    assert alone.metadata["months compared"].value == 0

    others = {TripMonth("yellow", f"2020-{month:02}"): Finding(passed=True) for month in range(1, 4)}
    told = all_months(KEY, CHECK, {MONTH: nothing, **others})
    assert told.description == "3 as expected; 1 not compared: no confirmed count is known"
