"""The lake of the gcp target: Google's real client against fake-gcs-server.

What the emulator cannot show is asserted on the requests themselves (see ``gcp_fault_proxy.py``): it checks generation
matches, but neither checksums that are sent with an upload nor permissions.
"""

from __future__ import annotations

import random
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import (
    BrokenFileError,
    CountMismatchError,
    NotMaterializedError,
    StoreAccessError,
    StoreRejectedError,
    StoreUnavailableError,
)
from taxi_assets.steps.lake.copy import copy_month, fetch_clean, lake_rows, lake_total
from taxi_assets.steps.lake.lake import clean_name, raw_name
from taxi_assets.steps.lake.restore import clean_from_lake
from taxi_assets_tests.support.gcp_fault_proxy import Answer, Drop, Fault, Rewrite
from taxi_assets_tests.support.gcp_fixtures import CHUNK_BYTES, FaultyGcp, GcpPlace
from taxi_assets_tests.support.lake_months import GREEN, YELLOW, write_clean, write_month

RAW = raw_name("yellow", "yellow_tripdata_2019-01.csv.gz")
CLEAN = clean_name(YELLOW)
LOOK = r"^GET /storage/v1/b/[^/]+/o/"
UPLOAD = r"^POST /upload/"
CHUNK = r"^PUT /upload/"
CALLS = (
    LOOK + "raw%2F",
    r'"name": "raw/yellow',
    LOOK + "clean%2F",
    r'"name": "clean/yellow',
    r"^GET /storage/v1/b/[^/]+/o\?",
)
"""The calls that copying a month makes, in their order: looks, uploads (by their body), and a listing."""


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def objects(place: GcpPlace) -> dict[str, bytes]:
    return {blob.name: blob.download_as_bytes() for blob in place.bucket.list_blobs()}


def generations(place: GcpPlace) -> dict[str, int]:
    return {blob.name: blob.generation for blob in place.bucket.list_blobs()}


def big_file(path: Path, size: int = 2 * CHUNK_BYTES + 12_345, seed: int = 1) -> Path:
    """More than two chunks of bytes that do not compress."""
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def test_a_month_lands_with_the_facts_that_identify_it(gcp: GcpPlace, data_dir: DataDir) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)

    copied = copy_month(raw, clean, gcp.lake())

    assert objects(gcp) == {RAW: raw.path.read_bytes(), CLEAN: clean.path.read_bytes()}
    assert (copied.uploaded, copied.rows) == (2, 20)
    assert copied.clean_uri == f"gs://{gcp.connection.bucket}/{CLEAN}"
    assert copied.clean_version == str(gcp.bucket.get_blob(CLEAN).generation)
    metadata = gcp.bucket.get_blob(RAW).metadata
    assert (metadata["sha256"], metadata["source"], metadata["rows"]) == (raw.sha256, raw.source, "20")
    assert gcp.bucket.get_blob(CLEAN).metadata["raw_sha256"] == raw.sha256
    assert lake_rows(gcp.lake(), YELLOW) == 20
    fares = pq.read_table(clean.path, columns=["total_amount"]).column(0).to_pylist()
    assert lake_total(gcp.lake(), YELLOW, "total_amount") == pytest.approx(sum(filter(None, fares)))


def test_a_second_copy_uploads_nothing(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    copy_month(raw, clean, faulty_gcp.direct.lake())
    before = generations(faulty_gcp.direct)

    assert copy_month(raw, clean, faulty_gcp.through.lake()).unchanged

    assert generations(faulty_gcp.direct) == before
    assert not faulty_gcp.storage.requests("^(POST|PUT|PATCH|DELETE)")


def test_a_changed_month_replaces_its_own_objects_only(gcp: GcpPlace, data_dir: DataDir) -> None:
    for month in (YELLOW, GREEN):
        copy_month(*write_month(data_dir, month, 20), gcp.lake())
    before = generations(gcp)

    copied = copy_month(*write_month(data_dir, YELLOW, 30, seed=2), gcp.lake())

    assert copied.uploaded == 2
    after = generations(gcp)
    assert {name for name in after if after[name] != before[name]} == {RAW, CLEAN}
    assert lake_rows(gcp.lake(), YELLOW) == 30


def test_the_raw_object_of_an_older_edition_is_removed(gcp: GcpPlace, data_dir: DataDir) -> None:
    for month in (YELLOW, TripMonth("yellow", "2019-02")):
        copy_month(*write_month(data_dir, month, 20), gcp.lake())
    copied = copy_month(*write_month(data_dir, YELLOW, 20, file_format="parquet"), gcp.lake())
    assert copied.removed == 1
    assert gcp.lake().names("raw/") == [
        "raw/yellow/yellow_tripdata_2019-01.parquet",
        "raw/yellow/yellow_tripdata_2019-02.csv.gz",
    ]


def test_two_months_at_once_do_not_disturb_each_other(gcp: GcpPlace, tmp_path: Path) -> None:
    months = [TripMonth("yellow", "2019-01"), TripMonth("yellow", "2019-02")]

    def copy(month: TripMonth) -> None:
        own = DataDir(tmp_path / month.month)
        for seed in (1, 2, 3):
            copy_month(*write_month(own, month, 10 * seed, seed=seed), gcp.lake())

    threads = [threading.Thread(target=copy, args=(month,)) for month in months]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lake_rows(gcp.lake(), month) for month in months] == [30, 30]


