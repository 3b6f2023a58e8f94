"""What a check says, as the UI takes it: Markdown, in which a file may be quoted."""

from __future__ import annotations

from dagster import AssetKey

from taxi_assets.datasets.months import TripMonth
from taxi_assets.orchestration.checks import months
from taxi_assets.orchestration.checks.months import Finding, MonthCheck

PICTURE = "![x](http://a.example/p.png)"
CHECK = MonthCheck("contents", "Columns are the registry's.")
MONTH = TripMonth("yellow", "2019-01")


def test_what_a_check_quotes_of_a_file_is_code_in_its_sentence_and_in_its_table() -> None:
    found = Finding(passed=False, figures={"columns": PICTURE}, note=f"columns differ: {PICTURE}")
    result = months._result(CHECK, AssetKey("clean"), {MONTH: found})
    assert result.description == f"`yellow 2019-01: columns differ: {PICTURE}`"
    assert f"| 2019-01 | **no** | `{PICTURE}` |" in str(result.metadata["months"].value)


def test_figures_and_sentences_are_as_they_are() -> None:
    found = Finding(passed=False, figures={"rows": 1234}, note="2 lines rejected (0.5 %)")
    result = months._result(CHECK, AssetKey("clean"), {MONTH: found})
    assert result.description == "yellow 2019-01: 2 lines rejected (0.5 %)"
    assert "| 2019-01 | **no** | 1,234 |" in str(result.metadata["months"].value)
