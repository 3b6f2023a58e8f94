"""Raw to clean: a month's published file as typed, normalised Parquet, and the lines that were rejected beside it.

Belongs here: the order of the work and what is published when. Not here: how a file is laid out, the queries, what a
value is (``reading/``), and the rules (``rules/``).

Published data lines = clean + rejected, always, or nothing is published. Memory does not grow with the month. Trips
keep the file's order, except that those of which a value could not be read come last.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from taxi_assets.data_dir import DataDir, one_writer, published_atomically, remove_leftovers
from taxi_assets.datasets.columns import Column
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, CheckFailedError, CountMismatchError
from taxi_assets.steps.clean.locate import (
    LOCATING_VERSION,
    NEEDS_ORDER,
    Locating,
    locating,
    why_not_located,
    zones_to_locate,
)
from taxi_assets.steps.clean.reading.csv_layout import read_csv_layout
from taxi_assets.steps.clean.reading.csv_queries import LOST_ITS_PLACE, CsvQueries
from taxi_assets.steps.clean.reading.dates import FORMS, DateEvidence, DateOrder
from taxi_assets.steps.clean.reading.encoding import utf8_copy
from taxi_assets.steps.clean.reading.line_numbers import blank_lines_query
from taxi_assets.steps.clean.reading.parquet_queries import ParquetQueries, describe
from taxi_assets.steps.clean.reading.values import Notation
from taxi_assets.steps.clean.rules.rules import fingerprint
from taxi_assets.steps.files.clean_file import (
    CLEAN_SHA256,
    FOOTER_KEY,
    CleanFile,
    clean_file_of,
    is_as_cleaned,
    read_clean,
)
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.duckdb_connection import errors_explained, reporting, working_connection
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile
from taxi_assets.steps.files.same_file import sha256_of
from taxi_assets.steps.files.sql import literal, parquet_scan
from taxi_assets.steps.raw.as_fetched import as_fetched
from taxi_assets.text import shown

CLEAN_VERSION = 2
"""Raised when the same file would come out differently though neither registry nor rules changed."""

ROW_GROUP_ROWS = 122_880
"""DuckDB's own size, and the unit in which readers work side by side."""

_GZIP_NOT_READ = "GZIP"
"""In DuckDB's errors about gzip that is valid and that it does not read: one with a comment, a checksum or the flag for
text in its header, or with zeros after its end. The file is known to be whole, so it is unpacked by other means."""

LINES_LOOKED_AT = 100_000
"""Rejected lines up to this many are written out whatever their share. Of a file with more that are in doubt, the first
so many are judged alone before the others are."""

HOPELESS_SHARE = 0.5
"""Above this share of rejected lines a file is given up as no file of trips, fifty times the share at which the check
``losses`` blocks: text of other kinds has no end of short lines, each of which takes forty times its size."""

_LINES = "doubtful_lines"
_DOUBTFUL = "doubtful"
_NO_REJECTED_LINES = "SELECT 0::BIGINT AS line_number, '' AS reason, '' AS line WHERE false"

Judge = Callable[[CleanFile], None]
"""Looks at a clean month, and raises ``CheckFailedError`` when it is not to be taken."""

logger = logging.getLogger(__name__)


def take_as_it_is(_: CleanFile) -> None:
    """Judges nothing."""


@dataclass(frozen=True)
class _Figures:
    """What a pass found out, and the query of the rejected lines."""

    rows: int
    rejected_rows: int
    unreadable: Mapping[str, int]
    skipped: tuple[str, ...]
    rejected_lines: str = _NO_REJECTED_LINES


_NO_ROWS = _Figures(0, 0, {}, ())
"""For a file that no footer is read of."""

_NOTHING_MORE: Mapping[str, str] = {}


