"""Where a published file is: the named sources as data, and the places at which a source may hold a file.

Belongs here: URLs, layouts and which months a source has. Not here: asking a place for the file (``http.py`` for
HTTP, ``local.py`` for folders and the sample).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from taxi_assets.datasets.months import TripMonth, file_of_month
from taxi_assets.datasets.registry import TLC_URL
from taxi_assets.datasets.zones import TAXI_ZONE_SHAPES, TAXI_ZONE_SHAPES_FILE
from taxi_assets.errors import SettingsError
from taxi_assets.steps.files.formats import FORMATS, Format
from taxi_assets.steps.files.raw_file import PublishedFile


@dataclass(frozen=True)
class FileRequest:
    """One file that is asked for: a month of a dataset, the zone lookup, or the zones' shapes.

    Attributes:
        label: What people call it: ``yellow 2019-01``.
        raw_folder: Its folder below ``raw/``.
        source_folder: Its folder in a source that is laid out in folders.
        stem: The file's name without its format.
        formats: The formats in which it may be published.
        month: The month, or None for the other two.
    """

    label: str
    raw_folder: str
    source_folder: str
    stem: str
    formats: tuple[Format, ...]
    month: TripMonth | None = None

    @classmethod
    def of(cls, month: TripMonth) -> FileRequest:
        """The file of a month."""
        return cls(str(month), month.dataset, month.dataset, month.stem, FORMATS, month)

    def place(self, pattern: str) -> Candidate:
        """The one place at which a pattern has the month."""
        location = file_of_month(pattern, self.month.month if self.month else "")
        return Candidate(location, next(each for each in FORMATS if location.endswith(f".{each}")))

    def places(self) -> list[tuple[str, Format]]:
        """Relative paths at which a folder or base URL may hold the file, in the order in which they are tried."""
        return [
            (f"{folder}{self.stem}.{file_format}", file_format)
            for folder in (f"{self.source_folder}/", "")
            for file_format in self.formats
        ]


ZONES = FileRequest("taxi_zones", "taxi_zones", "misc", "taxi_zone_lookup", ("csv",))
ZONE_SHAPES = FileRequest(
    TAXI_ZONE_SHAPES, TAXI_ZONE_SHAPES, "misc", TAXI_ZONE_SHAPES_FILE.removesuffix(".zip"), ("zip",)
)


@dataclass(frozen=True)
class NamedSource:
    """A publisher and its layout.

    Attributes:
        base: URL that the paths below are relative to.
        month_path: Path of a month's file, with ``{dataset}`` and ``{month}``.
        format: In which months are published.
        zones_path: Path of the zone lookup.
        months: For each dataset its first and last published month; empty: whatever it may have.
        shapes_path: Path of the zones' shapes, or None where it does not publish them.
    """

    base: str
    month_path: str
    format: Format
    zones_path: str
    months: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, "tuple[str, str]"])
    shapes_path: str | None = None

    def has(self, request: FileRequest) -> bool:
        """Whether the source is known to publish it."""
        if request == ZONE_SHAPES:
            return self.shapes_path is not None
        if request.month is None or not self.months:
            return True
        first, last = self.months.get(request.month.dataset, ("", ""))
        return first <= request.month.month <= last

    def candidate(self, request: FileRequest) -> Candidate:
        """Where the source publishes it."""
        if request == ZONE_SHAPES:
            return Candidate(join_url(self.base, self.shapes_path or f"misc/{TAXI_ZONE_SHAPES_FILE}"), "zip")
        if request.month is None:
            return Candidate(join_url(self.base, self.zones_path), "csv")
        path = self.month_path.format(dataset=request.month.dataset, month=request.month.month)
        return Candidate(join_url(self.base, path), self.format)


COURSE_RELEASES = NamedSource(
    base="https://github.com/DataTalksClub/nyc-tlc-data/releases/download",
    month_path="{dataset}/{dataset}_tripdata_{month}.csv.gz",
    format="csv.gz",
    zones_path="misc/taxi_zone_lookup.csv",
    months={
        "yellow": ("2019-01", "2021-07"),
        "green": ("2019-01", "2021-07"),
        "fhv": ("2019-01", "2021-07"),
    },
)
TLC = NamedSource(
    base=TLC_URL,
    month_path="trip-data/{dataset}_tripdata_{month}.parquet",
    format="parquet",
    zones_path="misc/taxi_zone_lookup.csv",
    shapes_path=f"misc/{TAXI_ZONE_SHAPES_FILE}",
)

NamedSources = Mapping[str, tuple[NamedSource, ...]]
"""By the name in ``TAXI_SOURCE``: the publishers in the order in which they are preferred. The first that is known
to have a file is asked for it, else the last."""

PUBLISHED: NamedSources = {"datatalksclub": (COURSE_RELEASES,), "tlc": (TLC,), "auto": (COURSE_RELEASES, TLC)}


@dataclass(frozen=True)
class Candidate:
    """A place where a file may be: a URL, which may hold credentials, or a path."""

    location: str = field(repr=False)
    format: Format

    @property
    def shown(self) -> str:
        """The place as people and logs may see it."""
        return shown_url(self.location) if "://" in self.location else self.location


@dataclass(frozen=True)
class SourceFile:
    """What a source says about a file without handing it over.

    Attributes:
        candidate: Where it is.
        size: Bytes, or None when the source does not say.
        etag: What identifies these contents: a server's ETag, ``mtime-<nanoseconds>`` in a folder, the recipe of a
            sample.
        last_modified: HTTP date.
        synthetic: Made on the spot.
    """

    candidate: Candidate
    size: int | None
    etag: str | None
    last_modified: str | None
    synthetic: bool = False

    @property
    def validator(self) -> str | None:
        """One string that differs when the file differs, as far as the source lets anyone tell."""
        return _validator(self.etag, self.last_modified, self.size)

    def is_the_version_of(self, raw: PublishedFile) -> bool:
        """Whether ``raw`` is this very file. False when the source gives nothing to tell it by.

        A size alone proves nothing: corrected files of the same size exist.
        """
        if (raw.source, raw.format) != (self.candidate.shown, self.candidate.format):
            return False
        if self.size is not None and self.size != raw.bytes:
            return False
        if self.etag is not None or raw.etag is not None:
            return self.etag == raw.etag
        return self.last_modified is not None and self.last_modified == raw.last_modified and self.size is not None


def validator_of(raw: PublishedFile) -> str | None:
    """What ``Probe.validator`` says while the source still holds the very file ``raw``."""
    return _validator(raw.etag, raw.last_modified, None if raw.synthetic else raw.bytes)


def _validator(etag: str | None, last_modified: str | None, size: int | None) -> str | None:
    parts = [etag or last_modified, None if size is None else f"size {size}"]
    return " ".join(part for part in parts if part) or None


def is_url(source: str) -> bool:
    """Whether a source is a base URL, or a pattern of URLs."""
    return source.startswith(("http://", "https://"))


def is_pattern(source: str) -> bool:
    """Whether a source is the pattern of one dataset's files (``Dataset.files``)."""
    return "{" in source and source.endswith(tuple(f".{each}" for each in FORMATS))


