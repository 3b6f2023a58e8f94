"""The chart of the README: seconds of a month for each contender, and how they grow with the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.measures.growth import Growth
from benchmarks.measures.months import Measured

_NAMES = {
    "ours": "taxi_assets",
    "dlt_pipeline": "dlt (Arrow, ADBC)",
    "staged_merge": "staged merge",
    "pandas_to_sql": "pandas to_sql",
}
_OURS, _OTHERS = "#4f43dd", "#b8b6cc"


def draw_chart(months: dict[str, Measured], growth: Growth | None, path: Path) -> None:
    """Writes the chart as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2 if growth else 1, figsize=(11 if growth else 6, 3.4), squeeze=False)
    _draw_months(axes[0][0], months)
    if growth:
        _draw_growth(axes[0][1], growth)
    figure.tight_layout()
    # Without date and program in it, equal figures give equal files.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _draw_months(axes: Any, months: dict[str, Measured]) -> None:
    rows = months["ours"].rows
    names = sorted(_NAMES, key=lambda name: months[name].seconds_for(rows), reverse=True)
    seconds = [months[name].seconds_for(rows) for name in names]
    bars = axes.barh([_NAMES[name] for name in names], seconds, color=[_colour(name) for name in names])
    ours = months["ours"].cost.seconds
    labels = [
        f" {value:.1f} s" + ("" if name == "ours" else f", {value / ours:.1f} x")
        + (" (extrapolated)" if months[name].rows < rows else "")
        for name, value in zip(names, seconds, strict=True)
    ]  # fmt: skip
    axes.bar_label(bars, labels)
    axes.set_xlim(0, max(seconds) * 1.45)
    axes.set_xlabel("seconds, less is better")
    axes.set_title(f"{rows:,} trips, csv.gz to Postgres", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_growth(axes: Any, growth: Growth) -> None:
    for name, costs in growth.costs.items():
        seconds = [cost.seconds for cost in costs.values()]
        axes.plot(list(costs), seconds, marker="o", color=_colour(name))
        axes.annotate(_NAMES[name], (max(costs), seconds[-1]), xytext=(6, 0), textcoords="offset points", va="center")
    axes.set_ylim(0)
    axes.set_xlim(0, max(growth.costs["ours"]) * 1.35)
    axes.set_xticks(list(growth.costs["ours"]))
    axes.set_xlabel("month number in the same table")
    axes.set_ylabel("seconds a month")
    axes.set_title(f"The next {growth.rows:,} trips", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


def _colour(name: str) -> str:
    return _OURS if name == "ours" else _OTHERS
