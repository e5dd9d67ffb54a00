"""The weights that an export of a model holds: as they are, or as converters merge them.

A BatchNormalization multiplies by gamma / sqrt(variance + epsilon) and adds a constant. Converters compute
these two numbers, and multiply the kernel of the layer before or after by the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from keras_consistency_cli.routes.exports.weights.chains import (
    Chain,
    channel_axes,
    find_chains,
    is_normalization,
    kernel_of,
)

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["Assigned", "Form", "FormName", "Part", "Unit", "find_units"]

FormName = Literal["folded", "folded after", "scaled", "merged", "plain"]
"""What a converter does with normalizations, from most to least.

It multiplies the kernel by the scales, or by that of the one after it only; it adds only the biases up; it
computes the two numbers of each; or it keeps every weight.
"""
Assigned = list[tuple[Any, np.ndarray]]
"""Variables, and the values that they get."""
_ADDED = ("bias", "beta")
"""Weights that exporters leave out where they are zero."""
_MULTIPLIED, _SUBTRACTED = "mul", "sub"
"""The last operations that compute the two numbers of a normalization in Keras."""
_SCALED = 1e-2
"""How far a kernel may be from one with other scales, as a share of its largest value: as integers are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A constant that an export holds for a layer.

    Args:
        layer: the path of the layer.
        value: what the export of this model holds.
        word: what is in the names that exporters give it, besides the name of the layer.
        is_added: whether exporters leave it out where it is zero.
        scaled_by: the path of the normalization whose scale is in a kernel, "" if there is none.
        channels: the axes of such a kernel that have a scale each.
    """

    layer: str
    value: np.ndarray
    word: str = ""
    is_added: bool = False
    scaled_by: str = ""
    channels: tuple[int, ...] = ()

    def layer_of(self, other: np.ndarray) -> str:
        """Return the layer that has other weights: the normalization if only the scales are others."""
        if not self.scaled_by:
            return self.layer
        axes = tuple(axis for axis in range(other.ndim) if axis - other.ndim not in self.channels)
        products, squares = ((each * self.value).sum(axes, keepdims=True) for each in (other, self.value))
        scaled = self.value * products / np.where(squares == 0.0, 1.0, squares)
        is_scaled = np.abs(scaled - other).max() <= _SCALED * np.abs(other).max()
        return self.scaled_by if is_scaled else self.layer


@dataclass(frozen=True, kw_only=True)
class Form:
    """One form in which an export holds the weights of layers.

    `assign` returns what the variables get so that the layers compute with other values of the parts.
    """

    parts: tuple[Part, ...]
    assign: Callable[[Sequence[np.ndarray]], Assigned]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The weights of layers that converters merge, or of one other layer; `kind` is alike for like layers."""

    kind: str
    forms: Mapping[FormName, Form]


def find_units(session: Session, rows: Rows) -> list[Unit]:
    """Return the weights of a model in the order of its layers, in the forms that an export may hold."""
    from keras_consistency_cli.loading.model.layer_walk import walk_layers
    from keras_consistency_cli.loading.model.saved_layers import own_weights

    paths = {id(layer): path for path, layer in walk_layers(session.model)}
    chains = [
        chain
        for chain in find_chains(session, rows)
        if all(each is None or id(each) in paths for each in vars(chain).values())
    ]
    joined = {id(chain.linear): chain for chain in chains}
    around = {id(each) for chain in chains for each in (chain.before, chain.after)}
    units: list[Unit] = []
    for path, layer in walk_layers(session.model):
        plain, kind = _plain(path, own_weights(layer)), type(layer).__name__
        if not plain.parts or id(layer) in around:
            continue
        if id(layer) in joined:
            units.append(_Joined.of(joined[id(layer)], paths).unit())
        elif is_normalization(layer):
            forms: Mapping[FormName, Form] = {"merged": _Numbers(path, layer).merged(), "plain": plain}
            units.append(Unit(kind=kind, forms=forms))
        else:
            units.append(Unit(kind=kind, forms={"plain": plain}))
    return units


@dataclass(frozen=True)
class _Numbers:
    """A BatchNormalization as two numbers for each channel."""

    path: str
    layer: Any

    @property
    def scale(self) -> np.ndarray:
        spread = np.sqrt(_value_of(self.layer.moving_variance) + np.float32(self.layer.epsilon))
        gamma = getattr(self.layer, "gamma", None)
        return np.asarray((np.float32(1) if gamma is None else _value_of(gamma)) / spread)

    @property
    def shift(self) -> np.ndarray:
        beta = getattr(self.layer, "beta", None)
        begin = np.float32(0) if beta is None else _value_of(beta)
        return np.asarray(begin - _value_of(self.layer.moving_mean) * self.scale)

    def assign(self, scale: np.ndarray, shift: np.ndarray) -> Assigned:
        """Return what the variables get so that the layer multiplies and adds these numbers."""
        layer, divisor = self.layer, np.where(scale == 0.0, np.ones_like(scale), scale)
        gamma, beta = getattr(layer, "gamma", None), getattr(layer, "beta", None)
        variance = 1.0 / divisor**2 if gamma is None else np.ones_like(scale)
        assigned: Assigned = [
            (layer.moving_variance, variance - layer.epsilon),
            (layer.moving_mean, -shift / divisor if beta is None else np.zeros_like(shift)),
        ]
        assigned += [] if gamma is None else [(gamma, scale)]
        return assigned + ([] if beta is None else [(beta, shift)])

    def assign_nothing(self) -> Assigned:
        """Return what the variables get so that the layer does nothing."""
        return self.assign(np.ones_like(self.scale), np.zeros_like(self.shift))

    def merged(self) -> Form:
        """The two numbers."""
        parts = (
            Part(layer=self.path, value=self.scale, word=_MULTIPLIED),
            Part(layer=self.path, value=self.shift, word=_SUBTRACTED, is_added=True),
        )
        return Form(parts=parts, assign=lambda values: self.assign(*values))


