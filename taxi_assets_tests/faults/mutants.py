"""Mutants: small months of every layout with something wrong in them, fetched from a folder and cleaned.

Belongs here: mutating bytes, lines and fields of CSV, and columns and values of Parquet, and saying whether what came
of it is right: an error of the project; or published = clean + rejected by an independent reading, each rejected line
is that line of the file, and the lines that nobody touched give the trips that they gave before.
"""

from __future__ import annotations

import gzip
import io
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import TaxiAssetsError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets_tests.faults.published import layouts, pool_of
from taxi_assets_tests.faults.reading import Line, published_count, published_lines, unpacked, values_of

ROWS = 40
DIRT = (
    b"", b" ", b"nan", b"-inf", b"1e400", b"1.5", b"-1", b"40000", b"99999999999999999999", b"0x10", b"\xff", b"\xa0",
    b"\x00", b"\r", b'"', b'""', b"'", b";", b"\t", b"N/A", b"NULL", b"2019-13-01 00:00:00", b"0000-00-00 00:00:00",
    b"2019-01-05T10:00:00", b"2019-01-05 10:00:00.123", b"epoch", b"infinity", b"1_000", b"1,5", b"\xe2\x80\xae",
    b"=1+1", b"![x](http://a.example)", b"x" * 20_000,
)  # fmt: skip


@dataclass(frozen=True)
class Original:
    """A small month as it is published, and what it gives untouched.

    Attributes:
        trips: For each line, by its text, the row that it becomes in clean; lines that are there twice are left out.
    """

    dataset: str
    month: str
    format: str
    content: bytes
    trips: Mapping[str, tuple[object, ...]]


@dataclass(frozen=True)
class Mutant:
    """What became of an original.

    Attributes:
        content: The file, unpacked.
        packed: The file as it is published.
        header_kept: Whether the columns are those of the original.
    """

    content: bytes
    packed: bytes
    header_kept: bool = True


def violations_of(kind: str, dice: random.Random) -> list[str]:
    """Makes one mutant and says what is wrong with what came of it."""
    file_format = "parquet" if kind.startswith("parquet") else "csv.gz"
    original = originals_of(file_format, dice.randrange(1 << 30))
    mutant = MUTATIONS[kind](original, dice)
    published_as = original.format
    if published_as == "csv.gz" and kind != "gzip-bytes" and dice.random() < 0.5:
        published_as, mutant = "csv", Mutant(mutant.content, mutant.content, mutant.header_kept)
    with tempfile.TemporaryDirectory(prefix="taxi-mutant-") as folder:
        return _judged(original, mutant, published_as, Path(folder))


def _judged(original: Original, mutant: Mutant, published_as: str, folder: Path) -> list[str]:
    name = f"{original.dataset}_tripdata_{original.month}.{published_as}"
    where = f"{original.dataset} {original.month} {published_as}"
    (folder / "source").mkdir()
    (folder / "source" / name).write_bytes(mutant.packed)
    try:
        clean, rejected = carried(original, folder / "source", folder / "data")
    except TaxiAssetsError:
        return []
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is no error of the project
        return [f"{where}: {type(error).__name__}: {str(error)[:300]}"]
    if published_as == "parquet":
        published = published_count(mutant.packed)
        lines: list[Line] = []
    else:
        lines = published_lines(_told(mutant, published_as))
        published = len(lines)
    found: list[str] = []
    if published != len(clean) + len(rejected):
        found.append(f"{where}: {published} published, {len(clean)} clean, {len(rejected)} rejected")
    by_number = {line.number: line.text for line in lines}
    wrong = [number for number, text in rejected if lines and by_number.get(number) != text]
    if wrong or len({number for number, _ in rejected}) != len(rejected):
        found.append(f"{where}: rejected lines {wrong[:5]} are not those of the file")
    if mutant.header_kept and lines:
        put_aside = {number for number, _ in rejected}
        expected = Counter(
            original.trips[line.text] for line in lines if line.text in original.trips and line.number not in put_aside
        )
        lost = expected - Counter(clean)
        if lost:
            found.append(
                f"{where}: {lost.total()} lines that nobody touched have other values: {str(min(lost, key=str))[:200]}"
            )
        aside = [line.number for line in lines if line.text in original.trips and line.number in put_aside]
        if aside:
            found.append(f"{where}: lines {aside[:5]} that nobody touched are rejected")
    return found


