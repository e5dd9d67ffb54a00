"""Snapshot: everything in a model that running it can change, saved, compared and put back.

Weights, BatchNorm statistics, RNN states, seed generators, variables Keras does not track, and plain numbers kept on custom layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
import numpy as np

from keras_consistency_cli.loading.model.facts import walk_layers
from keras_consistency_cli.routes.trace import Change
from keras_consistency_cli.text import clean

__all__ = ["Snapshot", "reset_states"]

Kind = Literal["weight", "state", "seed"]


@dataclass(frozen=True, kw_only=True)
class _Held:
    """One variable, what it is, and its value when the snapshot was taken."""

    path: str
    kind: Kind
    variable: Any
    value: np.ndarray


class Snapshot:
    """The values of a model's variables at one moment.

    Args:
        model: a built Keras model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._held = [
            _Held(path=p, kind=k, variable=v, value=_value(v).copy()) for p, k, v in _variables(model)
        ]
        self._attributes = {(path, name): value for path, name, value in _attributes(model)}
        self._stateless = [layer for _, layer in walk_layers(model) if _without_states(layer)]

    def changes(self) -> tuple[Change, ...]:
        """Return what differs now from what was held, bit for bit."""
        found = [_change(held) for held in self._held if not _same(_value(held.variable), held.value)]
        for path, name, value in _attributes(self._model):
            before = self._attributes.get((path, name))
            if before is not None and before != value:
                found.append(
                    Change(path=f"{path}.{name}", kind="state", max_abs=abs(float(value) - float(before)))
                )
        return tuple(found)

    def restore(self) -> None:
        """Put every held value back."""
        for held in self._held:
            if not _same(_value(held.variable), held.value):
                held.variable.assign(held.value)
        for layer in self._stateless:
            if not _without_states(layer):
                layer.reset_state()
        layers = {"": self._model, **dict(walk_layers(self._model))}
        for (path, name), value in self._attributes.items():
            setattr(layers[path], name, value)

    def against(self, other: Snapshot) -> tuple[Change, ...]:
        """Return what another model of the same build holds differently, by place; names of its layers may be made up anew."""
        pairs = zip(self._held, other._held, strict=False)
        found = [
            _change(replace(held, variable=theirs.variable))
            for held, theirs in pairs
            if not _same(held.value, theirs.value)
        ]
        for ((path, name), mine), theirs in zip(
            self._attributes.items(), other._attributes.values(), strict=False
        ):
            if mine != theirs:
                found.append(
                    Change(path=f"{path}.{name}", kind="state", max_abs=abs(float(mine) - float(theirs)))
                )
        return tuple(found)

    def untracked(self) -> Iterator[tuple[str, Any]]:
        """Yield float variables that layers hold but Keras does not know of, so that no file has them."""
        known = {id(variable) for variable in self._model.variables}
        for held in self._held:
            if held.kind == "weight" and id(held.variable) not in known and held.value.dtype.kind == "f":
                yield held.path, held.variable

    def copy_to(self, other: Snapshot) -> None:
        """Give the held values to a model of the same variables: a float64 copy starts from the same states and seeds."""
        if len(self._held) == len(other._held):
            for mine, theirs in zip(self._held, other._held, strict=True):
                theirs.variable.assign(mine.value.astype(theirs.value.dtype))


def reset_states(model: Any) -> None:
    """Reset every stateful layer, nested ones too: `model.reset_states()` is gone from Keras 3."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


def _variables(model: Any) -> Iterator[tuple[str, Kind, Any]]:
    seen: set[int] = set()
    for variable in model.variables:
        seen.add(id(variable))
        yield clean(variable.path), _kind(variable), variable
    for path, layer in [("", model), *walk_layers(model)]:
        for name, value in list(vars(layer).items()):
            for variable in _loose(value):
                if id(variable) not in seen:
                    seen.add(id(variable))
                    yield f"{path}.{clean(name)}", _kind(variable, name), variable
    generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    if generator is not None:
        yield "global seed generator", "seed", generator.state


def _loose(value: Any) -> Iterator[Any]:
    """Variables in an attribute that `model.variables` may not list: RNN states, tf.Variable, a SeedGenerator's counter."""
    for item in keras.tree.flatten(value) if isinstance(value, (list, tuple)) else (value,):
        if isinstance(item, keras.random.SeedGenerator):
            yield item.state
        elif isinstance(item, keras.Variable) or (
            hasattr(item, "assign") and hasattr(item, "numpy") and hasattr(item, "shape")
        ):
            yield item


def _kind(variable: Any, attribute: str = "") -> Kind:
    if "seed_generator" in str(getattr(variable, "path", "")) or "seed" in attribute:
        return "seed"
    return "state" if attribute in ("states", "_states") else "weight"


def _without_states(layer: Any) -> bool:
    return (
        bool(getattr(layer, "stateful", False)) and hasattr(layer, "reset_state") and not _has_states(layer)
    )


def _has_states(layer: Any) -> bool:
    return any(state is not None for state in keras.tree.flatten(getattr(layer, "states", None) or ()))


def _attributes(model: Any) -> Iterator[tuple[str, str, Any]]:
    for path, layer in [("", model), *walk_layers(model)]:
        if type(layer).__module__.startswith("keras."):
            continue
        for name, value in vars(layer).items():
            if not name.startswith("_") and isinstance(value, (int, float)) and not isinstance(value, bool):
                yield path, name, value


def _value(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable))


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def _change(held: _Held) -> Change:
    now = _value(held.variable)
    comparable = now.dtype.kind in "fiub" and now.shape == held.value.shape
    with np.errstate(invalid="ignore", over="ignore"):
        distance = (
            np.abs(now.astype(np.float64) - held.value.astype(np.float64)) if comparable else np.zeros(1)
        )
    return Change(
        path=held.path, kind=held.kind, max_abs=float(np.nan_to_num(distance, nan=np.inf).max(initial=0.0))
    )
