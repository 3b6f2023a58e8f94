"""Files that were damaged after they were written: bytes flipped, always the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator


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
