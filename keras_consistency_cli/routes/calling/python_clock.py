"""The clock of Python, stopped for the code of the model's own classes.

Libraries keep theirs: only the names in the modules of the user's classes, and what these import while they
run, lead to a clock that shows a chosen time.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any

from keras_consistency_cli.loading.model.layer_walk import walk_layers

__all__ = ["may_read_clock", "stopped_python_clock"]

_LIBRARIES = frozenset({"builtins", "jax", "keras", "keras_hub", "tensorflow", "torch"})
_CLOCK_WORDS = frozenset(
    {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "now", "utcnow", "today", "datetime64"}
)
"""Names in code that reads the clock; code without any of them is not run to find out."""

Names = dict[str, Any]
"""The global names of a module."""


class _Facade(type):
    """The class of classes that stand for another one, with some functions of their own."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.made(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        return getattr(type.__getattribute__(cls, "real"), name)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, type.__getattribute__(cls, "real"))


def may_read_clock(model: Any) -> bool:
    """Whether the code of the user's classes has a name that a clock has."""
    return any(not _CLOCK_WORDS.isdisjoint(_words(names)) for names in _user_names(model))


@contextmanager
def stopped_python_clock(
    model: Any, now: float, note: Callable[[str], None] = lambda _name: None
) -> Iterator[None]:
    """Let the clock show this time, in seconds since 1970, to the code of the user's classes.

    `note` is called with the name of each function that reads it.
    """
    stand_ins = _stand_ins(now, note)
    # Names of sys.modules too: a function may import the module when it runs.
    imported = {name: sys.modules[name] for name in ("time", "datetime")}
    previous = [(names, _replace(names, stand_ins)) for names in _user_names(model)]
    sys.modules.update({name: stand_ins[id(module)] for name, module in imported.items()})
    try:
        yield
    finally:
        sys.modules.update(imported)
        for names, values in previous:
            names.update(values)


def _replace(names: Names, stand_ins: Mapping[int, Any]) -> Names:
    """Put stand-ins in the place of what they stand for; return the values from before."""
    before = {name: value for name, value in names.items() if id(value) in stand_ins}
    names.update({name: stand_ins[id(value)] for name, value in before.items()})
    return before


def _user_names(model: Any) -> list[Names]:
    """The global names of the modules of the user's classes, and of the modules in their folders."""
    own = {kind.__module__ for kind in _user_classes(model)}
    modules = [sys.modules[name] for name in own if name in sys.modules]
    folders = {folder for module in modules if (folder := _folder(module))}
    near = [module for module in list(sys.modules.values()) if folders and _folder(module) in folders]
    return [vars(module) for module in {id(each): each for each in (*modules, *near)}.values()]


def _folder(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return _as_path(file.rpartition(os.sep)[0]) if isinstance(file, str) and file else None


@cache
def _as_path(folder: str) -> Path:
    """Return a folder in its usual form; thousands of modules are in a few hundred folders."""
    return Path(folder)


def _user_classes(model: Any) -> Iterator[type]:
    for layer in [model, *(layer for _, layer in walk_layers(model))]:
        for kind in type(layer).__mro__:
            if kind.__module__.partition(".")[0] not in _LIBRARIES:
                yield kind


def _words(names: Names) -> Iterator[str]:
    """The names that the functions of a module use."""
    for value in list(names.values()):
        members = vars(value).values() if isinstance(value, type) else (value,)
        for member in members:
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType):
                yield from _words_of(function.__code__)


def _words_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words_of(constant)


def _stand_ins(now: float, note: Callable[[str], None]) -> dict[int, Any]:
    """Return what stands for each clock, by the identity of what it stands for."""
    functions = _time_functions(now, note)
    moment, day = _datetime_class(now, note), _date_class(now, note)
    found: dict[int, Any] = {id(getattr(time, name)): function for name, function in functions.items()}
    found |= {id(datetime.datetime): moment, id(datetime.date): day}
    found[id(time)] = _module(time, functions)
    found[id(datetime)] = _module(datetime, {"datetime": moment, "date": day})
    if "pandas" in sys.modules:
        pandas = sys.modules["pandas"]
        stamp = _pandas_class(pandas.Timestamp, now, note)
        found |= {id(pandas.Timestamp): stamp, id(pandas): _module(pandas, {"Timestamp": stamp})}
    return found


def _module(real: ModuleType, replaced: Mapping[str, Any]) -> Any:
    """Return an object with the names of a module, some of which are replaced."""
    return SimpleNamespace(**{**vars(real), **replaced})


def _time_functions(now: float, note: Callable[[str], None]) -> dict[str, Callable[..., Any]]:
    """Return the functions of the module time that tell the time."""

    def at_now(name: str, position: int = 0) -> Callable[..., Any]:
        real = getattr(time, name)

        def read(*args: Any) -> Any:
            if len(args) > position and args[position] is not None:
                return real(*args)
            note(f"time.{name}")
            moment = time.localtime(now) if name == "strftime" else now
            return real(*args[:position], moment)

        return read

    def seconds() -> float:
        note("time.time")
        return now

    def nanoseconds() -> int:
        note("time.time_ns")
        return int(now * 1e9)

    optional = {name: at_now(name) for name in ("localtime", "gmtime", "ctime")}
    return {"time": seconds, "time_ns": nanoseconds, "strftime": at_now("strftime", 1), **optional}


def _datetime_class(now: float, note: Callable[[str], None]) -> type:
    def current(tz: datetime.tzinfo | None = None) -> datetime.datetime:
        note("datetime.now")
        return datetime.datetime.fromtimestamp(now, tz)

    def utc() -> datetime.datetime:
        note("datetime.utcnow")
        return datetime.datetime.fromtimestamp(now, datetime.UTC).replace(tzinfo=None)

    return _facade(datetime.datetime, {"now": current, "today": current, "utcnow": utc})


def _date_class(now: float, note: Callable[[str], None]) -> type:
    def today() -> datetime.date:
        note("date.today")
        return datetime.date.fromtimestamp(now)

    return _facade(datetime.date, {"today": today})


def _pandas_class(real: Any, now: float, note: Callable[[str], None]) -> type:
    def current(tz: Any = None) -> Any:
        note("Timestamp.now")
        return real.fromtimestamp(now, tz)

    def utc() -> Any:
        note("Timestamp.utcnow")
        return real.fromtimestamp(now, "UTC")

    return _facade(real, {"now": current, "today": current, "utcnow": utc})


def _facade(real: Any, functions: Mapping[str, Callable[..., Any]]) -> type:
    members = {name: staticmethod(function) for name, function in functions.items()}
    return _Facade(real.__name__, (), {"real": real, "made": real, **members})
