"""SavedModel folders in TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.loading.exports.exported_model import ExportRefused, ExportTensor, Feeds
from keras_consistency_cli.loading.exports.refusing import first_line
from keras_consistency_cli.text import clean

__all__ = ["SavedModelExport"]

_USUAL = "serving_default"
_CUT = re.compile(
    r"less bytes than requested|Checksum does not match|Unable to read|TensorSliceReader|DATA_LOSS"
)
_DAMAGED = re.compile(r"Cannot parse file|0 MetaGraphs")
"""Words of TensorFlow's errors."""


class SavedModelExport:
    """A signature of a SavedModel.

    Args:
        path: the folder.
        signature: the signature to call; by default `serving_default`.

    Raises:
        ExportRefused: TensorFlow cannot load it, or it has no such signature.
    """

    def __init__(self, path: Path, *, signature: str = "") -> None:
        import tensorflow as tf

        try:
            self._loaded = tf.saved_model.load(str(path))
        except Exception as problem:
            raise ExportRefused(_describe(problem, path)) from problem
        self._function = _signature(self._loaded.signatures, signature)
        self._initial = [(each, each.numpy()) for each in self._function.variables]

    @property
    def inputs(self) -> tuple[ExportTensor, ...]:
        """The keyword arguments of the signature."""
        return _tensors(self._function.structured_input_signature[1])

    @property
    def outputs(self) -> tuple[ExportTensor, ...]:
        """The entries of the dict that the signature returns."""
        return _tensors(self._function.structured_outputs)

    @property
    def precision(self) -> str:
        """The narrowest float type of its variables."""
        types = {values.dtype.name for _, values in self._initial}
        return next((name for name in ("bfloat16", "float16", "int8") if name in types), "float32")

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Call the signature with tensors of its own types."""
        import tensorflow as tf

        types = {name: spec.dtype for name, spec in self._function.structured_input_signature[1].items()}
        tensors = {name: tf.convert_to_tensor(values, types[name]) for name, values in feeds.items()}
        return {name: np.asarray(values) for name, values in self._function(**tensors).items()}

    def reset(self) -> None:
        """Assign the values that the variables had after loading."""
        for variable, value in self._initial:
            if not np.array_equal(variable.numpy(), value):
                variable.assign(value)

    def constants(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the float variables."""
        for variable, values in self._initial:
            if values.dtype.kind == "f":
                yield variable.name, values

    def values(self, _feeds: Feeds) -> dict[str, np.ndarray]:
        """Return nothing: the values inside a SavedModel are not named after layers."""
        return {}

    def exact(self) -> SavedModelExport | None:
        """Return None: TensorFlow has no less precise mode on a CPU."""
        return None

    def with_wide_sums(self) -> SavedModelExport | None:
        """Return None: this runtime is not known to cut sums."""
        return None


def _describe(problem: Exception, path: Path) -> str:
    """Return why a folder cannot be loaded; errors of TensorFlow do not name the file that is at fault."""
    variables = path / "variables"
    for pattern in ("variables.index", "variables.data-*"):
        if not any(variables.glob(pattern)):
            return f"its weights are incomplete: folder 'variables' has no file {pattern}"
    if _CUT.search(str(problem)):
        return f"its weights are incomplete: a file in folder 'variables' is damaged ({first_line(problem)})"
    if _DAMAGED.search(str(problem)):
        return f"its saved_model.pb is damaged ({first_line(problem)})"
    return f"TensorFlow cannot load it: {first_line(problem)}"


def _signature(signatures: Any, stated: str) -> Any:
    names = list(signatures)
    if not names:
        raise ExportRefused("it has no signature")
    wanted = stated or (_USUAL if _USUAL in names else names[0])
    if wanted not in names:
        raise ExportRefused(f"it has no signature '{clean(stated)}'; it has {', '.join(names)}")
    return signatures[wanted]


def _tensors(specs: Any) -> tuple[ExportTensor, ...]:
    return tuple(
        ExportTensor(
            name=name,
            shape=None if spec.shape.rank is None else tuple(spec.shape.as_list()),
            dtype=spec.dtype.name,
        )
        for name, spec in specs.items()
    )
