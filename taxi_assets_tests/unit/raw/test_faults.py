"""What goes wrong between a server and the disk, and what is there afterwards."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.errors import (
    BrokenFileError,
    NotPublishedError,
    PassingError,
    PermanentError,
    SourceUnavailableError,
    TaxiAssetsError,
)
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets.steps.raw.http_retries import HttpPolicy
from taxi_assets_tests.support.http_source import (
    Answer,
    ClaimLength,
    DropAfter,
    HoldAfter,
    HttpSource,
    RunBefore,
    Trickle,
    UntilClosed,
    redirect,
    web_page,
)
from taxi_assets_tests.support.published_files import (
    MONTH,
    PATH,
    Patience,
    csv_gz,
    csv_text,
    leftovers,
    manifest,
    parquet,
    visible_files,
)

CONTENT = csv_gz(20_000)
FILE = f"{PATH}.csv.gz"
DROP = 300_000


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


@pytest.fixture
def patience() -> Patience:
    return Patience()


def partial(data_dir: DataDir, file_format: str = "csv.gz") -> Path:
    return data_dir.raw_dir("yellow") / f".yellow_tripdata_2019-01.{file_format}.download.partial"


def ranges_asked(server: HttpSource) -> list[str | None]:
    return [one.headers.get("Range") for one in server.asked("GET")]


def test_a_dropped_connection_is_continued_where_it_broke(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(DropAfter(DROP))

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == CONTENT
    first, second = http_source.asked("GET")
    assert first.headers.get("Range") is None
    assert second.headers["If-Range"] == raw.etag
    assert second.headers["Range"] == f"bytes={DROP}-"
    assert second.status == 206
    assert len(patience.waits) == 1
    assert not leftovers(data_dir)


def test_a_reset_connection_is_made_good(http_source: HttpSource, data_dir: DataDir, patience: Patience) -> None:
    """How much of what was sent survives a reset is up to the kernel."""
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(DropAfter(DROP, reset=True))

    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == CONTENT
    assert len(patience.waits) == 1


def test_the_date_is_the_validator_where_the_etag_is_weak(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.mind(weak_etag=True)
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(DropAfter(DROP))

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == CONTENT
    assert http_source.asked("GET")[1].headers["If-Range"] == raw.last_modified
    assert http_source.asked("GET")[1].status == 206


def test_a_download_that_advances_is_never_given_up(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(DropAfter(100_000), times=10)
    assert patience.attempts < len(CONTENT) // 100_000

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == CONTENT
    assert len(set(ranges_asked(http_source))) == len(http_source.asked("GET")) > patience.attempts
    assert max(patience.waits) < 2 * patience.policy.first_wait  # progress starts the backoff anew, too


@pytest.mark.parametrize(
    "manners", [{"ranges": False}, {"etag": False, "last_modified": False}, {"weak_etag": True, "last_modified": False}]
)
def test_without_ranges_or_a_strong_validator_a_broken_download_starts_anew(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, manners: dict[str, bool]
) -> None:
    http_source.mind(**manners)
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(DropAfter(DROP), times=2)

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == CONTENT
    assert [one.status for one in http_source.asked("GET")] == [200, 200, 200]


@pytest.mark.parametrize("if_range", [True, False])
@pytest.mark.parametrize("rows", [20_000, 5000], ids=["to one of the same size", "to a smaller one"])
def test_a_file_that_changes_during_the_download_is_never_mixed(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, if_range: bool, rows: int
) -> None:
    """Plain CSV: no checksum would notice two halves of different files."""
    corrected = csv_text(rows, seed=2)
    http_source.mind(if_range=if_range)
    http_source.publish(f"{PATH}.csv", csv_text(20_000, seed=1))
    http_source.misbehave(DropAfter(DROP))
    http_source.misbehave(RunBefore(lambda: http_source.publish(f"{PATH}.csv", corrected, modified=1_670_000_000)))

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == corrected
    assert raw.last_modified == "Fri, 02 Dec 2022 16:53:20 GMT"
    assert fetch_month(MONTH, http_source.url, data_dir).unchanged


def test_a_server_that_answers_with_less_than_the_rest_is_asked_for_more(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.mind(longest_range=150_000)
    http_source.publish(f"{PATH}.csv", csv_text(10_000))
    http_source.misbehave(DropAfter(DROP))

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == csv_text(10_000)
    assert ranges_asked(http_source)[:3] == [None, "bytes=300000-", "bytes=450000-"]


def test_a_chunked_answer_that_breaks_off_is_not_taken_for_whole(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.mind(content_length=False)
    http_source.publish(f"{PATH}.csv", csv_text(20_000))
    http_source.misbehave(DropAfter(DROP))

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == csv_text(20_000)


def test_a_server_that_falls_silent_is_asked_again(http_source: HttpSource, data_dir: DataDir) -> None:
    patience = Patience(read_timeout=0.3)
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(HoldAfter(DROP))

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == CONTENT
    assert len(patience.waits) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_the_server_says_how_long_to_wait(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, status: int
) -> None:
    in_a_minute = datetime.now(timezone.utc) + timedelta(seconds=60)
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(Answer(status, {"Retry-After": "7"}))
    http_source.misbehave(Answer(status, {"Retry-After": format_datetime(in_a_minute, usegmt=True)}))
    http_source.misbehave(Answer(status, {"Retry-After": "86400"}))

    fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert patience.waits[0] == 7
    assert 50 < patience.waits[1] <= 60
    assert patience.waits[2] == patience.policy.longest_retry_after


@pytest.mark.parametrize("nonsense", ["soon", "-5", "", "Mon, 99 Foo 2022 00:00:00 GMT"])
def test_a_retry_after_that_cannot_be_read_means_the_usual_wait(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, nonsense: str
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(Answer(429, {"Retry-After": nonsense}), method="HEAD")

    fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert 1 <= patience.waits[0] <= 2


def test_server_errors_are_retried_with_growing_waits(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(Answer(503), times=2)
    http_source.misbehave(Answer(500))

    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == CONTENT

    for wait, least in zip(patience.waits, [1, 2, 4], strict=True):
        assert least <= wait <= least + 1
    assert patience.waits != [1, 2, 4]  # jitter


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_after_every_try_the_month_is_left_as_it_was(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, method: str
) -> None:
    http_source.publish(FILE, csv_gz(10))
    fetch_month(MONTH, http_source.url, data_dir)
    before = visible_files(data_dir)
    http_source.publish(FILE, CONTENT, modified=1_670_000_000)
    http_source.misbehave(Answer(502), method=method, times=99)

    with pytest.raises(SourceUnavailableError, match=r"502 Bad Gateway.*4 times") as refusal:
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert isinstance(refusal.value, PassingError)
    assert len(patience.waits) == patience.attempts - 1
    assert visible_files(data_dir) == before


def test_what_arrived_before_giving_up_is_not_asked_for_again(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(DropAfter(DROP))
    http_source.misbehave(Answer(503), times=patience.attempts - 1)
    with pytest.raises(SourceUnavailableError):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)
    assert partial(data_dir).stat().st_size == DROP
    http_source.log.clear()

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert raw.path.read_bytes() == CONTENT
    assert ranges_asked(http_source) == [f"bytes={DROP}-"]
    assert not leftovers(data_dir)


def break_off(server: HttpSource, data_dir: DataDir) -> None:
    """Leaves the beginning of CONTENT for a later run."""
    server.publish(FILE, CONTENT)
    server.misbehave(DropAfter(DROP))
    with pytest.raises(SourceUnavailableError):
        fetch_month(MONTH, server.url, data_dir, http=Patience(attempts=1).policy)
    server.log.clear()


@pytest.mark.parametrize("spoil", ["validator", "sidecar gone", "sidecar torn", "other source"])
def test_the_beginning_of_another_file_is_not_continued(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, spoil: str
) -> None:
    break_off(http_source, data_dir)
    sidecar = partial(data_dir).with_suffix(".json")
    match spoil:
        case "validator":
            http_source.publish(FILE, csv_gz(20_000, seed=2))
        case "sidecar gone":
            sidecar.unlink()
        case "sidecar torn":
            sidecar.write_bytes(sidecar.read_bytes()[:10])
        case _:
            content = json.loads(sidecar.read_text())
            sidecar.write_text(json.dumps({**content, "source": "http://example.org/elsewhere"}))

    raw = fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw

    assert ranges_asked(http_source) == [None]
    assert raw.published_rows == 20_000


def test_a_download_that_was_complete_when_its_process_died_is_not_repeated(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    break_off(http_source, data_dir)
    partial(data_dir).write_bytes(CONTENT)

    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == CONTENT
    assert not http_source.asked("GET")


def test_a_rotten_beginning_is_thrown_away_and_the_whole_downloaded_once_more(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    break_off(http_source, data_dir)
    partial(data_dir).write_bytes(bytes(DROP))

    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == CONTENT
    assert ranges_asked(http_source) == [f"bytes={DROP}-", None]


def test_a_partial_file_longer_than_the_published_one_is_thrown_away(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    break_off(http_source, data_dir)
    partial(data_dir).write_bytes(CONTENT + b"more")

    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_refusal_is_final_and_said_so(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, status: int, method: str
) -> None:
    http_source.publish(FILE, csv_gz(10))
    fetch_month(MONTH, http_source.url, data_dir)
    before = visible_files(data_dir)
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(Answer(status), method=method, times=99)
    http_source.log.clear()

    with pytest.raises(NotPublishedError, match=r"yellow 2019-01: not published \(or not allowed\)") as refusal:
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert isinstance(refusal.value, PermanentError)
    assert patience.waits == []
    asked = [(one.method, one.path) for one in http_source.log if one.status == status]
    assert len(asked) == len(set(asked)), "no place is asked twice"
    assert visible_files(data_dir) == before
    assert not leftovers(data_dir)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(gzip.compress(b"VendorID,trip\r\n"), "zero trips", id="header only"),
        pytest.param(CONTENT[:-100], "truncated or corrupt", id="truncated at the source"),
        pytest.param(b"<!DOCTYPE html><p>Sorry", "web page", id="web page in the file's place"),
        pytest.param(csv_text(10), "not the gzipped CSV", id="text"),
    ],
)
def test_a_broken_file_does_not_take_the_place_of_a_good_one(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, content: bytes, words: str
) -> None:
    http_source.publish(FILE, csv_gz(10))
    fetch_month(MONTH, http_source.url, data_dir)
    before = visible_files(data_dir)
    url = http_source.publish(FILE, content, modified=1_670_000_000)

    with pytest.raises(BrokenFileError, match=words) as refusal:
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert f"yellow 2019-01 from {url}" in str(refusal.value)
    assert patience.waits == []
    assert visible_files(data_dir) == before
    assert not leftovers(data_dir)


def test_a_login_page_with_status_200_is_not_a_month(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.misbehave(web_page(), method="", times=99)

    with pytest.raises(BrokenFileError, match="web page"):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert visible_files(data_dir) == {}
    assert not leftovers(data_dir)


def test_a_broken_file_of_another_edition_leaves_the_old_edition(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.publish(FILE, csv_gz(10))
    fetch_month(MONTH, http_source.url, data_dir)
    before = visible_files(data_dir)
    http_source.withdraw(FILE)
    http_source.publish(f"{PATH}.parquet", parquet(10)[:-20])

    with pytest.raises(BrokenFileError, match="footer"):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert visible_files(data_dir) == before


def test_a_server_that_promises_more_than_it_has_is_given_up(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(ClaimLength(len(CONTENT) + 1000), times=99)

    with pytest.raises(SourceUnavailableError, match="times in a row"):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert visible_files(data_dir) == {}


def test_a_server_that_promises_less_than_it_has_does_not_make_a_shorter_month(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(ClaimLength(len(CONTENT) - 1000), times=99)

    with pytest.raises(
        SourceUnavailableError, match=f"promises {len(CONTENT) - 1000} bytes of a file of {len(CONTENT)}"
    ):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)

    assert visible_files(data_dir) == {}


def test_a_redirect_that_leads_nowhere_is_given_up(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.misbehave(redirect("/round"), method="", times=999)

    with pytest.raises(SourceUnavailableError):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)


def test_a_month_that_is_withdrawn_between_question_and_download_is_not_published(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(RunBefore(lambda: http_source.withdraw(FILE)))

    with pytest.raises(NotPublishedError, match="404"):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)


def test_a_file_that_shrinks_below_what_arrived_starts_anew(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    """The server ignores If-Range and answers 416."""
    http_source.mind(if_range=False)
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(DropAfter(DROP))
    http_source.misbehave(RunBefore(lambda: http_source.publish(FILE, csv_gz(100), modified=1_670_000_000)))

    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == csv_gz(100)
    assert [one.status for one in http_source.asked("GET")] == [200, 416, 200]
    assert manifest(data_dir).published_rows == 100


TEXT = csv_text(10_000)
TEXT_FILE = f"{PATH}.csv"
HALF = TEXT.index(b"\n", len(TEXT) // 2) + 1


@pytest.mark.parametrize(
    "fault", [ClaimLength(HALF), UntilClosed(HALF)], ids=["a smaller length", "no length and an early end"]
)
def test_half_a_file_of_the_same_version_is_a_failed_try(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, fault: ClaimLength | UntilClosed
) -> None:
    """Plain CSV, cut after a line: nothing in it tells."""
    http_source.mind(ranges=False)
    http_source.publish(TEXT_FILE, TEXT)
    http_source.misbehave(fault, times=2)
    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.published_rows == 10_000

    http_source.publish(TEXT_FILE, csv_text(10_001))
    http_source.misbehave(fault, times=99)
    before = visible_files(data_dir)
    with pytest.raises(SourceUnavailableError):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)
    assert visible_files(data_dir) == before


@pytest.mark.parametrize("told", [True, False], ids=["HEAD says how much", "nobody says"])
def test_text_without_a_length_is_taken_where_something_proves_its_end(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, told: bool
) -> None:
    http_source.mind(head=told, ranges=told)
    http_source.publish(TEXT_FILE, TEXT)
    http_source.misbehave(UntilClosed(), times=99)
    if told:
        assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.published_rows == 10_000
        return
    with pytest.raises(BrokenFileError, match=r"given out without a length.*have the server send Content-Length"):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)
    assert not visible_files(data_dir)
    assert not leftovers(data_dir)


def test_formats_that_show_their_end_need_no_length(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.mind(head=False, ranges=False)
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(UntilClosed(), times=99)
    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == CONTENT


def test_chunks_to_the_last_prove_the_end_of_text(
    http_source: HttpSource, data_dir: DataDir, patience: Patience
) -> None:
    http_source.mind(content_length=False, longest_range=100_000)
    http_source.publish(TEXT_FILE, TEXT)
    http_source.misbehave(DropAfter(HALF))
    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == TEXT


@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "many"], ids=["5,000 digits", "negative", "a word"])
def test_a_length_that_is_none_is_no_length(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, length: str
) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(ClaimLength(length), method="", times=99)
    assert fetch_month(MONTH, http_source.url, data_dir, http=patience.policy).raw.path.read_bytes() == CONTENT


@pytest.mark.parametrize("to", ["http://\xff\xfe/", "http://[::1", "http://a:99999999/", "http:///x", "\xff\xfe"])
def test_a_redirect_to_what_is_no_url_is_an_error_of_ours(
    http_source: HttpSource, data_dir: DataDir, patience: Patience, to: str
) -> None:
    http_source.misbehave(redirect(to), method="", times=99)
    with pytest.raises(TaxiAssetsError):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)


def test_a_byte_now_and_then_is_no_progress(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(Trickle(len(CONTENT), 0.02), times=99)
    policy = HttpPolicy(attempts=3, pace_seconds=0.5, sleep=lambda _: None)
    with pytest.raises(SourceUnavailableError, match=r"only \d+ bytes came in \d s.*3 times in a row"):
        fetch_month(MONTH, http_source.url, data_dir, http=policy)


def test_a_byte_a_try_is_no_progress(http_source: HttpSource, data_dir: DataDir, patience: Patience) -> None:
    http_source.publish(FILE, CONTENT)
    http_source.misbehave(DropAfter(1), times=99)
    with pytest.raises(SourceUnavailableError, match=f"{patience.attempts} times in a row"):
        fetch_month(MONTH, http_source.url, data_dir, http=patience.policy)
