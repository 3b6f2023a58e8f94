"""How patient to be with a server, and which troubles pass.

Belongs here: the policy of retries, the wait that a server asks for, and the translation of what requests and urllib3
raise into words without secrets. Not here: what is asked (``http.py``).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar, cast

import requests
import urllib3.exceptions
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from taxi_assets.errors import SettingsError, SourceUnavailableError

_UNUSABLE_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
)

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpPolicy:
    """How patient to be with a server; times in seconds.

    Attributes:
        attempts: Tries in a row before giving up; one after which a download is further than ever counts as the first.
        first_wait: Before the second try; doubled for each further one, plus a random part of up to this much.
        longest_wait: Bound of the doubling.
        longest_retry_after: Bound of what a server may ask for with Retry-After.
        connect_timeout: Until the connection stands.
        read_timeout: Without a single byte.
        least_bytes_per_second: Of a download, in each stretch of ``pace_seconds``; a slower one is a failed try. At
            this pace a month of yellow takes half a day.
        pace_seconds: Over which the pace is measured.
        sleep: How to wait.
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_retry_after: float = 120.0
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    least_bytes_per_second: float = 4_000.0
    pace_seconds: float = 60.0
    sleep: Callable[[float], None] = time.sleep


PATIENT = HttpPolicy()
BRIEF = HttpPolicy(attempts=3, longest_wait=5.0, longest_retry_after=10.0, read_timeout=20.0)
"""For asking whether a month is published, which a sensor's tick does for many."""


class TryFailedError(Exception):
    """One try failed and the next may not; never leaves this step."""

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.retry_after = retry_after


def persistently(
    attempt: Callable[[], _T],
    policy: HttpPolicy,
    label: str,
    *,
    got_further: Callable[[], bool] = lambda: False,
) -> _T:
    """Repeats ``attempt`` over passing troubles, with exponential backoff and jitter, or after as long as asked.

    Args:
        attempt: What to try; a ``TryFailedError`` is worth another try.
        policy: How often and how long.
        label: What is tried, for the log and the error, without secrets.
        got_further: Asked after a failure whether it advanced all the same; then it counts as the first.

    Raises:
        SourceUnavailableError: Too many tries in a row got no further.
    """
    backoff = wait_exponential(multiplier=policy.first_wait, max=policy.longest_wait) + wait_random(
        0, policy.first_wait
    )

    def wait(state: RetryCallState) -> float:
        asked = _failure(state).retry_after
        return backoff(state) if asked is None else min(asked, policy.longest_retry_after)

    def count_anew_after_progress(state: RetryCallState) -> None:
        if got_further():
            state.attempt_number = 1

    def tell(state: RetryCallState) -> None:
        tries = f"{state.attempt_number} of {policy.attempts}"
        logger.warning("%s: %s (%s); next try in %.1f s", label, _failure(state), tries, state.upcoming_sleep)

    retrying = Retrying(
        retry=retry_if_exception_type(TryFailedError),
        stop=stop_after_attempt(policy.attempts),
        wait=wait,
        after=count_anew_after_progress,
        before_sleep=tell,
        sleep=policy.sleep,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except TryFailedError as failure:
        raise SourceUnavailableError(
            f"{label}: {failure}, {policy.attempts} times in a row. What was there before is untouched; run it again "
            "later, a download that broke off goes on where it stopped"
        ) from None


def _failure(state: RetryCallState) -> TryFailedError:
    """Why the try failed; nothing else is ever retried."""
    return cast("TryFailedError", state.outcome.exception() if state.outcome else None)


def seconds_asked_for(response: requests.Response) -> float | None:
    """What a Retry-After header asks for; it holds seconds or a date."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


@contextmanager
def network_troubles() -> Generator[None]:
    """Turns what requests and urllib3 raise into ours, without their texts: those hold URLs with secrets.

    Raises:
        TryFailedError: The trouble may pass.
        SettingsError: The URL cannot be used at all.
    """
    try:
        yield
    except _UNUSABLE_URL as error:
        raise unusable_url(error) from None
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
        raise TryFailedError("no answer in time") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise TryFailedError(_root_cause(error)) from None


def unusable_url(error: Exception) -> SettingsError:
    """What is said of a URL that cannot be asked; without the error's text, which holds it."""
    return SettingsError(
        f"TAXI_SOURCE: the URL, or one it redirects to, cannot be asked ({type(error).__name__}; its value is not "
        "shown, it may hold a password)"
    )


class Pace:
    """Whether a download makes reasonable progress; a byte now and then would keep it for ever."""

    def __init__(self, policy: HttpPolicy) -> None:
        self._policy = policy
        self._begin()

    def _begin(self) -> None:
        self._since, self._bytes = time.monotonic(), 0

    def arrived(self, count: int) -> None:
        """Counts bytes.

        Raises:
            TryFailedError: There were too few of them for too long.
        """
        self._bytes += count
        seconds = time.monotonic() - self._since
        if seconds < self._policy.pace_seconds:
            return
        if self._bytes < self._policy.least_bytes_per_second * seconds:
            raise TryFailedError(f"only {self._bytes:,} bytes came in {seconds:.0f} s")
        self._begin()


def _root_cause(error: BaseException) -> str:
    """The operating system's words for what happened, which hold no URL, else ours."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and not isinstance(link, requests.RequestException):
            return f"{type(link).__name__}: {link}"
        link = link.__cause__ or link.__context__
    return f"the connection broke off ({type(error).__name__})"


def hide_query_strings_in_debug_log() -> None:
    """Cuts query strings, which may be signatures, from what urllib3 logs at level DEBUG."""
    logging.getLogger("urllib3.connectionpool").addFilter(_without_query_strings)


def _without_query_strings(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(re.sub(r"\?.*", "?...", arg) if isinstance(arg, str) else arg for arg in record.args)
    return True
