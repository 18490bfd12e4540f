#!/usr/bin/env python
"""Write what the simulator's catalogue and choices say into docs/simulator.md.

Run it after adding a fault, a plan or a choice: `.venv/bin/python -m scripts.simulator_docs`. A test compares the page with it.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from bot.simulator.catalogue import CATALOGUE, Fault
from bot.simulator.choices import SILENT, FaceChoices, Silent
from bot.simulator.faults import PLANS
from bot.simulator.rules import VenueRules
from scripts.settings_docs import between

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "simulator.md"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help tells and writes nothing
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """`text` with its generated parts written anew: faults, plans, choices."""
    faults = ["| fault | where | what happens | value | ms | known faults |", "|---|---|---|---|---|---|"]
    faults += [_fault_row(fault) for fault in CATALOGUE.values()]
    plans = ["| plan | its faults |", "|---|---|"]
    plans += [f"| `{name}` | {', '.join(dict.fromkeys(each.fault for each in plan))} |" for name, plan in PLANS.items()]
    choices = ["| | point | choice here | switch |", "|---|---|---|---|"]
    choices += [_choice_row(number, silent) for number, silent in enumerate(SILENT, start=1)]
    for mark, lines in (("faults", faults), ("plans", plans), ("choices", choices)):
        text = between(text, mark, "\n".join(lines))
    return text


def _fault_row(fault: Fault) -> str:
    value = f"`{fault.value}`" if fault.value else ""
    numbers = ", ".join(map(str, fault.numbers))
    return f"| `{fault.name}` | {fault.where} | {_cell(fault.tells)} | {value} | {fault.ms or ''} | {numbers} |"


def _choice_row(number: int, silent: Silent) -> str:
    switches = "<br>".join(_switch(switch) for switch in silent.switches)
    return f"| {number} | {_cell(silent.point)} | {_cell(silent.choice)} | {switches or 'none'} |"


def _switch(name: str) -> str:
    """A switch with the default it has."""
    if name.startswith("fault "):
        return f"fault `{name.removeprefix('fault ')}`"
    for home in (FaceChoices, VenueRules):
        if name in {each.name for each in fields(home)}:
            return f"`{home.__name__}.{name}`"
    raise LookupError(f"no switch is called {name}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
