"""The stack, marks, memo and containers of the pickle reader.

These instructions of a pickle only move plain values; pickles.py adds names, objects, calls and arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_consistency_cli.loading.scalers.allow_list import ESTIMATORS, FUNCTIONS, HELPERS, TYPES
from keras_consistency_cli.loading.scalers.constructors import CONSTRUCTORS
from keras_consistency_cli.loading.scalers.inert_objects import (
    Instance,
    Name,
    NotAllowedError,
    require_plain_key,
)
from keras_consistency_cli.loading.scalers.numpy_parts import NDARRAY

__all__ = [
    "ALLOWED_NAMES",
    "JOBLIB_ARRAY",
    "LITERALS",
    "MEMMAP",
    "NEW_VALUES",
    "RECONSTRUCTORS",
    "STACK_STEPS",
    "PickleStack",
    "is_foreign",
]

JOBLIB_ARRAY = Name(module="joblib.numpy_pickle", name="NumpyArrayWrapper")
MEMMAP = Name(module="numpy", name="memmap")
RECONSTRUCTORS = frozenset(Name(module=module, name="_reconstructor") for module in ("copyreg", "copy_reg"))
ALLOWED_NAMES = frozenset(
    (
        *(*ESTIMATORS, *HELPERS, *TYPES, *FUNCTIONS, *CONSTRUCTORS, *RECONSTRUCTORS),
        *(NDARRAY, MEMMAP, JOBLIB_ARRAY),
    )
)


def is_foreign(target: Any) -> bool:
    """Whether this is an object off the allow-list.

    Such objects exist only if the user trusts the file.
    """
    return isinstance(target, Instance) and target.kind not in ALLOWED_NAMES


class PickleStack:
    """The stack machine without names and objects; one method for each instruction."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    # --- stack, marks and memo

    def push_mark(self, _: Any) -> None:
        """Start a new list of values; the values before it wait."""
        self._marks.append(self.values)
        self.values = []

    def _take_since_mark(self) -> list[Any]:
        items, self.values = self.values, self._marks.pop()
        return items

    def pop(self, _: Any) -> None:
        """Drop the last value, or the mark if no value follows it."""
        if self.values:
            self.values.pop()
        else:
            self._take_since_mark()

    def pop_mark(self, _: Any) -> None:
        """Drop everything after the last mark."""
        self._take_since_mark()

    def duplicate(self, _: Any) -> None:
        """Repeat the last value."""
        self.values.append(self.values[-1])

    def store(self, slot: int) -> None:
        """Store the last value in a slot of the memo."""
        self._memo[slot] = self.values[-1]

    def memoize(self, _: Any) -> None:
        """Store the last value in the next slot of the memo."""
        self._memo[len(self._memo)] = self.values[-1]

    def load(self, slot: int) -> None:
        """Repeat a value of the memo."""
        self.values.append(self._memo[slot])

    # --- containers

    def build_list(self, _: Any) -> None:
        """Collect the values after the mark in a list."""
        items = self._take_since_mark()
        self.values.append(items)

    def build_tuple(self, _: Any) -> None:
        """Collect the values after the mark in a tuple."""
        items = self._take_since_mark()
        self.values.append(tuple(items))

    def build_short_tuple(self, size: int) -> None:
        """Collect the last one, two or three values in a tuple."""
        items = [self.values.pop() for _ in range(size)]
        self.values.append(tuple(reversed(items)))

    def build_dict(self, _: Any) -> None:
        """Collect the keys and values after the mark in a dictionary."""
        items = self._take_since_mark()
        self.values.append({})
        self._update(items)

    def append(self, _: Any) -> None:
        """Append the last value to the list before it."""
        self._extend([self.values.pop()])

    def append_all(self, _: Any) -> None:
        """Append the values after the mark to the list before it."""
        self._extend(self._take_since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self.values[-1]
        if type(target) is list:
            target.extend(items)
        elif not is_foreign(target):
            raise NotAllowedError("items appended to something that is not a list")

    def set_item(self, _: Any) -> None:
        """Set the last two values, key and value, on the dictionary before them."""
        value, key = self.values.pop(), self.values.pop()
        self._update([key, value])

    def set_items(self, _: Any) -> None:
        """Set the keys and values after the mark on the dictionary before it."""
        self._update(self._take_since_mark())

    def _update(self, items: list[Any]) -> None:
        target = self.values[-1]
        if type(target) is dict:
            pairs = zip(items[::2], items[1::2], strict=True)
            target.update({require_plain_key(key): value for key, value in pairs})
        elif not is_foreign(target):
            raise NotAllowedError("items set on something that is not a dictionary")


LITERALS = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
        *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
"""Instructions whose argument is itself the value."""
NEW_VALUES: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
"""Instructions that push a new value, which must not be shared between two uses."""
STACK_STEPS: dict[str, Callable[[PickleStack, Any], None]] = {
    "MARK": PickleStack.push_mark,
    "POP": PickleStack.pop,
    "POP_MARK": PickleStack.pop_mark,
    "DUP": PickleStack.duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), PickleStack.store),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), PickleStack.load),
    "MEMOIZE": PickleStack.memoize,
    "LIST": PickleStack.build_list,
    "TUPLE": PickleStack.build_tuple,
    "DICT": PickleStack.build_dict,
    "TUPLE1": lambda stack, _: stack.build_short_tuple(1),
    "TUPLE2": lambda stack, _: stack.build_short_tuple(2),
    "TUPLE3": lambda stack, _: stack.build_short_tuple(3),
    "APPEND": PickleStack.append,
    "APPENDS": PickleStack.append_all,
    "SETITEM": PickleStack.set_item,
    "SETITEMS": PickleStack.set_items,
}
"""Instructions that only move values."""
