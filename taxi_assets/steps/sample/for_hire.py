"""The SQL of synthetic for-hire trips: bases, licenses, shared rides, and the money of the high-volume services.

Belongs here: what a base reports. Not here: time and place (``journeys.py``) and prices (``figures.py``).
"""

from __future__ import annotations

from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.sample import figures
from taxi_assets.steps.sample.dice import Dice
from taxi_assets.steps.sample.journeys import moment, replacing, with_columns
from taxi_assets.steps.sample.taxi import charge, either_end

_AIRPORTS = (figures.JFK, figures.LA_GUARDIA, figures.NEWARK)


def fhv_trips(source: str, month: TripMonth, dice: Dice) -> str:
    """``source`` (see ``journeys``) with every column that any era of fhv has."""
    base, other = dice.pick("base", figures.BASES), dice.pick("other base", figures.BASES)
    source = with_columns(source, base=base)
    source = with_columns(
        source,
        dispatching_base_num=f"{_license('base')} || CASE defect WHEN 'stray_byte' THEN chr(160) ELSE '' END",
        affiliated_base_number=f"CASE WHEN {dice.chance('affiliated elsewhere', 250)} THEN {_license(other)} "
        f"WHEN {dice.chance('affiliation unknown', 40)} THEN NULL ELSE {_license('base')} END",
        sr_flag=f"CASE WHEN {dice.chance('shared', 120 if month.month < '2019' else 20)} THEN 1 END",
        pickup_datetime="pickup",
        dropoff_datetime="dropoff",
    )
    return replacing(
        source,
        pulocationid="CASE defect WHEN 'no_pickup_zone' THEN NULL ELSE pulocationid END",
        dolocationid="CASE defect WHEN 'no_dropoff_zone' THEN NULL ELSE dolocationid END",
    )


def _license(number: str) -> str:
    """A base's license number: ``B02764``."""
    return f"format('B{{:05d}}', {number})"


def fhvhv_trips(source: str, month: TripMonth, dice: Dice) -> str:
    """``source`` (see ``journeys``) with every column that any era of fhvhv has."""
    # Shared rides stopped with the pandemic; Juno closed in 2019-11, Via left in 2021-12.
    shared = 180 if month.month <= "2020-03" else 0
    juno, via = (20 if month.month <= "2019-11" else 0), (30 if month.month <= "2021-12" else 0)
    source = with_columns(
        source,
        company=dice.pick("company", {3: 720, 5: 260, 4: via, 2: juno}),
        shared=f"CASE WHEN {dice.chance('shared', shared)} THEN 1 END",
        waited=f"120 + {dice.below('waited', 600)}",
    )
    source = with_columns(
        source,
        hvfhs_license_num="format('HV{:04d}', company)",
        dispatching_base_num=f"CASE company WHEN 3 THEN {_license(dice.pick('base', figures.UBER_BASES))} "
        "WHEN 5 THEN 'B02510' WHEN 4 THEN 'B02800' ELSE 'B02907' END",
        sr_flag="shared",
        pickup_datetime="pickup",
        dropoff_datetime="dropoff",
        **_parquet_only(month, dice),
        **_fares(month, dice),
    )
    source = with_columns(source, **_charges(month, dice))
    return replacing(
        source,
        pulocationid=f"CASE WHEN defect = 'unknown_place' AND {dice.chance('pickup outside', 200)} THEN 264 "
        "ELSE pulocationid END",
        dolocationid="CASE defect WHEN 'unknown_place' THEN 265 ELSE dolocationid END",
    )


def _parquet_only(month: TripMonth, dice: Dice) -> dict[str, str]:
    """What the first seven columns of CSV leave out."""
    yes = "CASE WHEN {} THEN 'Y' ELSE 'N' END"
    return {
        "originating_base_num": f"CASE company WHEN 3 THEN {_license(dice.pick('base', figures.UBER_BASES))} END",
        "request_datetime": moment(month, "pickup_second - waited"),
        "on_scene_datetime": f"CASE company WHEN 3 THEN {moment(month, 'pickup_second - waited // 5')} END",
        "trip_miles": "hundredths",
        "trip_time": "epoch(dropoff - pickup)::BIGINT",
        "shared_request_flag": yes.format("shared = 1"),
        "shared_match_flag": yes.format(f"shared = 1 AND {dice.chance('matched', 400)}"),
        # Uber sends a blank.
        "access_a_ride_flag": "CASE company WHEN 3 THEN ' ' ELSE 'N' END",
        "wav_request_flag": yes.format(dice.chance("wheelchair asked", 2)),
        "wav_match_flag": yes.format(dice.chance("wheelchair", 70)),
    }


def _fares(month: TripMonth, dice: Dice) -> dict[str, str]:
    """What the passenger pays for the ride itself, in cents."""
    metered = "230 + 170 * hundredths // 100 + 45 * seconds // 60"
    toll = figures.since(month.month, figures.TUNNEL_TOLL)
    return {
        "base_passenger_fare": f"greatest(700, ({metered}) * (85 + {dice.below('demand', 70)}) // 100)",
        "tolls": f"CASE WHEN airport <> '' AND {dice.chance('airport toll', 400)} THEN {toll} ELSE 0 END",
    }


def _charges(month: TripMonth, dice: Dice) -> dict[str, str]:
    """What comes on top of the fare, and what the driver gets, in cents."""
    black_car_fund = figures.since(month.month, figures.BLACK_CAR_FUND_PERMILLE)
    percent = dice.pick("tip", figures.TIP_PERCENT)
    return {
        "bcf": f"(base_passenger_fare + tolls) * {black_car_fund} // 1000",
        "sales_tax": "(base_passenger_fare + tolls) * 8875 // 100000",
        "congestion_surcharge": charge(month, figures.CONGESTION_SURCHARGE["fhvhv"], either_end(figures.CORE)),
        "airport_fee": charge(month, figures.AIRPORT_FEE["fhvhv"], either_end(_AIRPORTS)),
        "cbd_congestion_fee": charge(month, figures.CBD_CONGESTION_FEE["fhvhv"], either_end(figures.CONGESTION_ZONE)),
        "tips": f"CASE WHEN {dice.chance('tipped', 180)} THEN base_passenger_fare * {percent} // 100 ELSE 0 END",
        "driver_pay": "base_passenger_fare * 78 // 100",
    }
