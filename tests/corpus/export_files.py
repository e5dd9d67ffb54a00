"""Exporters of the corpus: each writes one export of a model, right or with one fault."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = [
    "DYNAMIC_INT8",
    "FLOAT16",
    "Exporter",
    "Subject",
    "by_keras",
    "litert",
    "litert_full_int8",
    "litert_of_function",
    "onnx",
    "onnx_channels_first",
    "onnx_dynamic_int8",
    "onnx_exchanged",
    "onnx_for_one_row",
    "onnx_in_float16",
    "onnx_static_int8",
    "onnx_with_fixed",
    "served_as",
    "with_gap",
    "with_unknown_operator",
]

Exporter = Callable[[Any, Path], None]
"""Writes an export of a model to a path."""
Change = Callable[[Any], Any]
"""Returns the model that is exported in place of the one that is saved."""

FLOAT16: Sequence[Any] = (tf.float16,)
DYNAMIC_INT8: Sequence[Any] = ()


class Subject:
    """A model that is saved together with its exports.

    Args:
        model: the model.
        files: exporters by file name.
    """

    def __init__(self, model: Any, files: Mapping[str, Exporter]) -> None:
        self.model, self.files = model, files

    def save(self, path: Path) -> None:
        """Save the model to `path` and the exports next to it."""
        self.model.save(path)
        for name, export in self.files.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tf2onnx uses names that NumPy has given up
                export(self.model, path.parent / name)


def _same(model: Any) -> Any:
    return model


def _call_once(model: Any) -> None:
    """Keras exports no model to ONNX that was never called."""
    model(
        [
            tf.zeros((each.shape[0] or 1, *(size or 2 for size in each.shape[1:])), each.dtype)
            for each in model.inputs
        ]
        if len(model.inputs) > 1
        else tf.zeros(
            (model.inputs[0].shape[0] or 1, *(size or 2 for size in model.inputs[0].shape[1:])),
            model.inputs[0].dtype,
        ),
        training=False,
    )
    for layer in model.layers:
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


def by_keras(name: str, change: Change = _same) -> Exporter:
    """Return the exporter of `model.export`."""

    def export(model: Any, path: Path) -> None:
        changed = change(model)
        _call_once(changed)
        changed.export(str(path), format=name, verbose=False)

    return export


def onnx(change: Change = _same) -> Exporter:
    """Return the exporter to ONNX."""
    return by_keras("onnx", change)


def litert(change: Change = _same, *, optimize: Sequence[Any] | None = None) -> Exporter:
    """Return the exporter to LiteRT.

    Args:
        change: what is exported in place of the model.
        optimize: types of the weights of an optimized file, None for a plain one; no type for dynamic range
            quantization.
    """
    if optimize is None:
        return by_keras("litert", change)

    def export(model: Any, path: Path) -> None:
        converter = tf.lite.TFLiteConverter.from_keras_model(change(model))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = list(optimize)
        path.write_bytes(converter.convert())

    return export


def litert_full_int8(rows: Callable[[], Any]) -> Exporter:
    """Return the exporter to LiteRT with integers for everything, inputs and outputs too."""

    def export(model: Any, path: Path) -> None:
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row[None]] for row in rows())
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        path.write_bytes(converter.convert())

    return export


def onnx_dynamic_int8() -> Exporter:
    """Return the exporter to ONNX with dynamic quantization, and weights of 7 bits for every processor."""

    def export(model: Any, path: Path) -> None:
        from onnxruntime.quantization import quantize_dynamic

        onnx()(model, path.with_suffix(".float.onnx"))
        quantize_dynamic(path.with_suffix(".float.onnx"), path, reduce_range=True)

    return export


def onnx_static_int8(rows: Callable[[], Any], *, reduce_range: bool = True) -> Exporter:
    """Return the exporter to ONNX with static quantization, calibrated with the given rows.

    Weights of 7 bits give the same outputs on every processor.
    """

    def export(model: Any, path: Path) -> None:
        from onnxruntime.quantization import CalibrationDataReader, quantize_static

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            """All rows in one batch."""

            def __init__(self) -> None:
                self._batches = iter([{model.inputs[0].name: rows()}])

            def get_next(self) -> Any:
                return next(self._batches, None)

        onnx()(model, path.with_suffix(".float.onnx"))
        quantize_static(path.with_suffix(".float.onnx"), path, Reader(), reduce_range=reduce_range)

    return export


def onnx_exchanged(what: str) -> Exporter:
    """Return the exporter to ONNX that exchanges the names of the first two inputs, or outputs."""

    def export(model: Any, path: Path) -> None:
        import onnx as library

        onnx()(model, path)
        definition = library.load(str(path))
        graph = definition.graph
        ports = getattr(graph, what)
        renamed = {ports[0].name: ports[1].name, ports[1].name: ports[0].name}
        for node in graph.node:
            for position, value in enumerate(node.input):
                node.input[position] = renamed.get(value, value)
            for position, value in enumerate(node.output):
                node.output[position] = renamed.get(value, value)
        library.save(definition, str(path))

    return export


def litert_of_function(*, trackable: bool) -> Exporter:
    """Return the exporter to LiteRT by a concrete function; with the model as trackable, weights get lost."""

    def export(model: Any, path: Path) -> None:
        specs = [tf.TensorSpec((None, *each.shape[1:]), each.dtype, name=each.name) for each in model.inputs]
        function = tf.function(lambda x: model(x, training=False), input_signature=specs)
        given = (model,) if trackable else ()
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [function.get_concrete_function()], *given
        )
        path.write_bytes(converter.convert())

    return export


def onnx_channels_first() -> Exporter:
    """Return the exporter to ONNX whose input has the channels before height and width."""

    def export(model: Any, path: Path) -> None:
        import onnx as library

        onnx()(model, path)
        definition = library.load(str(path))
        port = definition.graph.input[0]
        axes = port.type.tensor_type.shape.dim
        sizes = [each.dim_value for each in axes[1:]]
        for axis, size in zip(axes[1:], (sizes[-1], *sizes[:-1]), strict=True):
            axis.dim_value = size
        _put_first(definition, "Transpose", perm=[0, 2, 3, 1])
        library.save(definition, str(path))

    return export


def onnx_in_float16() -> Exporter:
    """Return the exporter to ONNX with float16 for everything, inputs and outputs too."""

    def export(model: Any, path: Path) -> None:
        import onnx as library
        from onnxruntime.transformers.float16 import convert_float_to_float16

        onnx()(model, path)
        converted = convert_float_to_float16(library.load(str(path)), keep_io_types=False)
        library.save(converted, str(path))

    return export


def onnx_for_one_row() -> Exporter:
    """Return the exporter to ONNX that declares any number of rows, and reshapes them to one."""

    def export(model: Any, path: Path) -> None:
        import onnx as library

        onnx()(model, path)
        definition = library.load(str(path))
        shape = np.array([1, *model.input_shape[1:]], np.int64)
        definition.graph.initializer.append(library.numpy_helper.from_array(shape, "one_row"))
        _put_first(definition, "Reshape", "one_row")
        library.save(definition, str(path))

    return export


def _put_first(definition: Any, operator: str, *inputs: str, **attributes: Any) -> None:
    """Put a node between the input of a graph and those that read it."""
    from onnx import helper

    name = definition.graph.input[0].name
    for node in definition.graph.node:
        for position, value in enumerate(node.input):
            node.input[position] = "changed" if value == name else value
    definition.graph.node.insert(0, helper.make_node(operator, [name, *inputs], ["changed"], **attributes))


def served_as(function: Callable[[Any], Callable[..., Any]], dtype: str = "") -> Exporter:
    """Return the exporter to a SavedModel whose endpoint is a function made of the model.

    Args:
        function: returns the endpoint.
        dtype: of the inputs of the endpoint, in place of those of the model.
    """

    def export(model: Any, path: Path) -> None:
        _call_once(model)
        archive = keras.export.ExportArchive()
        archive.track(model)
        specs = [
            keras.InputSpec(shape=(None, *each.shape[1:]), dtype=dtype or each.dtype, name=each.name)
            for each in model.inputs
        ]
        archive.add_endpoint("serve", function(model), specs)
        archive.write_out(str(path), verbose=False)

    return export


def onnx_with_fixed(axis: int, size: int) -> Exporter:
    """Return the exporter to ONNX with a fixed size of one axis of its inputs."""

    def export(model: Any, path: Path) -> None:
        import onnx as library

        onnx()(model, path)
        definition = library.load(str(path))
        for port in definition.graph.input:
            port.type.tensor_type.shape.dim[axis].dim_value = size
        library.save(definition, str(path))

    return export


def with_gap(export: Exporter) -> Exporter:
    """Return an exporter whose file uses a value that nothing computes."""

    def cut(model: Any, path: Path) -> None:
        import onnx as library

        export(model, path)
        definition = library.load(str(path))
        definition.graph.node[-1].input[0] = "nowhere"
        library.save(definition, str(path))

    return cut


def with_unknown_operator(export: Exporter) -> Exporter:
    """Return an exporter whose file names an operator that no runtime has."""

    def rename(model: Any, path: Path) -> None:
        export(model, path)
        content = path.read_bytes()
        path.write_bytes(content.replace(b"MatMul", b"MatMuh"))

    return rename
