"""Measure speed, memory and limits: `python -m benchmarks [NAME …] [--quick] [--write README.md]`, from the
top of the repository.

Names are startup, memory, processes, one_by_one, sequences, calibration. Everything that is compared was
measured side by side in this run; nothing is judged by the clock.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Figure, machine

__all__ = ["NAMES", "document", "main", "written"]

NAMES = ("startup", "memory", "processes", "one_by_one", "sequences", "calibration")
"""In this order: what starts processes of its own comes before what fills this one with a backend."""
_OPENING, _CLOSING = "<!-- benchmarks -->", "<!-- /benchmarks -->"
_HEAD = ("what", "measured", "against", "ratio", "goal")


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, and put it where --write says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure kcheck's speed and memory, and the limits it judges by.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(NAMES)} [all]")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rounds, small data, no ResNet50: minutes instead of a quarter of an hour",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help=f"put the table between {_OPENING} and {_CLOSING} of this file",
    )
    options = parser.parse_args(argv)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"nothing is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if options.write is not None and not _has_place(options.write):
        parser.error(f"{options.write} has no {_OPENING} … {_CLOSING} to write between")
    # TensorFlow reads this as it is imported, in this process too.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    text = document(
        _measured([name for name in NAMES if name in (options.names or NAMES)], quick=options.quick),
        quick=options.quick,
    )
    print(text)
    if options.write is not None:
        options.write.write_text(written(options.write.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0


def _measured(names: Sequence[str], *, quick: bool) -> list[Figure]:
    """Import a benchmark only when its turn has come: most of them bring a backend along."""
    return [
        figure
        for name in names
        for figure in importlib.import_module(f"benchmarks.{name}").measure(quick=quick)
    ]


def document(figures: Sequence[Figure], *, quick: bool) -> str:
    """The machine, the date and the figures as Markdown."""
    now = datetime.now(UTC).date().isoformat()
    kind = "short version" if quick else "full version"
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    rows = [
        _HEAD,
        ("---",) * len(_HEAD),
        *((each.what, each.measured, each.against, each.ratio, each.goal) for each in figures),
    ]
    table = "\n".join(_markdown(row) for row in rows)
    note = (
        "All times are medians. The two sides of each comparison ran in turns. Ratios were computed round "
        "by round; their range is in parentheses."
    )
    return f"{now}, {kind}: {about}.\n{note}\n\n{table}"


def _markdown(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _has_place(path: Path) -> bool:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return 0 <= text.find(_OPENING) < text.find(_CLOSING)


def written(text: str, block: str) -> str:
    """Return `text` with `block` in place of what stood between the two marks."""
    before, opening, rest = text.partition(_OPENING)
    _, closing, after = rest.partition(_CLOSING)
    return f"{before}{opening}\n{block}\n{closing}{after}"


if __name__ == "__main__":
    sys.exit(main())
