"""Months from a well-behaved HTTP server, and what the next fetch does with what is there."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import NotPublishedError, SourceUnavailableError
from taxi_assets.steps.raw.fetch import fetch_month, fetch_zones, probe_month
from taxi_assets.steps.raw.sources import validator_of
from taxi_assets_tests.support.http_source import HttpSource, redirect
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


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


def requests_made(server: HttpSource) -> list[tuple[str, str, int | None]]:
    return [(one.method, one.path, one.status) for one in server.log]


@pytest.mark.parametrize(
    ("file_format", "content", "rows", "uncompressed"),
    [
        ("csv.gz", csv_gz(3000), 3000, len(csv_text(3000))),
        ("csv", csv_text(3000), 3000, len(csv_text(3000))),
        ("parquet", parquet(3000), 3000, len(parquet(3000))),
    ],
)
def test_a_month_arrives_as_published_with_all_that_is_known_of_it(
    http_source: HttpSource, data_dir: DataDir, file_format: str, content: bytes, rows: int, uncompressed: int
) -> None:
    url = http_source.publish(f"{PATH}.{file_format}", content)
    before = datetime.now(timezone.utc).replace(microsecond=0)

    fetched = fetch_month(MONTH, http_source.url, data_dir)

    raw = fetched.raw
    assert not fetched.unchanged
    assert raw.path == data_dir.root / "raw" / "yellow" / f"yellow_tripdata_2019-01.{file_format}"
    assert raw.path.read_bytes() == content
    assert (raw.source, raw.format, raw.synthetic) == (url, file_format, False)
    assert (raw.bytes, raw.uncompressed_bytes) == (len(content), uncompressed)
    assert raw.sha256 == hashlib.sha256(content).hexdigest()
    assert (raw.published_rows, raw.blank_lines, raw.utf8) == (rows, 0, True)
    assert raw.etag is not None
    assert raw.last_modified == "Mon, 08 Aug 2022 23:06:40 GMT"
    assert before <= datetime.fromisoformat(raw.fetched_at) <= datetime.now(timezone.utc)
    assert manifest(data_dir) == raw
    assert not leftovers(data_dir)


def test_an_unchanged_month_costs_one_head_request_and_leaves_the_file_alone(
    http_source: HttpSource, data_dir: DataDir
) -> None:
    http_source.publish(f"{PATH}.csv.gz", csv_gz(100))
    first = fetch_month(MONTH, http_source.url, data_dir)
    inode = first.raw.path.stat()
    http_source.log.clear()

    second = fetch_month(MONTH, http_source.url, data_dir)

    assert second.unchanged
    assert second.raw == first.raw
    assert requests_made(http_source) == [("HEAD", f"/{PATH}.csv.gz", 200)]
    assert (inode.st_ino, inode.st_mtime_ns) == (first.raw.path.stat().st_ino, first.raw.path.stat().st_mtime_ns)


@pytest.mark.parametrize("manners", [{"etag": False}, {"weak_etag": True}, {"last_modified": False}])
def test_any_validator_tells_that_a_month_is_unchanged(
    http_source: HttpSource, data_dir: DataDir, manners: dict[str, bool]
) -> None:
    http_source.mind(**manners)
    http_source.publish(f"{PATH}.csv.gz", csv_gz(100))
    fetch_month(MONTH, http_source.url, data_dir)

    assert fetch_month(MONTH, http_source.url, data_dir).unchanged


def test_without_validators_a_month_is_downloaded_each_time(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.mind(etag=False, last_modified=False)
    http_source.publish(f"{PATH}.csv.gz", csv_gz(100))
    fetch_month(MONTH, http_source.url, data_dir)

    assert not fetch_month(MONTH, http_source.url, data_dir).unchanged
    assert len(http_source.asked("GET")) == 2


@pytest.mark.parametrize("manners", [{}, {"etag": False}])
def test_a_corrected_month_of_the_same_size_replaces_the_old_one(
    http_source: HttpSource, data_dir: DataDir, manners: dict[str, bool]
) -> None:
    http_source.mind(**manners)
    http_source.publish(f"{PATH}.csv", csv_text(100, seed=1))
    fetch_month(MONTH, http_source.url, data_dir)
    http_source.publish(f"{PATH}.csv", csv_text(100, seed=2), modified=1_670_000_000)

    fetched = fetch_month(MONTH, http_source.url, data_dir)

    assert not fetched.unchanged
    assert fetched.raw.path.read_bytes() == csv_text(100, seed=2)
    assert manifest(data_dir).sha256 == hashlib.sha256(csv_text(100, seed=2)).hexdigest()


@pytest.mark.parametrize("damage", ["file gone", "file cut", "manifest gone", "manifest torn", "manifest of others"])
def test_a_month_that_was_damaged_here_is_fetched_again(
    http_source: HttpSource, data_dir: DataDir, damage: str
) -> None:
    http_source.publish(f"{PATH}.csv.gz", csv_gz(100))
    raw = fetch_month(MONTH, http_source.url, data_dir).raw
    torn = raw.path.with_name("yellow_tripdata_2019-01.manifest.json")
    match damage:
        case "file gone":
            raw.path.unlink()
        case "file cut":
            raw.path.write_bytes(csv_gz(100)[:-1])
        case "manifest gone":
            torn.unlink()
        case "manifest torn":
            torn.write_bytes(torn.read_bytes()[:20])
        case _:
            torn.write_text('{"name": "somebody else"}')

    fetched = fetch_month(MONTH, http_source.url, data_dir)

    assert not fetched.unchanged
    assert fetched.raw.path.read_bytes() == csv_gz(100)
    assert manifest(data_dir) == fetched.raw


def test_redirects_are_followed_and_the_published_address_is_kept(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.publish("elsewhere/file", csv_gz(100))
    url = http_source.publish(f"{PATH}.csv.gz", b"never sent")
    http_source.misbehave(redirect("/hop"), method="", path=".csv.gz", times=9)
    http_source.misbehave(
        redirect(f"{http_source.url}/elsewhere/file?signature=xyz", 307), method="", path="/hop", times=9
    )

    fetched = fetch_month(MONTH, http_source.url, data_dir)

    assert fetched.raw.path.read_bytes() == csv_gz(100)
    assert fetched.raw.source == url
    assert fetch_month(MONTH, http_source.url, data_dir).unchanged


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_refuses_head_is_asked_for_the_first_byte(
    http_source: HttpSource, data_dir: DataDir, ranges: bool
) -> None:
    http_source.mind(head=False, ranges=ranges)
    http_source.publish(f"{PATH}.csv.gz", csv_gz(3000))
    fetch_month(MONTH, http_source.url, data_dir)
    http_source.log.clear()

    fetched = fetch_month(MONTH, http_source.url, data_dir)

    assert fetched.unchanged
    (asked,) = http_source.asked("GET")
    assert asked.headers["Range"] == "bytes=0-0"
    assert manifest(data_dir).bytes == len(csv_gz(3000))


def test_a_missing_month_on_a_server_that_refuses_head_is_not_published(
    http_source: HttpSource, data_dir: DataDir
) -> None:
    http_source.mind(head=False)

    with pytest.raises(NotPublishedError):
        fetch_month(MONTH, http_source.url, data_dir)


@pytest.mark.parametrize("file_format", ["csv.gz", "csv"])
def test_a_content_encoding_label_does_not_change_the_bytes(
    http_source: HttpSource, data_dir: DataDir, file_format: str
) -> None:
    """Apache labels .csv.gz files so; clients that undo it would keep a text under a gzip's name."""
    content = csv_gz(500) if file_format == "csv.gz" else csv_text(500)
    http_source.mind(
        headers={"Content-Encoding": "x-gzip", "Content-Type": "text/csv"} if file_format == "csv.gz" else {}
    )
    http_source.publish(f"{PATH}.{file_format}", content)

    assert fetch_month(MONTH, http_source.url, data_dir).raw.path.read_bytes() == content
    assert all(one.headers["Accept-Encoding"] == "identity" for one in http_source.log)


