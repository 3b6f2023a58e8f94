"""How TLC itself spells the columns, where people type them quoted: ``"PULocationID"``, ``zones."Zone"``.

Belongs here: the spelling of today's files. Not here: the names that older files used, which are the columns' aliases.
"""

from __future__ import annotations

from collections.abc import Mapping

from taxi_assets.datasets.columns import Dataset

_COMMON = {
    "vendorid": "VendorID",
    "ratecodeid": "RatecodeID",
    "pulocationid": "PULocationID",
    "dolocationid": "DOLocationID",
}
_OWN: Mapping[str, Mapping[str, str]] = {
    "yellow": {"airport_fee": "Airport_fee"},
    "fhv": {
        "dropoff_datetime": "dropOff_datetime",
        "pulocationid": "PUlocationID",
        "dolocationid": "DOlocationID",
        "sr_flag": "SR_Flag",
        "affiliated_base_number": "Affiliated_base_number",
    },
    "fhvhv": {"sr_flag": "SR_Flag"},
}

ZONES_SPELLING: Mapping[str, str] = {
    "locationid": "LocationID",
    "borough": "Borough",
    "zone": "Zone",
    "service_zone": "service_zone",
}
"""Of the zone lookup, whose view is called ``zones``, as the course calls its table."""


def spelling_of(dataset: Dataset) -> dict[str, str]:
    """For each column of the dataset's table its name in TLC's files of today."""
    own = _OWN.get(dataset.name, {})
    return {
        column.name: own.get(column.name) or _COMMON.get(column.name, column.name) for column in dataset.table_columns
    }
