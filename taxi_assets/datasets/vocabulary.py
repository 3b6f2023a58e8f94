"""The column vocabulary: columns that more than one dataset publishes, each described once.

Belongs here: shared columns and the names that are skipped on purpose. Not here: columns of a single dataset (its
own module) and code tables (``codes.py``).

Meanings follow TLC's data dictionaries, in our words. A new column at the source is added here, or in its dataset's
module when only that dataset has it: one ``Column(…)``, appended at the end of the dataset's list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from taxi_assets.datasets.codes import FLAGS, PAYMENTS, RATES, SHARED_RIDES, VENDORS, CodeTable
from taxi_assets.datasets.columns import Column, ColumnType

IGNORED_COLUMNS: Mapping[str, str] = {
    "": "has no name: row labels that pandas or R wrote, or a comma at the end of each line",
    r"__index_level_\d+__": "row labels that pandas wrote, as TLC's in the Parquet files of yellow 2010-02 and 2010-03",
    r"unnamed: ?\d+": "row labels that pandas wrote as a nameless column and read again",
    r"index|level_\d+": "row labels that pandas' reset_index made a column of",
    "data_file_year|data_file_month": "the file's month, in Google's bigquery-public-data.new_york_taxi_trips",
    "pu_?year|pu_?month": "the month of the pickup, in Microsoft's Azure Open Datasets",
    "unique_row_id|filename": "what the flows of the Data Engineering Zoomcamp add in Postgres",
    "file_month": "what this project adds to its own tables",
}
"""Names, as patterns for what is left of a name in lower case, of columns that say nothing about a trip, and why."""


def is_ignored(name: str) -> bool:
    """Whether a column of that name is skipped, whatever the dataset."""
    return any(re.fullmatch(pattern, name.strip().lower()) for pattern in IGNORED_COLUMNS)


def coded(
    name: str,
    kind: ColumnType,
    description: str,
    table: CodeTable,
    *,
    aliases: tuple[str, ...] = (),
    first_month: str | None = None,
    last_month: str | None = None,
) -> Column:
    """A column whose values are listed in a code table; the description ends with the list."""
    return Column(
        name,
        kind,
        f"{description}: {table.sentence()}",
        aliases=aliases,
        codes=table.words,
        meanings=table.meanings,
        first_month=first_month,
        last_month=last_month,
    )


def flag(name: str, description: str, *, aliases: tuple[str, ...] = ()) -> Column:
    """A yes/no column, stored as ``Y`` and ``N``; anything else that a file says is kept as it is."""
    return coded(name, ColumnType.TEXT, description, FLAGS, aliases=aliases)


def located(column: Column, months: str) -> Column:
    """A zone column that files of those months lack though they have coordinates, from which ``clean`` fills it."""
    return replace(
        column,
        description=f"{column.description} In months whose file has coordinates alone ({months}) it is not TLC's, but "
        "located from them with TLC's zone shapes, or empty where those were not there.",
    )


def usd(
    name: str,
    description: str,
    *,
    aliases: tuple[str, ...] = (),
    first_month: str | None = None,
    last_month: str | None = None,
) -> Column:
    """An amount in US dollars; refunds and corrections are published as negative amounts."""
    return Column(
        name,
        ColumnType.NUMBER,
        description,
        unit="USD",
        aliases=aliases,
        first_month=first_month,
        last_month=last_month,
    )


VENDORID = coded(
    "vendorid",
    ColumnType.CODE,
    "Technology provider that sent the record",
    VENDORS,
    aliases=("vendor_id", "vendor_name"),
)

PASSENGER_COUNT = Column(
    "passenger_count",
    ColumnType.CODE,
    "Passengers in the vehicle, as entered by the driver; 0 and NULL are common.",
)

TRIP_DISTANCE = Column(
    "trip_distance",
    ColumnType.NUMBER,
    "Distance driven, by the taximeter.",
    unit="miles",
)

RATECODEID = coded(
    "ratecodeid",
    ColumnType.CODE,
    "Rate in force at the end of the trip",
    RATES,
    aliases=("rate_code",),
)

STORE_AND_FWD_FLAG = flag(
    "store_and_fwd_flag",
    "Whether the record waited in the vehicle's memory because there was no connection",
    aliases=("store_and_forward",),
)

# What the two zones are called in bigquery-public-data.new_york_taxi_trips (Google) and by the staging models of the
# course's dbt project; there, imp_surcharge is the improvement surcharge.
PULOCATIONID = Column(
    "pulocationid",
    ColumnType.CODE,
    "Taxi zone of the pickup, 1 to 265: 264 is an unknown place, 265 lies outside the city.",
    aliases=("pickup_location_id",),
)

DOLOCATIONID = Column(
    "dolocationid",
    ColumnType.CODE,
    "Taxi zone of the dropoff, 1 to 265: 264 is an unknown place, 265 lies outside the city.",
    aliases=("dropoff_location_id",),
)

PAYMENT_TYPE = coded(
    "payment_type",
    ColumnType.CODE,
    "How the passenger paid",
    PAYMENTS,
)

FARE_AMOUNT = usd("fare_amount", "Fare by time and distance, from the meter.", aliases=("fare_amt",))

# 2009 to 2014 call the rush-hour and overnight charge "surcharge"; TLC's own re-issue of 2011 to 2014 as Parquet
# publishes the same amounts under the name "extra".
EXTRA = usd(
    "extra",
    "Extras and surcharges, such as those for rush hours and nights; named surcharge until 2014.",
    aliases=("surcharge",),
)

MTA_TAX = usd("mta_tax", "Metropolitan Transportation Authority tax, set off by the metered rate in use.")

TIP_AMOUNT = usd("tip_amount", "Tip paid by card; cash tips are not recorded.", aliases=("tip_amt",))

TOLLS_AMOUNT = usd("tolls_amount", "Tolls of the whole trip.", aliases=("tolls_amt",))

IMPROVEMENT_SURCHARGE = usd(
    "improvement_surcharge",
    "Improvement surcharge at the flag drop, levied since 2015.",
    aliases=("imp_surcharge",),
    first_month="2015-01",
)

TOTAL_AMOUNT = usd("total_amount", "Charged to the passenger in total, without cash tips.", aliases=("total_amt",))

CONGESTION_SURCHARGE = usd(
    "congestion_surcharge",
    "New York State's congestion surcharge, levied since February 2019.",
    first_month="2019-01",
)

CBD_CONGESTION_FEE = usd(
    "cbd_congestion_fee",
    "The MTA's toll for the Congestion Relief Zone, levied since January 2025.",
    first_month="2025-01",
)

# Not in TLC's dictionary of March 2025. Seen in yellow and green files since June 2026, filled for flex fares only.
REQUEST_SOURCE = Column(
    "request_source",
    ColumnType.TEXT,
    "Where a flex fare was requested, as published: license numbers such as HV0003 (Uber), or A and CC, which TLC has "
    "not explained.",
    first_month="2026-06",
)

COORDINATES = tuple(
    Column(
        f"{place}_{axis}itude",
        ColumnType.NUMBER,
        f"{axis.capitalize()}itude where the meter was {engaged}; 0 where unknown. Later files have zones.",
        unit="degrees",
        aliases=(f"{alias}_{axis[:3]}",),
        last_month="2016-06",
    )
    for place, alias, engaged in (("pickup", "start", "engaged"), ("dropoff", "end", "disengaged"))
    for axis in ("long", "lat")
)
"""``pickup_longitude``, ``pickup_latitude``, ``dropoff_longitude``, ``dropoff_latitude``; 2009 says ``Start_Lon``."""

SR_FLAG = coded(
    "sr_flag",
    ColumnType.CODE,
    "Shared ride, else empty; some companies flag what was requested as shared, others only what was matched",
    SHARED_RIDES,
)

DISPATCHING_BASE_NUM = Column(
    "dispatching_base_num",
    ColumnType.TEXT,
    "License number of the base that dispatched the trip, as published: B and five digits, in a few files b.",
    # FHV 2018 has both names in one header, and the base in the longer one. The third is Azure Open Datasets'
    # (learn.microsoft.com/azure/open-datasets/dataset-taxi-for-hire-vehicle), as dispatchBaseNum.
    aliases=("dispatching_base_number", "dispatch_base_num"),
)
