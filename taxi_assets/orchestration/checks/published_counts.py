"""Published row counts: figures that no code here computed, to hold the raw files against.

Belongs here: how many trips a month's file has according to others, and how sure that is. Not here: the check that
compares (``raw.py``).

The course's material states totals for its CSV releases (yellow 2019 and 2020 together 109,047,518 rows, green
7,778,101; yellow 2020 24,648,499, green 2020 1,734,051; yellow 2021-03 1,925,152). Monthly counts that were stated
alongside and agree with those totals are ``confirmed``; months of which only sums are proven are ``second-hand``. TLC's
Parquet has other rows than the CSV releases of the same month (yellow 2019-01: 7,696,617 against 7,667,792), so
each count belongs to one format and is never compared with the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from taxi_assets.datasets.months import TripMonth

Certainty = Literal["confirmed", "second-hand"]
"""``confirmed``: a contradiction is a defect. ``second-hand``: a contradiction deserves a look."""

_CONFIRMED_CSV: Mapping[str, Mapping[str, int]] = {
    "yellow": {
        "2019-01": 7_667_792,
        "2019-02": 7_019_375,
        "2019-03": 7_832_545,
        "2019-04": 7_433_139,
        "2020-01": 6_405_008,
        "2020-02": 6_299_354,
        "2020-03": 3_007_292,
        "2020-04": 237_993,
        "2020-05": 348_371,
        "2020-06": 549_760,
        "2020-07": 800_412,
        "2020-08": 1_007_284,
        "2020-09": 1_341_012,
        "2020-10": 1_681_131,
        "2020-11": 1_508_985,
        "2020-12": 1_461_897,
        "2021-01": 1_369_765,
        "2021-03": 1_925_152,
    },
    "green": {
        "2019-01": 630_918,
        "2019-04": 514_392,
        "2020-01": 447_770,
        "2020-02": 398_632,
        "2020-03": 223_406,
        "2020-04": 35_612,
        "2020-05": 57_360,
        "2020-06": 63_109,
        "2020-07": 72_257,
        "2020-08": 81_063,
        "2020-09": 87_987,
        "2020-10": 95_120,
        "2020-11": 88_605,
        "2020-12": 83_130,
    },
}

_SECOND_HAND_CSV: Mapping[str, Mapping[str, int]] = {
    "yellow": {"2019-05": 7_565_261, "2019-06": 6_941_024, "2021-02": 1_371_708},
    "green": {"2019-02": 575_685, "2019-03": 601_102, "2019-05": 504_887, "2019-06": 471_052, "2019-12": 450_627},
}

# TLC re-issues months in this format, so none of these is more than second-hand.
_SECOND_HAND_PARQUET: Mapping[str, Mapping[str, int]] = {
    "yellow": {
        "2019-01": 7_696_617,
        "2019-07": 6_310_419,
        "2019-08": 6_073_357,
        "2019-09": 6_567_788,
        "2019-10": 7_213_891,
        "2019-11": 6_878_111,
        "2019-12": 6_896_317,
        "2021-04": 2_171_187,
        "2021-05": 2_507_109,
        "2021-06": 2_834_264,
        "2021-07": 2_821_746,
    },
    "green": {
        "2019-07": 470_743,
        "2019-08": 449_695,
        "2019-09": 449_063,
        "2019-10": 476_386,
        "2019-11": 449_500,
        "2021-01": 76_518,
        "2021-02": 64_572,
        "2021-03": 83_827,
        "2021-04": 86_941,
        "2021-05": 88_180,
        "2021-06": 86_737,
        "2021-07": 83_691,
    },
}


def expected_rows(month: TripMonth, file_format: str) -> tuple[int, Certainty] | None:
    """How many trips the month's file has, by others' account, or None where that format's count is not known.

    Args:
        month: Which month.
        file_format: ``csv``, ``csv.gz`` or ``parquet``; compressed and plain CSV count as one.
    """
    sources: tuple[tuple[Mapping[str, Mapping[str, int]], Certainty], ...] = (
        ((_SECOND_HAND_PARQUET, "second-hand"),)
        if file_format == "parquet"
        else ((_CONFIRMED_CSV, "confirmed"), (_SECOND_HAND_CSV, "second-hand"))
    )
    for counts, certainty in sources:
        rows = counts.get(month.dataset, {}).get(month.month)
        if rows is not None:
            return rows, certainty
    return None
