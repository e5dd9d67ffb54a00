"""ONNX files in ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.loading.exports.content.external_data import external_data, is_outside
from keras_consistency_cli.loading.exports.exported_model import ExportRefused, ExportTensor, Feeds
from keras_consistency_cli.loading.exports.refusing import check_size, first_line
from keras_consistency_cli.text import clean

__all__ = ["OnnxExport"]

_DTYPES = {"float": "float32", "double": "float64"}
_TYPE = re.compile(r"tensor\((\w+)\)")
_LEVELS = {"FLOAT16": "float16", "BFLOAT16": "bfloat16", "INT8": "int8", "UINT8": "uint8", "INT4": "int4"}
_NOT_SUPPORTED = re.compile(
    r"[Nn]o ?[Oo]p registered|NOT_IMPLEMENTED|is not a registered function|NotImplemented"
)
_QUIET = 4
_QUANTIZED = "_quantized"
_WIDE_SUMS = "session.x64quantprecision"
"""The option of ONNX Runtime, known since 1.14; older versions ignore it."""


class OnnxExport:
    """An ONNX model on ONNX Runtime's CPU provider.

    Args:
        path: the .onnx file; external data are next to it.
        optimized: whether the runtime optimizes the graph, as it does by itself.
        wide_sums: whether sums of 8-bit products are exact on every processor. By itself, ONNX Runtime adds
            pairs of them in 16 bits on x86 without VNNI, and cuts what is too large.

    Raises:
        ExportRefused: the runtime cannot load the file, or its external data are outside its folder.
    """

    def __init__(self, path: Path, *, optimized: bool = True, wide_sums: bool = False) -> None:
        import onnxruntime as ort

        self._path, self._optimized = path, optimized
        self._check_external_data()
        options = ort.SessionOptions()
        options.log_severity_level = _QUIET
        if not optimized:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if wide_sums:
            options.add_session_config_entry(_WIDE_SUMS, "1")
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as problem:
            cause = "unsupported-operators" if _NOT_SUPPORTED.search(str(problem)) else ""
            raise ExportRefused(f"ONNX Runtime cannot load it: {first_line(problem)}", cause) from problem

    @cached_property
    def _definition(self) -> Any:
        """The file as data, without its external data."""
        import onnx

        return onnx.load(str(self._path), load_external_data=False)

    def _check_external_data(self) -> None:
        for tensor in self._definition.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location" and is_outside(str(entry.value)):
                    raise ExportRefused(f"its external data are outside its folder: {clean(entry.value, 80)}")
        for name, needed in external_data(self._path).items():
            check_size(self._path.parent / name, needed)

    @property
    def inputs(self) -> tuple[ExportTensor, ...]:
        """The inputs without initial values."""
        return _tensors(self._session.get_inputs())

    @property
    def outputs(self) -> tuple[ExportTensor, ...]:
        """The outputs in the order of the graph."""
        return _tensors(self._session.get_outputs())

    @cached_property
    def precision(self) -> str:
        """The narrowest type of the weights, or of quantized activations."""
        import onnx

        types = {
            onnx.TensorProto.DataType.Name(each.data_type) for each in self._definition.graph.initializer
        }
        operators = {node.op_type for node in self._definition.graph.node}
        if not operators & {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger"}:
            types -= {"INT8", "UINT8", "INT4"}
        return next((name for level, name in reversed(_LEVELS.items()) if level in types), "float32")

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Run one batch."""
        names = [each.name for each in self.outputs]
        return dict(zip(names, map(np.asarray, self._session.run(names, dict(feeds))), strict=True))

    def reset(self) -> None:
        """Do nothing: ONNX Runtime keeps no state between runs."""

    def constants(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the initializers as floats, in the order in which nodes use them."""
        from onnx import numpy_helper

        graph = self._definition.graph
        used = list(dict.fromkeys(name for node in graph.node for name in node.input))
        places = {name: number for number, name in enumerate(used)}
        initializers = sorted(graph.initializer, key=lambda each: places.get(each.name, len(used)))
        stored = {
            tensor.name: numpy_helper.to_array(tensor, base_dir=str(self._path.parent))
            for tensor in initializers
        }
        for name, values in stored.items():
            if values.dtype.kind == "f":
                yield name, values
            elif name.endswith(_QUANTIZED) and (scale := stored.get(_beside(name, "_scale"))) is not None:
                yield name, _scaled(values, scale, stored.get(_beside(name, "_zero_point")))

    def values(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Return the outputs of all nodes."""
        import onnx
        import onnxruntime as ort

        shown = onnx.load(str(self._path))
        known = {each.name for each in shown.graph.output}
        names = [name for node in shown.graph.node for name in node.output if name and name not in known]
        shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        options = ort.SessionOptions()
        options.log_severity_level = _QUIET
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(shown.SerializeToString(), options, providers=["CPUExecutionProvider"])
        outputs = session.run(names, dict(feeds))
        return {name: np.asarray(values) for name, values in zip(names, outputs, strict=True)}

    def exact(self) -> OnnxExport | None:
        """Return the same file without graph optimizations."""
        return OnnxExport(self._path, optimized=False) if self._optimized else None

    def with_wide_sums(self) -> OnnxExport | None:
        """Return the same file with exact sums of 8-bit products, None if it has no 8-bit numbers."""
        if not self.precision.endswith("int8"):
            return None
        try:
            return OnnxExport(self._path, wide_sums=True)
        except ExportRefused:
            # ONNX Runtime 1.32 cannot do it if nodes share a weight. Without optimizations it adds up floats.
            return self.exact()


def _beside(name: str, ending: str) -> str:
    """The name that ONNX Runtime's quantizer gives to what belongs to a quantized weight."""
    return name.removesuffix(_QUANTIZED) + ending


def _scaled(values: np.ndarray, scale: np.ndarray, zero: np.ndarray | None) -> np.ndarray:
    """Return the floats that integers stand for; kernels of convolutions have their channels first."""
    shape = [1] * values.ndim
    if scale.size > 1:
        shape[0 if values.ndim > 2 else -1] = scale.size
    shift = 0.0 if zero is None else zero.astype(np.float32).reshape(shape)
    return np.asarray((values.astype(np.float32) - shift) * scale.astype(np.float32).reshape(shape))


def _tensors(nodes: Any) -> tuple[ExportTensor, ...]:
    return tuple(
        ExportTensor(
            name=node.name,
            shape=tuple(size if isinstance(size, int) else None for size in node.shape),
            dtype=_dtype(node.type),
            position=position,
        )
        for position, node in enumerate(nodes)
    )


def _dtype(text: str) -> str:
    match = _TYPE.fullmatch(text)
    return _DTYPES.get(match[1], match[1]) if match else text
