"""Files that never change under their names, kept for as long as somebody may read them.

Belongs here: the versions of the lake's files, the catalogues that were replaced, and when either goes. Not here: what
a catalogue says (``duckdb_views.py``).

DuckDB opens a file by its name several times while it answers one query, so a name that views use must go on meaning
the same bytes: each version of a file has a name of its own, and a catalogue names exactly the versions that it shows.
A connection sees the catalogue that it opened. A version goes when neither today's catalogue nor one that somebody may
still have open names it:

- DuckDB holds a lock (``fcntl``) on a database file for as long as it has it open, read-only too. A catalogue that is
  replaced keeps a hard link, at which the lock can be looked for, from here and from other containers of this kernel.
- A process loses such a lock when it closes another descriptor of the same file, and there is a moment between opening
  and locking; so a catalogue is kept for ``GRACE`` in any case.
- Where links or locks are impossible (some network and FUSE file systems), only time can tell: ``UNKNOWN_GRACE``.

Copies of a catalogue are not known here: what they name may go. Files go with the next refresh of the catalogue.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import Path

from taxi_assets.data_dir import partial_path
from taxi_assets.steps.files.disk import is_full, link_or_copy

logger = logging.getLogger(__name__)

GRACE = timedelta(minutes=5)
"""How long a replaced catalogue is kept when nobody is seen to have it open."""

UNKNOWN_GRACE = timedelta(days=1)
"""How long when it cannot be seen who has it open."""


class FileVersions:
    """The versions of a lake's files: ``<lake>/.versions/<name>.<version>``.

    Each is a hard link to what ``<lake>/<name>`` was when it was taken (a copy where links are impossible), so that a
    month takes its disk space once. The names do not end in ``.parquet``: no pattern of a person counts a trip twice.

    Args:
        lake: The lake's folder.
    """

    def __init__(self, lake: Path) -> None:
        self._lake = lake
        self._folder = lake / ".versions"

    def take(self, name: str) -> Path:
        """The version that a file of the lake has now."""
        source = self._lake / name
        version = self._version(name, source.stat())
        if version.exists():
            return version
        version.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_path(self._folder / name)
        try:
            version = self._version(name, link_or_copy(source, partial))
            with partial.open("rb") as taken:
                os.fsync(taken.fileno())
            partial.replace(version)
        finally:
            partial.unlink(missing_ok=True)
        return version

    def remove_all_but(self, named: Collection[Path]) -> None:
        """Removes the others, and what a killed process left."""
        for path in [path for path in self._folder.rglob("*") if path.is_file() and path not in named]:
            logger.info("warehouse: removing %s, which nobody reads any more", path)
            path.unlink(missing_ok=True)

    def _version(self, name: str, status: os.stat_result) -> Path:
        # Every writer of this project renames a new file into place, so contents have a time and a number of their own.
        return self._folder / f"{name}.{status.st_mtime_ns}-{status.st_ino}"


class Catalogues:
    """What a catalogue names, and the ones before it that somebody may have open.

    In ``.<catalogue>.versions`` beside it ``<number>.files`` lists what the catalogue with that inode number names;
    when it is replaced, ``<number>.duckdb`` becomes a hard link to it. The link holds the number: no newer catalogue
    gets it before the older one is forgotten.

    Args:
        catalogue: The file that people open.
        grace: See ``GRACE``.
        unknown_grace: See ``UNKNOWN_GRACE``.
    """

    def __init__(self, catalogue: Path, grace: timedelta = GRACE, unknown_grace: timedelta = UNKNOWN_GRACE) -> None:
        self._catalogue = catalogue
        self._folder = catalogue.with_name(f".{catalogue.name}.versions")
        self._grace, self._unknown_grace = grace, unknown_grace

    @property
    def wal(self) -> Path:
        """What somebody wrote who opened the catalogue for writing: DuckDB would play it into the next one too."""
        return self._catalogue.with_name(f"{self._catalogue.name}.wal")

    def note(self, built: Path, named: Iterable[Path]) -> None:
        """Says what a catalogue names, before it gets its name."""
        self._folder.mkdir(exist_ok=True)
        now = time.time()
        # Appended: without links, a number may be that of a catalogue which somebody still has open.
        with self._record(built).open("a", encoding="utf-8") as record:
            record.writelines(f"{now}\t{path}\n" for path in named)
            record.flush()
            os.fsync(record.fileno())

    def keep(self) -> None:
        """Keeps the catalogue that is about to be replaced, and what was written to it."""
        self._folder.mkdir(exist_ok=True)
        replaced = next((path for path in (self._catalogue, self.wal) if path.exists()), None)
        if replaced is None:
            return
        record = self._record(replaced)
        record.touch()
        if self._catalogue.exists():
            _link_if_possible(self._catalogue, record.with_suffix(".duckdb"))
        if self.wal.exists():
            aside = record.with_suffix(".duckdb.wal")
            self.wal.replace(aside)
            logger.warning(
                "%s: somebody opened it for writing, and what they wrote is not taken over; it lies in %s for now. "
                "Open the warehouse with `duckdb -readonly`",
                self._catalogue,
                aside,
            )

    def forget_unread(self) -> set[Path]:
        """Forgets the catalogues that nobody has open any more.

        Returns:
            What the others name, today's among them.
        """
        named, today = set[Path](), self._record(self._catalogue)
        for record in self._folder.glob("*.files"):
            if record == today or self._may_be_read(record):
                named.update(self._named(record))
                continue
            for suffix in (".duckdb.wal", ".duckdb", ".files"):
                record.with_suffix(suffix).unlink(missing_ok=True)
        return named

    def _named(self, record: Path) -> set[Path]:
        """What the last catalogue of that number names, and earlier ones that somebody may still have open."""
        lines = [line.split("\t", 1) for line in record.read_text(encoding="utf-8").splitlines()]
        oldest = time.time() - self._unknown_grace.total_seconds()
        latest = max((float(noted) for noted, _ in lines), default=0.0)
        return {Path(path) for noted, path in lines if float(noted) >= min(oldest, latest)}

    def _may_be_read(self, record: Path) -> bool:
        age = timedelta(seconds=time.time() - record.stat().st_mtime)
        held = is_open(record.with_suffix(".duckdb"))
        return held or age < (self._unknown_grace if held is None else self._grace)

    def _record(self, catalogue: Path) -> Path:
        return self._folder / f"{catalogue.stat().st_ino}.files"


def is_open(database: Path) -> bool | None:
    """Whether a process has a DuckDB file open; None when that cannot be told."""
    try:
        wanted = database.stat()
        # Its own locks a process does not see, and it would lose them by looking.
        if any(_is_same(int(descriptor.name), wanted) for descriptor in Path("/dev/fd").iterdir()):
            return True
        with database.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def _is_same(descriptor: int, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), wanted)
    except OSError:  # the one by which the folder was listed
        return False


def _link_if_possible(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        return  # a killed refresh had kept it already
    except OSError as error:
        if is_full(error):
            raise
        logger.debug("%s: no hard link can be made to it (%s)", source, error)
