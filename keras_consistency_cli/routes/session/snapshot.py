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

from keras_consistency_cli.loading.model.facts import walk_layers
from keras_consistency_cli.measurement.distance import abs_differences, is_float, is_numeric, same_bits
from keras_consistency_cli.routes.trace import Change, ChangeKind
from keras_consistency_cli.text import clean

__all__ = ["Snapshot"]


@dataclass(frozen=True, kw_only=True)
class _SavedVariable:
    """A variable, and its value when the snapshot was taken."""

    path: str
    kind: ChangeKind
    variable: Any
    value: np.ndarray


class Snapshot:
    """The values of a model's variables at one moment.

    Args:
        model: a built Keras model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._saved = [
            _SavedVariable(path=path, kind=kind, variable=variable, value=_value_of(variable).copy())
            for path, kind, variable in _variables(model)
        ]
        self._numbers = {(path, name): value for path, name, value in _plain_numbers(model)}
        self._without_states = [layer for _, layer in walk_layers(model) if _lacks_states(layer)]

    def changes(self) -> tuple[Change, ...]:
        """Return the variables whose bits differ from their saved values."""
        values = ((saved, _value_of(saved.variable)) for saved in self._saved)
        changed = [_change(saved, value) for saved, value in values if not same_bits(value, saved.value)]
        for path, name, value in _plain_numbers(self._model):
            before = self._numbers.get((path, name))
            if before is not None and before != value:
                changed.append(_number_change(path, name, value, before))
        return tuple(changed)

    def restore(self) -> None:
        """Assign every saved value again."""
        for saved in self._saved:
            if not same_bits(_value_of(saved.variable), saved.value):
                saved.variable.assign(saved.value)
        for layer in self._without_states:
            if not _lacks_states(layer):
                layer.reset_state()
        layers = {"": self._model, **dict(walk_layers(self._model))}
        for (path, name), value in self._numbers.items():
            setattr(layers[path], name, value)

    def against(self, other: Snapshot) -> tuple[Change, ...]:
        """Return the differences from a different model of the same build, matched by position.

        Names are not matched, because Keras may have generated new ones for the layers of the other model.
        """
        changed = [
            _change(saved, _value_of(match.variable))
            for saved, match in zip(self._saved, other._saved, strict=False)
            if not same_bits(saved.value, match.value)
        ]
        numbers = zip(self._numbers.items(), other._numbers.values(), strict=False)
        changed += [
            _number_change(path, name, value, other_value)
            for ((path, name), value), other_value in numbers
            if value != other_value
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

        A float64 copy starts from the same states and seeds.
        """
        if len(self._saved) == len(other._saved):
            for source, target in zip(self._saved, other._saved, strict=True):
                target.variable.assign(source.value.astype(target.value.dtype))


def _variables(model: Any) -> Iterator[tuple[str, ChangeKind, Any]]:
    seen: set[int] = set()
    for variable in model.variables:
        seen.add(id(variable))
        yield clean(variable.path), _kind(variable), variable
    for path, layer in [("", model), *walk_layers(model)]:
        for name, value in list(vars(layer).items()):
            for variable in _attribute_variables(value):
                if id(variable) not in seen:
                    seen.add(id(variable))
                    yield f"{path}.{clean(name)}", _kind(variable, name), variable
    generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    if generator is not None:
        yield "global seed generator", "seed", generator.state


def _attribute_variables(value: Any) -> Iterator[Any]:
    """Variables in an attribute that `model.variables` may not list.

    RNN states, a tf.Variable, the counter of a SeedGenerator.
    """
    for item in keras.tree.flatten(value) if isinstance(value, (list, tuple)) else (value,):
        if isinstance(item, keras.random.SeedGenerator):
            yield item.state
        elif isinstance(item, keras.Variable) or (
            hasattr(item, "assign") and hasattr(item, "numpy") and hasattr(item, "shape")
        ):
            yield item


def _kind(variable: Any, attribute: str = "") -> ChangeKind:
    if "seed_generator" in str(getattr(variable, "path", "")) or "seed" in attribute:
        return "seed"
    return "state" if attribute in ("states", "_states") else "weight"


def _lacks_states(layer: Any) -> bool:
    """Whether a stateful layer has not created its states yet."""
    stateful = bool(getattr(layer, "stateful", False)) and hasattr(layer, "reset_state")
    states = keras.tree.flatten(getattr(layer, "states", None) or ())
    return stateful and not any(state is not None for state in states)


def _plain_numbers(model: Any) -> Iterator[tuple[str, str, float]]:
    """Numbers kept as attributes of custom layers: path, name and value."""
    for path, layer in [("", model), *walk_layers(model)]:
        if type(layer).__module__.startswith("keras."):
            continue
        for name, value in vars(layer).items():
            if not name.startswith("_") and isinstance(value, (int, float)) and not isinstance(value, bool):
                yield path, name, value


def _value_of(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable))


def _change(saved: _SavedVariable, value: np.ndarray) -> Change:
    max_abs = 0.0
    if is_numeric(value.dtype) and value.shape == saved.value.shape:
        max_abs = float(abs_differences(value, saved.value, nan="infinite").max(initial=0.0))
    return Change(path=saved.path, kind=saved.kind, max_abs=max_abs)


def _number_change(path: str, name: str, value: float, before: float) -> Change:
    return Change(path=f"{path}.{name}", kind="state", max_abs=abs(float(value) - float(before)))
