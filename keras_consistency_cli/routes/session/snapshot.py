"""Snapshot: everything in a model that running it can change.

Weights, BatchNorm statistics, RNN states, seed generators, variables that Keras does not track, and plain
numbers kept on custom layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.layer_walk import walk_layers
from keras_consistency_cli.loading.model.saved_layers import order_variables
from keras_consistency_cli.measurement.distance import (
    abs_differences,
    is_float,
    is_integer,
    is_numeric,
    same_bits,
)
from keras_consistency_cli.routes.session.held_variables import find_held_variables
from keras_consistency_cli.routes.trace import Change, ChangeKind
from keras_consistency_cli.text import clean

__all__ = ["Snapshot"]

_SHARED_KINDS = "fiub"
"""Kinds of arrays that NumPy reads from a tensor without a copy; it has no bfloat16."""


@dataclass(frozen=True, kw_only=True)
class _SavedVariable:
    """A variable, and its value when the snapshot was taken.

    On TensorFlow `tensor` shares the memory of the variable, which is copied only when the variable changes:
    TensorFlow never writes into memory that a tensor holds.
    """

    path: str
    kind: ChangeKind
    variable: Any
    tensor: Any
    value: np.ndarray

    def read_changed(self) -> np.ndarray | None:
        """Return the value of now if its bits differ from the saved ones, else None."""
        _, value = _read(self.variable)
        if _memory(value) == _memory(self.value) or same_bits(value, self.value):
            return None
        return value


@dataclass(frozen=True, kw_only=True)
class _SavedNumber:
    """A plain number that a custom layer keeps as an attribute."""

    path: str
    layer: Any
    name: str
    value: float

    def read_changed(self) -> float | None:
        """Return the number of now if it differs from the saved one, else None."""
        value = vars(self.layer).get(self.name)
        return value if _is_plain_number(value) and value != self.value else None


class Snapshot:
    """The values of a model's variables at one moment.

    Args:
        model: a built Keras model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._saved = [_save(path, kind, variable) for path, kind, variable in _variables(model)]
        self._numbers = list(_plain_numbers(model))
        self._without_states = [layer for _, layer in walk_layers(model) if _lacks_states(layer)]

    def changes(self) -> tuple[Change, ...]:
        """Return the variables whose bits differ from their saved values."""
        changed = [_change(saved, value) for saved, value in self._find_changed()]
        numbers = ((saved, saved.read_changed()) for saved in self._numbers)
        changed += [_number_change(saved, value) for saved, value in numbers if value is not None]
        return tuple(changed)

    def restore(self) -> None:
        """Assign every saved value again."""
        for saved, _ in self._find_changed():
            saved.variable.assign(saved.tensor)
        self._restore_numbers()

    def take_changes(self) -> tuple[Change, ...]:
        """Return what `changes` returns, and restore: variables that have not changed are read once."""
        changed = self.changes()
        if any(not change.plain for change in changed):
            self.restore()
        else:
            self._restore_numbers()
        return changed

    def _restore_numbers(self) -> None:
        for layer in self._without_states:
            if not _lacks_states(layer):
                layer.reset_state()
        for number in self._numbers:
            setattr(number.layer, number.name, number.value)

    def _find_changed(self) -> Iterator[tuple[_SavedVariable, np.ndarray]]:
        """Yield the variables whose bits differ from their saved values, and their values of now."""
        for saved in self._saved:
            value = saved.read_changed()
            if value is not None:
                yield saved, value

    def changed_weights(self) -> Iterator[Any]:
        """Yield the variables of weights whose bits differ from their saved values."""
        yield from (saved.variable for saved, _ in self._find_changed() if saved.kind == "weight")

    def exaggerate_changes(self, factor: float) -> None:
        """Move each weight that has changed further in the same direction, until `restore`."""
        for saved, value in self._find_changed():
            if saved.kind == "weight" and is_numeric(value.dtype):
                start = saved.value.astype(np.float64)
                further = start + factor * (value.astype(np.float64) - start)
                saved.variable.assign(further.astype(value.dtype))

    def fix_seeds(self) -> None:
        """Give each seed generator a seed of its own that is the same in every process, until `restore`."""
        generators = (each for each in self._saved if each.kind == "seed" and _is_seed(each.value))
        for number, saved in enumerate(generators, start=1):
            saved.variable.assign(np.array([number, 0], dtype=saved.value.dtype))

    def against(self, other: Snapshot) -> tuple[Change, ...]:
        """Return the differences from a different model of the same build, matched by position.

        Names are not matched, because Keras may have generated new ones for the layers of the other model.
        """
        changed = [
            _change(saved, _read(match.variable)[1])
            for saved, match in zip(self._saved, other._saved, strict=False)
            if not same_bits(saved.value, match.value)
        ]
        numbers = zip(self._numbers, other._numbers, strict=False)
        changed += [
            _number_change(saved, match.value) for saved, match in numbers if saved.value != match.value
        ]
        return tuple(changed)

    def untracked(self) -> Iterator[tuple[str, Any]]:
        """Yield float variables of layers that Keras does not track.

        No file contains them.
        """
        tracked = {id(variable) for variable in self._model.variables}
        for saved in self._saved:
            if saved.kind == "weight" and id(saved.variable) not in tracked and is_float(saved.value.dtype):
                yield saved.path, saved.variable

    def copy_to(self, other: Snapshot) -> None:
        """Assign the saved values to a model of the same variables.

        A float64 copy starts from the same states, seeds and plain numbers: to build it, it was called.
        """
        if len(self._saved) == len(other._saved):
            for source, target in zip(self._saved, other._saved, strict=True):
                target.variable.assign(source.value.astype(target.value.dtype))
        if len(self._numbers) == len(other._numbers):
            for number, copied in zip(self._numbers, other._numbers, strict=True):
                if number.name == copied.name and not _is_configured(number):
                    setattr(copied.layer, copied.name, number.value)


