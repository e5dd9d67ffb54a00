"""Files with custom objects that are scripts: their training is stopped, and a message names its line."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["describe_failed_import", "stopping_training"]

_OF_MODELS, _OF_OPTIMIZERS = ("fit", "train_on_batch"), ("apply", "apply_gradients")
"""The methods that train; those of an optimizer are called by loops of the user's own."""
_GUARD = (
    "keep only classes and functions at the top level, and put the rest below: if __name__ == '__main__':"
)


class _TrainingStoppedError(Exception):
    """A file trains a model while it is imported; the message is the name of the method."""


@contextmanager
def stopping_training() -> Iterator[None]:
    """Let model.fit() and the step of an optimizer raise while a file is imported.

    They would train for as long as the script does.
    """
    import keras

    methods = [(keras.Model, name) for name in _OF_MODELS]
    methods += [(keras.optimizers.Optimizer, name) for name in _OF_OPTIMIZERS]
    # The classes inherit some of these methods; an attribute of the class itself hides them.
    own = {(kind, name): vars(kind)[name] for kind, name in methods if name in vars(kind)}
    for kind, name in methods:
        setattr(kind, name, _stop(name))
    try:
        yield
    finally:
        for kind, name in methods:
            if (kind, name) in own:
                setattr(kind, name, own[kind, name])
            else:
                delattr(kind, name)


def _stop(name: str) -> object:
    def stop(*_args: object, **_keywords: object) -> NoReturn:
        raise _TrainingStoppedError(name)

    return stop


def describe_failed_import(file: Path, problem: BaseException) -> UsageError:
    """Return the error for a file that cannot be imported, with the line and how to guard it."""
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == file.name]
    label = f"--custom-objects {clean(file)}"
    where = f"line {lines[0]}" if lines else "its top level"
    if isinstance(problem, _TrainingStoppedError):
        return UsageError(
            f"{label} trains when it is imported: stopped at .{problem}() in {where}", fix=_GUARD
        )
    return UsageError(
        f"{label} cannot be imported: {where}: {type(problem).__name__}: {clean(problem)}",
        fix=None if isinstance(problem, (ImportError, SyntaxError)) or not lines else _GUARD,
    )
