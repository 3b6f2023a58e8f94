"""The page: figures in words, charts and tables, as one HTML text that needs nothing else.

Belongs here: what is said and shown, in which order. Not here: scales and paths (``charts.py``), the map
(``places.py``), the markup (``template/``). Every value goes through Jinja's escaping: names of files and zones may
hold anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.steps.report.charts import Line, Plot, Stretch, Value, plot, stretches, tick
from taxi_assets.steps.report.figures import FEW, Figures, PublishedMonth, Sums, total
from taxi_assets.steps.report.places import ZoneMap
from taxi_assets.steps.report.slices import ALL, Slices, pack

LABELS: Mapping[str, str] = {"yellow": "Yellow", "green": "Green", "fhv": "For-hire", "fhvhv": "Apps"}
"""What the services are called beside lines and in tables; each has one colour, everywhere, under its own name."""

SIDES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "taxi": ("Taxis", ("yellow", "green")),
    "hire": ("For-hire and apps", ("fhv", "fhvhv")),
}
"""The two sides of the street, and the services of each."""

NOT_LOADED, NONE = "not loaded", "\N{EN DASH}"

_ROUNDED = 10_000
"""Sentences tell numbers from there on in thousands."""

_TEMPLATES = Path(__file__).with_name("template")


@dataclass(frozen=True)
class Table:
    """A table as the page shows it; cells are texts."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """A chart and the words around it.

    Attributes:
        name: Its id on the page.
        title: What is shown.
        plots: One or two drawings, each with a title of its own, and the columns of the table that it shows.
        strips: Which months of whom are loaded: label, CSS class, stretches.
        table: The same in numbers.
        take: What there is to see, in a sentence with figures of this page.
        note: How it is counted.
    """

    name: str
    title: str
    plots: Sequence[tuple[str, Plot | None, Sequence[int]]]
    strips: Sequence[tuple[str, str, list[Stretch]]]
    table: Table
    take: str
    note: str


@dataclass(frozen=True)
class Cell:
    """A month in the calendar of files: ``state`` is its CSS class, ``title`` what it says."""

    state: str
    title: str = ""
    href: str = ""


@dataclass(frozen=True)
class Year:
    """A service's year in the calendar; several years, when none of their months is loaded, which ``said`` says."""

    year: str
    cells: Sequence[Cell]
    rejected: str
    odd: str
    said: str = ""