def folder_of(pattern: str) -> Path:
    """The folder below which a pattern of paths has all its files."""
    fixed = Path(pattern.partition("{")[0] + "…")
    return fixed.parent


def http_candidates(request: FileRequest, source: str, named: NamedSources) -> list[Candidate]:
    """The URLs at which a named source or base URL may hold the file, in the order in which they are tried."""
    if is_pattern(source):
        return [request.place(source)]
    if is_url(source):
        return [Candidate(join_url(source, path), file_format) for path, file_format in request.places()]
    publishers = named[source]
    if request == ZONE_SHAPES and not any(one.has(request) for one in publishers):
        # The course's releases lack the shapes; they are the city's, whoever hands on the trips.
        publishers = named.get("tlc", publishers)
    return [next((one for one in publishers if one.has(request)), publishers[-1]).candidate(request)]


def folder_candidates(request: FileRequest, folder: Path) -> list[Candidate]:
    """The paths at which a folder may hold the file.

    Ours first; then, for months, those of the Data Engineering Zoomcamp
    (``green/2020/01/green_tripdata_2020_01.csv.gz``) and of Hive
    (``yellow/year=2020/month=01/yellow_tripdata_2020-01.parquet``).
    """
    places = [*request.places(), *_other_places(request)]
    return [Candidate(str(folder / path), file_format) for path, file_format in dict.fromkeys(places)]


def _other_places(request: FileRequest) -> list[tuple[str, Format]]:
    if request.month is None:
        return []
    stems = (request.stem, request.stem.replace("-", "_"))
    return [
        (f"{folder}{stem}.{file_format}", file_format)
        for folder in _month_folders(request.month)
        for stem in stems
        for file_format in request.formats
    ]


def _month_folders(month: TripMonth) -> list[str]:
    """Folders in which people keep a month, each with its slash."""
    year, number = month.month.split("-")
    below = ("", f"{year}/", f"{year}/{number}/", f"year={year}/", f"year={year}/month={number}/",
             f"year={year}/month={int(number)}/")  # fmt: skip
    return [f"{dataset}{folder}" for dataset in (f"{month.dataset}/", f"{month.table}/", "") for folder in below]


def yearly_places(request: FileRequest, folder: Path) -> list[Path]:
    """The paths at which a folder may hold the whole year of a month in one file, which is not read."""
    if request.month is None:
        return []
    stem = f"{request.month.table}_{request.month.month[:4]}"
    return [
        folder / f"{below}{stem}.{file_format}" for below in _month_folders(request.month) for file_format in FORMATS
    ]


def join_url(base: str, path: str) -> str:
    """``path`` below ``base``; the base's query string (a signature, a token) is kept for each file."""
    parts = _split(base)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{path}", fragment=""))


def shown_url(url: str) -> str:
    """The URL without user, password, query string and fragment: any of them can be a secret."""
    parts = _split(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed, and refused, on access
    except ValueError:
        parts = None
    # Behind a password with an unescaped slash, question mark or hash, the rest of it would pass for path or query.
    if parts is None or not parts.hostname or "@" in parts.path + parts.query + parts.fragment:
        # Without the URL, as the password is a secret.
        raise SettingsError(
            "TAXI_SOURCE: the URL cannot be read (its value is not shown, it may hold a password); write it as "
            "https://HOST/FOLDER, with special characters of a user name or password percent-encoded (%2F for /, "
            "%40 for @)"
        )
    return parts
