"""Living scikit-learn estimators made from inert data, and what a fitted one must have. scikit-learn is imported only when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.inert_objects import (
    ESTIMATORS,
    HELPERS,
    TYPES,
    DamagedError,
    Instance,
    Name,
    NotAllowedError,
    Pending,
)

__all__ = ["UnfitError", "check_fitted", "feature_count", "parts", "rebuild"]

_MAX_PARTS = 1000
_MAX_WRITTEN_OUT = 4_000_000

_NEUTRAL: dict[str, Any] = {"memory": None, "n_jobs": None, "verbose": False}
"""Settings that never change an answer, but would unpickle a cache, start processes or print."""

_FITTED = {
    "StandardScaler": ("scale_",),
    "MinMaxScaler": ("scale_", "min_"),
    "MaxAbsScaler": ("scale_",),
    "RobustScaler": ("scale_", "center_"),
    "PowerTransformer": ("lambdas_",),
    "QuantileTransformer": ("quantiles_", "references_"),
    "SimpleImputer": ("statistics_",),
    "OneHotEncoder": ("categories_",),
    "OrdinalEncoder": ("categories_",),
    "KBinsDiscretizer": ("bin_edges_", "n_bins_"),
    "PolynomialFeatures": ("n_output_features_",),
    "VarianceThreshold": ("variances_",),
    "PCA": ("components_", "mean_"),
    "ColumnTransformer": ("transformers_",),
}
"""What fit() leaves behind, by class; Normalizer, Binarizer and FunctionTransformer learn nothing but the number of features."""
_PER_FEATURE = (
    "scale_",
    "mean_",
    "var_",
    "min_",
    "center_",
    "lambdas_",
    "statistics_",
    "bin_edges_",
    "n_bins_",
    "variances_",
)
_WITHIN = {"PowerTransformer": "_scaler", "KBinsDiscretizer": "_encoder"}
"""Estimators that keep one of their own, by class."""
_FINITE = ("scale_", "mean_", "min_", "center_", "components_")


class UnfitError(Exception):
    """The estimator cannot transform: never fitted, or fitted to numbers that cannot be right."""


def rebuild(top: Instance) -> Any:
    """Return the living estimator that this data describes; `audit` must have passed it.

    Raises:
        NotAllowedError: a state would hide a method or property of its class.
        DamagedError: the data cannot be made into an estimator.
    """
    try:
        return _Builder().value(top)
    except RecursionError as error:
        raise NotAllowedError("objects nested deeper than any scaler needs") from error


class _Builder:
    """Makes living values of inert ones, each once, however often it is referred to."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self._sizes: dict[int, int] = {}
        self._written_out = 0

    def value(self, node: Any) -> Any:
        """Return the living value; sixty tuples that each hold the one before twice are refused, since printing them would never end."""
        before = self._written_out
        self._written_out += self._sizes.get(id(node), 1)
        if self._written_out > _MAX_WRITTEN_OUT:
            raise NotAllowedError(f"more than {_MAX_WRITTEN_OUT} values, each counted as often as it is used")
        if id(node) not in self._made:
            made = self._living(node)
            self._sizes[id(node)] = self._written_out - before
            return made
        return self._made[id(node)]

    def _living(self, node: Any) -> Any:
        if isinstance(node, Instance):
            return self._object(node)
        if isinstance(node, Pending):
            return node.value
        if isinstance(node, Name):
            return TYPES[node]
        return self._container(node) if type(node) in (dict, list, tuple) else node

    def _container(self, node: Any) -> Any:
        if type(node) is dict:
            entries = self._made[id(node)] = {}
            entries.update({key: self.value(item) for key, item in node.items()})
            return entries
        if type(node) is list:
            items: list[Any] = []
            self._made[id(node)] = items
            items.extend(self.value(item) for item in node)
            return items
        fixed = tuple(self.value(item) for item in node)
        return self._made.setdefault(id(node), fixed)

    def _object(self, node: Instance) -> Any:
        module, name = (ESTIMATORS | HELPERS)[node.kind]
        kind = getattr(importlib.import_module(module), name)
        state = {key: item for key, item in (node.state or {}).items() if key != "_sklearn_version"}
        hidden = [key for key in state if hasattr(kind, key)]
        if hidden:
            raise NotAllowedError(f"a {name} whose state replaces '{hidden[0]}'")
        made = self._made[id(node)] = object.__new__(kind)
        made.__dict__.update({key: _NEUTRAL.get(key, self.value(item)) for key, item in state.items()})
        return made


