"""Files with custom objects that are scripts: their training is stopped, and a message names its line."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["TrainingStoppedError", "describe_failed_import", "stopping_training"]

_OF_MODELS, _OF_OPTIMIZERS = ("fit", "train_on_batch"), ("apply", "apply_gradients")
"""The methods that train; those of an optimizer are called by loops of the user's own."""
_OF_VARIABLES = ("assign", "assign_sub", "assign_add")
"""The methods with which a loop without an optimizer takes a step, after a gradient."""
_GUARD = (
    "keep only classes and functions at the top level, and put the rest below: if __name__ == '__main__':"
)


class TrainingStoppedError(BaseException):
    """A file trains a model while it is imported; the message is the name of the method.

    It is no Exception: a script may catch these and go on training.
    """


@contextmanager
def stopping_training() -> Iterator[None]:
    """Let training raise while a file is imported: model.fit(), and the steps of a loop of the user's own.

    They would train for as long as the script does. A loop without an optimizer assigns to a trainable
    variable after it computed a gradient; a gradient alone, or a new value alone, is no training.

    Raises:
        TrainingStoppedError: in the file, where it trains.
    """
    with ExitStack() as stack:
        for kind, name, method in _list_replacements():
            stack.enter_context(_replacing(kind, name, method))
        yield


def _list_replacements() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """Yield the methods to replace, by class and name."""
    import keras

    for kind, names in ((keras.Model, _OF_MODELS), (keras.optimizers.Optimizer, _OF_OPTIMIZERS)):
        yield from ((kind, name, _stop(name)) for name in names)
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return
    gradients: list[bool] = []
    tape = tensorflow.GradientTape
    yield tape, "gradient", _note(tape.gradient, gradients)
    own = type(tensorflow.Variable(0.0, trainable=False))
    for kind in (keras.Variable, own):
        for name in _OF_VARIABLES:
            yield kind, name, _stop_after(gradients, name, getattr(kind, name))


@contextmanager
def _replacing(kind: type, name: str, method: Callable[..., Any]) -> Iterator[None]:
    """Put a method before one that a class has or inherits, and take it away again."""
    own = vars(kind).get(name)
    setattr(kind, name, method)
    try:
        yield
    finally:
        if own is None:
            delattr(kind, name)
        else:
            setattr(kind, name, own)


def _stop(name: str) -> Callable[..., NoReturn]:
    def stop(*_args: object, **_keywords: object) -> NoReturn:
        raise TrainingStoppedError(name)

    return stop


def _note(original: Callable[..., Any], calls: list[bool]) -> Callable[..., Any]:
    def gradient(*args: Any, **keywords: Any) -> Any:
        calls.append(True)
        return original(*args, **keywords)

    return gradient


def _stop_after(gradients: list[bool], name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def assign(variable: Any, *args: Any, **keywords: Any) -> Any:
        if gradients and variable.trainable:
            raise TrainingStoppedError(name)
        return original(variable, *args, **keywords)

    return assign


def describe_failed_import(file: Path, problem: BaseException) -> UsageError:
    """Return the error for a file that cannot be imported, with the line and how to guard it."""
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == file.name]
    label = f"--custom-objects {clean(file)}"
    where = f"line {lines[0]}" if lines else "its top level"
    if isinstance(problem, TrainingStoppedError):
        return UsageError(
            f"{label} trains when it is imported: stopped at .{problem}() in {where}", fix=_GUARD
        )
    return UsageError(
        f"{label} cannot be imported: {where}: {type(problem).__name__}: {clean(problem)}",
        fix=None if isinstance(problem, (ImportError, SyntaxError)) or not lines else _GUARD,
    )