def test_a_large_file_goes_up_in_chunks_and_says_how_far_it_is(faulty_gcp: FaultyGcp, tmp_path: Path) -> None:
    file = big_file(tmp_path / "large.parquet")
    told: list[int] = []

    faulty_gcp.through.lake().put(file, CLEAN, metadata={}, on_progress=lambda done, _: told.append(done))

    chunks = faulty_gcp.storage.requests(CHUNK)
    assert [len(chunk.body) for chunk in chunks] == [CHUNK_BYTES, CHUNK_BYTES, 12_345]
    assert told == sorted(told)
    assert told[-1] == file.stat().st_size
    assert objects(faulty_gcp.direct)[CLEAN] == file.read_bytes()


def test_an_upload_names_its_checksum_and_the_generation_that_it_replaces(
    faulty_gcp: FaultyGcp, tmp_path: Path
) -> None:
    lake = faulty_gcp.through.lake()
    lake.put(big_file(tmp_path / "1", seed=1), CLEAN, metadata={})
    first = faulty_gcp.direct.bucket.get_blob(CLEAN)
    lake.put(big_file(tmp_path / "2", seed=2), CLEAN, metadata={"rows": "7"})
    second = faulty_gcp.direct.bucket.get_blob(CLEAN)

    starts = faulty_gcp.storage.requests(UPLOAD)

    matches = [parse_qs(urlsplit(start.path).query)["ifGenerationMatch"] for start in starts]
    assert matches == [["0"], [str(first.generation)]]
    assert [start.json["crc32c"] for start in starts] == [first.crc32c, second.crc32c]
    assert second.metadata["rows"] == "7"


@pytest.mark.parametrize(
    ("request_kind", "fault"),
    [
        (LOOK, Drop()),
        (LOOK, Answer(503)),
        (UPLOAD, Drop()),
        (UPLOAD, Drop(forward=True)),
        (UPLOAD, Answer(429, "rateLimitExceeded")),
        # Not Drop(forward=True): Cloud Storage keeps a chunk that arrives twice once, the emulator appends it twice.
        (CHUNK, Drop()),
        (CHUNK, Answer(503)),
    ],
    ids=str,
)
def test_passing_faults_are_survived(faulty_gcp: FaultyGcp, tmp_path: Path, request_kind: str, fault: Fault) -> None:
    file = big_file(tmp_path / "large.parquet")
    faulty_gcp.storage.fail(request_kind, fault, times=1)

    put = faulty_gcp.through.lake(retry_seconds=20).put(file, CLEAN, metadata={})

    assert put.info.bytes == file.stat().st_size
    assert objects(faulty_gcp.direct) == {CLEAN: file.read_bytes()}


