"""The user's preprocess function, named as module:function or file.py:function.

The name is parsed in the parent process; the import runs the user's code and happens only in a worker.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["import_function", "split_function"]

_EXPECTED = "--preprocess module:function, or --preprocess serve.py:function"


def split_function(text: str) -> tuple[str, str]:
    """Split "module:function" or "file.py:function"; nothing is imported.

    Raises:
        UsageError: it has a different form, or the file is missing.
    """
    place, _, name = text.rpartition(":")
    if not place or not name.isidentifier():
        raise UsageError(f"--preprocess is '{clean(text)}'", expected=_EXPECTED)
    if place.endswith(".py") and not Path(place).is_file():
        raise UsageError(f"--preprocess: {clean(place)} does not exist", expected=_EXPECTED)
    return place, name


def import_function(text: str) -> Callable[[Any], Any]:
    """Import the user's preprocess function; this runs the file.

    Raises:
        UsageError: it cannot be imported, or has no such function.
    """
    place, name = split_function(text)
    try:
        module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    except Exception as problem:
        raise UsageError(
            f"--preprocess {clean(place)} cannot be imported: {type(problem).__name__}: {clean(problem)}"
        ) from problem
    function: object = getattr(module, name, None)
    if not callable(function):
        raise UsageError(f"--preprocess: {clean(place)} has no function '{clean(name)}'", expected=_EXPECTED)
    return function


def _import_file(file: Path) -> ModuleType:
    name = "kcheck_preprocess"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _importable(file.resolve().parent):
        spec.loader.exec_module(module)
    return module


def _import_module(name: str) -> ModuleType:
    with _importable(Path.cwd()):
        return importlib.import_module(name)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported, as Python does for a script in it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