@dataclass(frozen=True, kw_only=True)
class _Joined:
    """A layer with a kernel, and the normalizations around it."""

    path: str
    linear: Any
    before: _Numbers | None
    after: _Numbers | None

    @classmethod
    def of(cls, chain: Chain, paths: Mapping[int, str]) -> _Joined:
        before, after = (
            None if each is None else _Numbers(paths[id(each)], each) for each in (chain.before, chain.after)
        )
        return cls(path=paths[id(chain.linear)], linear=chain.linear, before=before, after=after)

    def unit(self) -> Unit:
        """Return the forms that converters give these layers."""
        before, after = ([] if each is None else [each] for each in (self.before, self.after))
        own = _plain(self.path, self.linear.variables)
        merged_before = [each.merged() for each in before]
        normal = [[_plain(each.path, each.layer.variables) for each in some] for some in (before, after)]
        forms: dict[FormName, Form] = {"folded": self._multiplied(self.before, self.after)}
        if self.after is not None:
            if before:
                forms["folded after"] = _join(*merged_before, self._multiplied(None, self.after))
            if self.linear.bias is not None:
                forms["scaled"] = _join(*merged_before, self._scaled(self.after))
        forms["merged"] = _join(*merged_before, own, *(each.merged() for each in after))
        forms["plain"] = _join(*normal[0], own, *normal[1])
        kind = f"{type(self.linear).__name__} {self.linear.bias is None} {bool(before)} {bool(after)}"
        return Unit(kind=kind, forms=forms)

    def _others(self) -> list[Any]:
        left_out = (kernel_of(self.linear), self.linear.bias)
        return [each for each in self.linear.variables if all(each is not other for other in left_out)]

    def _multiplied(self, before: _Numbers | None, after: _Numbers | None) -> Form:
        """The kernel multiplied by the scales of the normalizations, and one bias."""
        kernel, bias, others = kernel_of(self.linear), self.linear.bias, self._others()
        product, axes = _value_of(kernel), channel_axes(self.linear)
        added = np.float32(0) if bias is None else _value_of(bias)
        if before is not None:
            added = added + before.shift @ product
            product = before.scale[:, None] * product
        if after is not None:
            sizes = [kernel.shape[axis] for axis in axes]
            product = product * after.scale.reshape(*sizes, *([1] * (-1 - axes[-1])))
            added = added * after.scale + after.shift

        def assign(values: Sequence[np.ndarray]) -> Assigned:
            *own, multiplied, constant = values
            assigned = [*zip(others, own, strict=True), (kernel, multiplied)]
            assigned += [] if before is None else before.assign_nothing()
            if after is None:
                return [*assigned, (bias, constant)]
            assigned += [] if bias is None else [(bias, np.zeros_like(constant))]
            return [*assigned, *after.assign(np.ones_like(constant), constant)]

        path = self.path if after is None else after.path
        parts = (
            *(Part(layer=self.path, value=_value_of(each)) for each in others),
            Part(layer=self.path, value=product, scaled_by="" if after is None else path, channels=axes),
            Part(layer=path, value=np.asarray(added), is_added=True),
        )
        return Form(parts=parts, assign=assign)

    def _scaled(self, after: _Numbers) -> Form:
        """The kernel, the scale, and one bias."""
        kernel, bias, others = kernel_of(self.linear), self.linear.bias, self._others()

        def assign(values: Sequence[np.ndarray]) -> Assigned:
            *own, scale, constant = values
            variables = [*others, kernel]
            numbers = after.assign(scale, constant)
            return [*zip(variables, own, strict=True), (bias, np.zeros_like(constant)), *numbers]

        parts = (
            *(Part(layer=self.path, value=_value_of(each)) for each in (*others, kernel)),
            Part(layer=after.path, value=after.scale, word=_MULTIPLIED),
            Part(layer=after.path, value=_value_of(bias) * after.scale + after.shift, is_added=True),
        )
        return Form(parts=parts, assign=assign)


def _plain(path: str, variables: Sequence[Any]) -> Form:
    """The weights of a layer as they are."""
    floats = [each for each in variables if (value := _value_of(each)).dtype.kind == "f" and value.size]
    parts = (
        Part(layer=path, value=_value_of(each), word=each.name, is_added=each.name in _ADDED)
        for each in floats
    )
    return Form(parts=tuple(parts), assign=lambda values: list(zip(floats, values, strict=True)))


def _join(*forms: Form) -> Form:
    """Return the forms of several layers as one."""

    def assign(values: Sequence[np.ndarray]) -> Assigned:
        rest = iter(values)
        return [pair for form in forms for pair in form.assign([next(rest) for _ in form.parts])]

    return Form(parts=tuple(part for form in forms for part in form.parts), assign=assign)


def _value_of(variable: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable))
