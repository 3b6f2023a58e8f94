"""The SQL of synthetic yellow and green trips: meter, payment and tip, and what dirt does to them.

Belongs here: what a taximeter and its vendor record. Not here: time and place (``journeys.py``) and prices
(``figures.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.sample import figures
from taxi_assets.steps.sample.dice import Dice
from taxi_assets.steps.sample.journeys import among, replacing, with_columns

AMOUNTS = (
    "fare_amount",
    "extra",
    "mta_tax",
    "tip_amount",
    "tolls_amount",
    "improvement_surcharge",
    "congestion_surcharge",
    "airport_fee",
    "cbd_congestion_fee",
)
"""What ``total_amount`` is the sum of."""

_NULL = "NULL::BIGINT"
_PLACES = ("pickup", "dropoff")
_AXES = ("longitude", "latitude")


def taxi_trips(source: str, month: TripMonth, dice: Dice, published: Collection[str], *, parquet: bool) -> str:
    """``source`` (see ``journeys``) with every column that any era of the dataset has.

    Args:
        source: SQL of the journeys.
        month: Decides which surcharges are in force.
        dice: Draws by the trip.
        published: Canonical names of the layout's columns; what has none is not charged, so that totals add up.
        parquet: Trips without a meter record miss other fields there than in CSV.
    """
    yellow = month.dataset == "yellow"
    source = with_columns(
        source, vendorid=_vendor(month, dice), payment_type=_payment(month, dice), ratecodeid=_rate(dice)
    )
    source = with_columns(source, **_meter(month, dice, published))
    source = with_columns(source, tip_amount=_tip(dice))
    source = with_columns(
        source,
        passenger_count=dice.pick("passengers", figures.PASSENGERS),
        trip_distance="CASE defect WHEN 'zero_distance' THEN 0 ELSE hundredths END",
        store_and_fwd_flag=f"CASE WHEN {dice.chance('forwarded', 4)} THEN 'Y' ELSE 'N' END",
        unknown=f"CASE defect WHEN 'unknown_place' THEN 1 + {dice.below('unknown', 3)} ELSE 0 END",
        **_coordinates(dice),
    )
    prefix = "tpep" if yellow else "lpep"
    times = {f"{prefix}_{end}_datetime": end for end in _PLACES}
    # What flex fares carry in files since 2026-06.
    source = with_columns(source, request_source="CASE defect WHEN 'no_meter_record' THEN 'HV0003' END", **times)
    if not yellow:
        source = with_columns(source, ehail_fee=_NULL, trip_type="CASE WHEN ratecodeid = 5 THEN 2 ELSE 1 END")
    source = replacing(source, **_dirt(yellow=yellow, parquet=parquet))
    return with_columns(source, total_amount=" + ".join(f"coalesce({amount}, 0)" for amount in AMOUNTS))


def _vendor(month: TripMonth, dice: Dice) -> str:
    if month.dataset == "green":
        return dice.pick("vendor", {1: 15, 2: 85})
    # The third vendor left in 2010.
    return dice.pick("vendor", {1: 42, 2: 48, 3: 10} if month.month < "2010" else {1: 40, 2: 60})


def _payment(month: TripMonth, dice: Dice) -> str:
    card = figures.since(month.month, figures.CARD_PERMILLE) or 0
    return dice.pick("payment", {1: card, 2: 990 - card, 3: 7, 4: 3})


def _rate(dice: Dice) -> str:
    manhattan = f"({among('pulocationid', figures.MANHATTAN)} OR {among('dolocationid', figures.MANHATTAN)})"
    return (
        f"CASE WHEN airport = 'JFK' AND {manhattan} THEN 2 WHEN airport = 'EWR' THEN 3 "
        f"ELSE {dice.pick('rate', figures.RATES)} END"
    )


def _meter(month: TripMonth, dice: Dice, published: Collection[str]) -> dict[str, str]:
    """What meter and state charge, in cents; NULL where the month did not know the charge."""

    def price(steps: Sequence[figures.Since]) -> int:
        return figures.since(month.month, steps) or 0

    toll = price(figures.TUNNEL_TOLL)
    charges = {
        "fare_amount": f"CASE ratecodeid WHEN 2 THEN {price(figures.JFK_FLAT_FARE)} ELSE "
        f"{price(figures.INITIAL_FARE)} + {price(figures.FARE_UNIT)} * (hundredths // 20 + seconds // 240) END",
        "extra": "CASE WHEN ratecodeid IN (2, 5) THEN 0 "
        f"WHEN hour >= 20 OR hour < 6 THEN {price(figures.NIGHT_EXTRA)} "
        f"WHEN hour BETWEEN 16 AND 19 AND weekday < 5 THEN {price(figures.RUSH_EXTRA)} ELSE 0 END",
        "mta_tax": charge(month, figures.MTA_TAX, "ratecodeid <> 5"),
        "tolls_amount": "CASE WHEN airport = 'EWR' THEN 1250 "
        f"WHEN airport <> '' AND {dice.chance('airport toll', 480)} THEN {toll} "
        f"WHEN {dice.chance('toll', 10)} THEN {toll} ELSE 0 END",
        "improvement_surcharge": charge(month, figures.IMPROVEMENT_SURCHARGE, "true"),
        "congestion_surcharge": charge(month, figures.CONGESTION_SURCHARGE[month.dataset], either_end(figures.CORE)),
        "airport_fee": charge(
            month,
            figures.AIRPORT_FEE.get(month.dataset, ()),
            among("pulocationid", (figures.JFK, figures.LA_GUARDIA)),
        ),
        "cbd_congestion_fee": charge(
            month,
            figures.CBD_CONGESTION_FEE[month.dataset],
            either_end(figures.CONGESTION_ZONE),
        ),
    }
    return {name: expression if name in published else _NULL for name, expression in charges.items()}


def charge(month: TripMonth, steps: Sequence[figures.Since], condition: str) -> str:
    """SQL of the charge in force where ``condition`` holds, else 0; NULL in months before it was levied."""
    value = figures.since(month.month, steps)
    return _NULL if value is None else f"CASE WHEN {condition} THEN {value} ELSE 0 END"


def either_end(zones: Sequence[int]) -> str:
    """SQL of whether the trip begins or ends in one of ``zones``."""
    return f"({among('pulocationid', zones)} OR {among('dolocationid', zones)})"


def _tip(dice: Dice) -> str:
    shown = " + ".join(f"coalesce({amount}, 0)" for amount in AMOUNTS if amount != "tip_amount")
    percent = dice.pick("tip", figures.TIP_PERCENT)
    return f"CASE WHEN payment_type = 1 THEN (({shown}) * {percent} + 50) // 100 ELSE 0 END"


def _coordinates(dice: Dice) -> dict[str, str]:
    """Points along Manhattan's axis and beside it, or at the zone's airport, in millionths of a degree."""
    columns: dict[str, str] = {}
    for place, zone in zip(_PLACES, ("pulocationid", "dolocationid"), strict=True):
        north = dice.below(f"{place} north", 115_000)
        across = dice.below(f"{place} across", 24_000)
        near = dice.below(f"{place} airport", 9_000)
        for axis, jfk, la_guardia, city in (
            ("longitude", -73_788_000, -73_876_000, f"-74016000 + {north} * 6 // 10 + {across}"),
            ("latitude", 40_641_000, 40_769_000, f"40703000 + {north} - {across} * 4 // 10"),
        ):
            columns[f"{place}_{axis}"] = (
                f"CASE {zone} WHEN {figures.JFK} THEN {jfk} + {near} "
                f"WHEN {figures.LA_GUARDIA} THEN {la_guardia} + {near} ELSE {city} END"
            )
    return columns


def _dirt(*, yellow: bool, parquet: bool) -> dict[str, str]:
    """What refunds and defects overwrite."""
    no_record = "defect = 'no_meter_record'"

    def missing(value: str, instead: str = "NULL") -> str:
        return f"CASE WHEN {no_record} THEN {instead} ELSE {value} END"

    paid = "CASE WHEN sign < 0 THEN 4 ELSE payment_type END"
    columns = {amount: f"sign * {amount}" for amount in AMOUNTS}
    columns |= {
        "passenger_count": missing("CASE defect WHEN 'zero_passengers' THEN 0 ELSE passenger_count END"),
        "ratecodeid": missing("ratecodeid"),
        "store_and_fwd_flag": missing("store_and_fwd_flag"),
        "payment_type": missing(paid, "0" if yellow and parquet else "NULL"),
        "pulocationid": "CASE WHEN unknown IN (1, 2) THEN 264 ELSE pulocationid END",
        "dolocationid": "CASE unknown WHEN 0 THEN dolocationid WHEN 1 THEN 264 ELSE 265 END",
    }
    columns |= {
        f"{place}_{axis}": f"CASE unknown WHEN 0 THEN {place}_{axis} ELSE 0 END" for place in _PLACES for axis in _AXES
    }
    if parquet:
        columns |= {name: missing(columns[name]) for name in ("congestion_surcharge", "airport_fee")}
    else:
        columns["vendorid"] = missing("vendorid")
    if not yellow:
        columns["trip_type"] = missing("trip_type")
    return columns
