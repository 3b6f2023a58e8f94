"""What the synthetic city is like: the figures that the sample source draws from, as data.

Belongs here: weights, prices and shares of dirt, with where they come from. Not here: the SQL that draws
(``journeys.py``) and the files' layouts (``taxi_assets/steps/sample/layouts.py``).

Hours, zones, distances and speeds were counted in public samples of real files: 40,000 yellow trips of 2019-01,
2019-02, 2020-03 and 2020-04, and the 56,551 green trips of 2024-01. For-hire vehicles follow the same city with
weights of our own making. Prices are New York's, valid from the first day of the month given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taxi_assets.datasets.zones import OUTSIDE_ZONE, UNKNOWN_ZONE

WEEKDAY_HOURS = (
    253, 174, 105, 75, 82, 174, 383, 716, 830, 782, 732, 745,
    783, 742, 823, 822, 801, 912, 1002, 983, 870, 800, 750, 509,
)  # fmt: skip
"""Pickups by hour of the day, Monday to Friday."""

# A weekend has two days to the weekdays' five: scaled so that a whole day weighs as WEEKDAYS says.
WEEKEND_HOURS = tuple(
    3 * pickups
    for pickups in (
        270, 209, 157, 110, 74, 34, 58, 75, 128, 189, 230, 269,
        288, 308, 304, 293, 299, 290, 343, 292, 246, 226, 249, 211,
    )
)  # fmt: skip
"""Pickups by hour of the day, Saturday and Sunday."""

WEEKDAYS = (2507, 3049, 3084, 3218, 2990, 2776, 2376)
"""Pickups by day of the week, Monday first."""

MILES_PER_HOUR_TIMES_100 = (
    1296, 1390, 1415, 1499, 1655, 1715, 1405, 1085, 888, 886, 911, 895,
    890, 907, 920, 888, 923, 885, 908, 972, 1084, 1138, 1168, 1249,
)  # fmt: skip
"""Median speed of a trip by the hour it began, in hundredths of a mile per hour."""

DISTANCE_QUANTILES = (
    1, 40, 50, 60, 67, 71, 80, 85, 90, 98, 102, 110, 117, 122, 130, 140, 149, 158, 167, 178, 189, 200, 212,
    230, 245, 267, 290, 327, 370, 430, 529, 709, 3190,
)  # fmt: skip
"""Distances in hundredths of a mile at the 0th, 1st … 32nd of 32 equal shares of the trips (airports aside)."""

JFK, LA_GUARDIA, NEWARK, UNKNOWN, OUTSIDE = 132, 138, 1, UNKNOWN_ZONE, OUTSIDE_ZONE


def _zones(numbers: str) -> tuple[int, ...]:
    """``_zones("4 12-13")`` is ``(4, 12, 13)``."""
    spans = [(span.split("-")[0], span.split("-")[-1]) for span in numbers.split()]
    return tuple(zone for first, last in spans for zone in range(int(first), int(last) + 1))


BOROUGHS: Mapping[str, tuple[int, ...]] = {
    "EWR": (NEWARK,),
    "Bronx": _zones(
        "3 18 20 31-32 46-47 51 58-60 69 78 81 94 119 126 136 147 159 167-169 174 182-185 199-200 208 212-213 220 235 "
        "240-242 247-248 250 254 259"
    ),
    "Brooklyn": _zones(
        "11 14 17 21-22 25-26 29 33-37 39-40 49 52 54-55 61-63 65-67 71-72 76-77 80 85 89 91 97 106 108 111-112 123 "
        "133 149-150 154-155 165 177-178 181 188-190 195 210 217 222 225 227-228 255-257"
    ),
    "Manhattan": _zones(
        "4 12-13 24 41-43 45 48 50 68 74-75 79 87-88 90 100 103-105 107 113-114 116 120 125 127-128 137 140-144 148 "
        "151-153 158 161-164 166 170 186 194 202 209 211 224 229-234 236-239 243-244 246 249 261-263"
    ),
    "Queens": _zones(
        "2 7-10 15-16 19 27-28 30 38 53 56-57 64 70 73 82-83 86 92-93 95-96 98 101-102 117 121-122 124 129-132 "
        "134-135 138-139 145-146 157 160 171 173 175 179-180 191-193 196-198 201 203 205 207 215-216 218-219 223 226 "
        "252-253 258 260"
    ),
    "Staten Island": _zones("5-6 23 44 84 99 109-110 115 118 156 172 176 187 204 206 214 221 245 251"),
    "Unknown": (UNKNOWN, OUTSIDE),
}
"""The zones of each borough, as in TLC's zone lookup."""

