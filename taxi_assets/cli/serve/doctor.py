"""`taxi doctor`: what is wrong on this machine, and how to mend it.

Belongs here: the page. Not here: looking (``examinations.py``).
"""

from __future__ import annotations

from rich.padding import Padding
from rich.text import Text

from taxi_assets.cli.serve.examinations import Verdict, examine
from taxi_assets.cli.shared.codes import DONE, FAILED
from taxi_assets.cli.shared.console import page, print_json

LOOKS = {Verdict.FINE: ("●", "green"), Verdict.NOTE: ("!", "yellow"), Verdict.WRONG: ("✗", "bold red")}


def run_doctor(*, offline: bool = False, as_json: bool = False) -> int:
    """Looks at everything and says what it found; returns the exit code."""
    console = page()
    found = list(examine(offline=offline))
    wrong = [each for each in found if each.verdict is Verdict.WRONG]
    if as_json:
        print_json([vars(each) | {"verdict": each.verdict.value} for each in found])
        return FAILED if wrong else DONE
    for each in found:
        console.print(Text.assemble(LOOKS[each.verdict], " ", (f"{each.name:<10}", "bold"), each.said), soft_wrap=True)
        if each.fix:
            console.print(Padding(Text(f"→ {each.fix}", LOOKS[each.verdict][1]), (0, 0, 0, 12)))
    said = f"{len(wrong)} thing{'' if len(wrong) == 1 else 's'} to mend." if wrong else "Nothing is wrong."
    console.print(Text(f"\n{said}", "bold red" if wrong else "bold green"))
    return FAILED if wrong else DONE
