"""Files that do not come over HTTP: a folder of published files, and the sample that is made on the spot.

Belongs here: how these two answer what ``http.HttpOrigin`` answers for a server: what is there, and download it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO

from taxi_assets.errors import NotPublishedError, SettingsError, SourceUnavailableError
from taxi_assets.steps.files.formats import Format
from taxi_assets.steps.files.progress import OnProgress
from taxi_assets.steps.raw.destination import discard
from taxi_assets.steps.raw.sources import ZONE_SHAPES, Candidate, FileRequest, SourceFile

CHUNK_BYTES = 1 << 20

_MOST_PLACES_SHOWN = 3
"""In a message: those of our own layout, one a format."""


class FolderOrigin:
    """A file at the one of some paths at which it exists.

    It is copied, not linked: whoever owns the folder may edit the file in place. Links that lead out of the folder are
    not followed: whoever may write into it need not be allowed to read what this account can.
    """

    def __init__(
        self,
        label: str,
        folder: Path,
        candidates: Sequence[Candidate],
        yearly: Sequence[Path] = (),
        *,
        named_in: str = "TAXI_SOURCE",
    ) -> None:
        """Nothing is looked at yet.

        Args:
            label: What people call the file.
            folder: The source.
            candidates: Where in it the file may be.
            yearly: Where in it a file of the whole year may be, which the error for a missing month names.
            named_in: Where a person has named the folder, for messages.
        """
        self._label = label
        self._folder = folder
        self._candidates = candidates
        self._yearly = yearly
        self._named_in = named_in

    def stat(self) -> SourceFile:
        """What the folder holds.

        Raises:
            NotPublishedError: It does not hold the file, does not let us read it, or has a link in its place that leads
                out of the folder.
            SourceUnavailableError: The folder itself is gone: a disk or share that is not mounted.
            SettingsError: It holds the month twice, in two layouts or formats.
        """
        with _reading(self._label, self._folder):
            if not self._folder.is_dir():
                raise SourceUnavailableError(
                    f"{self._label}: the source folder {self._folder} is not there; mount it, or correct "
                    f"{self._named_in}"
                )
            found = [each for each in self._candidates if Path(each.location).is_file()]
            if len(found) > 1:
                raise SettingsError(
                    f"{self._label}: the source folder has it twice, as {found[0].shown} and as {found[1].shown}, and "
                    "it is not known which is meant. Nothing was fetched; take one of them away"
                )
            if found:
                return _described(found[0], self._real(Path(found[0].location)).stat())
            yearly = next((path for path in self._yearly if path.is_file()), None)
        if yearly is not None:
            raise NotPublishedError(
                f"{self._label}: the source folder has {yearly}, a whole year in one file, and months are read one by "
                "one. Nothing was fetched; split it by the month of the pickup into files named "
                "<dataset>_tripdata_YYYY-MM.csv"
            )
        tried = ", ".join(candidate.shown for candidate in self._candidates[:_MOST_PLACES_SHOWN])
        further = ", and in folders by year and month" if self._yearly else ""
        raise NotPublishedError(f"{self._label}: not published in the source folder; looked for {tried}{further}")

    def download(self, source_file: SourceFile, partial: Path, on_progress: OnProgress) -> SourceFile:
        """Copies the file to ``partial``.

        Returns:
            The file as it was when the copy was made.

        Raises:
            NotPublishedError: The file was taken away, or may not be read.
            SourceUnavailableError: It changed while it was being copied.
        """
        try:
            return self._copy(source_file.candidate, partial, on_progress)
        except BaseException:
            discard(partial)
            raise

    def _copy(self, candidate: Candidate, partial: Path, on_progress: OnProgress) -> SourceFile:
        source = Path(candidate.location)
        with _reading(self._label, source):
            file = os.fdopen(os.open(self._real(source), os.O_RDONLY | os.O_NOFOLLOW), "rb")
        with file, partial.open("wb") as copy:
            before = os.fstat(file.fileno())
            _not_for_more_eyes(copy, before)
            # Not to the end: a file that is being written faster than it is read has none.
            while copy.tell() <= before.st_size and (chunk := _read(file, self._label, source)):
                copy.write(chunk)
                on_progress(copy.tell(), before.st_size)
            after = os.fstat(file.fileno())
            if _described(candidate, before) != _described(candidate, after) or copy.tell() != before.st_size:
                raise SourceUnavailableError(
                    f"{self._label}: {source} changed while it was being copied; run it again when it is complete. "
                    "What was there before is untouched"
                )
        return _described(candidate, before)

    def _real(self, path: Path) -> Path:
        """The file itself, all links on the way to it followed."""
        real = path.resolve(strict=True)
        if real.is_relative_to(self._folder.resolve()):
            return real
        raise NotPublishedError(
            f"{self._label}: {path} is a link that leads out of the source folder, to {real}, and is not followed. "
            "What was there before is untouched; put the file itself there, or name the folder that it leads to in "
            f"{self._named_in}"
        )


class SampleOrigin:
    """Synthetic trips, made on the spot: the same month and number of rows always give the same file."""

    def __init__(self, request: FileRequest, rows: int) -> None:
        self._request = request
        self._rows = rows

    def stat(self) -> SourceFile:
        """What would be made; ``etag`` is the recipe's version and the number of rows."""
        # DuckDB and the recipes: only for those who use the sample.
        from taxi_assets.steps.sample import write as sample

        month = self._request.month
        file_format: Format = self._request.formats[0] if month is None else sample.sample_format(month)
        if self._request == ZONE_SHAPES:
            from taxi_assets.steps.sample.city import CITY_VERSION

            recipe = f"sample city, version {CITY_VERSION}"
        else:
            rows = "zones" if month is None else f"{self._rows} rows"
            recipe = f"sample version {sample.SAMPLE_VERSION}, {rows}"
        return SourceFile(Candidate("sample", file_format), size=None, etag=recipe, last_modified=None, synthetic=True)

    def download(self, source_file: SourceFile, partial: Path, on_progress: OnProgress) -> SourceFile:
        """Writes the sample to ``partial``; progress is told once, when it is there."""
        from taxi_assets.steps.sample import write as sample

        discard(partial)
        try:
            if self._request == ZONE_SHAPES:
                from taxi_assets.steps.sample.city import write_sample_zone_shapes

                write_sample_zone_shapes(partial)
            elif self._request.month is None:
                sample.write_sample_zones(partial)
            else:
                sample.write_sample_month(self._request.month, partial, self._rows)
        except BaseException:
            discard(partial)
            raise
        size = partial.stat().st_size
        on_progress(size, size)
        return source_file


