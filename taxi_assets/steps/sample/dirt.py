"""The dirt in synthetic months: which of the real files' defects a sample has, and how often.

Belongs here: one table of defects with their shares, which the docs list and the tests count. Not here: the SQL that
makes them (``journeys.py``).

A share is of data lines. Shares follow the real files of 2019 to 2026 (counts of 327 million yellow and 12 million
green trips) where those are frequent enough to be seen in 20,000 lines; rarer defects are raised until they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taxi_assets.datasets.months import TripMonth

PARTS = 1_000_000
"""Shares are drawn in millionths."""

REJECTED_SHARE = 0.0001
"""Default share of lines that no reader can take for a trip: two in 20,000."""


@dataclass(frozen=True)
class Defect:
    """One kind of dirt.

    Attributes:
        name: Short name, unique.
        sentence: What such a row looks like.
        shares: Share of data lines by dataset, in millionths; a dataset that is not listed has none.
        first_month: First month whose files have it.
    """

    name: str
    sentence: str
    shares: Mapping[str, int]
    first_month: str = "2009-01"

    def parts(self, month: TripMonth) -> int:
        """Share of the month's data lines in millionths."""
        return self.shares.get(month.dataset, 0) if self.first_month <= month.month else 0


REPEATED = (
    Defect(
        "duplicate",
        "The line before, once more, equal in every field.",
        {"yellow": 500, "green": 500, "fhv": 500, "fhvhv": 500},
    ),
    Defect(
        "refund",
        "The line before with every amount negative and payment 4 (dispute): a refund.",
        {"yellow": 14_000, "green": 3_000},
    ),
)
"""Rows that repeat the line before."""

DEFECTS = (
    Defect("zero_distance", "Distance 0 although a fare was charged.", {"yellow": 17_000, "green": 34_000}),
    Defect("zero_passengers", "0 passengers.", {"yellow": 15_000, "green": 4_000}),
    Defect(
        "no_meter_record",
        "Passengers, rate code, store-and-forward flag and payment are missing (in CSV the vendor too, in yellow "
        "Parquet payment is 0), the congestion surcharge and airport fee of Parquet as well.",
        {"yellow": 60_000, "green": 150_000},
        first_month="2020-01",
    ),
    Defect("wrong_clock", "Picked up in 2001, 2002, 2003, 2008, 2041, 2058, 2084, 2090 or 2098.",
           {"yellow": 500, "green": 500, "fhvhv": 200}),
    Defect("other_month", "Picked up in the days before the month or just after it.",
           {"yellow": 1_000, "green": 1_000, "fhv": 1_000}),
    Defect("backwards", "Dropped off at or before the pickup.",
           {"yellow": 3_000, "green": 2_000, "fhv": 1_000, "fhvhv": 500}),
    Defect("unknown_place", "Zone 264 or 265; in the years of coordinates 0, 0.",
           {"yellow": 15_000, "green": 10_000, "fhvhv": 5_000}),
    Defect("no_pickup_zone", "No zone of the pickup.", {"fhv": 300_000}),
    Defect("no_dropoff_zone", "No zone of the dropoff.", {"fhv": 100_000}, first_month="2017-01"),
    Defect("year_3019", "Dropped off a thousand years later: 3019 in the files of 2019, which overflows "
           "nanosecond timestamps.", {"fhv": 300}, first_month="2017-01"),
    Defect("stray_byte", "The base number ends in the byte 0xA0, a Latin-1 blank, so that the line is not UTF-8 "
           "(in Parquet the same blank in UTF-8).", {"fhv": 300}),
)  # fmt: skip
"""What else befalls rows; a row has at most one of these."""


@dataclass(frozen=True)
class Rejection:
    """A kind of line that cannot be a trip record.

    Attributes:
        name: Short name, unique.
        sentence: What such a line looks like.
    """

    name: str
    sentence: str


REJECTIONS = (
    Rejection("too_many_fields", "A trip followed by one more field with content, as in yellow 2010-02 and 2010-03."),
    Rejection("truncated", "A line that breaks off in the middle of the pickup time."),
    Rejection("no_pickup_time", "A trip whose pickup time is empty; in Parquet, which has no lines, every rejection."),
    Rejection("garbage", "Words instead of fields."),
)
"""Lines that must be rejected, each as likely as the others; ``rejected_share`` says how many there are in all."""
