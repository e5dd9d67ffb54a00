"""Loading the live model. Imported by the worker only, because it imports the backend."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from keras_consistency_cli.errors import NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.loading.guarded_import import (
    TrainingStoppedError,
    describe_failed_import,
    stopping_training,
)
from keras_consistency_cli.loading.model.keras_errors import innermost_text
from keras_consistency_cli.loading.model.refusals.memory_errors import memory_error_message
from keras_consistency_cli.loading.model.refusals.missing_weights import missing_weights_error
from keras_consistency_cli.loading.model.refusals.quantized_error import quantized_error
from keras_consistency_cli.loading.model.refusals.undefined_names import undefined_name_error
from keras_consistency_cli.loading.model_file.known_packages import DISTRIBUTIONS
from keras_consistency_cli.loading.model_file.stored.folder_members import digest_folder, is_model_folder
from keras_consistency_cli.loading.model_file.stored.old_keras import (
    OLD_KERAS,
    is_keras_2,
    keras_2_fix,
    keras_2_words,
)
from keras_consistency_cli.text import clean, unstyled

__all__ = [
    "check_unchanged",
    "collect_mask_warnings",
    "import_custom_objects",
    "import_packages",
    "load_model",
]


_CLASS_MISSING = "Could not locate"
"""In the message of Keras: the code of a class or function was not given."""
_SAVE_AGAIN = "load the model with the Keras that saved it and save it again"
_CODE_MISSING = (
    f"name the file with the custom classes: --custom-objects layers.py; if there are none, {_SAVE_AGAIN}"
)
_CODE_GIVEN = (
    "compare the code given as --custom-objects with the code that the model was saved with; pass "
    "dtype=self.dtype_policy to the layers that a custom layer creates, otherwise they are float32 after "
    f"loading; or {_SAVE_AGAIN}"
)
_DESTROYS_MASK = re.compile(r"Layer '([^']+)' \(of type \w+\) was passed an input with a mask attached")


@contextmanager
def collect_mask_warnings() -> Iterator[list[str]]:
    """Collect the names of layers of which Keras warns that they destroy the mask.

    Other warnings are issued as usual, after the end.
    """
    names: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield names
    for warning in caught:
        match = _DESTROYS_MASK.match(str(warning.message))
        if match is None:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        elif clean(match[1]) not in names:
            names.append(clean(match[1]))


def load_model(
    path: Path,
    *,
    custom_objects: Mapping[str, Any],
    compiled: bool = True,
    allow_unsafe: bool = False,
    saved_with: str = "",
) -> tuple[Any, str]:
    """Load a `.keras` model as a server would; return it, and why it is loaded without its training state.

    The reason is "" for a model that is loaded as it is saved.

    The archive must have passed `loading.model_file.archive.read_archive`.

    Args:
        path: the `.keras` file.
        custom_objects: the custom classes and functions by name, from `import_custom_objects`.
        compiled: whether to restore the compile settings; a model is loaded without them if they cannot be
            restored.
        allow_unsafe: whether Lambda layers may be rebuilt.
        saved_with: the version of Keras that saved it, "" if unknown.

    Raises:
        RefusedError: Keras cannot rebuild it, with Keras's own message on one line, or it is not a model.
        NoVerdictError: it needs more memory than is available.
    """
    options = {"custom_objects": dict(custom_objects), "safe_mode": not allow_unsafe}
    try:
        loaded = keras.models.load_model(path, compile=compiled, **options)
        return _require_model(loaded, path), ""
    except RefusedError:
        raise
    except Exception as problem:
        if memory_error_message(problem) is not None:
            raise _memory_error(path) from problem
        try:
            loaded = keras.models.load_model(path, compile=False, **options)
        except Exception as second:
            refusal = (
                quantized_error(path, second)
                or missing_weights_error(path, second, custom_objects)
                or undefined_name_error(problem)
            )
            raise refusal or _load_error(path, problem, saved_with, custom_objects) from problem
        return _require_model(loaded, path), _training_failure(problem)


def _training_failure(problem: Exception) -> str:
    """Why Keras cannot restore the training state: the example in its message, if there is one."""
    text = unstyled(problem)
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    reason = paragraphs[1] if text.startswith("A total of ") and len(paragraphs) > 1 else paragraphs[0]
    part = "the state of the optimizer" if "optimizer" in text.lower() else "the training settings"
    return f"{part} cannot be restored: {clean(reason, 200)}"


def check_unchanged(path: Path, sha256: str) -> None:
    """Refuse a file that was replaced after it was checked.

    Args:
        path: the `.keras` file or the model folder.
        sha256: of the file when it was checked; "" skips the comparison.
    """
    if not sha256:
        return
    if _digest(path) != sha256:
        raise RefusedError(
            f"{clean(path)} was changed after kcheck had checked it and before it was loaded",
            expected="a file that does not change while kcheck runs",
            fix="run kcheck again when the file is complete",
        )


def _digest(path: Path) -> str:
    if is_model_folder(path):
        return digest_folder(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _memory_error(path: Path) -> NoVerdictError:
    return NoVerdictError(
        f"{clean(path)} cannot be loaded: it needs more memory than is available",
        expected="a model whose weights fit into the memory of this machine",
        fix="'kcheck inspect' shows the sizes; use a machine with more memory",
    )


def _require_model(loaded: Any, path: Path) -> Any:
    if not isinstance(loaded, keras.Model):
        raise RefusedError(
            f"{clean(path)} holds a single {clean(type(loaded).__name__, 60)}, not a model",
            expected="a keras.Model",
            fix="put the layer into keras.Sequential([...]) and save that model",
            cause="model-not-loadable",
        )
    return loaded


def _load_error(
    path: Path, problem: Exception, saved_with: str, custom_objects: Mapping[str, Any]
) -> RefusedError:
    if is_keras_2(saved_with):
        what = f"{clean(path)}: {keras_2_words(saved_with)}: {clean(innermost_text(problem), 200)}"
        return RefusedError(what, fix=keras_2_fix(path), cause=OLD_KERAS)
    reason = innermost_text(problem)
    is_given = custom_objects and _CLASS_MISSING not in reason
    return RefusedError(
        f"{clean(path)} cannot be loaded: {type(problem).__name__}: {clean(reason, 300)}",
        fix=_CODE_GIVEN if is_given else _CODE_MISSING,
        cause="model-not-loadable",
    )


def import_packages(packages: Sequence[str]) -> None:
    """Import known packages, which register their classes with Keras.

    Raises:
        NoVerdictError: a package does not work in this environment.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except Exception as problem:
            raise NoVerdictError(
                f"{package} cannot be imported: {type(problem).__name__}: {clean(problem, 200)}",
                expected="a working installation, because the model has classes of it",
                fix=f"pip install --upgrade {DISTRIBUTIONS.get(package, package)}",
            ) from problem


def import_custom_objects(files: Sequence[Path]) -> dict[str, Any]:
    """Import the user's Python files and return their classes and functions by name.

    Registered objects are known to Keras after the import. A file may import others in its folder; these
    never take precedence over an installed module of the same name.
    """
    custom_objects: dict[str, Any] = {}
    for number, file in enumerate(files):
        module = _import_file(file, f"kcheck_custom_objects_{number}")
        custom_objects |= {
            name: value
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__
        }
    return custom_objects


def _import_file(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(
            f"--custom-objects {clean(file)} is not a Python file",
            expected="a .py file that defines the custom layers of the model",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.append(str(file.resolve().parent))
    try:
        with stopping_training():
            spec.loader.exec_module(module)
    except (Exception, SystemExit, TrainingStoppedError) as problem:
        raise describe_failed_import(file, problem) from problem
    return module
