"""Everything that can go wrong on purpose: one small hierarchy of errors.

Belongs here: the error types that the steps raise. Two families decide what an orchestrator does with them:
``PermanentError`` (asking again gives the same answer: do not retry) and ``PassingError`` (the next try may
succeed: retry with backoff). How these become Dagster failures is decided in
``taxi_assets/orchestration/assets/failures.py``.

Every message says which file or setting, what happened, what was kept, and what to do next.
"""


class TaxiAssetsError(Exception):
    """Base of every error that this project raises on purpose."""


class PermanentError(TaxiAssetsError):
    """Asking again gives the same answer; a person or the publisher has to act first."""


class PassingError(TaxiAssetsError):
    """The next try may succeed; nothing has been published half."""


class SettingsError(PermanentError):
    """An environment variable is missing or wrong. The message names the variable, the value and the fix."""


class NotPublishedError(PermanentError):
    """The source answers 404 or 403: the month is not published, or this reader is not allowed to have it."""


class BrokenFileError(PermanentError):
    """A file is not what its name promises: truncated, an HTML page, empty, or without a single trip."""


class LayoutError(PermanentError):
    """The columns of a file do not fit its dataset: unknown, missing, or those of another dataset."""


class CountMismatchError(PermanentError):
    """Rows went missing or appeared between two stages; nothing was published."""


class StorageFullError(PermanentError):
    """A disk or tablespace is full. The previous good data is untouched; free space, then run again."""


class StoreAccessError(PermanentError):
    """A store is there but cannot be used as it is set up: wrong password, missing right, another version."""


class StoreRequestError(PermanentError):
    """A store understands what is asked of it and refuses it: it is not well formed, or a cost limit forbids it."""


class SourceUnavailableError(PassingError):
    """The source dropped the connection, timed out, is rate limiting, or answers 5xx after every retry."""


class StoreUnavailableError(PassingError):
    """Postgres, the lake or the warehouse cannot be reached or went away in the middle of the work."""


class NotMaterializedError(PermanentError):
    """What a step needs from the step before it is not there; materialize that one first."""
