"""Files that are not what their names say: each is told by its first bytes or its first line, with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.raw.verify import verify
from taxi_assets_tests.support.raw_months import YELLOW_2019, YELLOW_TRIP

CSV = f"{YELLOW_2019}\n{YELLOW_TRIP}\n{YELLOW_TRIP}\n"


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, CSV)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("yellow_tripdata_2019-01.csv")
        entry.size = len(CSV)
        archive.addfile(entry, io.BytesIO(CSV.encode()))
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"fare": [1.0]}), file)
    return file.getvalue()


OTHERS: dict[str, tuple[bytes, str]] = {
    "zip": (zipped("yellow_tripdata_2019-01.csv"), "a zip archive, not .*; unpack it"),
    "xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), r"an Excel workbook \(.xlsx\), not .*; save it"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), r"an old Excel workbook \(.xls\)"),
    "tar": (tarred(), "a tar archive, not .*; unpack it"),
    "bzip2": (bz2.compress(CSV.encode()), "a bzip2 archive"),
    "xz": (lzma.compress(CSV.encode()), "an xz archive"),
    "UTF-16 of PowerShell": (CSV.encode("utf-16"), "UTF-16 or UTF-32, .*save it as UTF-8"),
    "UTF-16 big-endian": ("\ufeff".encode("utf-16-be") + CSV.encode("utf-16-be"), "UTF-16 or UTF-32"),
    "UTF-16 without a mark": (CSV.encode("utf-16-le"), "UTF-16 or UTF-32"),
    "UTF-16 big-endian without a mark": (CSV.encode("utf-16-be"), "UTF-16 or UTF-32"),
    "UTF-32": (CSV.encode("utf-32"), "UTF-16 or UTF-32"),
    "JSON": (b'\n[{"vendorid": 1}]\n', "JSON, .*ask for the CSV"),
    "JSON lines": (b'{"vendorid": 1}\n{"vendorid": 2}\n', "JSON, .*ask for the CSV"),
    "HTML": (b"\r\n<!DOCTYPE html>\n<p>Sign in\n", "a web page"),
    "XML": (b"<?xml version='1.0'?>\n<Error>AccessDenied</Error>\n", "a web page"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "a Git LFS pointer.*lfs pull"),
    "tabs": (CSV.replace(",", "\t").encode(), "text with tabs between its fields, not .*; write it"),
    "semicolons": (CSV.replace(",", ";").encode(), "text with semicolons between its fields"),
    "pipes": (b"\n" + CSV.replace(",", "|").encode(), "text with pipes between its fields"),
    "carriage returns": (CSV.replace("\n", "\r").encode(), "lines end with a carriage return alone, .*; end its"),
    "noise": (bytes(range(256)) * 4, "binary data"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "says"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "parquet"])
def test_a_file_of_another_kind_is_named_as_what_it_is(
    content: bytes, says: str, file_format: str, tmp_path: Path
) -> None:
    for packed in (content, gzip.compress(content)) if file_format == "csv.gz" else (content,):
        path = tmp_path / "yellow_tripdata_2019-01"
        path.write_bytes(packed)
        with pytest.raises(BrokenFileError, match=says) as error:
            verify(path, file_format, "yellow 2019-01 from /there")
        assert str(error.value).startswith("yellow 2019-01 from /there: ")
        assert str(error.value).isprintable()
        assert str(error.value).count(" not ") == 1, "says once what it is not"
        assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("content", "file_format", "sentence"),
    [
        (OTHERS["semicolons"][0], "csv", "this is text with semicolons between its fields, not a plain CSV; write it"),
        (gzip.compress(OTHERS["zip"][0]), "csv.gz", "this is a zip archive, not a plain CSV; unpack it and put"),
        (
            OTHERS["carriage returns"][0],
            "csv",
            "this is text whose lines end with a carriage return alone, not a plain",
        ),
        (OTHERS["JSON"][0], "parquet", "this is JSON, not the Parquet file that its name promises; ask for"),
        (OTHERS["UTF-32"][0], "csv.gz", "this is text in UTF-16 or UTF-32, not the gzipped CSV that its name promises"),
    ],
)
def test_it_is_said_in_a_sentence(content: bytes, file_format: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(BrokenFileError) as error:
        verify(path, file_format, "yellow 2019-01")
    assert str(error.value).startswith(f"yellow 2019-01: {sentence}")


@pytest.mark.parametrize(
    ("content", "file_format", "says"),
    [
        (
            gzip.compress(gzip.compress(CSV.encode())),
            "csv.gz",
            "a gzip, .*; name it .csv.gz, or unpack it once",
        ),
        (gzip.compress(CSV.encode()), "csv", "a gzip, not .*; name it .csv.gz"),
        (parquet(), "csv", "a Parquet file, not .*; name it .parquet"),
        (gzip.compress(parquet()), "csv.gz", "a Parquet file, not .*; name it .parquet"),
        (CSV.encode(), "parquet", "this is not the Parquet file that its name promises; put"),
        (CSV.encode(), "csv.gz", "this is not the gzipped CSV that its name promises; put"),
        (gzip.compress(CSV.encode()), "parquet", "a gzip, not .*; name it .csv.gz"),
        (b"", "csv", "empty"),
        (b"", "parquet", "empty"),
    ],
)
def test_one_of_our_formats_under_another_s_name_is_told(
    content: bytes, file_format: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(BrokenFileError, match=says):
        verify(path, file_format, "yellow 2019-01")


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        f"\ufeff{CSV}",
        f"\r\n\n{CSV}",
        '"Dispatching_base_num","Pickup_date; local"\n"B1|2;3;4","2019-01-01 00:00:00"\n',
        "locationID\n1\n",
        CSV.replace("\n", "\r\n"),
    ],
)
def test_comma_separated_text_is_taken_for_what_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(text, encoding="utf-8", newline="")
    assert verify(path, "csv", "yellow 2019-01").published_rows >= 1
