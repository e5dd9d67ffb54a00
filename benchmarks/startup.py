"""Duration of `kcheck run`, compared with a bare script that loads the model and predicts the rows once.

Also measures the duration of --help and --version.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Figure, child_environment, duration, interleave, kcheck, say, wall_seconds

__all__ = ["HEAVY", "heavy_modules", "measure"]

HEAVY = ("keras", "tensorflow", "numpy", "sklearn", "scipy", "pydantic")
"""Modules that commands without a model do not need."""

_BARE = "import numpy, keras; keras.models.load_model('mlp.keras').predict(numpy.load('x.npy'), verbose=0)"
_AFTERWARDS = """
import sys
from keras_consistency_cli.cli.main import main
code = main(sys.argv[1:])
print("heavy", *(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""
_ROWS = 256


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures of the whole command on the 10-64-1 MLP, and of the commands without a model."""
    rounds = 2 if quick else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_subject(folder)
        return [
            _whole_command(folder, rounds),
            *(
                _without_model(folder, arguments, rounds)
                for arguments in ("--help", "run --help", "--version")
            ),
        ]


def _write_subject(folder: Path) -> None:
    import numpy as np

    from benchmarks.models import mlp, mlp_rows

    mlp().save(folder / "mlp.keras")
    np.save(folder / "x.npy", mlp_rows(_ROWS))


def _whole_command(folder: Path, rounds: int) -> Figure:
    mine, theirs = kcheck("run", "mlp.keras", "--data", "x.npy"), [sys.executable, "-c", _BARE]
    for command in (mine, theirs):
        wall_seconds(command, folder)  # fills file caches and .pyc files for both
    say(f"startup: {rounds} rounds of kcheck run and of the bare script")
    pairs = interleave(lambda: wall_seconds(mine, folder), lambda: wall_seconds(theirs, folder), rounds)
    median, bare = pairs.medians
    return Figure(
        what=f"`kcheck run`, all checks, MLP 10-64-1, {_ROWS} rows, against import + load + one predict",
        measured=duration(median),
        against=duration(bare),
        ratio=pairs.spread(),
        goal="≤ 1.5 ×",
    )


def _without_model(folder: Path, arguments: str, rounds: int) -> Figure:
    seconds = statistics.median(wall_seconds(kcheck(*arguments.split()), folder) for _ in range(rounds))
    empty = statistics.median(wall_seconds([sys.executable, "-c", "pass"], folder) for _ in range(rounds))
    heavy = heavy_modules(arguments.split(), folder)
    return Figure(
        what=(
            f"`kcheck {arguments}`, against `python -c pass`; imports of {', '.join(HEAVY)}: "
            f"{', '.join(heavy) or 'none'}"
        ),
        measured=duration(seconds),
        against=duration(empty),
        ratio=f"{seconds / empty:.1f} ×",
        goal="≤ 0.15 s, no heavy import",
    )


def heavy_modules(arguments: Sequence[str], folder: Path) -> list[str]:
    """Return the modules of HEAVY that kcheck imports with these arguments, in a separate process."""
    command = [sys.executable, "-c", _AFTERWARDS.format(heavy=HEAVY), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=child_environment(), capture_output=True, text=True, check=True
    )
    return done.stderr.strip().splitlines()[-1].split()[1:]
