"""LiteRT files in their interpreter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.loading.exports.exported_model import ExportRefused, ExportTensor, Feeds
from keras_consistency_cli.loading.exports.refusing import first_line
from keras_consistency_cli.text import clean

__all__ = ["LiteRtExport"]

_FLEX = re.compile(rb"Flex[A-Z]\w+")
_SHOWN_OPERATORS = 3
_STATE_OPERATORS = ("VAR_HANDLE", "ASSIGN_VARIABLE", "READ_VARIABLE")
_NARROWEST_FIRST = ("int4", "int8", "uint8", "bfloat16", "float16", "int16")
_WHOLE_MODEL = ""
"""The signature of a file that has none."""


class LiteRtExport:
    """A LiteRT model in ai-edge-litert.

    Args:
        path: the .tflite file.
        signature: the signature to call; by default the usual one.
        delegates: whether the interpreter may use its default delegates (XNNPACK), as it does by itself.

    Raises:
        ExportRefused: the interpreter does not accept the file, or it has no such signature.
    """

    def __init__(self, path: Path, *, signature: str = "", delegates: bool = True) -> None:
        self._path, self._delegates, self._stated_signature = path, delegates, signature
        self._start()

    def _start(self) -> None:
        self._interpreter = _open_interpreter(self._path, delegates=self._delegates)
        _check_variables(self._interpreter)
        self._signature = _choose_signature(self._interpreter.get_signature_list(), self._stated_signature)
        runner = self._signature and self._interpreter.get_signature_runner(self._signature)
        self._runner = runner or None

    @cached_property
    def inputs(self) -> tuple[ExportTensor, ...]:
        """The inputs of the signature, in the order of the interpreter."""
        return self._tensors("input")

    @cached_property
    def outputs(self) -> tuple[ExportTensor, ...]:
        """The outputs of the signature, in its own order."""
        return self._tensors("output")

    def _tensors(self, what: str) -> tuple[ExportTensor, ...]:
        listed, named = getattr(self._interpreter, f"get_{what}_details")(), self._details(what)
        order = [int(each["index"]) for each in listed]
        return tuple(
            ExportTensor(
                name=str(name),
                shape=tuple(None if size < 0 else int(size) for size in _free_shape(each)),
                dtype="float32" if _is_quantized(each) else np.dtype(each["dtype"]).name,
                position=order.index(int(each["index"])) if int(each["index"]) in order else position,
            )
            for position, (name, each) in enumerate(named.items())
        )

    def _details(self, what: str) -> dict[str, Any]:
        """What the interpreter says about each input or output, by its name in the signature."""
        if self._runner is not None:
            return dict(getattr(self._runner, f"get_{what}_details")())
        return {str(each["name"]): each for each in getattr(self._interpreter, f"get_{what}_details")()}

    @cached_property
    def precision(self) -> str:
        """The narrowest type of the tensors that the file computes with."""
        details = self._interpreter.get_tensor_details()
        quantized = {np.dtype(each["dtype"]).name for each in details if _is_quantized(each)}
        types = quantized | ({np.dtype(each["dtype"]).name for each in details} & {"float16", "bfloat16"})
        return next((name for name in _NARROWEST_FIRST if name in types), "float32")

    @cached_property
    def _keeps_state(self) -> bool:
        operators = self._interpreter._get_ops_details()
        return any(str(each["op_name"]) in _STATE_OPERATORS for each in operators)

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Run one batch; the interpreter is resized to it.

        Floats for an input of integers with a scale are quantized as the file states, and outputs of that
        kind are turned into floats again.
        """
        inputs, outputs = self._details("input"), self._details("output")
        fed = {name: _quantize(values, inputs[name]) for name, values in feeds.items()}
        try:
            found = self._run_without_signature(fed) if self._runner is None else self._runner(**fed)
        except RuntimeError as problem:
            # Operators behind an axis of any length are prepared when the rows are known.
            if "Flex" in str(problem):
                _refuse_operators(self._path, problem)
            raise
        return {str(name): _dequantize(np.array(values), outputs[name]) for name, values in found.items()}

    def _run_without_signature(self, feeds: Feeds) -> dict[str, np.ndarray]:
        interpreter = self._interpreter
        details = {str(each["name"]): each for each in interpreter.get_input_details()}
        for name, values in feeds.items():
            interpreter.resize_tensor_input(details[name]["index"], values.shape)
        interpreter.allocate_tensors()
        for name, values in feeds.items():
            interpreter.set_tensor(details[name]["index"], values)
        interpreter.invoke()
        return {
            str(each["name"]): np.array(interpreter.get_tensor(each["index"]))
            for each in interpreter.get_output_details()
        }

    def reset(self) -> None:
        """Start the interpreter again if the file keeps variables."""
        if self._keeps_state:
            self._start()

    def constants(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the constants as floats, in the order in which operators use them.

        Tensors that are computed have no value before the first run.
        """
        fresh = _open_interpreter(self._path, delegates=False, allocate=False)
        used = [int(index) for each in fresh._get_ops_details() for index in each["inputs"]]
        places = {index: number for number, index in reversed(list(enumerate(used)))}
        for each in sorted(
            fresh.get_tensor_details(), key=lambda each: places.get(int(each["index"]), len(used))
        ):
            is_number = np.dtype(each["dtype"]).kind == "f" or _is_quantized(each)
            values = (
                _constant(fresh, int(each["index"])) if is_number and np.prod(each["shape"]) > 0 else None
            )
            if values is not None and values.shape == tuple(each["shape"]):
                yield str(each["name"]), _scaled(values, each) if _is_quantized(each) else values

    def values(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Return the tensors of the whole file."""
        interpreter = _open_interpreter(self._path, delegates=False, allocate=False, keep=True)
        details = {str(each["name"]): each for each in interpreter.get_input_details()}
        for name, values in feeds.items():
            interpreter.resize_tensor_input(_named_input(details, name)["index"], values.shape)
        interpreter.allocate_tensors()
        for name, values in feeds.items():
            detail = _named_input(details, name)
            interpreter.set_tensor(detail["index"], _quantize(values, detail))
        interpreter.invoke()
        read = {
            str(each["name"]): _constant(interpreter, each["index"])
            for each in interpreter.get_tensor_details()
        }
        return {name: values for name, values in read.items() if values is not None}

    def exact(self) -> LiteRtExport | None:
        """Return the same file without delegates."""
        if not self._delegates:
            return None
        return LiteRtExport(self._path, signature=self._stated_signature, delegates=False)

    def with_wide_sums(self) -> LiteRtExport | None:
        """Return None: this runtime is not known to cut sums."""
        return None


def _open_interpreter(path: Path, *, delegates: bool, allocate: bool = True, keep: bool = False) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = Interpreter(
            model_path=str(path),
            experimental_op_resolver_type=resolver,
            experimental_preserve_all_tensors=keep,
        )
        if allocate:
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as problem:
        _refuse_operators(path, problem)
        raise ExportRefused(f"LiteRT cannot load it: {first_line(problem)}") from problem
    return interpreter


def _refuse_operators(path: Path, problem: Exception) -> None:
    """Refuse a file with operators of TensorFlow after an error of the interpreter, which has none of them.

    Raises:
        ExportRefused: with their names.
    """
    operators = _tensorflow_operators(path)
    if operators:
        raise ExportRefused(
            f"LiteRT cannot run it: it needs operators of TensorFlow ({', '.join(operators)})",
            cause="unsupported-operators",
        ) from problem


def _check_variables(interpreter: Any) -> None:
    """Refuse a file that reads variables to which nothing assigns a value: its weights are not in it.

    TFLiteConverter leaves the weights of a Keras 3 model out if it gets the model as a trackable object, or a
    SavedModel of a module that holds the model (TensorFlow 2.21). What is read then is memory of any content.
    """
    operators = interpreter._get_ops_details()
    used = {
        kind: {int(each["inputs"][0]) for each in operators if str(each["op_name"]) == kind}
        for kind in _STATE_OPERATORS[1:]
    }
    # An initial value is assigned by a part of the file that is called once.
    if any(str(each["op_name"]) == "CALL_ONCE" for each in operators):
        return
    unassigned = len(used["READ_VARIABLE"] - used["ASSIGN_VARIABLE"])
    if unassigned:
        raise ExportRefused(
            f"it reads {unassigned} variables to which nothing assigns a value: its weights are missing",
            cause="export-weights-missing",
        )


def _tensorflow_operators(path: Path) -> list[str]:
    """Return a few names of the operators of TensorFlow in a file, as they are written in it."""
    names = dict.fromkeys(match.decode() for match in _FLEX.findall(path.read_bytes()))
    return [name for name in names if name != "FlexDelegate"][:_SHOWN_OPERATORS]


def _choose_signature(signatures: dict[str, Any], stated: str) -> str:
    if stated and stated not in signatures:
        raise ExportRefused(f"it has no signature '{clean(stated)}'; it has {', '.join(signatures)}")
    usual = "serving_default" if "serving_default" in signatures else next(iter(signatures), _WHOLE_MODEL)
    return stated or usual


def _free_shape(detail: dict[str, Any]) -> Any:
    """The shape with -1 for axes of any size; older files have it under a different key or not at all."""
    signature = detail.get("shape_signature")
    return detail["shape"] if signature is None or not len(signature) else signature


def _is_quantized(detail: dict[str, Any]) -> bool:
    scales = detail.get("quantization_parameters", {}).get("scales", ())
    return len(scales) > 0 and np.dtype(detail["dtype"]).kind in "iu"


def _named_input(details: dict[str, Any], name: str) -> Any:
    """The input of a signature among those of the file, whose names have a prefix and a number."""
    return next((each for full, each in details.items() if name in full), next(iter(details.values())))


def _quantize(values: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    """Return floats as the integers that stand for them, if the input is of that kind."""
    if not _is_quantized(detail) or values.dtype.kind != "f":
        return values
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    steps: np.ndarray = np.clip(np.rint(values / scale) + zero, limits.min, limits.max)
    return steps.astype(detail["dtype"])


def _dequantize(values: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    if not _is_quantized(detail):
        return values
    scale, zero = detail["quantization"]
    floats: np.ndarray = (values.astype(np.float32) - zero) * np.float32(scale)
    return floats.astype(np.float32)


def _scaled(values: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    """Return the floats that the integers of a constant stand for; scales may be one for each channel."""
    parameters = detail["quantization_parameters"]
    scales, zeros = (np.asarray(parameters[key], np.float32) for key in ("scales", "zero_points"))
    shape = [1] * values.ndim
    if len(scales) > 1:
        shape[int(parameters["quantized_dimension"])] = len(scales)
    return (values.astype(np.float32) - zeros.reshape(shape)) * scales.reshape(shape)


def _constant(interpreter: Any, index: int) -> np.ndarray | None:
    try:
        return np.array(interpreter.get_tensor(index))
    except ValueError:
        return None