def clean_month(
    raw: RawFile,
    data_dir: DataDir,
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    ignore: Set[str] = frozenset(),
    judge: Judge = take_as_it_is,
    zone_shapes: PublishedFile | None = None,
    on_progress: OnProgress = no_progress,
) -> CleanFile:
    """Makes the month's clean and rejected files from its raw file; does nothing when they are made already.

    A clean file whose bytes changed on this disk is made again: it is hashed before it is called unchanged, and its
    hash stands in the footer of the rejected file, which is therefore written last. Equal rows may
    be other bytes, as threads put a file together, so the later of two runs waits, and finds the month made.

    The rejected file takes its name first. After a kill between the two, the footers' ids differ, so that
    :func:`read_clean` does not know the month, and the next run makes both again.

    Args:
        raw: The published file, verified.
        data_dir: Where clean and rejected files go.
        threads: How many DuckDB may use; None for the cores there are, up to four.
        memory_limit: What DuckDB may hold before it spills, such as ``500MB``; None for a default.
        ignore: Names of columns that are skipped on purpose, each as ``plain_name`` makes it.
        judge: Asked before the files take their names, of the files in the making; and of a month that is made already.
            A version that it holds back is kept in ``DataDir.held_back``, and the month stays as it was.
        zone_shapes: What coordinates are located with where the file has no zones; None leaves the zones empty.
        on_progress: Told bytes of the raw file read, and their total.

    Returns:
        The figures of the month; ``unchanged`` when nothing was done.

    Raises:
        LayoutError: The file's columns are not those of the dataset.
        BrokenFileError: The file cannot be read, is not what was fetched, or its lines are rejected, all or most of
            very many. Those are kept in ``DataDir.given_up``.
        FileChangedError: Another run replaced the raw file meanwhile.
        CheckFailedError: It is held back.
        CountMismatchError: Lines of the file would be in neither or in both files.
        StorageFullError: The disk is full.
        StoreAccessError: This account may not read the raw file or write the others.
    """
    month, zones = raw.month, zones_to_locate(raw, ignore)
    if zones and (why := why_not_located(raw, zone_shapes)):
        logger.warning("%s: %s stay empty though there are coordinates, as %s", month, " and ".join(zones), why)
        zones = ()
    shapes = zone_shapes if zones else None
    identity = content_id(raw, ignore, zone_shapes=shapes.sha256 if shapes else None)
    if (current := _made_already(month, data_dir, identity)) is not None:
        judge(current)
        return current
    clean_path, rejected_path, given_up = data_dir.clean(month), data_dir.rejected(month), data_dir.given_up(month)
    with (
        disk_errors_explained(str(month), clean_path.parent),
        one_writer(clean_path.parent, month.stem, busy=f"{month}: another run is cleaning it"),
    ):
        if (current := _made_already(month, data_dir, identity)) is not None:
            judge(current)
            return current
        remove_leftovers(clean_path)
        remove_leftovers(rejected_path)
        with (
            errors_explained(raw.path, clean_path.parent),
            published_atomically(clean_path) as clean_file,
            working_connection(clean_path, threads=threads, memory_limit=memory_limit) as connection,
            published_atomically(rejected_path) as rejected_file,
            as_fetched(raw),
            ExitStack() as stack,
        ):
            # A filter moved below the projection would parse every value twice. And statistics that show no NULL would
            # make the column REQUIRED in the footer, so that months of one table differ: all are to be OPTIONAL.
            without = "filter_pushdown,statistics_propagation" + (f",{NEEDS_ORDER}" if shapes else "")
            connection.execute(f"SET disabled_optimizers = {literal(without)}")
            places = stack.enter_context(locating(zones, shapes, connection)) if shapes else None
            making = _Making(
                raw, identity, ignore, connection, clean_file, rejected_file, given_up, on_progress, places
            )
            figures = making.from_parquet() if raw.format == "parquet" else making.from_csv()
            with clean_file.open("rb") as written:
                sha256 = sha256_of(written)
            making.copy_rejected(figures, sha256)
            result = clean_file_of(month, data_dir, {**making.footer(figures), "sha256": sha256})
            try:
                judge(replace(result, path=clean_file, rejected_path=rejected_file))
            except CheckFailedError:
                for made, kept in zip((clean_file, rejected_file), data_dir.held_back(month), strict=True):
                    made.replace(kept)
                raise
        for superseded in (given_up, *data_dir.held_back(month)):
            superseded.unlink(missing_ok=True)
    logger.info(
        "%s: %s clean, %s rejected of %s",
        month,
        f"{result.rows:,}",
        f"{result.rejected_rows:,}",
        f"{raw.published_rows:,}",
    )
    if result.skipped:
        logger.info("%s: columns that were not read: %s", month, ", ".join(result.skipped))
    return result


