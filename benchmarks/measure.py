"""What the benchmarks share: interleaved timings, commands as a user would run them, and the table of
results. Imports no backend.
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
    "aligned",
    "child_environment",
    "duration",
    "interleave",
    "kcheck",
    "machine",
    "say",
    "timed",
    "wall",
]

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the results: what was measured, the value, what it is held against, their ratio and the
    goal, all in words.
    """

    what: str
    measured: str
    against: str = ""
    ratio: str = ""
    goal: str = ""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Seconds of two things that took turns, round by round: a machine that slows down slows both."""

    mine: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def medians(self) -> tuple[float, float]:
        """The median seconds of the first and of the second."""
        return statistics.median(self.mine), statistics.median(self.theirs)

    @property
    def ratios(self) -> tuple[float, ...]:
        """First ÷ second, round by round."""
        return tuple(a / b for a, b in zip(self.mine, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    def spread(self, form: Callable[[float], str] = "{:.2f}".format) -> str:
        """The median ratio and the range of all rounds."""
        low, high = min(self.ratios), max(self.ratios)
        return f"{form(self.ratio)} × ({form(low)} to {form(high)})"


def interleave(mine: Callable[[], float], theirs: Callable[[], float], rounds: int) -> Pairs:
    """Measure A B A B …; both return seconds. Whoever calls warms both up first."""
    taken = [(mine(), theirs()) for _ in range(rounds)]
    return Pairs(mine=tuple(a for a, _ in taken), theirs=tuple(b for _, b in taken))


def timed(run: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def kcheck(*arguments: str) -> list[str]:
    """The command line of kcheck as this checkout has it, in this interpreter."""
    return [sys.executable, "-m", "keras_consistency_cli", *arguments]


def child_environment() -> dict[str, str]:
    """The environment of commands: this checkout comes first, TensorFlow keeps quiet."""
    path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}


def wall(command: Sequence[str], folder: Path) -> float:
    """Seconds from the start of a command to its end.

    Raises:
        RuntimeError: it did not end with exit code 0; the message ends with what it last said.
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
    taken = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(
            f"exit code {done.returncode} of {' '.join(command[1:])}: {(done.stdout + done.stderr)[-800:]}"
        )
    return taken


def duration(seconds: float) -> str:
    """Seconds in three digits and the unit that fits: 1.23 s, 45.6 ms, 7.89 µs."""
    unit, factor = next(
        ((name, scale) for name, scale in (("s", 1.0), ("ms", 1e3)) if seconds * scale >= 1), ("µs", 1e6)
    )
    return f"{seconds * factor:.3g} {unit}"


def machine() -> Mapping[str, str]:
    """What the figures were measured on, by name."""
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "Keras": _version("keras"),
        "TensorFlow": next(
            (found for found in map(_version, ("tensorflow", "tensorflow-cpu")) if found != "none"), "none"
        ),
        "NumPy": _version("numpy"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Cells as a plain table, columns two spaces apart."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def say(text: str) -> None:
    """Tell how far a long measurement has come, on standard error."""
    print(text, file=sys.stderr, flush=True)