def parts(scaler: Any) -> Iterator[Any]:
    """Yield the scaler and every fitted estimator inside it, outermost first, at most a thousand.

    Raises:
        NotAllowedError: there are more, as in a file made to take forever.
    """
    pending = [scaler]
    for _ in range(_MAX_PARTS):
        if not pending:
            return
        part = pending.pop(0)
        yield part
        pending.extend(_children(part))
    raise NotAllowedError(f"more than {_MAX_PARTS} estimators within each other")


def _children(part: Any) -> list[Any]:
    """The fitted estimators directly inside; a ColumnTransformer never fits those that get no columns."""
    kind = type(part).__name__
    if kind == "Pipeline":
        found = [step for _, step in part.steps]
    elif kind == "FeatureUnion":
        found = [step for _, step in part.transformer_list]
    elif kind == "ColumnTransformer":
        found = [
            step
            for _, step, columns in getattr(part, "transformers_", ())
            if not (hasattr(columns, "__len__") and len(columns) == 0)
        ]
    elif kind in _WITHIN and hasattr(part, _WITHIN[kind]):
        found = [getattr(part, _WITHIN[kind])]
    else:
        found = []
    return [
        step
        for step in found
        if step is not None and not (isinstance(step, str) and step in ("passthrough", "drop"))
    ]


def feature_count(scaler: Any) -> int | None:
    """Return how many features the scaler was fitted on, None where it does not know."""
    for part in parts(scaler):
        count = getattr(part, "n_features_in_", None)
        if isinstance(count, (int, np.integer)) and count > 0:
            return int(count)
        if type(part).__name__ not in ("Pipeline", "FeatureUnion"):
            return None
    return None


def check_fitted(scaler: Any) -> None:
    """Check the scaler and all its parts: fitted, with numbers of the right shape, finite, and no scale of zero.

    Raises:
        UnfitError: says which part and which attribute is at fault.
        DamagedError: the parts are not put together as scikit-learn does it.
    """
    try:
        for part in parts(scaler):
            _check_part(part)
    except (TypeError, ValueError, AttributeError) as error:
        raise DamagedError(f"its parts are not put together as scikit-learn does it ({error})") from error
    if feature_count(scaler) is None:
        raise UnfitError("it was never fitted (it does not know how many features it takes)")


def _check_part(part: Any) -> None:
    kind = type(part).__name__
    if not hasattr(part, "transform"):
        raise UnfitError(f"its {kind} has no transform()")
    for attribute in _FITTED.get(kind, ()):
        if not hasattr(part, attribute):
            raise UnfitError(f"its {kind} was never fitted (it has no {attribute})")
    if kind in _FITTED:
        _check_numbers(part, kind)


def _check_numbers(part: Any, kind: str) -> None:
    features = getattr(part, "n_features_in_", None)
    if features is not None and (isinstance(features, bool) or not isinstance(features, int | np.integer)):
        raise DamagedError(f"its {kind} has an n_features_in_ that is no whole number")
    for attribute in (*_PER_FEATURE, "components_"):
        values = vars(part).get(attribute)
        if values is None:
            continue
        if not isinstance(values, np.ndarray) or values.ndim != (2 if attribute == "components_" else 1):
            raise DamagedError(f"its {kind} has a {attribute} that is no array of the right rank")
        if features is not None and values.shape[-1] != features:
            raise UnfitError(
                f"its {kind} was fitted on {features} features, but {attribute} has {values.shape[-1]}"
            )
        _check_values(values, f"its {kind} has a {attribute}")


def _check_values(values: np.ndarray, owner: str) -> None:
    attribute = owner.rsplit(" ", 1)[-1]
    if attribute not in _FINITE:
        return
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise UnfitError(f"{owner} that is not finite in every feature")
    with np.errstate(divide="ignore", over="ignore"):
        endless = np.flatnonzero(~np.isfinite(1.0 / values)).tolist() if attribute == "scale_" else []
    if endless:
        told = "zero" if values[endless[0]] == 0 else f"{values[endless[0]]:g}"
        raise UnfitError(f"{owner} of {told} for feature {endless[0]}: dividing by it gives infinity")