def _described(candidate: Candidate, stat: os.stat_result) -> SourceFile:
    """A file's identity: its size and its modification time to the nanosecond.

    The HTTP date beside it is for people: its whole seconds would miss an edit right after a copy.
    """
    return SourceFile(candidate, stat.st_size, f"mtime-{stat.st_mtime_ns}", formatdate(stat.st_mtime, usegmt=True))


def _not_for_more_eyes(copy: BinaryIO, source: os.stat_result) -> None:
    """Gives a copy no mode that its source does not have; we read and write it in any case."""
    mode = stat.S_IMODE(os.fstat(copy.fileno()).st_mode)
    narrower = mode & (source.st_mode | stat.S_IRUSR | stat.S_IWUSR)
    if narrower != mode:
        os.fchmod(copy.fileno(), narrower)


def _read(file: BinaryIO, label: str, source: Path) -> bytes:
    with _reading(label, source):
        return file.read(CHUNK_BYTES)


@contextmanager
def _reading(label: str, source: Path) -> Generator[None]:
    """Tells trouble with the source folder from trouble with our own disk."""
    try:
        yield
    except (FileNotFoundError, PermissionError) as error:
        raise NotPublishedError(
            f"{label}: not published (or not allowed): {source} cannot be read ({error.strerror})"
        ) from error
    except OSError as error:
        raise SourceUnavailableError(
            f"{label}: reading {source} failed ({error.strerror}); what was there before is untouched, run it again "
            "when the disk or share answers"
        ) from error