def test_an_upload_whose_last_answer_is_lost_counts_as_done(faulty_gcp: FaultyGcp, tmp_path: Path) -> None:
    file = big_file(tmp_path / "large.parquet", size=1000)
    faulty_gcp.storage.fail(UPLOAD, Drop(forward=True), times=1)
    assert faulty_gcp.through.lake(retry_seconds=20).put(file, CLEAN, metadata={}).info.bytes == 1000
    assert len(faulty_gcp.storage.requests(UPLOAD)) == 2


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (Answer(403, "forbidden"), StoreAccessError, r"roles/storage\.objectAdmin"),
        (Answer(401, "authError"), StoreAccessError, "credentials are refused"),
        (Answer(403, "accessNotConfigured"), StoreAccessError, "gcloud services enable"),
        (Answer(429, "rateLimitExceeded"), StoreUnavailableError, "over quota"),
        (Answer(503), StoreUnavailableError, "failed after every retry"),
        (Drop(), StoreUnavailableError, "safe to run again|no connection"),
        (Answer(400, "invalid"), StoreRejectedError, "refused"),
    ],
    ids=str,
)
def test_lasting_faults_at_any_call_leave_the_previous_month_whole(
    faulty_gcp: FaultyGcp, data_dir: DataDir, fault: Fault, error: type[Exception], says: str
) -> None:
    before = write_month(DataDir(data_dir.root / "before"), YELLOW, 20)
    copy_month(*before, faulty_gcp.direct.lake())
    old = objects(faulty_gcp.direct)
    raw, clean = write_month(data_dir, YELLOW, 30, seed=2)
    new = {RAW: raw.path.read_bytes(), CLEAN: clean.path.read_bytes()}
    lake = faulty_gcp.through.lake(retry_seconds=0.2)
    for call in CALLS:
        faulty_gcp.storage.fail(call, fault)
        with pytest.raises(error, match=says):
            copy_month(raw, clean, lake)
        faulty_gcp.heal()
        after = objects(faulty_gcp.direct)
        assert after.keys() == old.keys()
        assert all(after[name] in (old[name], new[name]) for name in after)
        copy_month(*before, faulty_gcp.direct.lake())
    copy_month(raw, clean, lake)
    assert objects(faulty_gcp.direct) == new


def test_bytes_that_google_finds_broken_are_not_published(faulty_gcp: FaultyGcp, tmp_path: Path) -> None:
    lake = faulty_gcp.through.lake()
    lake.put(big_file(tmp_path / "1", seed=1), CLEAN, metadata={})
    before = objects(faulty_gcp.direct)
    # What Cloud Storage answers when the bytes do not fit the checksum; the emulator does not compare.
    faulty_gcp.storage.fail(CHUNK, Answer(400, "invalid"))
    with pytest.raises(StoreRejectedError, match="still there, whole"):
        lake.put(big_file(tmp_path / "2", seed=2), CLEAN, metadata={})
    assert objects(faulty_gcp.direct) == before


def test_an_object_that_arrived_broken_is_withdrawn(faulty_gcp: FaultyGcp, tmp_path: Path) -> None:
    # The emulator appends a chunk whose answer was lost a second time: a server that really stores other bytes.
    faulty_gcp.storage.fail(CHUNK, Drop(forward=True), times=1)
    with pytest.raises(StoreUnavailableError, match="the object was withdrawn"):
        faulty_gcp.through.lake(retry_seconds=20).put(big_file(tmp_path / "1"), CLEAN, metadata={})
    assert objects(faulty_gcp.direct) == {}


def test_a_writer_that_was_overtaken_overwrites_nothing(faulty_gcp: FaultyGcp, tmp_path: Path) -> None:
    mine, theirs = big_file(tmp_path / "mine", 1000, seed=1), big_file(tmp_path / "theirs", 1000, seed=2)
    overtaken = threading.Event()

    def overtake(answer: dict[str, str]) -> dict[str, str]:
        if not overtaken.is_set():
            overtaken.set()
            faulty_gcp.direct.lake().put(theirs, CLEAN, metadata={})
        return answer

    faulty_gcp.direct.lake().put(big_file(tmp_path / "old", 1000, seed=3), CLEAN, metadata={})
    faulty_gcp.storage.fail(LOOK, Rewrite(overtake))

    with pytest.raises(StoreUnavailableError, match="another run wrote this object at the same time"):
        faulty_gcp.through.lake().put(mine, CLEAN, metadata={})

    assert objects(faulty_gcp.direct) == {CLEAN: theirs.read_bytes()}


def test_two_writers_of_the_same_bytes_both_succeed(faulty_gcp: FaultyGcp, tmp_path: Path) -> None:
    file = big_file(tmp_path / "file", 1000)
    faulty_gcp.direct.lake().put(big_file(tmp_path / "old", 1000, seed=3), CLEAN, metadata={})

    def overtake(answer: dict[str, str]) -> dict[str, str]:
        faulty_gcp.direct.lake().put(file, CLEAN, metadata={})
        return answer

    faulty_gcp.storage.fail(LOOK, Rewrite(overtake), times=1)
    assert faulty_gcp.through.lake().put(file, CLEAN, metadata={}).info.bytes == 1000


def test_a_month_is_fetched_verified_to_another_machine(gcp: GcpPlace, data_dir: DataDir, tmp_path: Path) -> None:
    _, clean = write_month(data_dir, YELLOW, 20)
    gcp.lake().put(clean.path, CLEAN, metadata={})
    fetched = tmp_path / "elsewhere" / "fetched.parquet"
    fetch_clean(gcp.lake(), YELLOW, fetched)
    assert fetched.read_bytes() == clean.path.read_bytes()


