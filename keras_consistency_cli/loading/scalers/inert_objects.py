"""What a scaler file holds, as data that cannot act: names, instances without life, and what may be among them.

The readers (pickles.py, skops_files.py) make these, `audit` looks through them, estimators.py makes living estimators of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = [
    "ESTIMATORS",
    "HELPERS",
    "TYPES",
    "Contents",
    "DamagedError",
    "Instance",
    "Name",
    "NotAllowedError",
    "Pending",
    "audit",
    "flat_key",
]

_MAX_DEPTH = 64


class DamagedError(Exception):
    """The bytes are not a whole file of the kind they claim to be."""


class NotAllowedError(Exception):
    """The file asks for something off the allow-list; `liftable` where the user's trust may allow it."""

    def __init__(self, what: str, *, liftable: bool = False) -> None:
        self.liftable = liftable
        super().__init__(what)


@dataclass(frozen=True, kw_only=True)
class Name:
    """A module and a name that the file wrote down; it is never imported from here."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(kw_only=True, eq=False, slots=True)
class Instance:
    """An object of the file: its class by name, and its state as the file goes on to give it."""

    kind: Name
    state: dict[str, Any] | None = None


@dataclass(kw_only=True, eq=False, slots=True)
class Pending:
    """An array or dtype that a pickle announces first and fills in later; `value` stays None until then."""

    what: Literal["array", "dtype", "joblib array"]
    value: np.ndarray | np.dtype[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The top object of a file and every name that it mentions, in order; `foreign` are those off the allow-list."""

    top: Any
    wants: tuple[str, ...]
    foreign: tuple[str, ...] = ()


def _names(table: dict[str, tuple[str, ...]]) -> dict[Name, tuple[str, str]]:
    """Spread {public module: classes, after the private modules} into {name in a file: where to import it from}."""
    found = {}
    for place, classes in table.items():
        public, *private = place.split()
        for name in classes:
            found.update({Name(module=module, name=name): (public, name) for module in (public, *private)})
    return found


# The public module that a class is imported from, then the modules under which scikit-learn 0.20 to 1.9 wrote it down.
ESTIMATORS = _names(
    {
        "sklearn.preprocessing sklearn.preprocessing._data sklearn.preprocessing.data": (
            "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "Normalizer", "PowerTransformer", "QuantileTransformer", "Binarizer",
        ),
        "sklearn.preprocessing sklearn.preprocessing._encoders": ("OneHotEncoder", "OrdinalEncoder"),
        "sklearn.preprocessing sklearn.preprocessing._discretization": ("KBinsDiscretizer",),
        "sklearn.preprocessing sklearn.preprocessing._polynomial sklearn.preprocessing._data sklearn.preprocessing.data": ("PolynomialFeatures",),
        "sklearn.preprocessing sklearn.preprocessing._function_transformer": ("FunctionTransformer",),
        "sklearn.impute sklearn.impute._base": ("SimpleImputer",),
        "sklearn.feature_selection sklearn.feature_selection._variance_threshold": ("VarianceThreshold",),
        "sklearn.decomposition sklearn.decomposition._pca sklearn.decomposition.pca": ("PCA",),
        "sklearn.pipeline": ("Pipeline", "FeatureUnion"),
        "sklearn.compose sklearn.compose._column_transformer": ("ColumnTransformer",),
    }
)  # fmt: skip
HELPERS = _names(
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

_LEAVES = (str, bytes, bytearray, int, float, type(None), slice, np.ndarray, np.generic, np.dtype)
_METHODS = frozenset(
    (
        *(
            "fit",
            "transform",
            "fit_transform",
            "inverse_transform",
            "partial_fit",
            "predict",
            "get_params",
            "set_params",
            "set_output",
        ),
        *(
            "get_feature_names_out",
            "get_metadata_routing",
            "set_fit_request",
            "set_transform_request",
            "named_steps",
            "named_transformers_",
        ),
    )
)


def flat_key(key: Any) -> Any:
    """Return `key` if it is a plain string, number or None; hashing anything deeper can be made to take forever."""
    if type(key) in (str, bytes, int, float, bool, type(None)) or isinstance(key, np.generic):
        return key
    raise NotAllowedError("a dictionary whose keys are not plain strings or numbers")


def audit(top: Any, *, trust: bool = False) -> Instance:
    """Look through everything a file holds and return its top object.

    Args:
        top: what a reader made of the file.
        trust: whether objects off the allow-list may be there.

    Raises:
        NotAllowedError: the top is not an allowed estimator, a state hides a method, a function is wanted, or it is nested without end.
    """
    if not isinstance(top, Instance) or (top.kind not in ESTIMATORS and not trust):
        held = (
            top.kind
            if isinstance(top, Instance)
            else "a NumPy array or dtype"
            if isinstance(top, Pending)
            else type(top).__name__
        )
        raise NotAllowedError(
            f"{held} as its top object, which is no scikit-learn preprocessing object",
            liftable=isinstance(top, Instance),
        )
    seen: dict[int, Any] = {}
    level: list[Any] = [top]
    for _ in range(_MAX_DEPTH):
        fresh = {id(node): node for node in level if id(node) not in seen}
        if not fresh:
            return top
        seen.update(fresh)
        level = [child for node in fresh.values() for child in _children(node, trust=trust)]
    raise NotAllowedError("objects nested deeper than any scaler needs")


def _children(node: Any, *, trust: bool) -> list[Any]:
    if isinstance(node, Instance):
        return _state_values(node, trust=trust)
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


def _state_values(node: Instance, *, trust: bool) -> list[Any]:
    if node.kind not in ESTIMATORS and node.kind not in HELPERS:
        if trust:
            return []
        raise NotAllowedError(str(node.kind), liftable=True)
    state = node.state if node.state is not None else {}
    for key in state:
        if not isinstance(key, str) or key.startswith("__") or key in _METHODS:
            raise NotAllowedError(f"a {node.kind.name} whose state replaces '{key}'")
    if (
        node.kind.name == "FunctionTransformer"
        and not trust
        and (state.get("func") is not None or state.get("inverse_func") is not None)
    ):
        raise NotAllowedError("a FunctionTransformer with a function of its own", liftable=True)
    return list(state.values())
