"""Cost of additional processes and of the float64 copy.

Measures the wall time of KC605 and KC203, the memory of a worker, and the time of the float64 copy in forward
passes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measure import (
    Figure,
    child_environment,
    duration,
    interleave,
    kcheck,
    say,
    timed,
    wall_seconds,
)

__all__ = ["highest_resident", "measure"]

_ROWS = 256
_IMPORT = "import keras"
_BARE = "import numpy, keras; keras.models.load_model('mlp.keras').predict(numpy.load('x.npy'), verbose=0)"
_PAUSE = 0.02
_FEW, _MORE = "KC101", "KC101,KC203,KC605"


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures; the one that imports a backend into this process comes last."""
    rounds = 2 if quick else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_subject(folder)
        return [_other_kernels(folder, rounds), _worker(folder, rounds), _float64_copy(rounds)]


def _write_subject(folder: Path) -> None:
    import numpy as np

    from benchmarks.models import mlp, mlp_rows

    mlp().save(folder / "mlp.keras")
    np.save(folder / "x.npy", mlp_rows(_ROWS))


def _other_kernels(folder: Path, rounds: int) -> Figure:
    say(f"processes: {rounds} rounds of {_MORE} and of {_FEW} alone")
    more, few = (kcheck("run", "mlp.keras", "--data", "x.npy", "--select", codes) for codes in (_MORE, _FEW))
    for command in (more, few):
        wall_seconds(command, folder)
    pairs = interleave(lambda: wall_seconds(more, folder), lambda: wall_seconds(few, folder), rounds)
    imported = statistics.median(wall_seconds([sys.executable, "-c", _IMPORT], folder) for _ in range(rounds))
    added = statistics.median(a - b for a, b in zip(pairs.mine, pairs.theirs, strict=True))
    return Figure(
        what="wall time that KC203 and KC605 add to KC101, against `import keras`",
        measured=duration(max(added, 0.0)),
        against=duration(imported),
        ratio=f"{added / imported:.2f} ×",
        goal="≤ 1 ×",
    )


def _worker(folder: Path, rounds: int) -> Figure:
    say(f"processes: {rounds} rounds of memory of a worker and of the bare script")
    command = kcheck("run", "mlp.keras", "--data", "x.npy")
    mine = statistics.median(highest_resident(command, folder) for _ in range(rounds))
    bare = statistics.median(highest_resident([sys.executable, "-c", _BARE], folder) for _ in range(rounds))
    return Figure(
        what="peak memory of the largest process of `kcheck run`, all checks, against load + predict alone",
        measured=f"{mine / 1e6:.0f} MB",
        against=f"{bare / 1e6:.0f} MB",
        ratio=f"{mine / bare:.2f} ×",
        goal="≤ 1.3 ×",
    )


def highest_resident(command: Sequence[str], folder: Path) -> int:
    """Run a command and return the peak memory in bytes of its largest process, shared pages included."""
    highest = 0
    command_process = subprocess.Popen(
        command, cwd=folder, env=child_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    parent = psutil.Process(command_process.pid)
    while command_process.poll() is None:
        try:
            highest = max(
                highest,
                *(process.memory_info().rss for process in (parent, *parent.children(recursive=True))),
            )
        except psutil.Error:
            continue
        time.sleep(_PAUSE)
    return highest


def _float64_copy(rounds: int) -> Figure:
    """Measure the two routes of the float64 copy that every run needs, in forward passes of the copy."""
    say("processes: the float64 copy")
    float64_copy, rows, routes = _build_float64_copy()
    for route in routes:
        route.run(float64_copy, rows)
    pairs = interleave(
        lambda: timed(lambda: [route.run(float64_copy, rows) for route in routes]),
        lambda: timed(lambda: float64_copy.steps(rows, 32)),
        rounds,
    )
    mine, one_pass = pairs.medians
    return Figure(
        what=(
            f"predict-float64 and rounded-layers on the float64 copy, wide MLP, {_ROWS} rows, against one "
            "forward pass of the copy"
        ),
        measured=duration(mine),
        against=duration(one_pass),
        ratio=pairs.spread(),
        goal="≤ 3 ×",
    )


def _build_float64_copy() -> tuple[Any, Any, list[Any]]:
    import keras
    import numpy as np

    from keras_consistency_cli.loading.model.facts import describe_model
    from keras_consistency_cli.routes.registry import routes
    from keras_consistency_cli.routes.session.float64 import float64_session
    from keras_consistency_cli.routes.session.session import RunOptions
    from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession
    from keras_consistency_cli.routes.trace import FLOAT64_COPY, ROUNDED

    wide = [keras.layers.Dense(1024, activation="tanh") for _ in range(6)]
    model = keras.Sequential([keras.Input((256,)), *wide, keras.layers.Dense(1)])
    facts = describe_model(model)
    rows = {facts.inputs[0].name: np.random.default_rng(0).normal(size=(_ROWS, 256)).astype("float32")}
    session = TensorFlowSession(model, facts, RunOptions())
    float64_copy = float64_session(session, rows)
    return float64_copy, rows, [route for route in routes() if route.name in (ROUNDED, FLOAT64_COPY)]
