"""Files that were damaged after they were written: bytes flipped, always the same for the same seed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def damaged_parquet(content: bytes, seeds: range) -> Iterator[bytes]:
    """The Parquet file with one to forty bits flipped, by turns in its footer and in what stands before it."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for seed in seeds:
        dice = random.Random(seed)
        first, end = (4, footer) if seed % 2 else (footer, len(content))
        flipped = bytearray(content)
        for _ in range(dice.choice([1, 1, 4, 40])):
            flipped[dice.randrange(first, end)] ^= 1 << dice.randrange(8)
        yield bytes(flipped)


def flip_a_bit(path: Path, dice: random.Random) -> None:
    """In place, so that it also changes under the file's other names, as on a disk; size and times stay."""
    status = path.stat()
    with path.open("r+b") as file:
        at = dice.randrange(status.st_size)
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << dice.randrange(8)]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rot_parquet(path: Path, *, decodes: bool) -> None:
    """Flips the first bit of some tried that leaves the footer as it is and gives other values, or none at all."""
    content, sound = path.read_bytes(), pq.read_table(path)
    for seed in range(1_000):
        flip_a_bit(path, random.Random(seed))
        try:
            found = pq.read_table(path)
            as_wanted = decodes and found.schema.equals(sound.schema, check_metadata=True) and not found.equals(sound)
        except (pa.ArrowException, OSError):
            as_wanted = not decodes and path.read_bytes()[-len(content) // 4 :] == content[-len(content) // 4 :]
        if as_wanted:
            return
        path.write_bytes(content)
    raise AssertionError(f"no bit of {path} does that")
