"""From the marts to the page: reads the figures, draws, and publishes one HTML file here and in the lake.

Belongs here: the step as a whole, as assets and commands call it. Not here: what the page says (``page.py``).
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from taxi_assets.data_dir import DataDir, published_atomically, remove_leftovers
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.lake.lake import Lake
from taxi_assets.steps.marts.marts import MartStore
from taxi_assets.steps.report import picture
from taxi_assets.steps.report.figures import Figures, total
from taxi_assets.steps.report.page import lines_of_trips, render, short
from taxi_assets.steps.report.places import draw
from taxi_assets.steps.report.read import read_figures

if TYPE_CHECKING:
    from taxi_assets.steps.files.zone_shapes import ZoneShapes

logger = logging.getLogger(__name__)

OBJECT_NAME = "report/overview.html"
"""The page in the lake."""


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        path: The page on this machine.
        uri: The page in the lake; None when no lake was given.
        version: SHA-256 of the page, hexadecimal: equal marts make an equal page.
        bytes: Of the page.
        months: Files that it tells of.
        missing: Months that are published, as far as known here, and not loaded.
        trips: Trips that it tells of.
        synthetic: How many of the months are synthetic.
        has_map: Whether the zones' shapes were there.
        unchanged: The page was there already, byte for byte.
        picture: A small picture of it, as Markdown.
        seconds: Time of this call.
    """

    path: Path
    uri: str | None
    version: str
    bytes: int
    months: int
    missing: int
    trips: int
    synthetic: int
    has_map: bool
    unchanged: bool
    picture: str = field(repr=False)
    seconds: float


def write_report(
    marts: MartStore, data_dir: DataDir, *, shapes: ZoneShapes | None = None, lake: Lake | None = None
) -> Report:
    """Writes the page of all that is in the marts, in place of the one that was there.

    Args:
        marts: What is shown: all of it.
        data_dir: Gets ``report/overview.html``.
        shapes: Of the zones, for the map; without them the page has lists only.
        lake: Gets a copy.

    Raises:
        StorageFullError: There is no room; the page is the one before.
        StoreAccessError: This account may not write there, or not read the marts.
        StoreUnavailableError: The marts or the lake cannot be reached.
    """
    begun = time.monotonic()
    # A warehouse that was made before there were marts has no place for them yet.
    marts.publish()
    figures = read_figures(marts, shapes)
    zone_map = None if shapes is None else draw({zone.locationid: zone.area for zone in shapes.zones})
    text = render(figures, zone_map).encode()
    path = data_dir.report
    with disk_errors_explained(str(path), path.parent):
        unchanged = path.is_file() and path.read_bytes() == text
        if not unchanged:
            remove_leftovers(path)
            with published_atomically(path) as partial:
                partial.write_bytes(text)
            logger.info("report: %s, %.1f MB", path, len(text) / 1e6)
    uri = None if lake is None else lake.put(path, OBJECT_NAME, metadata={}).info.uri
    trips = total(figures.sums.values()).trips if figures.sums else 0
    return Report(
        path=path,
        uri=uri,
        version=hashlib.sha256(text).hexdigest(),
        bytes=len(text),
        months=len(figures.files),
        missing=len(figures.missing()),
        trips=trips,
        synthetic=figures.synthetic,
        has_map=zone_map is not None,
        unchanged=unchanged,
        picture=_picture(figures, trips),
        seconds=time.monotonic() - begun,
    )


def _picture(figures: Figures, trips: int) -> str:
    made = "Synthetic trips" if figures.synthetic else "Trips"
    title = f"{made} a month: {short(trips)} in {len(figures.files):,} files"
    return picture.markdown(picture.svg(figures, lines_of_trips(figures), title), title)
