"""A pickle and joblib reader that runs nothing: it follows the instructions of the file with inert names and NumPy parts only.

pickletools splits the file into instructions, the machine below carries out those that a scaler needs. `find_class` has no counterpart here: a
name stays a name, a call is looked up in a table of this package's own functions, and every other instruction is refused.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.inert_objects import (
    ESTIMATORS,
    HELPERS,
    TYPES,
    Contents,
    DamagedError,
    Instance,
    Name,
    NotAllowedError,
    Pending,
    flat_key,
)
from keras_consistency_cli.loading.scalers.numpy_parts import (
    CONSTRUCTORS,
    NDARRAY,
    Budget,
    array_bytes,
    array_from,
    dtype_of,
    fill_array,
    fill_dtype,
)

__all__ = ["JOBLIB_ARRAY", "read_pickle"]

_MAX_INSTRUCTIONS = 2_000_000
_MAX_NESTED_PICKLES = 2

JOBLIB_ARRAY = Name(module="joblib.numpy_pickle", name="NumpyArrayWrapper")
_MEMMAP = Name(module="numpy", name="memmap")
_RECONSTRUCTORS = frozenset(Name(module=module, name="_reconstructor") for module in ("copyreg", "copy_reg"))
_KNOWN = frozenset(
    (*ESTIMATORS, *HELPERS, *TYPES, *CONSTRUCTORS, *_RECONSTRUCTORS, NDARRAY, _MEMMAP, JOBLIB_ARRAY)
)

_LITERALS = frozenset(
    (
        *(
            "INT",
            "BININT",
            "BININT1",
            "BININT2",
            "LONG",
            "LONG1",
            "LONG4",
            "FLOAT",
            "BINFLOAT",
            "STRING",
            "BINSTRING",
            "SHORT_BINSTRING",
        ),
        *(
            "UNICODE",
            "BINUNICODE",
            "SHORT_BINUNICODE",
            "BINUNICODE8",
            "BINBYTES",
            "SHORT_BINBYTES",
            "BINBYTES8",
            "BYTEARRAY8",
        ),
    )
)
"""Instructions whose argument is itself the value."""
_FRESH: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
_SKIPPED = frozenset(("PROTO", "FRAME"))


def read_pickle(raw: bytes, *, trust: bool = False) -> Contents:
    """Return what a pickle or uncompressed joblib file holds, without importing, calling or unpickling anything.

    Args:
        raw: the whole file.
        trust: let names off the allow-list pass as inert instances, so that the file can be described.

    Raises:
        NotAllowedError: the file wants something that no scaler needs.
        DamagedError: it is not a whole pickle.
    """
    stream = io.BytesIO(raw)
    machine = _Machine(stream, trust=trust)
    try:
        top = machine.run()
    except (NotAllowedError, DamagedError):
        raise
    except (
        Exception
    ) as error:  # whatever a hostile file trips over here, it is not a pickle that a scaler was saved to
        raise DamagedError(f"its bytes are no whole pickle ({type(error).__name__}: {error})") from error
    if stream.read(1):
        raise NotAllowedError("more after the end of its pickle, where a second object may hide")
    foreign = tuple(str(name) for name in machine.wants if name not in _KNOWN)
    return Contents(top=top, wants=tuple(str(name) for name in machine.wants), foreign=foreign)


class _Machine:
    """The stack machine that a pickle is a program for."""

    def __init__(self, stream: io.BytesIO, *, trust: bool, outer: _Machine | None = None) -> None:
        self._stream, self._trust = stream, trust
        self.wants: dict[Name, None] = outer.wants if outer else {}
        self._depth: int = outer._depth + 1 if outer else 0
        self._budget: Budget = outer._budget if outer else Budget()
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Follow the instructions up to STOP and return what is left on the stack."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self._stream)):
            if count >= _MAX_INSTRUCTIONS:
                raise NotAllowedError(f"more than {_MAX_INSTRUCTIONS} pickle instructions")
            if opcode.name == "STOP":
                break
            self._follow(opcode.name, argument)
        return self._stack.pop()

    def _follow(self, instruction: str, argument: Any) -> None:
        if instruction in _LITERALS:
            self._stack.append(argument)
        elif instruction in _FRESH:
            self._stack.append(_FRESH[instruction]())
        elif instruction in _STEPS:
            _STEPS[instruction](self, argument)
        elif instruction not in _SKIPPED:
            raise NotAllowedError(f"the pickle instruction {instruction}")

    # --- stack, marks and memo

    def _mark(self, _: Any) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _duplicate(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _put(self, slot: int) -> None:
        self._memo[slot] = self._stack[-1]

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, slot: int) -> None:
        self._stack.append(self._memo[slot])

    # --- containers

    def _list(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(items)

    def _tuple(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(tuple(items))

    def _short_tuple(self, size: int) -> None:
        items = [self._stack.pop() for _ in range(size)]
        self._stack.append(tuple(reversed(items)))

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append({})
        self._put_items(items)

    def _append(self, _: Any) -> None:
        self._extend([self._stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is list:
            target.extend(items)
        elif not self._is_foreign(target):
            raise NotAllowedError("items appended to something that is no list")

    def _set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._put_items([key, value])

    def _set_items(self, _: Any) -> None:
        self._put_items(self._since_mark())

    def _put_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is dict:
            target.update({flat_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)})
        elif not self._is_foreign(target):
            raise NotAllowedError("items set on something that is no dictionary")

    # --- names, objects and calls

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(self._named(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise DamagedError("a name in it is no text")
        self._stack.append(self._named(module, name))

    def _named(self, module: str, name: str) -> Name:
        found = Name(module=module, name=name)
        self.wants[found] = None
        if found not in _KNOWN and not self._trust:
            raise NotAllowedError(str(found), liftable=True)
        return found

    def _new_object(self, _: Any) -> None:
        arguments, kind = self._stack.pop(), self._stack.pop()
        self._stack.append(self._instance(kind, plain=type(arguments) is tuple and not arguments))

    def _new_object_with_names(self, _: Any) -> None:
        _names, _arguments, kind = self._stack.pop(), self._stack.pop(), self._stack.pop()
        self._stack.append(self._instance(kind, plain=False))

    def _instance(self, kind: Any, *, plain: bool) -> Instance | Pending:
        if isinstance(kind, Name):
            if kind == JOBLIB_ARRAY and plain:
                return Pending(what="joblib array")
            if (plain and (kind in ESTIMATORS or kind in HELPERS)) or kind not in _KNOWN:
                return Instance(kind=kind)
        raise NotAllowedError("an object made in a way that no scaler is saved")

    def _reduce(self, _: Any) -> None:
        arguments, target = self._stack.pop(), self._stack.pop()
        if type(arguments) is not tuple:
            raise DamagedError("a call in it has no arguments")
        self._stack.append(self._call(target, arguments))

    def _call(self, target: Any, arguments: tuple[Any, ...]) -> Any:
        if not isinstance(target, Name):
            raise NotAllowedError("a call of something that has no name")
        if target in CONSTRUCTORS:
            made = CONSTRUCTORS[target](*arguments)
            self._budget.spend(made)
            return made
        if target in _RECONSTRUCTORS:
            kind, base, state = arguments
            return self._instance(
                kind, plain=isinstance(base, Name) and TYPES.get(base) is object and state is None
            )
        if target in _KNOWN:
            raise NotAllowedError(f"a call of {target}")
        return Instance(kind=target)

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Pending):
            self._fill(target, state)
        elif isinstance(target, Instance) and not self._is_foreign(target):
            if type(state) is not dict or target.state is not None:
                raise NotAllowedError(f"a {target.kind.name} whose state is no dictionary")
            target.state = state
        elif not self._is_foreign(target):
            raise NotAllowedError(
                f"a state set on {target if isinstance(target, Name) else 'something'} that is no object"
            )

    def _is_foreign(self, target: Any) -> bool:
        """Whether this is an object off the allow-list, which only exists where the user trusts the file."""
        return isinstance(target, Instance) and target.kind not in _KNOWN

    # --- arrays

    def _fill(self, target: Pending, state: Any) -> None:
        if target.what == "dtype":
            fill_dtype(target, state)
        elif target.what == "array":
            fill_array(target, state)
        elif type(state) is dict and target.value is None:
            target.value = self._joblib_array(state)
        else:
            raise DamagedError("an array has no usable state")
        self._budget.spend(target.value)

    def _joblib_array(self, state: dict[str, Any]) -> np.ndarray:
        """Read an array that joblib wrote straight into the stream, behind the instruction that announces it."""
        if state.get("subclass") not in (NDARRAY, _MEMMAP):
            raise NotAllowedError("an array of a special class")
        dtype, shape = dtype_of(state.get("dtype")), state.get("shape")
        if dtype.hasobject:
            return self._nested_array()
        size = array_bytes(dtype, shape)
        if state.get("numpy_array_alignment_bytes") is not None:
            self._stream.read(self._stream.read(1)[0])
        return array_from(self._stream.read(size), dtype, shape, state.get("order"))

    def _nested_array(self) -> np.ndarray:
        """Read an object array, which joblib writes as a pickle of its own: with this machine again, never with the real unpickler."""
        if self._depth >= _MAX_NESTED_PICKLES:
            raise NotAllowedError("pickles nested within pickles")
        inner = _Machine(self._stream, trust=self._trust, outer=self).run()
        value = inner.value if isinstance(inner, Pending) else inner
        if not isinstance(value, np.ndarray):
            raise NotAllowedError("an object array that is no array")
        return value


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark, "POP": _Machine._pop, "POP_MARK": _Machine._pop_mark, "DUP": _Machine._duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine._put), **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine._get),
    "MEMOIZE": _Machine._memoize, "LIST": _Machine._list, "TUPLE": _Machine._tuple, "DICT": _Machine._dict,
    "TUPLE1": lambda machine, _: machine._short_tuple(1), "TUPLE2": lambda machine, _: machine._short_tuple(2),
    "TUPLE3": lambda machine, _: machine._short_tuple(3),
    "APPEND": _Machine._append, "APPENDS": _Machine._appends, "SETITEM": _Machine._set_item, "SETITEMS": _Machine._set_items,
    "GLOBAL": _Machine._global, "STACK_GLOBAL": _Machine._stack_global, "NEWOBJ": _Machine._new_object,
    "NEWOBJ_EX": _Machine._new_object_with_names, "REDUCE": _Machine._reduce, "BUILD": _Machine._build,
}  # fmt: skip
