"""Loading the live model. Imported by the worker only: the backend comes with it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from keras_consistency_cli.errors import NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.loading.model.memory_errors import memory_error_message
from keras_consistency_cli.text import clean, unstyled

__all__ = ["check_unchanged", "import_custom_objects", "load_model"]


def load_model(
    path: Path, *, custom_objects: Mapping[str, Any], compiled: bool = True, allow_unsafe: bool = False
) -> tuple[Any, tuple[str, ...]]:
    """Load a `.keras` model as a server would, and return it with remarks for the report.

    The archive must have passed `loading.archive.read_archive`.

    Args:
        path: the `.keras` file.
        custom_objects: custom objects by name, from `import_custom_objects`.
        compiled: whether to restore the compile settings first; a model whose settings cannot be restored is loaded without them either way.
        allow_unsafe: whether Lambda layers may be rebuilt.

    Raises:
        RefusedError: Keras cannot rebuild it, with Keras's own message on one line, or it is no model.
        NoVerdictError: it asks for more memory than there is.
    """
    try:
        return _a_model(
            keras.models.load_model(
                path, custom_objects=dict(custom_objects), compile=compiled, safe_mode=not allow_unsafe
            ),
            path,
        ), ()
    except RefusedError:
        raise
    except Exception as problem:
        if memory_error_message(problem) is not None:
            raise _too_large(path) from problem
        try:
            model = keras.models.load_model(
                path, custom_objects=dict(custom_objects), compile=False, safe_mode=not allow_unsafe
            )
        except Exception:
            raise _refused(path, problem) from problem
        return _a_model(model, path), (f"loaded with compile=False: {clean(problem)}",)


def check_unchanged(path: Path, sha256: str) -> None:
    """Refuse a file that is not the one that was looked at, as when it was replaced in between.

    Args:
        path: the `.keras` file.
        sha256: what it was when it passed; "" asks nothing.
    """
    if not sha256:
        return
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
            what = f"{clean(path)} was changed between being checked and being loaded"
            raise RefusedError(
                what, expected="a file that nobody writes to", fix="run kcheck again once it is complete"
            )


def _too_large(path: Path) -> NoVerdictError:
    what = f"{clean(path)} cannot be loaded: it asks for more memory than there is"
    return NoVerdictError(
        what,
        expected="a model whose weights fit this machine",
        fix="'kcheck inspect' shows the sizes; use a larger machine",
    )


def _a_model(loaded: Any, path: Path) -> Any:
    if not isinstance(loaded, keras.Model):
        what = f"{clean(path)} holds a single {clean(type(loaded).__name__, 60)}, not a model"
        raise RefusedError(
            what, expected="a keras.Model", fix="put the layer into keras.Sequential([...]) and save that"
        )
    return loaded


def _refused(path: Path, problem: Exception) -> RefusedError:
    # Keras wraps what happened into advice on get_config and the whole config; the innermost exception is what helps.
    innermost = unstyled(problem).rpartition("Exception encountered:")[2]
    shown, *others = [line.strip() for line in innermost.splitlines() if line.strip()] or [
        type(problem).__name__
    ]
    for line in others[:2]:
        if shown.endswith((":", ",")) or shown.startswith("Exception encountered when calling"):
            shown = f"{shown} {line}"
    return RefusedError(
        f"{clean(path)} cannot be loaded: {type(problem).__name__}: {clean(shown, 300)}",
        fix="custom classes come from --custom-objects layers.py; otherwise load and save it again with the Keras that made it",
    )


def import_custom_objects(files: Sequence[Path]) -> dict[str, Any]:
    """Import the user's Python files and return what a model may name: registered objects and every class and function defined there.

    A file may import others that lie beside it; nothing there takes precedence over an installed module of the same name.
    """
    found: dict[str, Any] = {}
    for number, file in enumerate(files):
        module = _import_file(file, f"kcheck_custom_objects_{number}")
        found |= {
            name: value
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__
        }
    return found


def _import_file(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(
            f"--custom-objects {clean(file)} is not a Python file",
            expected="a .py file that defines the model's own layers",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.append(str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as problem:
        raise UsageError(
            f"--custom-objects {clean(file)} cannot be imported: {type(problem).__name__}: {clean(problem)}"
        ) from problem
    return module
