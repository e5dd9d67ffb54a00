"""Functions that all benchmarks share: interleaved timings, commands, and the table of results.

This module does not import a backend.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = [
    "Figure",
    "Pairs",
    "align_columns",
    "child_environment",
    "duration",
    "interleave",
    "kcheck",
    "machine",
    "say",
    "timed",
    "wall_seconds",
    "write_block",
]

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the results, as texts.

    The fields are the measured quantity, its value, the value that it is compared with, their ratio, and the
    goal.
    """

    what: str
    measured: str
    against: str = ""
    ratio: str = ""
    goal: str = ""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Seconds of two measurements that ran in turns, so that a slower machine slows down both."""

    mine: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def medians(self) -> tuple[float, float]:
        """The median seconds of the first and of the second measurement."""
        return statistics.median(self.mine), statistics.median(self.theirs)

    @property
    def ratios(self) -> tuple[float, ...]:
        """First ÷ second, for each round."""
        return tuple(a / b for a, b in zip(self.mine, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    def spread(self, form: Callable[[float], str] = "{:.2f}".format) -> str:
        """Return the median ratio and the range of all rounds."""
        low, high = min(self.ratios), max(self.ratios)
        return f"{form(self.ratio)} × ({form(low)} to {form(high)})"


def interleave(mine: Callable[[], float], theirs: Callable[[], float], rounds: int) -> Pairs:
    """Measure in the order A B A B …; both functions return seconds, and the caller warms them up first."""
    seconds = [(mine(), theirs()) for _ in range(rounds)]
    return Pairs(mine=tuple(a for a, _ in seconds), theirs=tuple(b for _, b in seconds))


def timed(run: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def kcheck(*arguments: str) -> list[str]:
    """Return the command line that runs kcheck from this checkout with this interpreter."""
    return [sys.executable, "-m", "keras_consistency_cli", *arguments]


def child_environment() -> dict[str, str]:
    """Return the environment of commands: this checkout comes first, and TensorFlow logs only errors."""
    path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}


def wall_seconds(command: Sequence[str], folder: Path) -> float:
    """Return the seconds from the start of a command to its end.

    Raises:
        RuntimeError: the exit code is not 0; the message ends with the last output of the command.
    """
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=child_environment(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(
            f"exit code {done.returncode} of {' '.join(command[1:])}: {(done.stdout + done.stderr)[-800:]}"
        )
    return seconds


def duration(seconds: float) -> str:
    """Return seconds with three digits and a suitable unit: 1.23 s, 45.6 ms, 7.89 µs."""
    unit, factor = next(
        ((name, scale) for name, scale in (("s", 1.0), ("ms", 1e3)) if seconds * scale >= 1), ("µs", 1e6)
    )
    return f"{seconds * factor:.3g} {unit}"


def machine() -> Mapping[str, str]:
    """Return the properties of the machine and the versions of the libraries, by name."""
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "Keras": _version("keras"),
        "TensorFlow": next(
            (name for name in map(_version, ("tensorflow", "tensorflow-cpu")) if name != "none"), "none"
        ),
        "NumPy": _version("numpy"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def align_columns(rows: Sequence[Sequence[str]]) -> str:
    """Return the cells as a text table with two spaces between columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def say(text: str) -> None:
    """Print the progress of a long measurement on standard error."""
    print(text, file=sys.stderr, flush=True)


def write_block(path: Path, markers: tuple[str, str], block: str) -> None:
    """Write `block` into a file in place of the text between two markers."""
    before, opening, rest = path.read_text(encoding="utf-8").partition(markers[0])
    _, closing, after = rest.partition(markers[1])
    path.write_text(f"{before}{opening}\n{block}\n{closing}{after}", encoding="utf-8")
