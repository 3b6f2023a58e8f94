"""Where each source is looked for, and that its secrets stay secret."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import (
    BrokenFileError,
    NotPublishedError,
    SettingsError,
    SourceUnavailableError,
    TaxiAssetsError,
)
from taxi_assets.steps.raw.fetch import fetch_month, fetch_zones, probe_month
from taxi_assets.steps.raw.sources import (
    COURSE_RELEASES,
    PUBLISHED,
    TLC,
    ZONES,
    FileRequest,
    NamedSource,
    http_candidates,
    join_url,
    shown_url,
)
from taxi_assets_tests.support.http_source import Answer, DropAfter, HttpSource, redirect
from taxi_assets_tests.support.published_files import MONTH, PATH, Patience, csv_gz, leftovers, parquet

GITHUB = "https://github.com/DataTalksClub/nyc-tlc-data/releases/download"
CLOUDFRONT = "https://d37ci6vzurychx.cloudfront.net"


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


def address(source: str, dataset: str, month: str) -> str:
    (candidate,) = http_candidates(FileRequest.of(TripMonth(dataset, month)), source, PUBLISHED)
    return candidate.location


@pytest.mark.parametrize(
    ("source", "dataset", "month", "expected"),
    [
        ("datatalksclub", "yellow", "2019-01", f"{GITHUB}/yellow/yellow_tripdata_2019-01.csv.gz"),
        ("datatalksclub", "yellow", "2024-01", f"{GITHUB}/yellow/yellow_tripdata_2024-01.csv.gz"),
        ("tlc", "yellow", "2019-01", f"{CLOUDFRONT}/trip-data/yellow_tripdata_2019-01.parquet"),
        ("auto", "yellow", "2018-12", f"{CLOUDFRONT}/trip-data/yellow_tripdata_2018-12.parquet"),
        ("auto", "yellow", "2019-01", f"{GITHUB}/yellow/yellow_tripdata_2019-01.csv.gz"),
        ("auto", "green", "2021-07", f"{GITHUB}/green/green_tripdata_2021-07.csv.gz"),
        ("auto", "green", "2021-08", f"{CLOUDFRONT}/trip-data/green_tripdata_2021-08.parquet"),
        ("auto", "fhv", "2019-12", f"{GITHUB}/fhv/fhv_tripdata_2019-12.csv.gz"),
        ("auto", "fhvhv", "2019-12", f"{CLOUDFRONT}/trip-data/fhvhv_tripdata_2019-12.parquet"),
    ],
)
def test_named_sources_publish_where_they_do(source: str, dataset: str, month: str, expected: str) -> None:
    assert address(source, dataset, month) == expected


@pytest.mark.parametrize(("source", "base"), [("auto", GITHUB), ("datatalksclub", GITHUB), ("tlc", CLOUDFRONT)])
def test_named_sources_publish_the_zone_lookup(source: str, base: str) -> None:
    (candidate,) = http_candidates(ZONES, source, PUBLISHED)

    assert (candidate.location, candidate.format) == (f"{base}/misc/taxi_zone_lookup.csv", "csv")


@pytest.fixture
def named(http_source: HttpSource) -> Mapping[str, tuple[NamedSource, ...]]:
    """The published layouts, on the local server."""
    course = replace(COURSE_RELEASES, base=f"{http_source.url}/course")
    tlc = replace(TLC, base=f"{http_source.url}/tlc")
    return {"auto": (course, tlc), "datatalksclub": (course,), "tlc": (tlc,)}


def test_auto_takes_the_csv_release_where_there_is_one_and_parquet_elsewhere(
    http_source: HttpSource, data_dir: DataDir, named: Mapping[str, tuple[NamedSource, ...]]
) -> None:
    http_source.publish("course/green/green_tripdata_2021-07.csv.gz", csv_gz(10))
    http_source.publish("tlc/trip-data/green_tripdata_2021-07.parquet", parquet(20))
    http_source.publish("tlc/trip-data/green_tripdata_2021-08.parquet", parquet(30))

    july = fetch_month(TripMonth("green", "2021-07"), "auto", data_dir, named=named)
    august = fetch_month(TripMonth("green", "2021-08"), "auto", data_dir, named=named)

    assert (july.raw.format, july.raw.published_rows) == ("csv.gz", 10)
    assert (august.raw.format, august.raw.published_rows) == ("parquet", 30)
    assert len(http_source.asked("HEAD")) == 2


def test_another_source_replaces_the_edition_of_the_first(
    http_source: HttpSource, data_dir: DataDir, named: Mapping[str, tuple[NamedSource, ...]]
) -> None:
    http_source.publish("course/yellow/yellow_tripdata_2019-01.csv.gz", csv_gz(10))
    http_source.publish("tlc/trip-data/yellow_tripdata_2019-01.parquet", parquet(20))

    csv = fetch_month(MONTH, "datatalksclub", data_dir, named=named).raw
    tlc = fetch_month(MONTH, "tlc", data_dir, named=named).raw

    assert not csv.path.exists()
    assert tlc.path.exists()


def test_a_copy_elsewhere_counts_as_another_file(http_source: HttpSource, data_dir: DataDir) -> None:
    """A mirror may serve other contents under an equal ETag; only the same address can be unchanged."""
    http_source.publish(f"one/{PATH}.csv.gz", csv_gz(10))
    http_source.publish(f"two/{PATH}.csv.gz", csv_gz(10))
    fetch_month(MONTH, f"{http_source.url}/one", data_dir)

    assert not fetch_month(MONTH, f"{http_source.url}/two", data_dir).unchanged


def test_the_zone_lookup_comes_from_named_sources(
    http_source: HttpSource, data_dir: DataDir, named: Mapping[str, tuple[NamedSource, ...]]
) -> None:
    url = http_source.publish("course/misc/taxi_zone_lookup.csv", b"LocationID\n1\n2\n")

    assert fetch_zones("auto", data_dir, named=named).source == url


def test_a_month_under_none_of_its_names_is_said_with_every_name(http_source: HttpSource, data_dir: DataDir) -> None:
    with pytest.raises(NotPublishedError) as refusal:
        fetch_month(MONTH, f"{http_source.url}/?sig=top-secret", data_dir)

    for name in (f"{PATH}.csv.gz", f"{PATH}.parquet", f"{PATH}.csv", "yellow_tripdata_2019-01.csv"):
        assert f"{http_source.url}/{name}" in str(refusal.value)
    assert "top-secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@host.example:8443/a/b.csv?sig=1#x", "https://host.example:8443/a/b.csv"),
        ("https://me:p%40w@host.example/a", "https://host.example/a"),
        ("http://[::1]:8000/a?b", "http://[::1]:8000/a"),
    ],
)
def test_a_url_is_shown_without_what_can_be_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_signature_is_kept_for_every_file_below_a_base_url() -> None:
    assert (
        join_url("https://host/trips/?sv=1&sig=x%2F#top", "yellow/a.csv")
        == "https://host/trips/yellow/a.csv?sv=1&sig=x%2F"
    )


@pytest.mark.parametrize(
    "url", ["http://", "http://me:pass/word@host/x", "http://me:secret@host:port/x", "http://[::1/pass"]
)
def test_a_url_that_cannot_be_read_is_a_setting_to_correct_and_not_shown(data_dir: DataDir, url: str) -> None:
    with pytest.raises(SettingsError, match="TAXI_SOURCE") as refusal:
        fetch_month(MONTH, url, data_dir, http=Patience().policy)

    for secret in ("pass", "secret"):
        # `password` is a word of the advice; the password itself would stand beside the user's name.
        assert f"me:{secret}" not in everything_told(refusal.value)


def everything_told(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__)) + repr(error)


class SecretSource:
    """A base URL of ``http_source`` with a user, a password and a signature."""

    def __init__(self, server: HttpSource) -> None:
        self.server = server
        self.secrets = ("s3cr3t-password", "s1gn4ture", "cl3rk")
        server.mind(password=("cl3rk", "s3cr3t-password"))
        self.url = f"{server.url.replace('//', '//cl3rk:s3cr3t-password@')}/?sig=s1gn4ture"

    def is_kept_in(self, text: str) -> bool:
        return not any(secret in text for secret in self.secrets)


@pytest.fixture
def secret_source(http_source: HttpSource, caplog: pytest.LogCaptureFixture) -> SecretSource:
    caplog.set_level(logging.DEBUG)
    # Its own level, too: whoever made a client of Kubernetes in this process has raised it.
    caplog.set_level(logging.DEBUG, logger="urllib3")
    return SecretSource(http_source)


def test_credentials_open_the_door_and_are_written_nowhere(
    secret_source: SecretSource, data_dir: DataDir, caplog: pytest.LogCaptureFixture
) -> None:
    server = secret_source.server
    server.publish(f"{PATH}.csv.gz", csv_gz(10))
    server.misbehave(redirect(f"/{PATH}.csv.gz?sig=s1gn4ture"), method="GET")

    raw = fetch_month(MONTH, secret_source.url, data_dir).raw
    probe = probe_month(MONTH, secret_source.url)

    assert raw.source == probe.url == f"{server.url}/{PATH}.csv.gz"
    assert {one.query for one in server.log} == {"sig=s1gn4ture"}
    assert all(one.headers["Authorization"].startswith("Basic ") for one in server.log)
    assert fetch_month(MONTH, secret_source.url, data_dir).unchanged
    written = [path.read_bytes().decode("latin-1") for path in data_dir.root.rglob("*") if path.is_file()]
    assert len(written) == 3  # the month, its manifest, the lock
    assert "GET" in caplog.text, "the log of the connection was captured"
    assert secret_source.is_kept_in(caplog.text + "".join(written) + repr(raw) + repr(probe))


WEB_PAGE = Answer(200, body=b"<html>s1gn in")


@pytest.mark.parametrize(
    ("method", "fault", "error"),
    [
        ("HEAD", Answer(404), NotPublishedError),
        ("GET", Answer(404), NotPublishedError),
        ("HEAD", Answer(503), SourceUnavailableError),
        ("GET", Answer(503), SourceUnavailableError),
        ("GET", DropAfter(0), SourceUnavailableError),
        ("GET", DropAfter(5), SourceUnavailableError),
        ("HEAD", redirect("ftp://cl3rk:s3cr3t-password@127.0.0.1/x?sig=s1gn4ture"), SettingsError),
        ("GET", redirect("ftp://cl3rk:s3cr3t-password@127.0.0.1/x?sig=s1gn4ture"), SettingsError),
        ("HEAD", redirect("http://127.0.0.1:1/x?sig=s1gn4ture"), SourceUnavailableError),
        ("GET", redirect("http://127.0.0.1:1/x?sig=s1gn4ture"), SourceUnavailableError),
        ("HEAD", redirect("/again?sig=s1gn4ture"), SourceUnavailableError),
        ("", WEB_PAGE, BrokenFileError),
    ],
)
def test_no_error_tells_a_secret(
    secret_source: SecretSource,
    data_dir: DataDir,
    caplog: pytest.LogCaptureFixture,
    method: str,
    fault: Answer | DropAfter,
    error: type[TaxiAssetsError],
) -> None:
    server = secret_source.server
    server.mind(ranges=False)
    server.publish(f"{PATH}.csv.gz", csv_gz(10))
    server.misbehave(fault, method=method, times=9999)

    with pytest.raises(error) as failure:
        fetch_month(MONTH, secret_source.url, data_dir, http=Patience(attempts=2).policy)

    assert secret_source.is_kept_in(everything_told(failure.value) + caplog.text)
    hidden = [data_dir.raw_dir("yellow") / name for name in leftovers(data_dir)]
    assert secret_source.is_kept_in("".join(path.read_bytes().decode("latin-1") for path in hidden))


def test_a_server_that_is_not_there_is_told_without_secrets(
    secret_source: SecretSource, data_dir: DataDir, caplog: pytest.LogCaptureFixture
) -> None:
    url = secret_source.url.replace(secret_source.server.url.rpartition(":")[2], "1")

    with pytest.raises(SourceUnavailableError, match="Connection refused") as failure:
        fetch_month(MONTH, url, data_dir, http=Patience().policy)

    assert secret_source.is_kept_in(everything_told(failure.value) + caplog.text)


def test_a_wrong_password_is_a_refusal(secret_source: SecretSource, data_dir: DataDir) -> None:
    secret_source.server.publish(f"{PATH}.csv.gz", csv_gz(10))
    url = secret_source.url.replace("s3cr3t-password", "wrong")

    with pytest.raises(NotPublishedError, match="or not allowed"):
        fetch_month(MONTH, url, data_dir, http=Patience().policy)
