"""Everything that can go wrong on purpose: one small hierarchy of errors.

Belongs here: the error types that steps, settings and commands raise. Not here: how they become Dagster's failures,
which ``taxi_assets/orchestration/assets/failures.py`` decides.

    TaxiAssetsError
    ├── PermanentError             is not retried: asking again gives the same answer
    │   ├── ArgumentError          a request for what there is not: backfills, load_trips, scan_trips
    │   ├── SettingsError          the environment: settings, sources, the gcp target's preflight, commands
    │   ├── DeclarationError       a dataset of somebody's own, as its defs.yaml declares it
    │   ├── NotPublishedError      the source: a month that it does not have, or does not give
    │   ├── BrokenFileError        contents of a file: raw, clean, lake, landing
    │   ├── LayoutError            columns of a file or a table: clean, postgres, warehouse, landing
    │   ├── CheckFailedError       a month that a check holds back: every layer
    │   ├── CountMismatchError     rows between two stages: clean, postgres, lake, warehouse
    │   ├── StorageFullError       a disk: raw, clean, lake, warehouse, postgres
    │   ├── StoreAccessError       a store that cannot be used as it is set up: postgres, lake, warehouse, Google's
    │   ├── StoreRejectedError     a store that rejects the request itself: lake and warehouse, both Google's
    │   └── NotMaterializedError   the step before: every layer after raw, load_trips, scan_trips
    └── PassingError               is retried, with longer and longer pauses
        ├── SourceUnavailableError the source: raw, the sensor new_months
        ├── StoreUnavailableError  a store: postgres, lake, warehouse; the data folder itself
        └── FileChangedError       a file that another run replaced while it was read: clean, postgres, lake

Every message says which file or setting, what happened, what was kept, and what to do next. It may quote what others
wrote, so it is said without control characters.
"""

from taxi_assets.text import plain


class TaxiAssetsError(Exception):
    """Base of every error that this project raises on purpose."""

    def __str__(self) -> str:
        return plain(super().__str__())


class PermanentError(TaxiAssetsError):
    """Asking again gives the same answer; a person or the publisher has to act first."""


class PassingError(TaxiAssetsError):
    """The next try may succeed; nothing has been published half."""


class ArgumentError(PermanentError, ValueError):
    """A dataset, month or column that there is not, or that is not written as it should be. Nothing was begun."""


class SettingsError(PermanentError):
    """An environment variable is missing or wrong. The message names the variable, the value and the fix."""


class DeclarationError(PermanentError):
    """A declaration of somebody's own dataset is wrong. The message names the file, the line, the field and the fix."""


class NotPublishedError(PermanentError):
    """The source answers 404 or 403: the month is not published, or this reader is not allowed to have it."""


class BrokenFileError(PermanentError):
    """A file is not what its name promises: truncated, an HTML page, empty, or without a single trip."""


class LayoutError(PermanentError):
    """The columns of a file do not fit its dataset: unknown, missing, or those of another dataset."""


class CheckFailedError(PermanentError):
    """A check that blocks failed for a month: it goes no further, and the layers that follow keep what they have."""


class CountMismatchError(PermanentError):
    """Rows went missing or appeared between two stages; nothing was published."""


class StorageFullError(PermanentError):
    """A disk or tablespace is full. The previous good data is untouched; free space, then run again."""


class StoreAccessError(PermanentError):
    """A store is there but cannot be used as it is set up: wrong password, missing right, another version."""


class StoreRejectedError(PermanentError):
    """A store understood a request and rejects it: it would cost more than the limit, or is wrong in itself."""


class SourceUnavailableError(PassingError):
    """The source dropped the connection, timed out, is rate limiting, or answers 5xx after every retry."""


class StoreUnavailableError(PassingError):
    """Postgres, the lake or the warehouse cannot be reached or went away in the middle of the work."""


class FileChangedError(PassingError):
    """A file was replaced or edited while it was read. Nothing of it was published; the next try reads the new one."""


class NotMaterializedError(PermanentError):
    """What a step needs from the step before it is not there; materialize that one first."""
