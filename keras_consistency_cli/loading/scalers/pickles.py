"""A reader for pickle and joblib files that runs nothing in them.

pickletools splits the file into instructions, and the machine below carries out those that a scaler needs.
There is no `find_class`: a name stays a name, a call is looked up in a table of this package's own functions,
and every other instruction is refused.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.allow_list import ESTIMATORS, HELPERS, TYPES
from keras_consistency_cli.loading.scalers.constructors import CONSTRUCTORS
from keras_consistency_cli.loading.scalers.inert_objects import (
    Contents,
    DamagedError,
    Instance,
    Name,
    NotAllowedError,
    Pending,
)
from keras_consistency_cli.loading.scalers.numpy_parts import (
    NDARRAY,
    Budget,
    build_array,
    count_array_bytes,
    fill_array,
    fill_dtype,
    parse_dtype,
)
from keras_consistency_cli.loading.scalers.pickle_stack import (
    ALLOWED_NAMES,
    JOBLIB_ARRAY,
    LITERALS,
    MEMMAP,
    NEW_VALUES,
    RECONSTRUCTORS,
    STACK_STEPS,
    PickleStack,
    is_foreign,
)

__all__ = ["read_pickle"]

_MAX_INSTRUCTIONS = 2_000_000
_MAX_NESTED_PICKLES = 2
_IGNORED = frozenset(("PROTO", "FRAME"))


def read_pickle(raw: bytes, *, trust: bool = False) -> Contents:
    """Return the contents of a pickle or uncompressed joblib file.

    Nothing is imported, called or unpickled.

    Args:
        raw: the whole file.
        trust: let names off the allow-list pass as inert instances, so that the file can be described.

    Raises:
        NotAllowedError: the file asks for something that no scaler needs.
        DamagedError: it is not a complete pickle.
    """
    stream = io.BytesIO(raw)
    machine = _Machine(stream, trust=trust)
    try:
        top = machine.run()
    except (NotAllowedError, DamagedError):
        raise
    except Exception as error:  # a hostile file fails in any way; a saved scaler never does
        raise DamagedError(
            f"its bytes are not a complete pickle ({type(error).__name__}: {error})"
        ) from error
    if stream.read(1):
        raise NotAllowedError("more after the end of its pickle, which may hide a second object")
    return Contents.of(top, machine.wants, ALLOWED_NAMES)


class _Machine(PickleStack):
    """The stack machine that runs a pickle, with inert names, objects and arrays."""

    def __init__(self, stream: io.BytesIO, *, trust: bool, outer: _Machine | None = None) -> None:
        super().__init__()
        self._stream, self._trust = stream, trust
        self.wants: dict[Name, None] = outer.wants if outer else {}
        self._depth: int = outer._depth + 1 if outer else 0
        self._budget: Budget = outer._budget if outer else Budget()

    def run(self) -> Any:
        """Carry out the instructions up to STOP and return the last value."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self._stream)):
            if count >= _MAX_INSTRUCTIONS:
                raise NotAllowedError(f"more than {_MAX_INSTRUCTIONS} pickle instructions")
            if opcode.name == "STOP":
                break
            self._execute(opcode.name, argument)
        return self.values.pop()

    def _execute(self, instruction: str, argument: Any) -> None:
        if instruction in LITERALS:
            self.values.append(argument)
        elif instruction in NEW_VALUES:
            self.values.append(NEW_VALUES[instruction]())
        elif instruction in _STEPS:
            _STEPS[instruction](self, argument)
        elif instruction not in _IGNORED:
            raise NotAllowedError(f"the pickle instruction {instruction}")

    # --- names

    def push_global(self, argument: str) -> None:
        """Push the name in the argument."""
        module, _, name = argument.partition(" ")
        self.values.append(self._allow_name(module, name))

    def push_stack_global(self, _: Any) -> None:
        """Push the name in the last two values."""
        name, module = self.values.pop(), self.values.pop()
        if type(name) is not str or type(module) is not str:
            raise DamagedError("a name in it is not text")
        self.values.append(self._allow_name(module, name))

    def _allow_name(self, module: str, name: str) -> Name:
        full_name = Name(module=module, name=name)
        self.wants[full_name] = None
        if full_name not in ALLOWED_NAMES and not self._trust:
            raise NotAllowedError(str(full_name), liftable=True)
        return full_name

    # --- objects and calls

    def build_object(self, _: Any) -> None:
        """Create an instance of the class in the stack."""
        arguments, kind = self.values.pop(), self.values.pop()
        is_plain = type(arguments) is tuple and not arguments
        self.values.append(self._create_instance(kind, is_plain=is_plain))

    def build_object_with_keywords(self, _: Any) -> None:
        """Refuse an instance with keyword arguments, unless its class is trusted."""
        _keywords, _arguments, kind = self.values.pop(), self.values.pop(), self.values.pop()
        self.values.append(self._create_instance(kind, is_plain=False))

    def _create_instance(self, kind: Any, *, is_plain: bool) -> Instance | Pending:
        if isinstance(kind, Name):
            if kind == JOBLIB_ARRAY and is_plain:
                return Pending(what="joblib array")
            if (is_plain and (kind in ESTIMATORS or kind in HELPERS)) or kind not in ALLOWED_NAMES:
                return Instance(kind=kind)
        raise NotAllowedError("an object created in a way in which no scaler is saved")

    def reduce(self, _: Any) -> None:
        """Carry out a call, with the table of allowed calls only."""
        arguments, target = self.values.pop(), self.values.pop()
        if type(arguments) is not tuple:
            raise DamagedError("a call in it has no arguments")
        self.values.append(self._call(target, arguments))

    def _call(self, target: Any, arguments: tuple[Any, ...]) -> Any:
        if not isinstance(target, Name):
            raise NotAllowedError("a call of something without a name")
        if target in CONSTRUCTORS:
            value = CONSTRUCTORS[target](*arguments)
            self._budget.spend(value)
            return value
        if target in RECONSTRUCTORS:
            kind, base, state = arguments
            is_plain = isinstance(base, Name) and TYPES.get(base) is object and state is None
            return self._create_instance(kind, is_plain=is_plain)
        if target in ALLOWED_NAMES:
            raise NotAllowedError(f"a call of {target}")
        return Instance(kind=target)

    def build(self, _: Any) -> None:
        """Set the last value as the state of the object before it."""
        state, target = self.values.pop(), self.values[-1]
        if isinstance(target, Pending):
            self._fill(target, state)
        elif isinstance(target, Instance) and not is_foreign(target):
            if type(state) is not dict or target.state is not None:
                raise NotAllowedError(f"a {target.kind.name} with a state that is not a dictionary")
            target.state = state
        elif not is_foreign(target):
            owner = target if isinstance(target, Name) else "something"
            raise NotAllowedError(f"a state set on {owner}, which is not an object")

    # --- arrays

    def _fill(self, target: Pending, state: Any) -> None:
        if target.what == "dtype":
            fill_dtype(target, state)
        elif target.what == "array":
            fill_array(target, state)
        elif type(state) is dict and target.value is None:
            target.value = self._read_joblib_array(state)
        else:
            raise DamagedError("an array has no usable state")
        self._budget.spend(target.value)

    def _read_joblib_array(self, state: dict[str, Any]) -> np.ndarray:
        """Read an array that joblib wrote directly after the instruction for it."""
        if state.get("subclass") not in (NDARRAY, MEMMAP):
            raise NotAllowedError("an array of a special class")
        dtype, shape = parse_dtype(state.get("dtype")), state.get("shape")
        if dtype.hasobject:
            return self._read_nested_array()
        size = count_array_bytes(dtype, shape)
        if state.get("numpy_array_alignment_bytes") is not None:
            self._stream.read(self._stream.read(1)[0])
        return build_array(self._stream.read(size), dtype, shape, state.get("order"))

    def _read_nested_array(self) -> np.ndarray:
        """Read an object array, which joblib writes as a pickle within the pickle.

        The same machine reads it, with the same limits.
        """
        if self._depth >= _MAX_NESTED_PICKLES:
            raise NotAllowedError("pickles nested within pickles")
        inner = _Machine(self._stream, trust=self._trust, outer=self).run()
        value = inner.value if isinstance(inner, Pending) else inner
        if not isinstance(value, np.ndarray):
            raise NotAllowedError("an object array that is not an array")
        return value


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **STACK_STEPS,
    "GLOBAL": _Machine.push_global,
    "STACK_GLOBAL": _Machine.push_stack_global,
    "NEWOBJ": _Machine.build_object,
    "NEWOBJ_EX": _Machine.build_object_with_keywords,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