def _made_already(month: TripMonth, data_dir: DataDir, identity: str) -> CleanFile | None:
    """The month, when it is clean in the version that is wanted and its bytes are those that were written."""
    current = read_clean(month, data_dir)
    if current is None or current.content_id != identity:
        return None
    if is_as_cleaned(current):
        return replace(current, unchanged=True)
    logger.warning("%s: %s was changed on this disk, and is made again", month, current.path)
    return None


def content_id(raw: RawFile, ignore: Set[str] = frozenset(), *, zone_shapes: str | None = None) -> str:
    """Identifies the rows that cleaning gives: the raw bytes, the month, the registry and the rules together.

    Of the columns that are skipped on purpose only those count that the dataset has: the rows lack their values.

    Args:
        raw: The published file.
        ignore: As in :func:`clean_month`.
        zone_shapes: Version of the shapes that its coordinates are located with; None for all other months, whose ids
            know nothing of shapes.
    """
    dataset = DATASETS[raw.month.dataset]
    without = sorted(name for name in dataset.columns_by_alias if name in ignore)
    located = () if zone_shapes is None else (f"located {LOCATING_VERSION} {zone_shapes}",)
    facts = (raw.sha256, str(raw.month), fingerprint(dataset), str(CLEAN_VERSION), *without, *located)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


