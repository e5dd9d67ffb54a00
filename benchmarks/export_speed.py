"""Seconds that an export adds to `kcheck run`, compared with a bare script for its runtime.

The script imports the runtime, loads the file and runs it over the rows once. What an export adds is the
difference of two runs of the command, with it and without it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Figure, duration, interleave, kcheck, say, wall_seconds

__all__ = ["BARE", "measure"]

_ROWS = 256
_RUN = ("run", "mlp.keras", "--data", "x.npy")
BARE: Mapping[str, tuple[str, str]] = {
    "tf_saved_model": (
        "exported",
        "import numpy, tensorflow as tf\n"
        "run = tf.saved_model.load('exported').signatures['serving_default']\n"
        "run(**{list(run.structured_input_signature[1])[0]: tf.constant(numpy.load('x.npy'))})",
    ),
    "litert": (
        "exported.tflite",
        "import numpy\n"
        "from ai_edge_litert.interpreter import Interpreter\n"
        "run = Interpreter(model_path='exported.tflite').get_signature_runner()\n"
        "run(**{list(run.get_input_details())[0]: numpy.load('x.npy')})",
    ),
    "onnx": (
        "exported.onnx",
        "import numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession('exported.onnx')\n"
        "session.run(None, {session.get_inputs()[0].name: numpy.load('x.npy')})",
    ),
    "openvino": (
        "exported.xml",
        "import numpy, openvino\nopenvino.Core().compile_model('exported.xml', 'CPU')(numpy.load('x.npy'))",
    ),
}
"""By format: the file, and the script that runs it."""


def measure(*, quick: bool) -> list[Figure]:
    """Return a figure for each format, on the 10-64-1 MLP."""
    rounds = 2 if quick else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_subject(folder)
        return [_added_by(kind, folder, rounds) for kind in BARE]


def _write_subject(folder: Path) -> None:
    import numpy as np

    from benchmarks.models import mlp, mlp_rows

    model, rows = mlp(), mlp_rows(_ROWS)
    model.save(folder / "mlp.keras")
    np.save(folder / "x.npy", rows)
    model(rows[:2], training=False)  # Keras exports no model to ONNX that was never called
    for kind, (file, _) in BARE.items():
        model.export(str(folder / file), format=kind, verbose=False)


def _added_by(kind: str, folder: Path, rounds: int) -> Figure:
    say(f"export_speed: {rounds} rounds of kcheck run with and without {kind}, and of its runtime")
    file, script = BARE[kind]
    with_it, without, alone = kcheck(*_RUN, "--export", file), kcheck(*_RUN), [sys.executable, "-c", script]
    for command in (with_it, without, alone):
        wall_seconds(command, folder)  # fills file caches and .pyc files for all
    pairs = interleave(
        lambda: wall_seconds(with_it, folder) - wall_seconds(without, folder),
        lambda: wall_seconds(alone, folder),
        rounds,
    )
    median, bare = pairs.medians
    return Figure(
        what=f"`kcheck run --export`, {kind}, MLP 10-64-1, {_ROWS} rows: what it adds, "
        "against import + load + one run of its runtime",
        measured=duration(max(median, 0.0)),
        against=duration(bare),
        ratio=pairs.spread(),
        goal="≤ 1.0 ×",
    )