MANHATTAN = BOROUGHS["Manhattan"]
_UPTOWN = _zones("41-42 74-75 116 120 127-128 152-153 166 202 243-244")
CORE = tuple(zone for zone in MANHATTAN if zone not in _UPTOWN)
"""The yellow zone, where only yellow taxis take hails and the congestion surcharge applies."""
CONGESTION_ZONE = _zones(
    "4 12-13 45 48 50 68 79 87-88 90 100 107 113-114 125 137 144 148 158 161-164 170 186 209 211 224 229-234 246 249 "
    "261"
)
"""Zones south of 60th Street, where the Congestion Relief Zone lies."""


def service_zone(zone: int) -> str:
    """The lookup's fourth column."""
    if zone in BOROUGHS["Unknown"]:
        return "N/A"
    if zone in {JFK, LA_GUARDIA}:
        return "Airports"
    return "EWR" if zone == NEWARK else "Yellow Zone" if zone in CORE else "Boro Zone"


Weights = Mapping[int, int]

_YELLOW_PICKUPS: Weights = {
    237: 918, 161: 813, 236: 810, 162: 752, 186: 731, 230: 694, 48: 665, 142: 627, 234: 621, 170: 618, 239: 524,
    163: 517, 132: 499, 79: 478, 141: 471, 107: 464, 138: 461, 164: 456, 68: 439, 229: 437, 238: 418, 263: 390,
    249: 381, 100: 378, 140: 361, 113: 330, 90: 330, 231: 303, 246: 298, 114: 272, 143: 271, 262: 260, 233: 259,
    43: 255, 148: 224, 137: 215, 158: 207, 144: 200, 151: 194, 50: 171, 13: 162, 211: 149, 75: 140, 87: 129,
    125: 120, 166: 115, 261: 99, 74: 81, 88: 79, 41: 67, 24: 45, 209: 42, 224: 41,
}  # fmt: skip
_YELLOW_DROPOFFS: Weights = {
    236: 850, 237: 766, 161: 762, 170: 679, 162: 569, 142: 567, 230: 566, 141: 546, 234: 532, 239: 523, 48: 512,
    186: 494, 163: 491, 238: 456, 79: 439, 68: 432, 164: 415, 107: 412, 229: 395, 246: 383, 263: 378, 140: 371,
    231: 345, 249: 337, 90: 318, 137: 314, 100: 294, 143: 282, 233: 269, 262: 263, 43: 260, 113: 257, 75: 247,
    50: 223, 114: 220, 158: 205, 148: 196, 138: 181, 151: 180, 144: 177, 87: 170, 166: 168, 13: 164, 74: 155,
    211: 136, 132: 125, 41: 120, 125: 99, 224: 93, 232: 91, 4: 90, 261: 84, 24: 77, 88: 75, 7: 74, 244: 73,
    181: 69, 42: 65, 33: 62, 145: 61, 209: 57, 255: 55, 116: 52, 226: 50, 45: 48, 256: 47, 49: 45, 1: 41,
}  # fmt: skip
_GREEN_PICKUPS: Weights = {
    74: 12141, 75: 8458, 95: 2915, 43: 2765, 166: 2649, 82: 2623, 41: 2589, 97: 1898, 65: 1624, 7: 1521, 129: 1398,
    130: 1339, 244: 1305, 42: 1174, 260: 981, 134: 649, 66: 598, 83: 523, 33: 507, 116: 439, 24: 389, 92: 380,
    223: 370, 193: 366, 196: 325, 236: 324, 25: 320, 152: 257, 181: 220, 226: 200, 210: 192, 255: 190, 179: 189,
}  # fmt: skip
_GREEN_DROPOFFS: Weights = {
    75: 3078, 74: 2890, 236: 2725, 238: 2208, 41: 1995, 166: 1819, 42: 1753, 263: 1383, 95: 1352, 239: 1295,
    138: 1279, 151: 1243, 129: 1195, 43: 977, 237: 939, 82: 815, 142: 809, 262: 804, 7: 799, 141: 788, 244: 708,
    116: 690, 140: 681, 49: 606, 24: 554, 152: 551, 97: 539, 260: 534, 181: 526, 223: 513, 226: 462, 134: 456,
    132: 453, 61: 399, 83: 395, 179: 387, 161: 362, 56: 348, 28: 348, 196: 334, 130: 328,
}  # fmt: skip
_FOR_HIRE: Weights = {
    132: 220, 138: 240, 61: 200, 79: 190, 37: 150, 76: 170, 231: 160, 161: 150, 234: 140, 42: 140, 39: 110, 17: 110,
    89: 100, 36: 110, 225: 110, 188: 90, 35: 90, 48: 120, 68: 110, 246: 100, 230: 110, 181: 110, 255: 90, 256: 80,
    7: 110, 129: 90, 82: 80, 95: 70, 168: 90, 247: 80, 244: 100, 75: 80, 74: 90, 41: 90, 62: 80, 63: 60, 26: 60,
}  # fmt: skip

