"""Exact sums of 8-bit products: where the processor cuts sums they undo it, elsewhere they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.exports.onnx import OnnxExport
from tests.corpus.export_files import Exporter, onnx, onnx_dynamic_int8, onnx_static_int8

# tf2onnx 1.17 uses names that NumPy has given up.
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)


def dense() -> Any:
    hidden = [layers.Dense(64, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((16,), name="x"), *hidden, layers.Dense(3)])


def unrolled() -> Any:
    """Every time step reads the same weights."""
    return keras.Sequential([keras.Input((8, 6), name="x"), layers.LSTM(24, unroll=True), layers.Dense(3)])


def rows_for(model: Any) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(100, *model.input_shape[1:])).astype(np.float32)


def static(model: Any, *, reduce_range: bool) -> Exporter:
    return onnx_static_int8(lambda: rows_for(model), reduce_range=reduce_range)


def outputs(export: OnnxExport, rows: np.ndarray) -> np.ndarray:
    (found,) = export.run({export.inputs[0].name: rows}).values()
    return found


@pytest.mark.parametrize("build", [dense, unrolled])
def test_exact_sums_are_as_near_to_the_model_as_weights_of_7_bits(
    build: Callable[[], Any], tmp_path: Path
) -> None:
    keras.utils.set_random_seed(0)
    model = build()
    rows = rows_for(model)
    right = model.predict(rows, verbose=0)
    off = {}
    for name, exporter in {
        "8 bits": static(model, reduce_range=False),
        "7 bits": static(model, reduce_range=True),
    }.items():
        exporter(model, tmp_path / f"{name}.onnx")
        export = OnnxExport(tmp_path / f"{name}.onnx")
        wide = export.with_wide_sums()
        assert wide is not None
        off[name] = np.abs(outputs(export, rows) - right).max()
        off[f"{name}, exact"] = np.abs(outputs(wide, rows) - right).max()
    assert off["8 bits, exact"] < 2 * off["7 bits"]
    assert off["7 bits, exact"] < 2 * off["7 bits"]
    # Only some processors cut sums: there the difference is several times as large.
    is_cut = off["8 bits"] > 4 * off["7 bits"]
    assert is_cut or off["8 bits"] < 2 * off["7 bits"]


def test_floats_have_no_such_sums(tmp_path: Path) -> None:
    model = dense()
    model.predict(rows_for(model), verbose=0)
    onnx()(model, tmp_path / "m.onnx")
    assert OnnxExport(tmp_path / "m.onnx").with_wide_sums() is None
    onnx_dynamic_int8()(model, tmp_path / "quantised.onnx")
    assert OnnxExport(tmp_path / "quantised.onnx").with_wide_sums() is not None
