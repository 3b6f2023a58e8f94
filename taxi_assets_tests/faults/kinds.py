"""The kinds of faults: each finds a month in one version, publishes the next one, and lets something happen.

Belongs here: what happens, and when. Not here: what has to be so afterwards (``scene.py``).
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import psutil
import psycopg

from taxi_assets_tests.faults.scene import Scene
from taxi_assets_tests.faults.work import LAYERS, Plan, start
from taxi_assets_tests.support.damage import flip_a_bit
from taxi_assets_tests.support.http_source import Answer, ClaimLength, DropAfter, Fault, HoldAfter, RunBefore, web_page

SECONDS = {"raw": 0.15, "clean": 0.6, "postgres": 0.6, "lake": 0.2, "warehouse": 0.5}
"""About how long a layer takes with these months, of which a moment is chosen."""

FILE_OPERATIONS = 60
"""About how many a layer has at most, of which one is chosen."""


def killed(layer: str, scene: Scene) -> None:
    """SIGKILL at a moment of the layer, or right at one of its file operations."""
    dice = scene.dice
    scene.publish_next()
    at_operation = dice.random() < 0.5
    plan = Plan(stops_at=layer, dies_at=dice.randrange(1, FILE_OPERATIONS) if at_operation else 0)
    running = start(scene.place, plan)
    if running.wait_for_layer() and not at_operation:
        time.sleep(dice.uniform(0, SECONDS[layer]))
        running.kill()
    scene.outcomes.append(running.end())


def answered_badly(make: Callable[[random.Random, int], Fault], scene: Scene) -> None:
    """The source misbehaves for some answers, then behaves, or for so many that the run gives up."""
    new = scene.publish_next()
    method = "GET" if scene.dice.random() < 0.8 else ""
    scene.server.misbehave(make(scene.dice, len(new.content)), method=method, times=scene.dice.randrange(1, 6))
    if scene.dice.random() < 0.3:
        scene.server.mind(content_length=False)
    scene.outcomes.append(start(scene.place).end())
    scene.server.behave()


def reissued(scene: Scene) -> None:
    """Another version is published between two requests of one run."""
    scene.publish_next()
    method = scene.dice.choice(("HEAD", "GET"))
    scene.server.misbehave(RunBefore(scene.publish_next), method=method)
    scene.outcomes.append(start(scene.place).end())


def raw_rots(scene: Scene) -> None:
    """One bit of the published file changes on disk, and the month has to be cleaned again."""
    if scene.first_run:
        scene.outcomes.append(start(scene.place, Plan(layers=("raw",))).end())
    flip_a_bit(scene.file("raw"), scene.dice)
    _forget_clean(scene)
    scene.outcomes.append(start(scene.place).end())


def clean_rots(scene: Scene) -> None:
    """One bit of the clean file changes on disk, after it was made and before it is loaded."""
    scene.publish_next()
    running = start(scene.place, Plan(stops_at="postgres", waits=True))
    if running.wait_for_layer():
        flip_a_bit(scene.file("clean"), scene.dice)
        scene.damaged.add("clean")
        running.go_on()
    scene.outcomes.append(running.end())


def manifest_edited(scene: Scene) -> None:
    """Somebody, or a crash, changes the manifest, and the month has to be cleaned again."""
    if scene.first_run:
        scene.outcomes.append(start(scene.place, Plan(layers=("raw",))).end())
    path = scene.file("raw").parent / f"{scene.stores.stem}.manifest.json"
    text = path.read_text(encoding="utf-8")
    told = json.loads(text)
    edits: list[dict[str, object]] = [
        {"published_rows": told["published_rows"] + scene.dice.randrange(-5, 6)},
        {"published_rows": None},
        {"published_rows": "many"},
        {"sha256": "0" * 64},
        {"sha256": None},
        {"sha256": 5},
        {"bytes": told["bytes"] + 1},
        {"bytes": str(told["bytes"])},
        {"etag": None, "last_modified": None},
        {"path": "../../elsewhere"},
        {"path": None},
        {"edition": "parquet" if told["edition"] != "parquet" else "csv"},
        {"edition": "xlsx"},
        {"utf8": "perhaps"},
        {"blank_lines": -1},
        {"uncompressed_bytes": -1},
        {"unheard": "of"},
    ]
    edit = scene.dice.choice([*edits, None, None])
    cut = text[: scene.dice.randrange(len(text))]
    path.write_text(cut if edit is None else json.dumps({**told, **edit}), encoding="utf-8")
    _forget_clean(scene)
    scene.outcomes.append(start(scene.place).end())


def disk_full(scene: Scene) -> None:
    """No file of the process grows beyond a size that is somewhere between nothing and more than enough."""
    new = scene.publish_next()
    largest = int(2 ** scene.dice.uniform(4, 4 + len(bin(len(new.content)))))
    scene.outcomes.append(start(scene.place, Plan(largest_file=largest)).end())


def backend_killed(scene: Scene) -> None:
    """A server process of the load is killed: Postgres ends all of them and recovers."""
    _load_and(scene, _kill_backend)


def postmaster_killed(scene: Scene) -> None:
    """The database server itself is killed, and started again."""

    def kill(scene: Scene) -> None:
        with psycopg.connect(scene.place.conninfo) as connection:
            os.kill(psutil.Process(connection.info.backend_pid).ppid(), signal.SIGKILL)

    _load_and(scene, kill)


def two_at_once(scene: Scene) -> None:
    """Two processes carry the month, one a little after the other."""
    scene.publish_next()
    first = start(scene.place)
    time.sleep(scene.dice.uniform(0, sum(SECONDS.values()) / 2))
    second = start(scene.place)
    scene.outcomes += [first.end(), second.end()]


def replaced_while_read(scene: Scene) -> None:
    """A version is fetched and cleaned while another process still reads the files of the one before."""
    scene.publish_next()
    reading = start(scene.place, Plan(stops_at=scene.dice.choice(LAYERS[1:])))
    reading.wait_for_layer()
    time.sleep(scene.dice.uniform(0, 0.3))
    scene.publish_next()
    replacing = start(scene.place, Plan(layers=scene.dice.choice((("raw",), ("raw", "clean"), LAYERS))))
    scene.outcomes += [reading.end(), replacing.end()]


def clock_jumps(scene: Scene) -> None:
    """The clock jumps by up to three years, and files say that they were written at any time."""
    for path in scene.place.data.rglob("*"):
        if scene.dice.random() < 0.3 and path.is_file():
            moment = scene.dice.uniform(0, 4e9)
            os.utime(path, (moment, moment))
    scene.publish_next()
    scene.outcomes.append(start(scene.place, Plan(clock=scene.dice.uniform(-1e8, 1e8))).end())


def _forget_clean(scene: Scene) -> None:
    for layer in ("clean", "rejected"):
        scene.file(layer).unlink(missing_ok=True)


def _load_and(scene: Scene, harm: Callable[[Scene], None]) -> None:
    scene.publish_next()
    running = start(scene.place, Plan(stops_at="postgres"))
    if running.wait_for_layer():
        time.sleep(scene.dice.uniform(0, SECONDS["postgres"]))
        harm(scene)
    scene.outcomes.append(running.end())
    scene.postgres.start()
    _wait_for(scene.place.conninfo)


def _kill_backend(scene: Scene) -> None:
    with suppress(psycopg.Error), psycopg.connect(scene.place.conninfo) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity "
            "WHERE application_name LIKE 'taxi_assets%%' AND datname = current_database()"
        ).fetchall()
        if found:
            os.kill(scene.dice.choice(found)[0], signal.SIGKILL)


def _wait_for(conninfo: str) -> None:
    for _ in range(600):
        with suppress(psycopg.OperationalError):
            psycopg.connect(conninfo).close()
            return
        time.sleep(0.1)
    psycopg.connect(conninfo).close()


_Make = Callable[[random.Random, int], Fault]
_ANSWERS: Mapping[str, _Make] = {
    "http-dropped": lambda dice, size: DropAfter(dice.randrange(size)),
    "http-reset": lambda dice, size: DropAfter(dice.randrange(size), reset=True),
    "http-halved": lambda dice, size: ClaimLength(dice.randrange(size)),
    "http-stalled": lambda dice, size: HoldAfter(dice.randrange(size)),
    "http-refused": lambda dice, _: Answer(dice.choice((403, 404, 408, 429, 500, 502, 503)), {"Retry-After": "0"}),
    "http-web-page": lambda *_: web_page(),
}

KINDS: Mapping[str, Callable[[Scene], None]] = {
    **{f"kill-{layer}": partial(killed, layer) for layer in LAYERS},
    **{name: partial(answered_badly, make) for name, make in _ANSWERS.items()},
    "reissued": reissued,
    "rot-raw": raw_rots,
    "rot-clean": clean_rots,
    "manifest-edited": manifest_edited,
    "disk-full": disk_full,
    "backend-killed": backend_killed,
    "postmaster-killed": postmaster_killed,
    "two-at-once": two_at_once,
    "replaced-while-read": replaced_while_read,
    "clock-jumps": clock_jumps,
}
"""By name, as the table of a campaign says them."""