PICKUP_ZONES: Mapping[str, Weights] = {
    "yellow": _YELLOW_PICKUPS, "green": _GREEN_PICKUPS, "fhv": _FOR_HIRE, "fhvhv": _FOR_HIRE,
}  # fmt: skip
DROPOFF_ZONES: Mapping[str, Weights] = {
    "yellow": _YELLOW_DROPOFFS, "green": _GREEN_DROPOFFS, "fhv": _FOR_HIRE, "fhvhv": _FOR_HIRE,
}  # fmt: skip

PASSENGERS: Weights = {1: 725, 2: 145, 3: 40, 4: 17, 5: 42, 6: 31}
RATES: Weights = {1: 1012, 5: 8, 4: 2, 99: 2}
"""Rate codes of trips that neither JFK's flat fare nor Newark's rate explains."""
TIP_PERCENT: Weights = {0: 6, 10: 6, 15: 14, 18: 12, 20: 36, 25: 16, 30: 10}
"""Tips of those who pay by card, in percent of what the meter shows with its surcharges."""


UBER_BASES: Weights = {2764: 30, 2872: 16, 2875: 14, 2682: 10, 2765: 9, 2598: 5, 2617: 5, 2512: 3, 2869: 8}
BASES: Weights = {
    2764: 12, 2872: 8, 2875: 7, 2682: 6, 2510: 14, 2617: 5, 2800: 4, 3404: 3, 1: 1, 8: 1, 9: 1, 13: 2, 14: 1, 37: 2,
    53: 1, 78: 1, 95: 1, 112: 2, 221: 2, 254: 2, 256: 1, 271: 1, 280: 2, 381: 1, 429: 2, 477: 1, 647: 1, 789: 2,
    821: 1, 900: 2, 937: 1, 1061: 1, 1145: 2, 1239: 2, 1312: 2, 1437: 1, 1529: 1, 1626: 1, 1717: 2, 2028: 1, 2293: 1,
}  # fmt: skip
"""Bases by the number in their license, ``B`` and five digits."""


@dataclass(frozen=True)
class Since:
    """A figure that holds from the first of a month on."""

    month: str
    value: int


def since(month: str, steps: Sequence[Since]) -> int | None:
    """The figure in force in a month, or None before the first."""
    return next((step.value for step in reversed(steps) if step.month <= month), None)


INITIAL_FARE = (Since("2009-01", 250), Since("2022-12", 300))
FARE_UNIT = (Since("2009-01", 40), Since("2012-09", 50), Since("2022-12", 70))
"""Cents for each fifth of a mile or minute of waiting."""
JFK_FLAT_FARE = (Since("2009-01", 4500), Since("2012-09", 5200), Since("2022-12", 7000))
NIGHT_EXTRA = (Since("2009-01", 50), Since("2022-12", 100))
RUSH_EXTRA = (Since("2009-01", 100), Since("2022-12", 250))
MTA_TAX = (Since("2009-11", 50),)
IMPROVEMENT_SURCHARGE = (Since("2015-01", 30), Since("2022-12", 100))
CONGESTION_SURCHARGE: Mapping[str, tuple[Since, ...]] = {
    "yellow": (Since("2019-02", 250),), "green": (Since("2019-02", 275),), "fhvhv": (Since("2019-02", 275),),
}  # fmt: skip
AIRPORT_FEE: Mapping[str, tuple[Since, ...]] = {
    "yellow": (Since("2020-11", 125), Since("2023-04", 175)), "fhvhv": (Since("2020-11", 250),),
}  # fmt: skip
CBD_CONGESTION_FEE: Mapping[str, tuple[Since, ...]] = {
    "yellow": (Since("2025-01", 75),), "green": (Since("2025-01", 75),), "fhvhv": (Since("2025-01", 150),),
}  # fmt: skip
TUNNEL_TOLL = (
    Since("2009-01", 415), Since("2010-01", 457), Since("2011-01", 480), Since("2013-03", 533), Since("2015-03", 554),
    Since("2017-03", 576), Since("2019-04", 612), Since("2021-04", 655), Since("2023-08", 694),
)  # fmt: skip
CARD_PERMILLE = (
    Since("2009-01", 250), Since("2010-01", 360), Since("2011-01", 450), Since("2012-01", 510), Since("2014-01", 580),
    Since("2016-01", 660), Since("2019-01", 710), Since("2022-01", 790),
)  # fmt: skip
"""How many of a thousand passengers pay by card."""
BLACK_CAR_FUND_PERMILLE = (Since("2019-01", 25), Since("2021-11", 30))
