"""Measure speed, memory and limits: `python -m benchmarks [NAME …] [--quick] [--write README.md]`.

Run it from the root of the repository. Names are startup, export_speed, fleet, real_models, memory,
streaming, processes, one_by_one, sequences, recorder, calibration and headroom. Both sides of a comparison
are measured in the same run, in turns; no benchmark fails because of a duration.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Figure, machine, write_block

__all__ = ["NAMES", "format_figures", "main"]

NAMES = (
    "startup",
    "export_speed",
    "fleet",
    "real_models",
    "memory",
    "streaming",
    "processes",
    "one_by_one",
    "sequences",
    "recorder",
    "calibration",
    "headroom",
)
"""In order: benchmarks that start processes run before those that import a backend into this process."""
_OPENING, _CLOSING = "<!-- benchmarks -->", "<!-- /benchmarks -->"
_HEAD = ("what", "measured", "against", "ratio", "goal")


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, and write it into the file of --write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the speed and memory use of kcheck, and check its limits.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(NAMES)} [all]")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rounds, small data, no ResNet50: a few minutes instead of 15",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help=f"write the table between {_OPENING} and {_CLOSING} of this file",
    )
    options = parser.parse_args(argv)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown benchmark: {', '.join(unknown)}; choose from {', '.join(NAMES)}")
    if options.write is not None and not _has_markers(options.write):
        parser.error(f"{options.write} does not contain the markers {_OPENING} and {_CLOSING}")
    # TensorFlow reads this variable when it is imported, in this process too.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    text = format_figures(
        _measure_all([name for name in NAMES if name in (options.names or NAMES)], quick=options.quick),
        quick=options.quick,
    )
    print(text)
    if options.write is not None:
        write_block(options.write, (_OPENING, _CLOSING), text)
    return 0


def _measure_all(names: Sequence[str], *, quick: bool) -> list[Figure]:
    """Import each benchmark only when it runs, because most of them import a backend."""
    return [
        figure
        for name in names
        for figure in importlib.import_module(f"benchmarks.{name}").measure(quick=quick)
    ]


def format_figures(figures: Sequence[Figure], *, quick: bool) -> str:
    """Return the date, the machine and the figures as Markdown."""
    today = datetime.now(UTC).date().isoformat()
    version = "short version" if quick else "full version"
    environment = ", ".join(f"{name} {value}" for name, value in machine().items())
    rows = [
        _HEAD,
        ("---",) * len(_HEAD),
        *((figure.what, figure.measured, figure.against, figure.ratio, figure.goal) for figure in figures),
    ]
    table = "\n".join(_markdown_row(row) for row in rows)
    note = (
        "All times are medians. The two sides of each comparison ran in turns. Ratios were computed round "
        "by round; their range is in parentheses."
    )
    return f"{today}, {version}: {environment}.\n{note}\n\n{table}"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _has_markers(path: Path) -> bool:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return 0 <= text.find(_OPENING) < text.find(_CLOSING)


if __name__ == "__main__":
    sys.exit(main())
