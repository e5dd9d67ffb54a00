"""The contents of a scaler file as data that cannot act.

They are names, instances without methods, and plain values. The readers (pickles.py, skops_files.py) create
these objects, allow_list.py searches them for anything that is not allowed, and estimators.py turns them into
real estimators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = [
    "Contents",
    "DamagedError",
    "Instance",
    "Name",
    "NotAllowedError",
    "NotOneScalerError",
    "Pending",
    "is_plain_value",
    "require_plain_key",
]

_PLAIN_KINDS = (str, bytes, int, float, bool, type(None))


class DamagedError(Exception):
    """The bytes are not a complete file of the kind that they claim to be."""


class NotAllowedError(Exception):
    """The file asks for something that is not on the allow-list.

    `liftable` is True if the user can allow it by trusting the file.
    """

    def __init__(self, what: str, *, liftable: bool = False) -> None:
        self.liftable = liftable
        super().__init__(what)


class NotOneScalerError(NotAllowedError):
    """Nothing in the file would run, but its top object is not an estimator: a tuple of scalers, an array.

    `place` is where the first estimator is in it, as Python writes it, such as "['x']"; empty without one.
    """

    def __init__(self, what: str, *, place: str = "") -> None:
        self.place = place
        super().__init__(what)


@dataclass(frozen=True, kw_only=True)
class Name:
    """A module and a name in it, as written in the file; nothing imports it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(kw_only=True, eq=False, slots=True)
class Instance:
    """An object of the file: its class by name, and its state, which the file gives later."""

    kind: Name
    state: dict[str, Any] | None = None


@dataclass(kw_only=True, eq=False, slots=True)
class Pending:
    """An array or dtype that a pickle announces first and fills later.

    Until then `value` is None.
    """

    what: Literal["array", "dtype", "joblib array"]
    value: np.ndarray | np.dtype[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The top object of a file and every name in it, in order.

    `foreign` names are not on the allow-list.
    """

    top: Any
    wants: tuple[str, ...]
    foreign: tuple[str, ...] = ()

    @classmethod
    def of(cls, top: Any, names: dict[Name, None], allowed: frozenset[Name]) -> Contents:
        """Return the contents of a file with this top object and these names."""
        foreign = tuple(str(name) for name in names if name not in allowed)
        return cls(top=top, wants=tuple(str(name) for name in names), foreign=foreign)


def is_plain_value(value: object) -> bool:
    """Whether this is a string, bytes, a number, a boolean or None, of Python or of NumPy."""
    return type(value) in _PLAIN_KINDS or isinstance(value, np.generic)


def require_plain_key(key: Any) -> Any:
    """Return `key` if it is a plain string, number or None.

    A nested key could take forever to hash.
    """
    if is_plain_value(key):
        return key
    raise NotAllowedError("a dictionary with keys other than plain strings or numbers")
