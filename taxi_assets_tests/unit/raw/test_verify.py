"""What makes a fetched file good, and the figures of its first reading."""

from __future__ import annotations

import gzip
import hashlib
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.raw.verify import TextFacts, verify

TRIPS = b"VendorID,fare\r\n" + b"".join(b"%d,12.5\r\n" % n for n in range(2000))


def file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "arrived"
    path.write_bytes(content)
    return path


def naive_facts(text: bytes) -> tuple[int, int, bool]:
    """Data lines, blank lines, UTF-8: one line after the other."""
    lines = [line.rstrip(b"\n") for line in text.split(b"\n")]
    if lines[-1] == b"":  # what follows the last line end is no line
        lines.pop()
    is_blank = [line.strip(b"\r") == b"" for line in lines]
    header = is_blank.index(False) if False in is_blank else None
    after = [] if header is None else is_blank[header + 1 :]
    try:
        text.decode()
    except UnicodeDecodeError:
        return after.count(False), after.count(True), False
    return after.count(False), after.count(True), True


def facts_in_chunks(text: bytes, sizes: list[int]) -> tuple[int, int, bool]:
    facts = TextFacts()
    position = 0
    while position < len(text):
        size = sizes[position % len(sizes)]
        facts.add(text[position : position + size])
        position += size
    facts.finish()
    return facts.data_lines, facts.blank_lines, facts.utf8


# Made of what lines end and begin with, of text in one to four bytes, and of bytes that are not UTF-8.
dirty_text = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"a", b" ", b",1", "é".encode(), "🚕".encode(), b"\xa0", b"\xf0"]),
    max_size=40,
).map(b"".join)


@given(text=dirty_text, sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5))
@example(text=b"h\n\r\r\n\n1", sizes=[1])
@example(text=b"h\n1\n\r", sizes=[2])
@example(text=b"\r\n\nh\n1\n", sizes=[1])
@example(text="h\n🚕".encode()[:-1], sizes=[3])
@example(text=b"h\n\xc3a\xa9", sizes=[1])
def test_lines_are_counted_as_one_by_one_wherever_the_chunks_are_cut(text: bytes, sizes: list[int]) -> None:
    assert facts_in_chunks(text, sizes) == naive_facts(text)


def test_bytes_that_are_not_utf8_are_told(tmp_path: Path) -> None:
    # A no-break space in Latin-1 occurs in the fhv files.
    assert verify(file(tmp_path, b"base,zone\nB00\xa0,1\n"), "csv", "fhv").utf8 is False
    assert verify(file(tmp_path, "base,zone\nB00\u00a0,1\n".encode()), "csv", "fhv").utf8 is True


def test_one_pass_gives_sizes_hash_and_trips_of_a_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(TRIPS)

    contents = verify(file(tmp_path, packed), "csv.gz", "yellow")

    assert contents.bytes == len(packed)
    assert contents.uncompressed_bytes == len(TRIPS)
    assert contents.sha256 == hashlib.sha256(packed).hexdigest()
    assert contents.published_rows == 2000


def test_every_member_of_a_gzip_is_read(tmp_path: Path) -> None:
    members = gzip.compress(TRIPS[:1001]) + gzip.compress(b"") + gzip.compress(TRIPS[1001:])

    contents = verify(file(tmp_path, members), "csv.gz", "yellow")

    assert (contents.published_rows, contents.uncompressed_bytes) == (2000, len(TRIPS))


def test_the_pad_of_zeros_that_tapes_leave_is_no_damage(tmp_path: Path) -> None:
    assert verify(file(tmp_path, gzip.compress(TRIPS) + bytes(512)), "csv.gz", "yellow").published_rows == 2000


def test_a_parquet_gives_the_rows_of_its_footer(tmp_path: Path) -> None:
    pq.write_table(pa.table({"fare": [1.0, 2.0, 3.0]}), tmp_path / "arrived")

    contents = verify(tmp_path / "arrived", "parquet", "yellow")

    size = (tmp_path / "arrived").stat().st_size
    assert (contents.published_rows, contents.bytes, contents.uncompressed_bytes) == (3, size, size)
    assert contents.sha256 == hashlib.sha256((tmp_path / "arrived").read_bytes()).hexdigest()


def damaged_deflate() -> bytes:
    """A gzip whose middle is noise: the inflater itself stumbles, before any CRC is compared."""
    noise = random.Random(1).randbytes(200_000)
    packed = bytearray(gzip.compress(b"h\n" + noise.hex().encode()))
    packed[50_000:60_000] = b"\xff" * 10_000
    return bytes(packed)


PACKED = gzip.compress(TRIPS)
SECOND_MEMBER_CUT = gzip.compress(TRIPS) + gzip.compress(b"1,2\n" * 100)[:-10]
WRONG_CRC = PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]
WRONG_LENGTH = PACKED[:-4] + bytes([PACKED[-4] ^ 1]) + PACKED[-3:]