def _told(mutant: Mutant, published_as: str) -> bytes:
    """The text as gzip gives it, whatever was done to the packed bytes."""
    return mutant.packed if published_as == "csv" else gzip.decompress(mutant.packed)


def carried(original: Original, source: Path, data: Path) -> tuple[list[tuple[object, ...]], list[tuple[int, str]]]:
    """The rows of clean, and number and text of the rejected lines, as the files hold them."""
    data_dir, month = DataDir(data), TripMonth(original.dataset, original.month)
    clean_month(fetch_month(month, str(source), data_dir).raw, data_dir, threads=1)
    table, aside = pq.read_table(data_dir.clean(month)), pq.read_table(data_dir.rejected(month))
    rows = [tuple(map(str, row)) for row in zip(*map(values_of, table.columns), strict=True)]
    return rows, list(zip(aside["line_number"].to_pylist(), aside["line"].to_pylist(), strict=True))


@lru_cache(maxsize=256)
def _original(position: int, file_format: str) -> Original:
    dataset, month, era, _ = [one for one in layouts() if one[3] == file_format][position]
    content = pool_of(dataset, month, ROWS, era)
    bare = Original(dataset, month, file_format, content, {})
    with tempfile.TemporaryDirectory(prefix="taxi-original-") as folder:
        source = Path(folder) / "source"
        source.mkdir()
        (source / f"{dataset}_tripdata_{month}.{file_format}").write_bytes(content)
        rows, rejected = carried(bare, source, Path(folder) / "data")
    if file_format == "parquet":
        return bare
    lines = published_lines(unpacked(content, file_format))
    aside = {number for number, _ in rejected}
    kept = [line for line in lines if line.number not in aside]
    # The order is the file's but for trips of which a value could not be read; what is at its place by its pickup is.
    trips = {
        line.text: row for line, row in zip(kept, rows, strict=True) if line.trip[0] is None or line.trip[0] in row
    }
    twice = [text for text, count in Counter(line.text for line in lines).items() if count > 1]
    return Original(
        dataset, month, file_format, content, {text: row for text, row in trips.items() if text not in twice}
    )


def originals_of(file_format: str, choice: int) -> Original:
    """One of the layouts in that format."""
    return _original(choice % sum(1 for one in layouts() if one[3] == file_format), file_format)


def _text_mutant(change: Callable[[list[bytes], random.Random], None], *, header: bool = False) -> _Mutation:
    """Changes lines; the header is left alone unless it is what is to be changed."""

    def mutate(original: Original, dice: random.Random) -> Mutant:
        lines = unpacked(original.content, original.format).split(b"\n")
        if header:
            change(lines, dice)
        else:
            rest = lines[1:]
            for _ in range(dice.choice((1, 1, 1, 2, 5))):
                change(rest, dice)
            lines = [lines[0], *rest]
        content = b"\n".join(lines)
        return Mutant(content, gzip.compress(content, mtime=0), header_kept=not header)

    return mutate