@dataclass(frozen=True)
class _Making:
    """One file on its way: what is read, and where the results go before they take their names."""

    raw: RawFile
    identity: str
    ignore: Set[str]
    connection: duckdb.DuckDBPyConnection
    clean_file: Path
    rejected_file: Path
    given_up: Path
    on_progress: OnProgress
    places: Locating | None = None

    def from_csv(self) -> _Figures:
        """Reads the file where it is, or a copy of its text that DuckDB can read."""
        if self.raw.utf8:
            try:
                return self._from_text(self.raw)
            except duckdb.IOException as error:
                if self.raw.format != "csv.gz" or _GZIP_NOT_READ not in str(error):
                    raise
                logger.info("%s: is unpacked first, DuckDB does not read this gzip: %s", self.raw.month, error)
        with utf8_copy(self.raw, self._beside("text")) as text:
            return self._from_text(text)

    def _from_text(self, text: RawFile) -> _Figures:
        dataset = DATASETS[self.raw.month.dataset]
        queries = CsvQueries(text, read_csv_layout(self.raw, dataset, self.ignore), dataset)
        try:
            return self._from_lines(queries)
        except duckdb.NotImplementedException as error:
            if LOST_ITS_PLACE not in str(error):
                raise
            logger.info("%s: is read once more, by one thread", self.raw.month)
            return self._from_lines(replace(queries, parallel=False))

    def _beside(self, what: str) -> Path:
        """A name beside the clean file in the making, which is cleaned up like that one after a kill."""
        return self.clean_file.with_name(self.clean_file.name.replace(".partial", f"-{what}.partial"))

    def _from_lines(self, queries: CsvQueries) -> _Figures:
        if queries.shows_ordered_dates:
            queries = self._with_dates(queries, queries.date_evidence())
        all_sound = _Figures(self.raw.published_rows, 0, {}, queries.layout.columns.skipped)
        sound = 0
        if queries.layout.all_crlf and queries.parallel:
            # Told CRLF, threads take over from each other in the right place, but a lone LF further on would harm its
            # neighbours. Where every line came out sound there was none.
            sound = self._copy_sound_trips(replace(queries, line_end=r"\r\n"), all_sound)
        if sound != self.raw.published_rows:
            sound = self._copy_sound_trips(queries, all_sound)
        if sound != self.raw.published_rows:
            return self._judge_doubtful_lines(queries, sound)
        return all_sound

    def _copy_sound_trips(self, queries: CsvQueries, figures: _Figures) -> int:
        with reporting(self.connection, self.raw.bytes, self.on_progress):
            return self._copy(self._located(queries.sound_trips()), self.clean_file, figures)

    def _judge_doubtful_lines(self, queries: CsvQueries, sound: int) -> _Figures:
        """Second pass: rejects lines or salvages them without the values that could not be read."""
        doubtful = self.raw.published_rows - sound
        logger.info("%s: %d of %d lines need a second look", self.raw.month, doubtful, self.raw.published_rows)
        with reporting(self.connection, self.raw.bytes, self.on_progress):
            if doubtful > LINES_LOOKED_AT:
                judging = self._judge(queries, LINES_LOOKED_AT)
                rejected, *_ = self._counts(judging.counts(_DOUBTFUL), judging.fallible())
                if rejected * doubtful > HOPELESS_SHARE * LINES_LOOKED_AT * self.raw.published_rows:
                    raise self._give_up(self._numbered(judging), judging.dates)
            judging = self._judge(queries)
        rejected, salvaged, unreadable = self._counts(judging.counts(_DOUBTFUL), judging.fallible())
        figures = _Figures(sound + salvaged, rejected, unreadable, queries.layout.columns.skipped)
        self._must_add_up(figures)
        if figures.rows == 0:
            raise self._give_up(self._numbered(judging), judging.dates)
        sound_file = self._beside("sound")
        self.clean_file.rename(sound_file)
        try:
            sound_trips = f"FROM {parquet_scan(sound_file)}"
            salvaged_trips = self._located(judging.salvaged_trips(_DOUBTFUL))
            self._copy(f"{sound_trips} UNION ALL ({salvaged_trips})", self.clean_file, figures)
        finally:
            sound_file.unlink()
        return replace(figures, rejected_lines=self._numbered(judging))

    def _judge(self, queries: CsvQueries, at_most: int | None = None) -> CsvQueries:
        """Makes the table of doubtful lines, or of the first of them, and returns the queries that it was made by."""
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_LINES} AS {queries.doubtful_lines(at_most)}")
        if queries.dates is DateOrder.UNKNOWN:
            queries = self._with_dates(queries, queries.date_evidence_in(_LINES))
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_DOUBTFUL} AS {queries.judged(_LINES)}")
        self.connection.execute(f"DROP TABLE {_LINES}")
        return queries

    def _numbered(self, queries: CsvQueries) -> str:
        return blank_lines_query(self.connection, self.raw, queries.layout, _DOUBTFUL)

    def _with_dates(self, queries: CsvQueries, evidence: str) -> CsvQueries:
        return replace(queries, dates=self._date_order(evidence))

    def _date_order(self, evidence: str) -> DateOrder:
        order = DateEvidence(*self.connection.execute(evidence).fetchall()[0]).order
        if order is not DateOrder.UNKNOWN:
            logger.info("%s: its dates are %s. %s", self.raw.month, order.value, order.explanation)
        return order

    def from_parquet(self) -> _Figures:
        """One pass to count, one to write; rejected are rows without a pickup time only."""
        described = describe(self.connection, self.raw.path)
        queries = ParquetQueries.of(self.raw, described, DATASETS[self.raw.month.dataset], self.ignore)
        evidence = queries.date_evidence()
        dates = self._date_order(evidence) if evidence else DateOrder.UNKNOWN
        words = queries.written_in_words().items()
        in_words = frozenset(name for name, query in words if self.connection.execute(query).fetchall()[0][0])
        queries = replace(queries, notation=Notation(dates, in_words))
        rejected, kept, unreadable = self._counts(queries.counts(), queries.fallible())
        figures = _Figures(kept, rejected, unreadable, queries.columns.skipped)
        self._must_add_up(figures)
        hopeless = rejected > LINES_LOOKED_AT and rejected > HOPELESS_SHARE * self.raw.published_rows
        if hopeless or figures.rows == 0:
            raise self._give_up(queries.rejected_rows(), dates)
        with reporting(self.connection, self.raw.bytes, self.on_progress):
            self._copy(self._located(queries.trips()), self.clean_file, figures)
        return replace(figures, rejected_lines=queries.rejected_rows()) if rejected else figures

    def copy_rejected(self, figures: _Figures, clean_sha256: str) -> None:
        """Writes the rejected lines, when the clean file is finished and hashed."""
        self._copy(figures.rejected_lines, self.rejected_file, figures, {CLEAN_SHA256: clean_sha256})

    def _located(self, trips: str) -> str:
        return self.places.located(trips) if self.places else trips

    def footer(self, figures: _Figures) -> dict[str, Any]:
        """What both footers keep: all of :class:`CleanFile` that paths do not tell; of located zones only if any."""
        places = self.places
        return {
            "rows": figures.rows,
            "rejected_rows": figures.rejected_rows,
            "published_rows": self.raw.published_rows,
            "content_id": self.identity,
            "raw_sha256": self.raw.sha256,
            "source": self.raw.source,
            "synthetic": self.raw.synthetic,
            "unreadable": dict(figures.unreadable),
            "skipped": figures.skipped,
            **({"located": places.zones, "zone_shapes": places.version} if places else {}),
        }

    def _copy(self, query: str, path: Path, figures: _Figures, more: Mapping[str, str] = _NOTHING_MORE) -> int:
        """Writes a query's rows as Parquet, figures and more in its footer, and returns how many they were."""
        footer = {FOOTER_KEY: json.dumps(self.footer(figures)), **more}
        key_values = ", ".join(f"{key}: {literal(value)}" for key, value in footer.items())
        written = self.connection.execute(
            f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false, "
            f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}, KV_METADATA {{{key_values}}})"
        ).fetchone()
        return int(written[0]) if written else 0

    def _counts(self, query: str, fallible: Sequence[Column]) -> tuple[int, int, dict[str, int]]:
        """Rejected lines, kept lines, and unreadable values of the columns that have any."""
        rejected, kept, *counts = self.connection.execute(query).fetchall()[0]
        unreadable = {column.name: int(count) for column, count in zip(fallible, counts, strict=True) if count}
        return int(rejected), int(kept), unreadable

    def _must_add_up(self, figures: _Figures) -> None:
        """Every line is in exactly one of the files.

        Raises:
            CountMismatchError: The figures do not add up to the published lines.
        """
        if figures.rows + figures.rejected_rows != self.raw.published_rows:
            raise CountMismatchError(
                f"{self.raw.path}: it has {self.raw.published_rows:,} data lines, but {figures.rows:,} trips and "
                f"{figures.rejected_rows:,} rejected lines were read. Nothing was published. A carriage return inside "
                "a line does this, or a file that changed while it was read: fetch it again"
            )

    def _give_up(self, rejected: str, dates: DateOrder) -> BrokenFileError:
        """Keeps rejected lines to look at, and says why the file has no trips, or hardly any.

        Args:
            rejected: A query of the rejected lines that were looked at.
            dates: In which order the file's dates are.
        """
        with published_atomically(self.given_up) as kept:
            looked_at = self._copy(f"FROM ({rejected}) LIMIT {LINES_LOOKED_AT}", kept, _NO_ROWS)
        reasons = self.connection.execute(
            "SELECT reason, count(*), min(line_number), arg_min(line, line_number) "
            f"FROM {parquet_scan(self.given_up)} GROUP BY reason ORDER BY count(*) DESC, reason"
        ).fetchall()
        told = "; ".join(
            f"{reason} {count:,} (line {number}: {shown(line, 80)})" for reason, count, number, line in reasons
        )
        every = looked_at == self.raw.published_rows
        how_many = f"all {looked_at:,} lines" if every else f"most of its {self.raw.published_rows:,} lines"
        first = "" if every else f" Of the first {looked_at:,} rejected:"
        times = f" Pickup times are read as {FORMS}." if any("pickup" in reason for reason, *_ in reasons) else ""
        return BrokenFileError(
            f"{self.raw.path}: {how_many} are rejected, so it is not a file of {self.raw.month.dataset} trips.{first} "
            f"{told}.{f' {dates.explanation}.' if dates.explanation else ''}{times} Nothing was published; those lines "
            f"are in {self.given_up}"
        )
