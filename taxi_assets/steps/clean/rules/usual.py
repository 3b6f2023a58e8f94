"""What is usual: how large a share of a month's trips each oddity has, and above which it deserves a look.

Belongs here: shares and bounds, each with its source. Not here: the rules (``rules.py``), and counting
(``oddities.py``).

Every published month is a little odd, and a warning that is always on says nothing. So counts are figures, and what
warns is a share that no known month comes near: a column that was moved, a file of another month, a code table that is
out of date.

``ALL`` names the figures over all of TLC's Parquet of 2019 to mid-2026: 327,009,772 yellow and 12,233,139 green trips.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from taxi_assets.datasets.months import TripMonth

BY_CHANCE = 0.001
"""A share above its bound is unusual where less than one such month in a thousand would have it by chance, if the bound
were its trips' true share: of ten trips one is odd easily, of a million not a hundred thousand."""


@dataclass(frozen=True)
class Usual:
    """What is known of an oddity's share of a month's trips.

    Attributes:
        share: As it is known, 0 to 1.
        most: Above it the month warns; a small month only far above it.
        source: Where ``share`` is from.
    """

    share: float
    most: float
    source: str


ALL = "all months of 2019 to mid-2026, TLC's Parquet"

_YELLOW: Mapping[str, Usual] = {
    "pickup_outside_month": Usual(0.0001, 0.01, "measured on the first 10,000 trips of 2020-03"),
    "dropoff_not_after_pickup": Usual(0.0031, 0.02, ALL),
    "negative_fare": Usual(0.0145, 0.06, ALL),
    "negative_total": Usual(0.0145, 0.06, f"negative fares of {ALL}"),
    "no_distance": Usual(0.0171, 0.08, ALL),
    # 15.8 % of the first 10,000 trips of 2019-02 have none.
    "no_passengers": Usual(0.0147, 0.25, ALL),
    # More in late years than in early ones: of the first 10,000 trips 0 % in 2019-01, 8 % in 2020-04.
    "passengers_missing": Usual(0.0793, 0.4, ALL),
    "unlisted_vendorid": Usual(0.0096, 0.05, "measured on the first 10,000 trips of 2019-01, vendor 4"),
    "exact_duplicates": Usual(0.0001, 0.01, ALL),
}
_GREEN: Mapping[str, Usual] = {
    **_YELLOW,
    "pickup_outside_month": Usual(0.00004, 0.01, "measured on TLC's file of 2024-01"),
    "dropoff_not_after_pickup": Usual(0.0019, 0.02, ALL),
    "negative_fare": Usual(0.0029, 0.03, ALL),
    "negative_total": Usual(0.0033, 0.03, "measured on TLC's file of 2024-01"),
    # 5.1 % in 2024-01.
    "no_distance": Usual(0.0343, 0.15, ALL),
    "no_passengers": Usual(0.0036, 0.05, ALL),
    # 6 % in 2024-01.
    "passengers_missing": Usual(0.1525, 0.6, ALL),
    "unlisted_vendorid": Usual(0.0, 0.05, "measured on TLC's file of 2024-01"),
}

_BY_DATASET: Mapping[str, Mapping[str, Usual]] = {"yellow": _YELLOW, "green": _GREEN}

_OF_OTHERS: Mapping[str, Usual] = {
    "pickup_outside_month": Usual(0.0001, 0.01, "yellow's share"),
    "dropoff_not_after_pickup": Usual(0.0031, 0.02, "yellow's share"),
    "exact_duplicates": Usual(0.0001, 0.01, "yellow's share"),
}
"""For hire, no figure is known of any oddity but what taxis have in common with them."""

_CODES = Usual(0.0, 0.05, "no value outside the code tables in the files that were measured, yellow's vendor 4 apart")


def usual(rule: str, month: TripMonth) -> Usual | None:
    """What is known of an oddity in such a month; None: nothing is, and it is counted only.

    Args:
        rule: Its name in ``rules.py``.
        month: Its dataset decides.
    """
    known = _BY_DATASET.get(month.dataset, _OF_OTHERS).get(rule)
    if known is None and rule.startswith(("unlisted_", "unknown_")) and month.dataset in _BY_DATASET:
        return _CODES
    return known


def unusual(counted: Mapping[str, int], month: TripMonth, trips: int) -> dict[str, Usual]:
    """Those oddities whose share of the month's trips is above the bound, by more than chance explains.

    >>> list(unusual({"negative_fare": 300, "no_distance": 10}, TripMonth("yellow", "2019-01"), 1000))
    ['negative_fare']
    """
    found = {rule: usual(rule, month) for rule in counted}
    return {rule: known for rule, known in found.items() if known and _above(known.most, counted[rule], trips)}


def _above(most: float, count: int, trips: int) -> bool:
    """Whether ``count`` of so many trips are more than a share of ``most`` gives by chance, by Chernoff's bound.

    >>> _above(0.06, 3, 20), _above(0.06, 19, 20), _above(0.06, 61_000, 1_000_000)
    (False, True, True)
    """
    share = count / trips if trips else 0.0
    if share <= most:
        return False
    rest = (1 - share) * math.log((1 - share) / (1 - most)) if share < 1 else 0.0
    return trips * (share * math.log(share / most) + rest) > -math.log(BY_CHANCE)