def _is_configured(number: _SavedNumber) -> bool:
    """Whether a number is an argument of its layer: the copy then has its own, which a check compares."""
    try:
        return number.name in number.layer.get_config()
    except Exception:
        # Layers of the user may have none.
        return False


def _variables(model: Any) -> Iterator[tuple[str, ChangeKind, Any]]:
    seen: set[int] = set()
    for variable in order_variables(model):
        seen.add(id(variable))
        yield clean(variable.path), _kind(variable), variable
    for path, layer in [("", model), *walk_layers(model)]:
        for name, variable in find_held_variables(layer):
            if id(variable) not in seen:
                seen.add(id(variable))
                yield f"{path}.{clean(name)}", _kind(variable, name), variable
    generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    if generator is not None:
        yield "global seed generator", "seed", generator.state


def _kind(variable: Any, attribute: str = "") -> ChangeKind:
    if "seed_generator" in str(getattr(variable, "path", "")) or "seed" in attribute:
        return "seed"
    return "state" if attribute in ("states", "_states") else "weight"


def _is_seed(value: np.ndarray) -> bool:
    """Whether a variable has the form of a SeedGenerator's state: a seed and a counter."""
    return value.shape == (2,) and is_integer(value.dtype)


def _lacks_states(layer: Any) -> bool:
    """Whether a stateful layer has not created its states yet."""
    stateful = bool(getattr(layer, "stateful", False)) and hasattr(layer, "reset_state")
    states = keras.tree.flatten(getattr(layer, "states", None) or ())
    return stateful and not any(state is not None for state in states)


def _plain_numbers(model: Any) -> Iterator[_SavedNumber]:
    """Numbers kept as attributes of custom layers."""
    for path, layer in [("", model), *walk_layers(model)]:
        if type(layer).__module__.startswith("keras."):
            continue
        for name, value in vars(layer).items():
            if not name.startswith("_") and _is_plain_number(value):
                yield _SavedNumber(path=path, layer=layer, name=name, value=value)


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _save(path: str, kind: ChangeKind, variable: Any) -> _SavedVariable:
    tensor, value = _read(variable)
    return _SavedVariable(path=path, kind=kind, variable=variable, tensor=tensor, value=value)


def _read(variable: Any) -> tuple[Any, np.ndarray]:
    """Return the value of a variable, to be assigned again, and the same as NumPy.

    On TensorFlow both share the memory of the variable, elsewhere they are a copy.
    """
    tensor = _read_tensor(variable.value if isinstance(variable, keras.Variable) else variable)
    if tensor is not None:
        value = np.asarray(tensor)
        if value.dtype.kind in _SHARED_KINDS:
            return tensor, value
    value = np.array(keras.ops.convert_to_numpy(variable))
    return value, value


def _read_tensor(holder: Any) -> Any:
    """Return the value of a variable of TensorFlow as a tensor, None for other variables."""
    if not hasattr(holder, "handle"):
        return None
    import tensorflow as tf

    return tf.raw_ops.ReadVariableOp(resource=holder.handle, dtype=holder.dtype)


def _memory(values: np.ndarray) -> tuple[object, ...]:
    """Return what tells arrays from each other that are alive at the same time."""
    return values.__array_interface__["data"][0], values.shape, values.dtype, values.strides


def _change(saved: _SavedVariable, value: np.ndarray) -> Change:
    max_abs = 0.0
    if is_numeric(value.dtype) and value.shape == saved.value.shape:
        max_abs = float(abs_differences(value, saved.value, nan="infinite").max(initial=0.0))
    return Change(path=saved.path, kind=saved.kind, max_abs=max_abs)


def _number_change(saved: _SavedNumber, value: float) -> Change:
    distance = abs(float(value) - float(saved.value))
    return Change(path=f"{saved.path}.{saved.name}", kind="state", max_abs=distance, plain=True)