@pytest.mark.parametrize(
    ("file_format", "content", "words"),
    [
        pytest.param("csv.gz", b"", "empty", id="nothing"),
        pytest.param("csv.gz", PACKED[:3000], "truncated or corrupt", id="gzip cut"),
        pytest.param("csv.gz", PACKED[:-8], "truncated or corrupt", id="gzip without its trailer"),
        pytest.param("csv.gz", PACKED[:-1], "truncated or corrupt", id="gzip without its last byte"),
        pytest.param("csv.gz", PACKED[:6], "truncated or corrupt", id="gzip cut in its header"),
        pytest.param("csv.gz", WRONG_CRC, "truncated or corrupt", id="gzip with a wrong CRC"),
        pytest.param("csv.gz", WRONG_LENGTH, "truncated or corrupt", id="gzip with a wrong length"),
        pytest.param("csv.gz", SECOND_MEMBER_CUT, "truncated or corrupt", id="second member cut"),
        pytest.param("csv.gz", PACKED + b"and some more text", "truncated or corrupt", id="text behind the gzip"),
        pytest.param("csv.gz", damaged_deflate(), "truncated or corrupt", id="noise in the gzip"),
        pytest.param("csv.gz", TRIPS, "not the gzipped CSV that its name promises", id="text named gzip"),
        pytest.param("csv.gz", gzip.compress(b""), "zero trips", id="gzip of nothing"),
        pytest.param("csv.gz", gzip.compress(b"a,b\r\n"), "zero trips", id="header only"),
        pytest.param("csv.gz", gzip.compress(b"a,b\r\n\r\n\n"), "zero trips", id="header and blank lines"),
        pytest.param("csv.gz", b"<html>", "web page", id="web page named gzip"),
        pytest.param("csv.gz", gzip.compress(b" <!DOCTYPE html>"), "web page", id="packed web page"),
        pytest.param("csv", b"\xef\xbb\xbf\n<!doctype html>\n<p>a\n", "web page", id="web page with a BOM"),
        pytest.param("csv", b"<?xml version='1.0'?>\n<Error>\n", "web page", id="XML of a bucket"),
        pytest.param(
            "csv",
            PACKED,
            "a gzip, not the plain CSV that its name promises",
            id="gzip named csv",
        ),
        pytest.param("csv", b"a,b", "zero trips", id="header without a line end"),
        pytest.param("csv", b"\n\r\n", "zero trips", id="blank lines only"),
        pytest.param("parquet", b"a,b\n1,2\n", "not the Parquet file", id="text named parquet"),
        pytest.param("parquet", b"PAR1", "footer", id="magic only"),
    ],
)
def test_a_broken_file_is_named_and_rejected(tmp_path: Path, file_format: str, content: bytes, words: str) -> None:
    with pytest.raises(BrokenFileError, match=words) as refusal:
        verify(file(tmp_path, content), file_format, "yellow 2019-01 from there")

    assert str(refusal.value).startswith("yellow 2019-01 from there: ")


def test_a_cut_parquet_is_rejected(tmp_path: Path) -> None:
    pq.write_table(pa.table({"fare": [1.0, 2.0, 3.0]}), tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()

    for kept in (len(whole) - 1, len(whole) - 30, len(whole) // 2):
        with pytest.raises(BrokenFileError, match="footer"):
            verify(file(tmp_path, whole[:kept]), "parquet", "yellow")


def test_a_parquet_without_rows_is_rejected(tmp_path: Path) -> None:
    pq.write_table(pa.table({"fare": pa.array([], pa.float64())}), tmp_path / "arrived")

    with pytest.raises(BrokenFileError, match="zero trips"):
        verify(tmp_path / "arrived", "parquet", "yellow")


def test_real_files_give_the_counts_of_a_line_by_line_reading(real_data: Path) -> None:
    files = [*sorted((real_data / "heads").glob("*.csv")), *sorted((real_data / "releases").rglob("*.csv.gz"))]
    assert len(files) > 20

    for path in files:
        file_format = "csv.gz" if path.suffix == ".gz" else "csv"
        text = gzip.decompress(path.read_bytes()) if file_format == "csv.gz" else path.read_bytes()
        contents = verify(path, file_format, path.name)
        counted = (contents.published_rows, contents.blank_lines, contents.utf8)
        assert counted == naive_facts(text), path.name
        assert contents.uncompressed_bytes == len(text)


def test_the_blank_second_line_of_early_releases_is_no_trip(real_data: Path) -> None:
    contents = verify(real_data / "heads" / "yellow_tripdata_2009-01.csv", "csv", "yellow 2009-01")

    assert contents.blank_lines == 1


def test_a_real_parquet_month_has_the_rows_that_are_known_of_it(real_data: Path) -> None:
    contents = verify(real_data / "tlc" / "green_tripdata_2024-01.parquet", "parquet", "green 2024-01")

    assert contents.published_rows == 56_551


def test_a_bomb_is_given_up_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taxi_assets.steps.raw.verify.UNPACKED_IN_ANY_CASE", 1 << 22)  # the real one takes seconds
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"VendorID\n" + b"1\n" * 10_000_000))
    with pytest.raises(BrokenFileError, match=r"bomb: .* unpacked to [\d,]+ so far, over 64 times as much"):
        verify(path, "csv.gz", "bomb")