def render(figures: Figures, zone_map: ZoneMap | None) -> str:
    """The page.

    Args:
        figures: Whatever is loaded; a page of nothing says so.
        zone_map: None where the zones' shapes are not there: the page then has lists in place of the map.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    slices = pack(figures)
    order = list(TLC_DATASETS)
    return environment.get_template("overview.html.jinja").render(
        title="New York\N{RIGHT SINGLE QUOTATION MARK}s taxis, month by month",
        style=(_TEMPLATES / "page.css").read_text(encoding="utf-8"),
        script=script,
        # The one program that this page may run, whatever else might get into it.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        labels=LABELS,
        head=_head(figures),
        synthetic=_synthetic(figures),
        charts=[_trips(figures), _sides(figures), _money(figures)] if figures.sums else [],
        calendar={service: _calendar(figures, service) for service in TLC_DATASETS} if figures.files else {},
        files=[_file(file) for file in sorted(figures.files, key=lambda file: (file.month, order.index(file.service)))],
        take_files=_take_files(figures),
        zone_map=zone_map,
        data=_data(figures, slices),
        slices=slices.data,
        few=FEW,
    )


def short(number: float) -> str:
    """A number for a scale or a sentence.

    >>> short(7_667_792), short(56_551), short(840), short(2_000_000), short(0)
    ('7.7 million', '57,000', '840', '2 million', '0')
    """
    for size, unit in ((1e9, " billion"), (1e6, " million")):
        if abs(number) >= size:
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return f"{round(number, -3):,.0f}" if abs(number) >= _ROUNDED else f"{number:,.0f}"


def _head(figures: Figures) -> Mapping[str, str]:
    trips = total(figures.sums.values()).trips if figures.sums else 0
    whose = "monthly files of the Taxi and Limousine Commission"
    if figures.synthetic == len(figures.files):
        whose = "synthetic monthly files in the layout of the Taxi and Limousine Commission"
    return {
        "whose": whose,
        "trips": f"{trips:,}",
        "short": short(trips),
        "months": f"{len(figures.files):,}",
        "missing": f"{len(figures.missing()):,}",
        "rejected": f"{sum(file.rejected for file in figures.files):,}",
        "first": figures.first or "",
        "last": figures.last or "",
    }


def _synthetic(figures: Figures) -> str:
    made = figures.synthetic
    if not made:
        return ""
    if made == len(figures.files):
        return "All trips on this page are synthetic."
    return f"{made:,} of the {len(figures.files):,} months on this page are synthetic; the table of files says which."


# Charts


def lines_of_trips(figures: Figures) -> list[Line]:
    """Trips a month of every service; a month that is not loaded is a gap."""
    return [
        Line(service, LABELS[service], _of_months(figures, service, lambda sums: float(sums.trips)))
        for service in TLC_DATASETS
    ]


def _trips(figures: Figures) -> Chart:
    lines = lines_of_trips(figures)
    return Chart(
        name="trips",
        title="Trips a month",
        plots=[("", plot(figures.axis, lines, tick), range(1, 5))],
        strips=_strips(figures),
        table=_table(figures, [(line.label, (line.key,), line.values, "{:,.0f}") for line in lines]),
        take=_take_trips(figures),
        note="A trip counts in the month of the file that it was published in, whatever its clock says. Apps (fhvhv) "
        "are Uber, Lyft, Via and Juno, in files of their own since February 2019; before, they are among for-hire "
        "(fhv).",
    )


def _take_trips(figures: Figures) -> str:
    newest = max(month for _, month in figures.sums)
    counts = [(sums.trips, service, month) for (service, month), sums in figures.sums.items()]
    most, service, peak = max(counts)
    trips = sorted(((count, name) for count, name, month in counts if month == newest), reverse=True)
    said = ", ".join(f"{LABELS[name].lower()} {short(count)}" for count, name in trips)
    return f"In {newest}: {said}. The highest month that is loaded: {LABELS[service].lower()}, {short(most)} in {peak}."


def _sides(figures: Figures) -> Chart:
    values = {side: _side(figures, services) for side, (_, services) in SIDES.items()}
    taxis, hire = values["taxi"], values["hire"]
    shares: list[Value] = [
        100 * other / (one + other) if one is not None and other is not None and one + other else None
        for one, other in zip(taxis, hire, strict=True)
    ]
    known = [(month, share) for month, share in zip(figures.axis, shares, strict=True) if share is not None]
    lines = [Line("taxi", "Taxis", taxis), Line("hire", "For-hire", hire)]
    share = Line("hire", "", shares)
    return Chart(
        name="sides",
        title="Apps against taxis",
        plots=[
            ("Trips a month", plot(figures.axis, lines, tick), (1, 2)),
            ("Share of for-hire and apps", plot(figures.axis, [share], lambda step: f"{step:g} %", top=100), (3,)),
        ],
        strips=[],
        table=_table(
            figures,
            [
                *((label, services, values[side], "{:,.0f}") for side, (label, services) in SIDES.items()),
                ("Share of for-hire and apps", ("yellow", "fhv"), shares, "{:.1f} %"),
            ],
        ),
        take=f"For-hire cars and apps carried {known[-1][1]:.0f} % of the trips of {known[-1][0]}."
        if known
        else "No month has both sides loaded whole, so they cannot be compared yet.",
        note="Only months of which every service of a side is loaded: yellow and green, for-hire and apps.",
    )


def _side(figures: Figures, services: Iterable[str]) -> list[Value]:
    """Trips of several services together, where all that published a month are loaded."""
    found: list[Value] = []
    for month in figures.axis:
        known = [figures.sums[service, month].trips for service in services if (service, month) in figures.sums]
        whole = known and all(figures.state(service, month) != "missing" for service in services)
        found.append(float(sum(known)) if whole else None)
    return found


def _money(figures: Figures) -> Chart:
    with_money = [service for service in TLC_DATASETS if service != "fhv"]
    fares = {service: _of_months(figures, service, lambda sums: sums.mean_fare) for service in with_money}
    tips = {service: _of_months(figures, service, lambda sums: sums.tip_share) for service in with_money}
    columns = [(f"{LABELS[name]}, fare", (name,), fares[name], "${:,.2f}") for name in with_money]
    columns += [(f"{LABELS[name]}, tips", (name,), tips[name], "{:.1f} %") for name in with_money]
    return Chart(
        name="money",
        title="Fares and tips",
        plots=[
            ("Fare of a trip, on average", _plot(figures, fares, lambda step: f"${step:g}"), (1, 2, 3)),
            ("Tips, in percent of the fares", _plot(figures, tips, lambda step: f"{step:g} %"), (4, 5, 6)),
        ],
        strips=[],
        table=_table(figures, columns),
        take=_take_money(figures),
        note="Tips are those of trips whose payment records them: cards and apps. Cash tips are never recorded, so "
        "trips paid in cash count neither with their tips nor with their fares. Fares are before tolls, taxes and "
        f"fees; refunds count as published. Averages of fewer than {FEW} trips are not shown. For-hire files (fhv) "
        "have no money.",
    )


def _plot(figures: Figures, values: Mapping[str, list[Value]], written: Callable[[float], str]) -> Plot | None:
    return plot(figures.axis, [Line(name, LABELS[name], values[name]) for name in values], written)


def _take_money(figures: Figures) -> str:
    said: dict[str, list[str]] = {}
    for service in figures.services:
        newest = max((month for name, month in figures.sums if name == service), default="")
        sums = figures.sums.get((service, newest), Sums())
        if sums.mean_fare is not None:
            tips = "no tips" if sums.tip_share is None else f"{sums.tip_share:.0f} %"
            said.setdefault(newest, []).append(f"{LABELS[service].lower()} ${sums.mean_fare:.2f} and {tips}")
    if not said:
        return "No month with fares is loaded."
    return "Fare and tip of a trip " + "; ".join(f"in {month}: {', '.join(each)}" for month, each in said.items()) + "."


def _of_months(figures: Figures, service: str, value: Callable[[Sums], Value]) -> list[Value]:
    sums = (figures.sums.get((service, month)) for month in figures.axis)
    return [None if each is None else value(each) for each in sums]


def _strips(figures: Figures) -> list[tuple[str, str, list[Stretch]]]:
    return [
        (LABELS[service], service, stretches([figures.state(service, month) for month in figures.axis]))
        for service in TLC_DATASETS
    ]


def _table(figures: Figures, columns: Sequence[tuple[str, Iterable[str], Sequence[Value], str]]) -> Table:
    """A row for each month of the axis; a cell without a value says why."""
    rows: list[list[str]] = []
    for place, month in enumerate(figures.axis):
        row = [month]
        for _, services, values, written in columns:
            value = values[place]
            missing = any(figures.state(service, month) == "missing" for service in services)
            row.append(NOT_LOADED if missing else NONE) if value is None else row.append(written.format(value))
        rows.append(row)
    return Table(["Month", *(label for label, *_ in columns)], rows)


# Files


def _calendar(figures: Figures, service: str) -> list[Year]:
    years: dict[str, list[PublishedMonth]] = {month[:4]: [] for month in figures.expected(service)}
    for file in figures.files:
        if file.service == service:
            years.setdefault(file.month[:4], []).append(file)
    rows: list[Year] = []
    for loaded, run in groupby(sorted(years, reverse=True), lambda year: bool(years[year])):
        names = list(run)
        if not loaded and len(names) > 1:
            missing = sum(month[:4] in names for month in figures.expected(service))
            rows.append(Year(f"{names[-1]}\N{EN DASH}{names[0][2:]}", [], "", "", f"{missing:,} missing"))
            continue
        for name in names:
            files = years[name]
            rows.append(
                Year(
                    name,
                    [_cell(figures, service, f"{name}-{number:02d}") for number in range(1, 13)],
                    f"{sum(file.rejected for file in files):,}" if files else "",
                    _share(sum(file.odd for file in files), sum(file.clean for file in files)) if files else "",
                )
            )
    return rows


def _cell(figures: Figures, service: str, month: str) -> Cell:
    file = figures.by_key.get((service, month))
    if file is None:
        missing = figures.state(service, month) == "missing"
        return Cell("missing", f"{month}: not loaded") if missing else Cell("none")
    said = (
        f"{LABELS[service]} {month}: {file.published:,} published, {file.rejected:,} rejected, "
        f"{file.odd:,} odd{', synthetic' if file.synthetic else ''}"
    )
    state = ("loaded" if file.adds_up else "wrong") + (" rejected" if file.rejected else "")
    return Cell(state, said if file.adds_up else f"{said}; kept and rejected do not add up", f"#{service}-{month}")


def _share(part: int, whole: int) -> str:
    """A share in percent; what is not nothing does not look like it."""
    if not part or not whole:
        return "0 %"
    share = 100 * part / whole
    return f"{share:.1f} %" if round(share, 1) else "< 0.1 %"


@dataclass(frozen=True)
class _File:
    """A row of the table of files."""

    anchor: str
    service: str
    month: str
    name: str
    raw: str
    clean: str
    format: str
    version: str
    counts: Sequence[str]
    synthetic: bool
    adds_up: bool


def _file(file: PublishedMonth) -> _File:
    # The page lies beside the folders raw and clean, in the data folder as in the lake.
    month = TripMonth(file.service, file.month)
    counts = (file.published, file.clean, file.rejected, file.unreadable, file.odd)
    return _File(
        anchor=f"{file.service}-{file.month}",
        service=LABELS[file.service],
        month=file.month,
        name=file.file,
        raw=f"../raw/{file.service}/{quote(file.file)}",
        clean=f"../clean/{file.service}/{quote(month.stem)}.parquet",
        format=file.format,
        version=file.version,
        counts=[f"{count:,}" for count in counts],
        synthetic=file.synthetic,
        adds_up=file.adds_up,
    )


def _take_files(figures: Figures) -> str:
    if not figures.files:
        return ""
    published, rejected = (sum(getattr(file, name) for file in figures.files) for name in ("published", "rejected"))
    missing, known = len(figures.missing()), len(figures.missing()) + len(figures.files)
    lines = f"{rejected:,} of {published:,} published lines were rejected"
    return f"{known - missing:,} of {known:,} months up to {figures.last} are loaded. {lines}."


# Map and week


def _data(figures: Figures, slices: Slices) -> Mapping[str, object]:
    """What the script needs to know."""
    zones = [figures.names.get(number) for number in slices.zones]
    return {
        "labels": {ALL: "All services", **LABELS},
        "zones": [
            [number, zone.name if zone else _nameless(number), zone.borough if zone else ""]
            for number, zone in zip(slices.zones, zones, strict=True)
        ],
        "choices": slices.choices,
        "few": FEW,
    }


def _nameless(number: int) -> str:
    return f"Zone {number}" if number else "No zone"
