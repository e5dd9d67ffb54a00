"""The names that a scaler file may use, and the search of a file's contents for anything else.

Names off this list need the user's trust (`--trust-scaler`). `audit` runs before anything is imported, so
that no object is created from a bad file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.inert_objects import (
    Instance,
    Name,
    NotAllowedError,
    NotOneScalerError,
    Pending,
)

__all__ = ["ESTIMATORS", "FUNCTIONS", "HELPERS", "TYPES", "audit"]

_MAX_DEPTH = 64
_MOST_NAMED = 4


def _spell_out(table: dict[str, tuple[str, ...]]) -> dict[Name, tuple[str, str]]:
    """Return {name in a file: (module to import it from, class)} for {modules: classes}.

    The first module of each key is the public one, the others are those under which files name the class.
    """
    import_paths: dict[Name, tuple[str, str]] = {}
    for modules, classes in table.items():
        public, *private = modules.split()
        for name in classes:
            for module in (public, *private):
                import_paths[Name(module=module, name=name)] = (public, name)
    return import_paths


# The public module that a class is imported from, then the modules that scikit-learn 0.20 to 1.9 wrote.
_DATA = "sklearn.preprocessing sklearn.preprocessing._data sklearn.preprocessing.data"
_POLYNOMIAL = (
    "sklearn.preprocessing sklearn.preprocessing._polynomial sklearn.preprocessing._data "
    "sklearn.preprocessing.data"
)
ESTIMATORS = _spell_out(
    {
        _DATA: (
            *("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "Normalizer"),
            *("PowerTransformer", "QuantileTransformer", "Binarizer"),
        ),
        "sklearn.preprocessing sklearn.preprocessing._encoders": ("OneHotEncoder", "OrdinalEncoder"),
        "sklearn.preprocessing sklearn.preprocessing._discretization": ("KBinsDiscretizer",),
        _POLYNOMIAL: ("PolynomialFeatures",),
        "sklearn.preprocessing sklearn.preprocessing._function_transformer": ("FunctionTransformer",),
        "sklearn.impute sklearn.impute._base": ("SimpleImputer",),
        "sklearn.feature_selection sklearn.feature_selection._variance_threshold": ("VarianceThreshold",),
        "sklearn.decomposition sklearn.decomposition._pca sklearn.decomposition.pca": ("PCA",),
        "sklearn.pipeline": ("Pipeline", "FeatureUnion"),
        "sklearn.compose sklearn.compose._column_transformer": ("ColumnTransformer",),
    }
)
HELPERS = _spell_out(
    {
        "sklearn.impute sklearn.impute._base": ("MissingIndicator",),
        "sklearn.compose sklearn.compose._column_transformer": ("make_column_selector",),
    }
)

_NUMPY_TYPES = (
    *("bool", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "str_", "object_", "number", "integer", "floating"),
)
TYPES: dict[Name, type] = {
    **{Name(module="numpy", name=name): getattr(np, name) for name in _NUMPY_TYPES},
    **{
        Name(module=module, name=kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in (object, bool, int, float, str)
    },
}

_FUNCTIONS = (
    *("log", "log1p", "log2", "log10", "exp", "expm1", "exp2", "sqrt", "cbrt", "square", "reciprocal"),
    *("abs", "absolute", "fabs", "sign", "negative", "rint", "floor", "ceil", "trunc", "nan_to_num"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh"),
    *("arctanh", "deg2rad", "rad2deg", "radians", "degrees", "isnan", "isfinite", "logical_not"),
)
FUNCTIONS: dict[Name, Callable[..., Any]] = {
    Name(module=module, name=name): getattr(np, name)
    for module in ("numpy", "numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
    for name in _FUNCTIONS
}
"""Functions of NumPy that only compute, element by element, which a FunctionTransformer may use."""

_LEAVES = (str, bytes, bytearray, int, float, type(None), slice, np.ndarray, np.generic, np.dtype)
_METHODS = frozenset(
    (
        *("fit", "transform", "fit_transform", "inverse_transform", "partial_fit", "predict"),
        *("get_params", "set_params", "set_output", "get_feature_names_out", "get_metadata_routing"),
        *("set_fit_request", "set_transform_request", "named_steps", "named_transformers_"),
    )
)


def audit(top: Any, *, trust: bool = False) -> Instance:
    """Check everything in a file and return its top object.

    Args:
        top: the top object that a reader returned.
        trust: whether objects that are not on the allow-list may be there.

    Raises:
        NotAllowedError: the top object is not an allowed estimator, a state replaces a method, a function
            is used, or objects are nested without end.
        NotOneScalerError: everything in the file is allowed, but its top object is no estimator.
    """
    if isinstance(top, Instance) and top.kind not in ESTIMATORS and not trust:
        raise NotAllowedError(
            f"{top.kind} as its top object, which is not a scikit-learn preprocessing object", liftable=True
        )
    seen: dict[int, Any] = {}
    level: list[Any] = [top]
    for _ in range(_MAX_DEPTH):
        unseen = {id(node): node for node in level if id(node) not in seen}
        if not unseen:
            return _require_estimator(top)
        seen.update(unseen)
        level = [child for node in unseen.values() for child in _list_children(node, trust=trust)]
    raise NotAllowedError("objects nested deeper than any scaler needs")


def _require_estimator(top: Any) -> Instance:
    """Return the top object of a file in which everything is allowed.

    Raises:
        NotOneScalerError: it is a collection of estimators, or a value.
    """
    if isinstance(top, Instance):
        return top
    if not isinstance(top, list | tuple | dict):
        name = "a NumPy array or dtype" if isinstance(top, Pending) else type(top).__name__
        raise NotOneScalerError(f"{name} as its top object, which is not a scikit-learn preprocessing object")
    parts = top.items() if isinstance(top, dict) else enumerate(top)
    scalers = {place: part.kind.name for place, part in parts if isinstance(part, Instance)}
    if not scalers:
        raise NotOneScalerError(f"a {type(top).__name__} without a scaler")
    held, place = ", ".join(list(scalers.values())[:_MOST_NAMED]), next(iter(scalers))
    raise NotOneScalerError(f"a {type(top).__name__} with {held}, not one scaler", place=f"[{place!r}]")


def _list_children(node: Any, *, trust: bool) -> list[Any]:
    if isinstance(node, Instance):
        return _list_state(node, trust=trust)
    if type(node) is dict:
        return list(node.values())
    if type(node) in (list, tuple):
        return list(node)
    if isinstance(node, Name):
        if node in TYPES or trust:
            return []
        raise NotAllowedError(f"{node} as a value", liftable=True)
    if isinstance(node, _LEAVES) or (isinstance(node, Pending) and node.value is not None):
        return []
    raise NotAllowedError(f"a value of kind {type(node).__name__}")


def _list_state(node: Instance, *, trust: bool) -> list[Any]:
    if node.kind not in ESTIMATORS and node.kind not in HELPERS:
        if trust:
            return []
        raise NotAllowedError(str(node.kind), liftable=True)
    state = node.state if node.state is not None else {}
    for key in state:
        if not isinstance(key, str) or key.startswith("__") or key in _METHODS:
            raise NotAllowedError(f"a {node.kind.name} with a state that replaces '{key}'")
    if node.kind.name == "FunctionTransformer" and not trust:
        return _list_function_state(state)
    return list(state.values())


def _list_function_state(state: dict[str, Any]) -> list[Any]:
    """Return what else a FunctionTransformer holds, if its functions are allowed.

    Their arguments may be plain numbers only: `out` would let NumPy write into an array of the file.
    """
    functions = [state[key] for key in ("func", "inverse_func") if state.get(key) is not None]
    if not all(isinstance(function, Name) and function in FUNCTIONS for function in functions):
        raise NotAllowedError("a FunctionTransformer with a function of its own", liftable=True)
    arguments = [state[key] for key in ("kw_args", "inv_kw_args") if state.get(key)]
    if functions and not all(_holds_numbers(given) for given in arguments):
        raise NotAllowedError("a FunctionTransformer with arguments other than numbers", liftable=True)
    return [value for key, value in state.items() if key not in ("func", "inverse_func")]


def _holds_numbers(arguments: Any) -> bool:
    return type(arguments) is dict and all(type(value) in (bool, int, float) for value in arguments.values())
