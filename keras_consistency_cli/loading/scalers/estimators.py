"""Real scikit-learn estimators built from inert data, and the checks that they are fitted.

scikit-learn is imported only when an estimator is built, because a scan of a file does not need it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.allow_list import ESTIMATORS, FUNCTIONS, HELPERS, TYPES
from keras_consistency_cli.loading.scalers.inert_objects import (
    DamagedError,
    Instance,
    Name,
    NotAllowedError,
    Pending,
)
from keras_consistency_cli.measurement.distance import is_float_or_integer

__all__ = ["UnfitError", "check_fitted", "count_features", "rebuild", "walk_parts"]

_MAX_PARTS = 1000
_MAX_WRITTEN_OUT = 4_000_000

_NEUTRAL: dict[str, Any] = {"memory": None, "n_jobs": None, "verbose": False}
"""Settings that never change the output, but would unpickle a cache, start processes or print."""

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
"""Attributes that fit() sets, by class.

Normalizer, Binarizer and FunctionTransformer learn only the number of features.
"""
_PER_FEATURE = (
    *("scale_", "mean_", "var_", "min_", "center_", "lambdas_", "statistics_", "bin_edges_", "n_bins_"),
    "variances_",
)
_INNER = {"PowerTransformer": "_scaler", "KBinsDiscretizer": "_encoder"}
"""The attribute with an inner estimator, by class."""
_FINITE = ("scale_", "mean_", "min_", "center_", "components_")


class UnfitError(Exception):
    """The estimator was never fitted, or has numbers that cannot be right."""


def rebuild(top: Instance) -> Any:
    """Return the real estimator for inert data that `audit` has accepted.

    Raises:
        NotAllowedError: a state would hide a method or property of its class.
        DamagedError: the data do not describe an estimator.
    """
    try:
        return _Builder().build(top)
    except RecursionError as error:
        raise NotAllowedError("objects nested deeper than any scaler needs") from error


class _Builder:
    """Builds real values from inert ones, each one once, even if it is used many times."""

    def __init__(self) -> None:
        self._values: dict[int, Any] = {}
        self._sizes: dict[int, int] = {}
        self._written_out = 0

    def build(self, node: Any) -> Any:
        """Return the real value of a node.

        Nested tuples that each contain the one before twice are refused: to print them would never end.
        """
        before = self._written_out
        self._written_out += self._sizes.get(id(node), 1)
        if self._written_out > _MAX_WRITTEN_OUT:
            raise NotAllowedError(f"more than {_MAX_WRITTEN_OUT} values, each counted once for each use")
        if id(node) not in self._values:
            value = self._create(node)
            self._sizes[id(node)] = self._written_out - before
            return value
        return self._values[id(node)]

    def _create(self, node: Any) -> Any:
        if isinstance(node, Instance):
            return self._create_object(node)
        if isinstance(node, Pending):
            return node.value
        if isinstance(node, Name):
            return (TYPES | FUNCTIONS)[node]
        return self._create_container(node) if type(node) in (dict, list, tuple) else node

    def _create_container(self, node: Any) -> Any:
        if type(node) is dict:
            entries = self._values[id(node)] = {}
            entries.update({key: self.build(item) for key, item in node.items()})
            return entries
        if type(node) is list:
            items: list[Any] = []
            self._values[id(node)] = items
            items.extend(self.build(item) for item in node)
            return items
        return self._values.setdefault(id(node), tuple(self.build(item) for item in node))

    def _create_object(self, node: Instance) -> Any:
        module, name = (ESTIMATORS | HELPERS)[node.kind]
        kind = getattr(importlib.import_module(module), name)
        state = {key: item for key, item in (node.state or {}).items() if key != "_sklearn_version"}
        hidden = [key for key in state if hasattr(kind, key)]
        if hidden:
            raise NotAllowedError(f"a {name} with a state that replaces '{hidden[0]}'")
        estimator = self._values[id(node)] = object.__new__(kind)
        estimator.__dict__.update({key: _NEUTRAL.get(key, self.build(item)) for key, item in state.items()})
        return estimator


def walk_parts(scaler: Any) -> Iterator[Any]:
    """Yield the scaler and every fitted estimator inside it, outermost first.

    Raises:
        NotAllowedError: there are more, as in a file that is meant to take forever.
    """
    pending = [scaler]
    for _ in range(_MAX_PARTS):
        if not pending:
            return
        part = pending.pop(0)
        yield part
        pending.extend(_list_children(part))
    raise NotAllowedError(f"more than {_MAX_PARTS} estimators within each other")


def _list_children(part: Any) -> list[Any]:
    """The fitted estimators directly inside."""
    return [
        step
        for step in _list_steps(part)
        if step is not None and not (isinstance(step, str) and step in ("passthrough", "drop"))
    ]


def _list_steps(part: Any) -> list[Any]:
    kind = type(part).__name__
    if kind == "Pipeline":
        return [step for _, step in part.steps]
    if kind == "FeatureUnion":
        return [step for _, step in part.transformer_list]
    if kind == "ColumnTransformer":
        # A ColumnTransformer never fits a transformer that gets no columns.
        return [
            step
            for _, step, columns in getattr(part, "transformers_", ())
            if not (hasattr(columns, "__len__") and len(columns) == 0)
        ]
    if kind in _INNER and hasattr(part, _INNER[kind]):
        return [getattr(part, _INNER[kind])]
    return []


def count_features(scaler: Any) -> int | None:
    """Return how many features the scaler was fitted on, None if it does not say."""
    for part in walk_parts(scaler):
        count = getattr(part, "n_features_in_", None)
        if isinstance(count, (int, np.integer)) and count > 0:
            return int(count)
        if type(part).__name__ not in ("Pipeline", "FeatureUnion"):
            return None
    return None


def check_fitted(scaler: Any) -> None:
    """Check that the scaler and all its parts are fitted, with usable numbers.

    Numbers must have the right shape and be finite, and no scale may be zero.

    Raises:
        UnfitError: names the part and the attribute with the fault.
        DamagedError: the parts are not put together as in scikit-learn.
    """
    try:
        for part in walk_parts(scaler):
            _check_part(part)
    except (TypeError, ValueError, AttributeError) as error:
        raise DamagedError(f"its parts are not put together as in scikit-learn ({error})") from error
    if count_features(scaler) is None:
        raise UnfitError("it was never fitted (the number of features is unknown)")


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
        raise DamagedError(f"its {kind} has an n_features_in_ that is not a whole number")
    for attribute in (*_PER_FEATURE, "components_"):
        values = vars(part).get(attribute)
        if values is None:
            continue
        if not isinstance(values, np.ndarray) or values.ndim != (2 if attribute == "components_" else 1):
            raise DamagedError(f"its {kind} has a {attribute} that is not an array of the right rank")
        if features is not None and values.shape[-1] != features:
            raise UnfitError(
                f"its {kind} was fitted on {features} features, but {attribute} has {values.shape[-1]}"
            )
        _check_values(values, f"its {kind} has a {attribute}")


def _check_values(values: np.ndarray, owner: str) -> None:
    attribute = owner.rsplit(" ", 1)[-1]
    if attribute not in _FINITE:
        return
    if not is_float_or_integer(values.dtype) or not np.isfinite(values).all():
        raise UnfitError(f"{owner} that is not finite in every feature")
    if attribute == "scale_":
        _check_divisors(values, owner)


def _check_divisors(scales: np.ndarray, owner: str) -> None:
    """Refuse scales so small that a division by them overflows."""
    with np.errstate(divide="ignore", over="ignore"):
        overflowing = np.flatnonzero(~np.isfinite(1.0 / scales)).tolist()
    if overflowing:
        feature = overflowing[0]
        scale = "zero" if scales[feature] == 0 else f"{scales[feature]:g}"
        raise UnfitError(f"{owner} of {scale} for feature {feature}: a division by it gives infinity")
