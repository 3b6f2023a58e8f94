"""The published layouts: what a file of each dataset and month looks like, byte for byte.

Belongs here: header lines as published (case, blanks, quotes), line endings, surplus fields, Parquet columns and
types, each with the months it holds for. Not here: what a column means (the registry) and how files are read: the
reader goes by the header it finds, never by this calendar, because months are re-issued in newer layouts. This page
is what the sample source writes and what tests hold the reader against.

CSV layouts were read off the first kilobyte of 303 published files, 2009-01 to 2020-06. What was not seen there says
so. Parquet layouts of 2019 and later follow the changes between the footers of consecutive published months, those of
2009 to 2018 are the schemas that users of the files have printed; green 2024-01 was read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from taxi_assets.datasets.months import TripMonth

LAST_MONTH = "2099-12"
"""Ends the layouts that are still in use."""


@dataclass(frozen=True)
class CsvEra:
    r"""One layout of the CSV years, and the months that were published so.

    Attributes:
        dataset: Name of the dataset in the registry.
        first_month: First month that was published so, ``YYYY-MM``.
        last_month: Last month that was published so.
        header: The header line exactly as published, without its line ending.
        surplus_fields: Empty fields at the end of each data line that the header does not name.
        quoted: Every field of a data line stands in double quotes.
        blank_second_line: An empty line follows the header.
        header_ending: ``"\r\n"`` or ``"\n"``.
        line_ending: Of the data lines and of the blank second line.
        last_line_ending: Of the last data line, where it differs from the others.
        reissued: The months were published in another layout first.
    """

    dataset: str
    first_month: str
    last_month: str
    header: str
    surplus_fields: int = 0
    quoted: bool = False
    blank_second_line: bool = False
    header_ending: str = "\r\n"
    line_ending: str = "\r\n"
    last_line_ending: str | None = None
    reissued: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in file order, case as published, without blanks and quotes around them."""
        return tuple(name.strip().strip('"') for name in self.header.split(","))

    @property
    def fields(self) -> int:
        """How many fields a data line has."""
        return len(self.names) + self.surplus_fields

    @property
    def head(self) -> str:
        """The bytes before the first data line, as text (they are ASCII)."""
        blank = self.line_ending if self.blank_second_line else ""
        return self.header + self.header_ending + blank


class ParquetType(Enum):
    """The column types of published Parquet files, by the names that Arrow prints."""

    INT32 = "int32"
    INT64 = "int64"
    DOUBLE = "double"
    STRING = "string"
    LARGE_STRING = "large_string"
    TIMESTAMP = "timestamp[us]"
    NULL = "null"


