"""For-hire vehicles: trips dispatched by livery, black-car and luxury bases, published since 2015-01.

Belongs here: the dataset's columns in the order of every table: those of 2019 in TLC's order, then what came later.
A new column goes to the end. Trips of the large app companies moved to ``fhvhv`` in 2019-02.
"""

from __future__ import annotations

from dataclasses import replace

from taxi_assets.datasets import vocabulary as v
from taxi_assets.datasets.columns import Column, ColumnType, Dataset

FHV = Dataset(
    name="fhv",
    title="For-hire vehicles",
    description=(
        "Trips of New York's for-hire vehicles, as reported by the bases that dispatched them. "
        "TLC publishes what bases send: months differ in completeness, and no fares are included."
    ),
    first_month="2015-01",
    pickup="pickup_datetime",
    dropoff="dropoff_datetime",
    essential=("dispatching_base_num", "pickup_datetime"),
    columns=(
        v.DISPATCHING_BASE_NUM,
        Column(
            "pickup_datetime",
            ColumnType.TIME,
            "When the trip began, New York wall-clock time.",
            aliases=("pickup_date",),
            required=True,
        ),
        Column(
            "dropoff_datetime",
            ColumnType.TIME,
            "When the trip ended, New York wall-clock time; a few records say the year 3019.",
            first_month="2017-01",
        ),
        # 2015 and 2016 publish the pickup's zone only, as "locationID".
        replace(v.PULOCATIONID, aliases=(*v.PULOCATIONID.aliases, "locationid")),
        replace(v.DOLOCATIONID, first_month="2017-01"),
        replace(v.SR_FLAG, first_month="2017-07"),
        Column(
            "affiliated_base_number",
            ColumnType.TEXT,
            "License number of the base that the vehicle belongs to, as published.",
            # Absent from the first issue of the 2019 files, present in their re-issue.
            aliases=("affiliated_base_num",),
        ),
    ),
)
