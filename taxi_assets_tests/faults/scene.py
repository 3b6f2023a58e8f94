"""One month on its way from one version to the next, with a source, a data folder and a database of its own.

Belongs here: setting the scene, and holding the stores against what may be in them. Not here: what happens to the
month (``kinds.py``).
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets_tests.faults.published import MONTHS, Version, version
from taxi_assets_tests.faults.reading import Month, Stores
from taxi_assets_tests.faults.work import Outcome, Place, carry_with_retries, start
from taxi_assets_tests.support.http_source import HttpSource, serving

STORES = ("clean", "postgres", "lake", "warehouse")


@dataclass
class Scene:
    """What a fault finds.

    Attributes:
        place: From where and to where the month is carried.
        server: The source; it publishes ``versions[-1]``.
        postgres: The server of the trips' database.
        dice: Of this fault alone.
        versions: The one that all stores hold, unless the scene is a first run, and what came after it.
        first_run: Nothing has been carried yet.
        outcomes: How the processes of the fault ended.
        damaged: Stores whose files the fault itself has spoilt: what is in them says nothing until they are repaired.
    """

    place: Place
    server: HttpSource
    postgres: EmbeddedPostgres
    dice: random.Random
    versions: list[Version]
    first_run: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)

    @property
    def stores(self) -> Stores:
        return Stores(self.place.data, self.place.conninfo, self.place.dataset, self.place.month)

    def publish_next(self) -> Version:
        """Another version takes the place of the one that is published."""
        new = version(self.place.dataset, self.place.month, self.dice)
        self.versions.append(new)
        self.server.publish(new.name, new.content, modified=1_660_000_000.0 + len(self.versions))
        return new

    def file(self, layer: str) -> Path:
        """The month's published file in ``raw``, or its Parquet in ``clean`` or ``rejected``."""
        folder = self.place.data / layer / self.place.dataset
        name = Path(self.versions[-1].name).name if layer == "raw" else f"{self.stores.stem}.parquet"
        return folder / name

    def violations_after_the_fault(self) -> list[str]:
        """Whole months: the old or a new one; nothing only where there was nothing, or between two names."""
        found = [
            f"an error that nobody foresaw: {one.how}: {one.message[:300]}" for one in self.outcomes if not one.foreseen
        ]
        may_be_missing = {"clean", *(STORES if self.first_run else ())}
        for store in STORES:
            if store not in self.damaged:
                found += self._compared(store, self.versions, may_be_missing=store in may_be_missing)
        return found

    def violations_after_the_repair(self) -> list[str]:
        """Everything is the version that is published now, and nothing lies about."""
        try:
            carry_with_retries(self.place)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the month is not repaired
            return [f"the repair run failed: {type(error).__name__}: {str(error)[:300]}"]
        new, stores = self.versions[-1], self.stores
        found = [said for store in STORES for said in self._compared(store, [new], may_be_missing=False)]
        whole = hashlib.sha256(new.content).hexdigest()
        for what, read in (("raw", stores.raw), ("the lake's raw", stores.lake_raw)):
            if read() != whole:
                found.append(f"{what}: the file is not the one that is published")
        found += [f"postgres: the table {name} was left" for name in stores.tables_beside()]
        return found + [f"{name} was left" for name in stores.half_files()]

    def _compared(self, store: str, allowed: Sequence[Version], *, may_be_missing: bool) -> list[str]:
        read: Callable[[], Month | None] = getattr(self.stores, store)
        try:
            month = read()
        except Exception as error:  # noqa: BLE001  # a reader's error is what is looked for
            return [f"{store}: cannot be read: {type(error).__name__}: {str(error)[:300]}"]
        if month is None:
            return [] if may_be_missing else [f"{store}: the month is gone"]
        if any(_is(month, each, store) for each in allowed):
            return []
        known = [sum((month.trips - each.trips).values()) for each in allowed]
        lost = [sum((each.trips - month.trips).values()) for each in allowed]
        return [f"{store}: {month.trips.total()} trips and {len(month.rejected)} rejected lines are no version's; "
                f"against {len(allowed)} versions {known} too many, {lost} lost"]  # fmt: skip


def _is(month: Month, wanted: Version, store: str) -> bool:
    if month.trips != wanted.trips:
        return False
    if store != "clean":
        return True
    # Of Parquet there are rows, not lines.
    of_lines = not wanted.name.endswith("parquet")
    return month.rejected == wanted.rejected if of_lines else len(month.rejected) == len(wanted.rejected)


@contextmanager
def scene_of(dice: random.Random, postgres: EmbeddedPostgres, *, first_run: bool | None = None) -> Generator[Scene]:
    """A month whose old version is in every store, or is about to be carried for the first time.

    Args:
        dice: Of this fault alone.
        postgres: The server on which the scene gets a database.
        first_run: Whether nothing has been carried yet; None to leave it to the dice.

    Raises:
        AssertionError: The old version did not arrive although nothing happened to it.
    """
    dataset, month = dice.choice(MONTHS)
    database = f"faults_{dice.getrandbits(48):012x}"
    postgres.ensure_database(database)
    try:
        with serving() as server, tempfile.TemporaryDirectory(prefix="taxi-faults-") as folder:
            place = Place(dataset, month, server.url, Path(folder) / "data", postgres.conninfo(database))
            scene = Scene(place, server, postgres, dice, [])
            scene.publish_next()
            scene.first_run = dice.random() < 0.2 if first_run is None else first_run
            if not scene.first_run:
                outcome = start(place).end()
                assert outcome.how == "done", f"the ordinary run: {outcome}"
                assert scene.violations_after_the_fault() == []
            yield scene
    finally:
        with psycopg.connect(postgres.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