def test_a_download_that_is_not_what_was_put_there_gets_no_name(
    faulty_gcp: FaultyGcp, data_dir: DataDir, tmp_path: Path
) -> None:
    _, clean = write_month(data_dir, YELLOW, 20)
    faulty_gcp.direct.lake().put(clean.path, CLEAN, metadata={})
    promise = Rewrite(lambda answer: {**answer, "metadata": {"sha256": "0" * 64}})
    faulty_gcp.storage.fail(LOOK + r"[^?]*\?projection", promise)
    fetched = tmp_path / "fetched.parquet"
    with pytest.raises(BrokenFileError, match="what arrived"):
        faulty_gcp.through.lake().get(CLEAN, fetched)
    assert list(tmp_path.glob("*fetched*")) == []


def test_rows_are_read_from_the_object_and_compared_with_its_metadata(gcp: GcpPlace, tmp_path: Path) -> None:
    file = tmp_path / "clean.parquet"
    write_clean(file, YELLOW, 19)
    gcp.lake().put(file, CLEAN, metadata={"rows": "20"})
    with pytest.raises(CountMismatchError, match="holds 19 trips, its metadata says 20"):
        lake_rows(gcp.lake(), YELLOW)
    gcp.lake().put(big_file(tmp_path / "broken", 1000), CLEAN, metadata={"rows": "20"})
    with pytest.raises(BrokenFileError, match="not a Parquet file"):
        lake_rows(gcp.lake(), YELLOW)


def test_what_is_not_there_says_what_to_materialize(gcp: GcpPlace, tmp_path: Path) -> None:
    lake = gcp.lake()
    assert lake.stat(CLEAN) is None
    with pytest.raises(NotMaterializedError, match="materialize"):
        lake_rows(lake, YELLOW)
    with pytest.raises(NotMaterializedError, match="materialize lake/yellow_tripdata"):
        fetch_clean(lake, YELLOW, tmp_path / "fetched.parquet")
    lake.delete(CLEAN)  # gone already: no error


def test_an_object_that_something_else_put_there_is_left_alone(gcp: GcpPlace, data_dir: DataDir) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    older = raw_name("yellow", "yellow_tripdata_2019-01.parquet")
    gcp.bucket.blob(older).upload_from_string(b"theirs")
    copy_month(raw, clean, gcp.lake())  # it would remove a raw file of another format that is its own
    assert objects(gcp)[older] == b"theirs"

    gcp.bucket.blob(CLEAN).upload_from_string(b"theirs")
    with pytest.raises(StoreAccessError, match=r"something else made this object .* set GCP_BUCKET_NAME"):
        copy_month(raw, clean, gcp.lake())
    assert objects(gcp)[CLEAN] == b"theirs"


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (Answer(403, "forbidden"), StoreAccessError, r"reading: permission denied.*roles/storage\.objectAdmin"),
        (Answer(503), StoreUnavailableError, "reading: failed after every retry"),
        (Drop(), StoreUnavailableError, "reading: failed after every retry|reading: no connection"),
    ],
    ids=str,
)
def test_faults_while_the_footer_is_read_are_explained(
    faulty_gcp: FaultyGcp, data_dir: DataDir, tmp_path: Path, fault: Fault, error: type[Exception], says: str
) -> None:
    copy_month(*write_month(data_dir, YELLOW, 20), faulty_gcp.direct.lake())
    faulty_gcp.storage.fail("^GET .*alt=media", fault)
    lake = faulty_gcp.through.lake(retry_seconds=0.2)
    with pytest.raises(error, match=says):
        lake_rows(lake, YELLOW)
    with pytest.raises(error, match=says):
        clean_from_lake(YELLOW, DataDir(tmp_path / "elsewhere"), lake)


def test_an_object_that_is_replaced_while_it_is_read_is_no_mixture(faulty_gcp: FaultyGcp, data_dir: DataDir) -> None:
    copy_month(*write_month(data_dir, YELLOW, 20), faulty_gcp.direct.lake())
    # Cloud Storage compares the generation that a download names; the emulator does not.
    faulty_gcp.storage.fail("^GET .*alt=media", Answer(412, "conditionNotMet"))
    with pytest.raises(StoreUnavailableError, match="reading: failed after every retry"):
        lake_rows(faulty_gcp.through.lake(), YELLOW)
    [read] = faulty_gcp.storage.requests("^GET .*alt=media")
    generation = faulty_gcp.direct.bucket.get_blob(CLEAN).generation
    assert parse_qs(urlsplit(read.path).query)["ifGenerationMatch"] == [str(generation)]
