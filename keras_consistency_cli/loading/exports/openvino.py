"""OpenVINO files in OpenVINO's CPU plugin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.loading.exports.exported_model import ExportRefused, ExportTensor, Feeds
from keras_consistency_cli.loading.exports.refusing import check_size, last_line

__all__ = ["OpenVinoExport"]

_NOT_COMPUTED = ("Constant", "Parameter", "Result")
_HINT = "INFERENCE_PRECISION_HINT"
_WEIGHTS = re.compile(r'\boffset="(\d+)"[^>]*?\bsize="(\d+)"')
"""Where a constant is in the .bin file; some versions write further attributes in between."""
_TYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64"}
_NUMPY_TYPES = {
    **_TYPES,
    **{
        f"{sign}{bits}": f"{'u' if sign == 'u' else ''}int{bits}" for sign in "iu" for bits in (8, 16, 32, 64)
    },
    "boolean": "bool",
}


class OpenVinoExport:
    """An OpenVINO model on the CPU.

    Args:
        path: the .xml file; the .bin file is next to it.
        hint: the precision to ask the runtime for, "" for its own choice.

    Raises:
        ExportRefused: the runtime cannot load or compile it.
    """

    def __init__(self, path: Path, *, hint: str = "") -> None:
        import openvino

        self._path, self._hint = path, hint
        core = openvino.Core()
        check_size(path.with_suffix(".bin"), _needed_bytes(path))
        try:
            self._model = core.read_model(str(path))
            self._compiled = core.compile_model(self._model, "CPU", {_HINT: hint} if hint else {})
        except Exception as problem:
            raise ExportRefused(f"OpenVINO cannot load it: {last_line(problem)}") from problem
        self._request = self._compiled.create_infer_request()

    @property
    def inputs(self) -> tuple[ExportTensor, ...]:
        """The inputs in the order of the file."""
        return _tensors(self._model.inputs)

    @property
    def outputs(self) -> tuple[ExportTensor, ...]:
        """The outputs in the order of the file."""
        return _tensors(self._model.outputs)

    @property
    def precision(self) -> str:
        """What the runtime computes in on this processor."""
        return _type_name(self._compiled.get_property(_HINT))

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Run one batch."""
        order = [feeds[each.name] for each in self.inputs]
        results = self._request.infer(order)
        return {each.name: np.array(results[each.position]) for each in self.outputs}

    def reset(self) -> None:
        """Reset the variables of the file."""
        self._request.reset_state()

    def constants(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the float constants."""
        for operation in self._model.get_ordered_ops():
            if operation.get_type_name() == "Constant":
                values = np.asarray(operation.data)
                if values.dtype.kind == "f":
                    yield str(operation.get_friendly_name()), values

    def values(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Return the outputs of all operations."""
        import openvino

        core = openvino.Core()
        shown = core.read_model(str(self._path))
        inner = [each for each in shown.get_ordered_ops() if _is_inner(each)]
        names = [str(each.get_friendly_name()) for each in inner]
        shown.add_outputs([each.output(0) for each in inner])
        request = core.compile_model(shown, "CPU").create_infer_request()
        results = request.infer([feeds[each.name] for each in self.inputs])
        first = len(self.outputs)
        return {name: np.array(results[first + number]) for number, name in enumerate(names)}

    def exact(self) -> OpenVinoExport | None:
        """Return the same file in float32."""
        return OpenVinoExport(self._path, hint="f32") if self.precision != "float32" else None

    def with_wide_sums(self) -> OpenVinoExport | None:
        """Return None: this runtime is not known to cut sums."""
        return None


def _needed_bytes(path: Path) -> int:
    """How many bytes of weights the .xml file refers to."""
    found = _WEIGHTS.findall(path.read_text(encoding="utf-8", errors="replace"))
    ends = (int(offset) + int(size) for offset, size in found)
    return max(ends, default=0)


def _is_inner(operation: Any) -> bool:
    """Whether an operation computes one value that is no output already."""
    if operation.get_type_name() in _NOT_COMPUTED or operation.get_output_size() != 1:
        return False
    readers = (each.get_node().get_type_name() for each in operation.output(0).get_target_inputs())
    return "Result" not in readers


def _tensors(ports: Any) -> tuple[ExportTensor, ...]:
    return tuple(
        ExportTensor(
            name=_name(port) or f"{position}",
            shape=_shape(port.get_partial_shape()),
            dtype=_NUMPY_TYPES.get(_type_text(port.get_element_type()), _type_text(port.get_element_type())),
            position=position,
        )
        for position, port in enumerate(ports)
    )


def _name(port: Any) -> str:
    """One of the names of an input or output: a short one, else one that the exporter numbered."""
    names = sorted(map(str, port.get_names()), key=lambda name: ("/" in name, len(name), name))
    return names[0] if names else ""


def _shape(partial: Any) -> tuple[int | None, ...] | None:
    if partial.rank.is_dynamic:
        return None
    return tuple(None if size.is_dynamic else int(size.get_length()) for size in partial)


def _type_text(element: Any) -> str:
    return str(element.get_type_name())


def _type_name(element: Any) -> str:
    text = element.get_type_name() if hasattr(element, "get_type_name") else str(element)
    return _TYPES.get(str(text), str(text))
