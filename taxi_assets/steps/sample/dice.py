"""Deterministic chance in SQL: draws that depend on the row's number and nothing else.

Belongs here: turning a named draw into SQL. Not here: what is drawn.

Every draw is ``hash(row + seed)``, with a seed from the recipe's version, the dataset, the month and the draw's name.
No state is involved, so threads and chunks cannot change a value, and all arithmetic is on integers, so processors
cannot either. DuckDB promises no stable ``hash``; that of whole numbers is the same in 1.5 and 2.0, which a test
holds fast against the next release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate

_SLOTS = 2048


@dataclass(frozen=True)
class Dice:
    """Draws for one month.

    Attributes:
        seed: Text that names the recipe, the dataset and the month.
        row: SQL of the row's number, a BIGINT that is not negative.
    """

    seed: str
    row: str = "n"

    def below(self, name: str, limit: int) -> str:
        """SQL of a whole number in ``[0, limit)``, evenly distributed."""
        # 56 bits: adding a row number cannot overflow a BIGINT.
        seed = int.from_bytes(sha256(f"{self.seed}/{name}".encode()).digest()[:7], "big")
        return f"(hash({self.row} + {seed}) % {limit})::BIGINT"

    def chance(self, name: str, parts: int, whole: int = 1000) -> str:
        """SQL of a boolean that is true in ``parts`` of ``whole`` rows."""
        return f"({self.below(name, whole)} < {parts})"

    def pick(self, name: str, weights: Mapping[int, int]) -> str:
        """SQL of one of the keys, each as often as its weight says."""
        return f"{array(slots(weights, _SLOTS))}[1 + {self.below(name, _SLOTS)}]"

    def along(self, name: str, curve: Sequence[int]) -> str:
        """SQL of a whole number whose quantiles at equal steps are ``curve``, straight lines between them."""
        return interpolated(curve, self.below(name, (len(curve) - 1) << 16), 16)


def interpolated(curve: Sequence[int], position: str, bits: int) -> str:
    """SQL of ``curve`` at ``position / 2**bits``, between its points by straight lines, rounded down."""
    points = array(curve)
    index, rest = f"(({position}) >> {bits})", f"(({position}) & {(1 << bits) - 1})"
    return f"({points}[1 + {index}] * ({1 << bits} - {rest}) + {points}[2 + {index}] * {rest}) // {1 << bits}"


def slots(weights: Mapping[int, int], size: int) -> list[int]:
    """The keys in ``size`` slots, in proportion to their weights, by the running total: no rounding is lost."""
    total = sum(weights.values())
    borders = [ended * size // total for ended in accumulate(weights.values())]
    return [key for key, start, end in zip(weights, [0, *borders], borders, strict=False) for _ in range(start, end)]


def quantiles(weights: Sequence[int], steps: int, width: int) -> list[int]:
    """Where the running total of ``weights`` reaches each of ``steps`` equal shares, each weight being ``width`` long.

    The inverse of the distribution: ``quantiles(hours, 4096, 3600)`` are seconds at which 0, 1, … 4096 of 4096 equal
    parts of the pickups have happened.
    """
    total = sum(weights)
    points: list[int] = []
    before, position = 0, 0
    for step in range(steps + 1):
        wanted = step * total
        while position < len(weights) - 1 and (before + weights[position]) * steps <= wanted:
            before += weights[position]
            position += 1
        points.append(position * width + (wanted - before * steps) * width // (weights[position] * steps))
    return points


def array(values: Sequence[int]) -> str:
    """SQL of a list of whole numbers."""
    return f"('[{', '.join(map(str, values))}]'::BIGINT[])"