def test_a_server_that_does_not_say_the_length_is_read_to_the_end(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.mind(content_length=False)
    http_source.publish(f"{PATH}.csv.gz", csv_gz(5000))

    assert fetch_month(MONTH, http_source.url, data_dir).raw.path.read_bytes() == csv_gz(5000)
    assert fetch_month(MONTH, http_source.url, data_dir).unchanged


def test_whoever_watches_is_told_every_step_up_to_the_whole_size(http_source: HttpSource, data_dir: DataDir) -> None:
    content = csv_gz(20_000)
    http_source.publish(f"{PATH}.csv.gz", content)
    told: list[tuple[int, int | None]] = []

    fetch_month(MONTH, http_source.url, data_dir, on_progress=lambda done, total: told.append((done, total)))

    done = [step for step, _ in told]
    assert len(done) > 2
    assert done == sorted(done)
    assert done[-1] == len(content)
    assert {total for _, total in told} == {len(content)}


def test_the_editions_of_a_base_url_are_tried_in_folders_then_flat(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.publish("yellow_tripdata_2019-01.parquet", parquet(10))

    assert fetch_month(MONTH, f"{http_source.url}/", data_dir).raw.format == "parquet"
    assert [(one.method, one.path) for one in http_source.log if one.method == "HEAD"] == [
        ("HEAD", f"/{PATH}.csv.gz"),
        ("HEAD", f"/{PATH}.parquet"),
        ("HEAD", f"/{PATH}.csv"),
        ("HEAD", "/yellow_tripdata_2019-01.csv.gz"),
        ("HEAD", "/yellow_tripdata_2019-01.parquet"),
    ]


def test_the_first_edition_wins_where_a_base_url_has_several(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.publish(f"{PATH}.csv", csv_text(10))
    http_source.publish(f"{PATH}.csv.gz", csv_gz(10))
    http_source.publish("yellow_tripdata_2019-01.csv.gz", csv_gz(11))

    assert fetch_month(MONTH, http_source.url, data_dir).raw.source == f"{http_source.url}/{PATH}.csv.gz"


def test_another_edition_takes_the_place_of_the_old_one(http_source: HttpSource, data_dir: DataDir) -> None:
    http_source.publish(f"{PATH}.csv.gz", csv_gz(10))
    fetch_month(MONTH, http_source.url, data_dir)
    http_source.withdraw(f"{PATH}.csv.gz")
    http_source.publish(f"{PATH}.parquet", parquet(10))

    fetch_month(MONTH, http_source.url, data_dir)

    assert sorted(visible_files(data_dir)) == [
        "yellow_tripdata_2019-01.manifest.json",
        "yellow_tripdata_2019-01.parquet",
    ]
    assert manifest(data_dir).format == "parquet"


def test_a_kill_before_the_old_edition_was_removed_is_made_good_by_the_next_run(
    http_source: HttpSource, data_dir: DataDir
) -> None:
    http_source.publish(f"{PATH}.parquet", parquet(10))
    raw = fetch_month(MONTH, http_source.url, data_dir).raw
    raw.path.with_suffix(".csv.gz").write_bytes(csv_gz(10))
    raw.path.with_name(".yellow_tripdata_2019-01.csv.gz.download.partial").write_bytes(b"half")
    raw.path.with_name(".yellow_tripdata_2019-01.manifest.json.99999999-ab.partial").write_bytes(b"half")

    assert fetch_month(MONTH, http_source.url, data_dir).unchanged

    assert sorted(visible_files(data_dir)) == [
        "yellow_tripdata_2019-01.manifest.json",
        "yellow_tripdata_2019-01.parquet",
    ]
    assert not leftovers(data_dir)


def test_months_do_not_touch_each_other(http_source: HttpSource, data_dir: DataDir) -> None:
    february = TripMonth("yellow", "2019-02")
    http_source.publish(f"{PATH}.csv.gz", csv_gz(10))
    http_source.publish("yellow/yellow_tripdata_2019-02.parquet", parquet(20))
    fetch_month(MONTH, http_source.url, data_dir)
    fetch_month(february, http_source.url, data_dir)

    assert manifest(data_dir).published_rows == 10
    assert manifest(data_dir, february).published_rows == 20


@pytest.mark.parametrize("path", ["misc/taxi_zone_lookup.csv", "taxi_zone_lookup.csv"])
def test_the_zone_lookup_comes_from_a_base_url(http_source: HttpSource, data_dir: DataDir, path: str) -> None:
    url = http_source.publish(path, b'"LocationID","Borough"\r\n1,"EWR"\r\n2,"Queens"\r\n')

    first = fetch_zones(http_source.url, data_dir)
    again = fetch_zones(http_source.url, data_dir)

    assert first == again
    assert first.path == data_dir.root / "raw" / "taxi_zones" / "taxi_zone_lookup.csv"
    assert (first.source, first.published_rows) == (url, 2)
    assert len(http_source.asked("GET")) == 1


def test_a_probe_tells_without_downloading(http_source: HttpSource, data_dir: DataDir) -> None:
    url = http_source.publish(f"{PATH}.csv.gz", csv_gz(10))

    probe = probe_month(MONTH, http_source.url)

    assert (probe.url, probe.published) == (url, True)
    assert requests_made(http_source) == [("HEAD", f"/{PATH}.csv.gz", 200)]
    assert probe.validator == validator_of(fetch_month(MONTH, http_source.url, data_dir).raw)


@pytest.mark.parametrize(
    "manners", [{}, {"etag": False}, {"last_modified": False}, {"etag": False, "last_modified": False}]
)
def test_a_probe_differs_when_the_file_does(http_source: HttpSource, manners: dict[str, bool]) -> None:
    http_source.mind(**manners)
    http_source.publish(f"{PATH}.csv.gz", csv_gz(10))
    before = probe_month(MONTH, http_source.url).validator
    again = probe_month(MONTH, http_source.url).validator
    http_source.publish(f"{PATH}.csv.gz", csv_gz(11), modified=1_670_000_000)

    assert before is not None
    assert before == again
    assert probe_month(MONTH, http_source.url).validator != before


def test_a_probe_of_what_is_not_there_says_where_it_would_be(http_source: HttpSource) -> None:
    probe = probe_month(MONTH, f"http://reader:secret@127.0.0.1:{http_source.url.rpartition(':')[2]}/?sig=secret")

    assert (probe.url, probe.published, probe.validator) == (f"{http_source.url}/{PATH}.csv.gz", False, None)


def test_a_probe_of_a_source_that_is_down_says_so() -> None:
    patience = Patience(attempts=2)

    with pytest.raises(SourceUnavailableError, match="refused"):
        probe_month(MONTH, "http://127.0.0.1:1", http=patience.policy)
    assert len(patience.waits) == 1


def test_real_releases_arrive_over_http(http_source: HttpSource, data_dir: DataDir, real_data: Path) -> None:
    http_source.publish_folder(real_data / "releases")

    for month in ("2019-01", "2019-02", "2020-03", "2020-04"):
        raw = fetch_month(TripMonth("yellow", month), http_source.url, data_dir).raw
        published = real_data / "releases" / "yellow" / f"yellow_tripdata_{month}.csv.gz"
        assert raw.path.read_bytes() == published.read_bytes()
        assert raw.published_rows == 10_000