@dataclass(frozen=True)
class ParquetEra:
    """One layout of the Parquet files, and the months that are published so.

    Attributes:
        dataset: Name of the dataset in the registry.
        first_month: First month that is published so, ``YYYY-MM``.
        last_month: Last month that is published so.
        columns: Name, case as published, and type, in file order.
    """

    dataset: str
    first_month: str
    last_month: str
    columns: tuple[tuple[str, ParquetType], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in file order, case as published."""
        return tuple(name for name, _ in self.columns)


Era = CsvEra | ParquetEra
_AnyEra = TypeVar("_AnyEra", CsvEra, ParquetEra)


def csv_layouts(month: TripMonth) -> tuple[CsvEra, ...]:
    """The CSV layouts that a month was published in, the original first; empty when it never was CSV."""
    return tuple(sorted(_of_month(CSV_LAYOUTS, month), key=lambda layout: layout.reissued))


def parquet_layout(month: TripMonth) -> ParquetEra:
    """The layout of a month's Parquet file. TLC publishes every month as Parquet today, the oldest ones too.

    Raises:
        LookupError: The dataset is unknown or the month precedes its first one.
    """
    for layout in _of_month(PARQUET_LAYOUTS, month):
        return layout
    raise LookupError(f"no Parquet layout is known for {month}")


def _of_month(layouts: Iterable[_AnyEra], month: TripMonth) -> list[_AnyEra]:
    return [
        layout
        for layout in layouts
        if layout.dataset == month.dataset and layout.first_month <= month.month <= layout.last_month
    ]


_YELLOW_2009 = (
    "vendor_name,Trip_Pickup_DateTime,Trip_Dropoff_DateTime,Passenger_Count,Trip_Distance,Start_Lon,Start_Lat,"
    "Rate_Code,store_and_forward,End_Lon,End_Lat,Payment_Type,Fare_Amt,surcharge,mta_tax,Tip_Amt,Tolls_Amt,Total_Amt"
)
_YELLOW_2010 = (
    "vendor_id,pickup_datetime,dropoff_datetime,passenger_count,trip_distance,pickup_longitude,pickup_latitude,"
    "rate_code,store_and_fwd_flag,dropoff_longitude,dropoff_latitude,payment_type,fare_amount,surcharge,mta_tax,"
    "tip_amount,tolls_amount,total_amount"
)
_YELLOW_2015 = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,pickup_longitude,"
    "pickup_latitude,RateCodeID,store_and_fwd_flag,dropoff_longitude,dropoff_latitude,payment_type,fare_amount,extra,"
    "mta_tax,tip_amount,tolls_amount,improvement_surcharge,total_amount"
)
_YELLOW_2016 = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,store_and_fwd_flag,"
    "PULocationID,DOLocationID,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,improvement_surcharge,"
    "total_amount"
)
_GREEN_2013 = (
    "VendorID,lpep_pickup_datetime,Lpep_dropoff_datetime,Store_and_fwd_flag,RateCodeID,Pickup_longitude,"
    "Pickup_latitude,Dropoff_longitude,Dropoff_latitude,Passenger_count,Trip_distance,Fare_amount,Extra,MTA_tax,"
    "Tip_amount,Tolls_amount,Ehail_fee,Total_amount,Payment_type,Trip_type "
)
_GREEN_2015 = _GREEN_2013.replace("Ehail_fee,", "Ehail_fee,improvement_surcharge,")
_GREEN_2016 = (
    "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,PULocationID,DOLocationID,"
    "passenger_count,trip_distance,fare_amount,extra,mta_tax,tip_amount,tolls_amount,ehail_fee,improvement_surcharge,"
    "total_amount,payment_type,trip_type"
)
_FHV_2017 = "Dispatching_base_num,Pickup_DateTime,DropOff_datetime,PUlocationID,DOlocationID"
_FHV_2018 = (
    '"Pickup_DateTime","DropOff_datetime","PUlocationID","DOlocationID","SR_Flag","Dispatching_base_number",'
    '"Dispatching_base_num"'
)
_FHV_2019 = "dispatching_base_num,pickup_datetime,dropoff_datetime,PULocationID,DOLocationID,SR_Flag"
_FHV_2019_AGAIN = (
    "dispatching_base_num,pickup_datetime,dropOff_datetime,PUlocationID,DOlocationID,SR_Flag,Affiliated_base_number"
)


def _csv(dataset: str, months: str, header: str, *, blank: bool = False, surplus: int = 0) -> CsvEra:
    """``months`` is ``2009-01..2009-12``. ``blank``: header ends LF, then a blank line, unlike the CRLF of the data."""
    first, last = months.split("..")
    ending = "\n" if blank else "\r\n"
    return CsvEra(dataset, first, last, header, surplus, blank_second_line=blank, header_ending=ending)


CSV_LAYOUTS: tuple[CsvEra, ...] = (
    _csv("yellow", "2009-01..2009-12", _YELLOW_2009, blank=True),
    _csv("yellow", "2010-01..2013-12", _YELLOW_2010, blank=True),
    _csv("yellow", "2014-01..2014-12", _YELLOW_2010.replace(",", ", "), blank=True),
    _csv("yellow", "2015-01..2015-06", _YELLOW_2015),
    _csv("yellow", "2015-07..2016-06", _YELLOW_2015.replace("RateCodeID", "RatecodeID")),
    _csv("yellow", "2016-07..2016-12", _YELLOW_2016, surplus=2),
    _csv("yellow", "2017-01..2018-12", _YELLOW_2016, blank=True),
    # The public samples of 2019-01 and 2019-02 end their last line with LF alone, on which strict sniffers give up.
    replace(_csv("yellow", "2019-01..2019-02", f"{_YELLOW_2016},congestion_surcharge"), last_line_ending="\n"),
    # 2020-07 and later were not among the files read; people who loaded them name the same columns.
    _csv("yellow", "2019-03..2021-07", f"{_YELLOW_2016},congestion_surcharge"),
    _csv("green", "2013-08..2014-12", _GREEN_2013, blank=True, surplus=2),
    _csv("green", "2015-01..2015-06", _GREEN_2015, surplus=2),
    _csv("green", "2015-07..2015-12", _GREEN_2015),
    _csv("green", "2016-01..2016-06", _GREEN_2015, blank=True),
    _csv("green", "2016-07..2016-12", _GREEN_2016, blank=True, surplus=2),
    _csv("green", "2017-01..2018-12", _GREEN_2016, blank=True),
    _csv("green", "2019-01..2021-07", f"{_GREEN_2016},congestion_surcharge"),
    _csv("fhv", "2015-01..2016-12", "Dispatching_base_num,Pickup_date,locationID"),
    _csv("fhv", "2017-01..2017-06", _FHV_2017),
    replace(
        _csv("fhv", "2017-07..2017-12", '"' + f"{_FHV_2017},SR_Flag".replace(",", '","') + '"'),
        quoted=True,
    ),
    replace(_csv("fhv", "2018-01..2018-12", _FHV_2018), quoted=True),
    _csv("fhv", "2019-01..2020-06", _FHV_2019),
    # What the course's release of 2019 holds, and, by the columns that its readers print, of 2020 too.
    replace(_csv("fhv", "2019-01..2019-12", _FHV_2019_AGAIN), reissued=True),
    _csv("fhv", "2020-07..2021-07", f"{_FHV_2019},Affiliated_base_number"),
    # Not listed: the course's release of fhvhv 2021-06 has the header of fhv, without the company's license, so that
    # nobody can tell it from a file of fhv; it is rejected as one. TLC's Parquet of that month is complete.
    _csv("fhvhv", "2019-02..2021-07", f"hvfhs_license_num,{_FHV_2019}"),
)

_I32, _I64, _DOUBLE, _TEXT, _TIME, _NULL = (
    ParquetType.INT32,
    ParquetType.INT64,
    ParquetType.DOUBLE,
    ParquetType.STRING,
    ParquetType.TIMESTAMP,
    ParquetType.NULL,
)
_MONEY = ("fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount")


def _parquet(dataset: str, months: str, columns: dict[str, ParquetType]) -> ParquetEra:
    first, last = months.split("..")
    return ParquetEra(dataset, first, last or LAST_MONTH, tuple(columns.items()))


def _early_yellow(header: str, code: ParquetType) -> dict[str, ParquetType]:
    """2009 and 2010 keep the names of the CSV files, and times as text; what is neither is a number."""
    names = header.split(",")
    text = {*names[:3], names[11]}
    types = {name: _TEXT if name in text else _DOUBLE for name in names}
    return types | {names[3]: _I64, names[7]: code, names[8]: code}


def _yellow(code: ParquetType, *, congestion: ParquetType = _DOUBLE, airport: ParquetType) -> dict[str, ParquetType]:
    return {
        "VendorID": _I64, "tpep_pickup_datetime": _TIME, "tpep_dropoff_datetime": _TIME, "passenger_count": code,
        "trip_distance": _DOUBLE, "RatecodeID": code, "store_and_fwd_flag": _TEXT, "PULocationID": _I64,
        "DOLocationID": _I64, "payment_type": _I64, **dict.fromkeys(_MONEY, _DOUBLE),
        "improvement_surcharge": _DOUBLE, "total_amount": _DOUBLE, "congestion_surcharge": congestion,
        "airport_fee": airport,
    }  # fmt: skip


def _green(code: ParquetType, *, ehail: ParquetType, congestion: ParquetType = _DOUBLE) -> dict[str, ParquetType]:
    return {
        "VendorID": _I64, "lpep_pickup_datetime": _TIME, "lpep_dropoff_datetime": _TIME, "store_and_fwd_flag": _TEXT,
        "RatecodeID": code, "PULocationID": _I64, "DOLocationID": _I64, "passenger_count": code,
        "trip_distance": _DOUBLE, **dict.fromkeys(_MONEY, _DOUBLE), "ehail_fee": ehail,
        "improvement_surcharge": _DOUBLE, "total_amount": _DOUBLE, "payment_type": code, "trip_type": code,
        "congestion_surcharge": congestion,
    }  # fmt: skip


def _fhv(pickup: ParquetType, dropoff: ParquetType, sr_flag: ParquetType) -> dict[str, ParquetType]:
    return {
        "dispatching_base_num": _TEXT, "pickup_datetime": _TIME, "dropOff_datetime": _TIME, "PUlocationID": pickup,
        "DOlocationID": dropoff, "SR_Flag": sr_flag, "Affiliated_base_number": _TEXT,
    }  # fmt: skip


def _fhvhv(*, airport: ParquetType, wav_match: ParquetType = _TEXT) -> dict[str, ParquetType]:
    numbers = ("base_passenger_fare", "tolls", "bcf", "sales_tax", "congestion_surcharge")
    flags = ("shared_request_flag", "shared_match_flag", "access_a_ride_flag", "wav_request_flag")
    return {
        **dict.fromkeys(("hvfhs_license_num", "dispatching_base_num", "originating_base_num"), _TEXT),
        **dict.fromkeys(("request_datetime", "on_scene_datetime", "pickup_datetime", "dropoff_datetime"), _TIME),
        "PULocationID": _I64, "DOLocationID": _I64, "trip_miles": _DOUBLE, "trip_time": _I64,
        **dict.fromkeys(numbers, _DOUBLE), "airport_fee": airport, "tips": _DOUBLE, "driver_pay": _DOUBLE,
        **dict.fromkeys(flags, _TEXT), "wav_match_flag": wav_match,
    }  # fmt: skip


def _since_2023_02(columns: dict[str, ParquetType]) -> dict[str, ParquetType]:
    """From 2023-02 zones and vendors are 32-bit, texts large ones, and yellow writes ``Airport_fee``."""
    narrow = {"VendorID": _I32, "PULocationID": _I32, "DOLocationID": _I32}
    large = {name: ParquetType.LARGE_STRING for name, kind in columns.items() if kind is _TEXT}
    renamed = {"airport_fee": "Airport_fee"} if "tpep_pickup_datetime" in columns else {}
    return {renamed.get(name, name): narrow.get(name, large.get(name, kind)) for name, kind in columns.items()}


_YELLOW_2023 = _since_2023_02(_yellow(_I64, airport=_DOUBLE))
_GREEN_2023 = _since_2023_02(_green(_DOUBLE, ehail=_DOUBLE)) | {"store_and_fwd_flag": _TEXT}
_FHVHV_2023 = _since_2023_02(_fhvhv(airport=_DOUBLE))
_CBD = {"cbd_congestion_fee": _DOUBLE}
# Added by TLC in the file of 2026-06; what it holds is not documented yet, and its type is a guess.
_REQUEST_SOURCE = {"request_source": _TEXT}

PARQUET_LAYOUTS: tuple[ParquetEra, ...] = (
    _parquet("yellow", "2009-01..2009-12", _early_yellow(_YELLOW_2009, _DOUBLE)),
    _parquet("yellow", "2010-01..2010-12", _early_yellow(_YELLOW_2010, _TEXT)),
    _parquet("yellow", "2011-01..2018-12", _yellow(_I64, congestion=_NULL, airport=_NULL)),
    _parquet("yellow", "2019-01..2020-07", _yellow(_DOUBLE, airport=_NULL)),
    _parquet("yellow", "2020-08..2020-09", _yellow(_DOUBLE, airport=_DOUBLE)),
    _parquet("yellow", "2020-10..2020-10", _yellow(_DOUBLE, airport=_NULL)),
    _parquet("yellow", "2020-11..2023-01", _yellow(_DOUBLE, airport=_DOUBLE)),
    _parquet("yellow", "2023-02..2024-12", _YELLOW_2023),
    _parquet("yellow", "2025-01..2026-05", _YELLOW_2023 | _CBD),
    _parquet("yellow", "2026-06..", _YELLOW_2023 | _CBD | _REQUEST_SOURCE),
    _parquet("green", "2013-08..2018-12", _green(_I64, ehail=_NULL, congestion=_NULL)),
    _parquet("green", "2019-01..2019-08", _green(_DOUBLE, ehail=_DOUBLE)),
    _parquet("green", "2019-09..2023-01", _green(_DOUBLE, ehail=_NULL)),
    # Codes are doubles in the 2024-01 that was read here; a listing of footers has integers, TLC re-issues files.
    _parquet("green", "2023-02..2024-12", _GREEN_2023),
    _parquet("green", "2025-01..2026-05", _GREEN_2023 | _CBD),
    _parquet("green", "2026-06..", _GREEN_2023 | _CBD | _REQUEST_SOURCE),
    _parquet("fhv", "2015-01..2019-02", _fhv(_DOUBLE, _DOUBLE, _DOUBLE)),
    _parquet("fhv", "2019-03..2019-04", _fhv(_DOUBLE, _DOUBLE, _NULL)),
    _parquet("fhv", "2019-05..2019-06", _fhv(_I64, _I64, _NULL)),
    _parquet("fhv", "2019-07..2020-06", _fhv(_DOUBLE, _DOUBLE, _NULL)),
    _parquet("fhv", "2020-07..2020-07", _fhv(_DOUBLE, _I64, _NULL)),
    _parquet("fhv", "2020-08..2023-01", _fhv(_DOUBLE, _DOUBLE, _NULL)),
    _parquet("fhv", "2023-02..", _since_2023_02(_fhv(_I64, _I64, _I64))),
    _parquet("fhvhv", "2019-02..2019-03", _fhvhv(airport=_NULL, wav_match=_NULL)),
    _parquet("fhvhv", "2019-04..2019-06", _fhvhv(airport=_NULL)),
    _parquet("fhvhv", "2019-07..2020-03", _fhvhv(airport=_DOUBLE)),
    _parquet("fhvhv", "2020-04..2020-04", _fhvhv(airport=_NULL)),
    _parquet("fhvhv", "2020-05..2020-09", _fhvhv(airport=_DOUBLE)),
    _parquet("fhvhv", "2020-10..2020-10", _fhvhv(airport=_NULL)),
    _parquet("fhvhv", "2020-11..2023-01", _fhvhv(airport=_DOUBLE)),
    _parquet("fhvhv", "2023-02..2024-12", _FHVHV_2023),
    _parquet("fhvhv", "2025-01..", _FHVHV_2023 | _CBD),
)