def _change_byte(lines: list[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(lines))
    line, where = lines[at], dice.randrange(len(lines[at]) + 1)
    byte = bytes([dice.randrange(256)])
    lines[at] = dice.choice((line[:where] + byte + line[where + 1 :], line[:where] + byte + line[where:],
                             line[:where] + line[where + 1 :]))  # fmt: skip


def _change_line(lines: list[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(lines))
    other = lines[dice.randrange(len(lines))]
    what = dice.randrange(8)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(at, other)
    elif what == 2:
        lines[at] = lines[at][: dice.randrange(len(lines[at]) + 1)]
    elif what == 3:
        lines.insert(at, dice.choice((b"", b"\r", b" ", b"\t\r", b",\r", b'"\r')))
    elif what == 4:
        lines[at] = lines[at].rstrip(b"\r") + b"," * dice.randrange(1, 4) + b"\r"
    elif what == 5:
        lines[at] = lines[at].replace(b"\r", b"")
    elif what == 6:
        lines[at] = lines[at] + other
    else:
        lines[at] = b'"' + lines[at].replace(b",", b'","').replace(b"\r", b"") + b'"\r'


def _change_field(lines: list[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(lines))
    fields = lines[at].split(b",")
    fields[dice.randrange(len(fields))] = dice.choice(DIRT)
    if dice.random() < 0.2:
        one, other = dice.randrange(len(fields)), dice.randrange(len(fields))
        fields[one], fields[other] = fields[other], fields[one]
    lines[at] = b",".join(fields)


def _change_header(lines: list[bytes], dice: random.Random) -> None:
    names = lines[0].rstrip(b"\r").split(b",")
    at = dice.randrange(len(names))
    changes: tuple[Callable[[], object], ...] = (
        lambda: names.pop(at),
        lambda: names.insert(at, dice.choice((b"surprise", b"", names[at], b"fare amount", b"\xff"))),
        lambda: names.__setitem__(at, names[at].upper()),
        lambda: names.__setitem__(at, b' "' + names[at].strip() + b'" '),
        lambda: names.__setitem__(at, dice.choice(DIRT)),
        names.reverse,
        lambda: names.__setitem__(0, b"\xef\xbb\xbf" + names[0]),
        lambda: lines.insert(0, dice.choice((b"\r", b"# trips", b"<html>", b"{"))),
        lambda: lines.insert(0, lines[0]),
    )
    dice.choice(changes)()
    lines[0] = b",".join(names) + b"\r"


def _whole_text(original: Original, dice: random.Random) -> Mutant:
    """Ends of lines, encodings and ends of the file."""
    text = unpacked(original.content, original.format)
    changes: tuple[Callable[[], bytes], ...] = (
        lambda: text.replace(b"\r\n", b"\n"),
        lambda: text.replace(b"\r", b"").replace(b"\n", b"\r\n"),
        lambda: text.replace(b"\n", b"\r\r\n"),
        lambda: text[: dice.randrange(len(text))],
        lambda: text + dice.choice((b"\n", b"\r\n\r\n", b"\x1a", b"\x00", b"x")),
        lambda: b"\xef\xbb\xbf" + text,
        lambda: text.decode("latin-1").encode("utf-16"),
        lambda: text.rstrip(b"\r\n"),
        lambda: text.replace(b",", b";"),
    )
    changed = dice.choice(changes)()
    kept = changed.replace(b"\r", b"").split(b"\n")[0] == text.replace(b"\r", b"").split(b"\n")[0]
    return Mutant(changed, gzip.compress(changed, mtime=0), header_kept=kept)


def _gzip_bytes(original: Original, dice: random.Random) -> Mutant:
    packed = bytearray(original.content)
    what = dice.randrange(5)
    if what == 0:
        packed[dice.randrange(len(packed))] ^= 1 << dice.randrange(8)
    elif what == 1:
        del packed[dice.randrange(len(packed)) :]
    elif what == 2:
        packed += dice.choice((b"\x00" * dice.randrange(1, 2_000), b"rubbish", b"\x1f\x8b"))
    elif what == 3:
        text = gzip.decompress(original.content)
        at = dice.randrange(len(text))
        packed = bytearray(gzip.compress(text[:at]) + gzip.compress(text[at:]))
    else:
        at = dice.randrange(len(packed))
        packed[at : at + dice.randrange(1, 50)] = dice.randbytes(dice.randrange(1, 50))
    return Mutant(b"", bytes(packed))


def _parquet_bytes(original: Original, dice: random.Random) -> Mutant:
    packed = bytearray(original.content)
    if dice.random() < 0.3:
        del packed[dice.randrange(len(packed)) :]
    else:
        for _ in range(dice.choice((1, 1, 8))):
            packed[dice.randrange(len(packed))] ^= 1 << dice.randrange(8)
    return Mutant(b"", bytes(packed))


def _parquet_columns(original: Original, dice: random.Random) -> Mutant:
    table = pq.read_table(io.BytesIO(original.content))
    at = dice.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at)
    other = dice.choice((pa.int8(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string(), pa.large_string(),
                         pa.bool_(), pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.date32(),
                         pa.decimal128(18, 4), pa.null(), pa.binary()))  # fmt: skip
    what = dice.randrange(6)
    if what == 0:
        table = table.remove_column(at)
    elif what == 1:
        table = table.rename_columns([dice.choice(("surprise", "", each.upper())) if each == name else each
                                      for each in table.column_names])  # fmt: skip
    elif what == 2:
        table = table.append_column(dice.choice((name, "surprise")), column)
    elif what == 3:
        table = table.set_column(at, name, pa.array([column[0].as_py(), *[None] * (table.num_rows - 1)], column.type))
    elif what == 4:
        table = table.slice(0, dice.choice((0, 1, table.num_rows)))
    else:
        try:
            table = table.set_column(at, name, column.cast(other, safe=False))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            table = table.set_column(at, name, pa.nulls(table.num_rows, other))
    return _written(table, dice)


def _parquet_values(original: Original, dice: random.Random) -> Mutant:
    table = pq.read_table(io.BytesIO(original.content))
    at = dice.randrange(table.num_columns)
    values, kind = table.column(at).to_pylist(), table.schema.field(at).type
    odd: list[Any] = [None]
    if pa.types.is_floating(kind):
        odd += [float("nan"), float("inf"), -0.0, 1e308, 0.5, 40000.0, -1.0]
    elif pa.types.is_integer(kind):
        odd += [0, -1, 32767, 32768, 2**31 - 1]
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        odd += ["", " ", "\x00", "x" * 20_000, "\u202e", "![x](http://a.example)"]
    elif pa.types.is_timestamp(kind):
        odd += [-(2**60), 0, 2**60]
        values = pa.array(values, kind).cast(pa.int64()).to_pylist()
        kind = pa.int64()
    for _ in range(dice.choice((1, 3, len(values)))):
        values[dice.randrange(len(values))] = dice.choice(odd)
    changed = pa.array(values, kind).cast(table.schema.field(at).type, safe=False)
    return _written(table.set_column(at, table.schema.field(at), changed), dice)


def _written(table: Any, dice: random.Random) -> Mutant:
    file = io.BytesIO()
    pq.write_table(
        table,
        file,
        row_group_size=dice.choice((None, 1, 7)),
        compression=dice.choice(("snappy", "zstd", "gzip", "none")),
        use_dictionary=dice.random() < 0.5,
        version=(version := dice.choice(("1.0", "2.6"))),
        # The old version has no nanoseconds.
        coerce_timestamps="us" if version == "1.0" else None,
        allow_truncated_timestamps=True,
    )
    return Mutant(b"", file.getvalue())


_Mutation = Callable[[Original, random.Random], Mutant]

MUTATIONS: Mapping[str, _Mutation] = {
    "csv-byte": _text_mutant(_change_byte),
    "csv-line": _text_mutant(_change_line),
    "csv-field": _text_mutant(_change_field),
    "csv-header": _text_mutant(_change_header, header=True),
    "csv-whole": _whole_text,
    "gzip-bytes": _gzip_bytes,
    "parquet-bytes": _parquet_bytes,
    "parquet-columns": _parquet_columns,
    "parquet-values": _parquet_values,
}
"""By name, as the table of a campaign says them."""
