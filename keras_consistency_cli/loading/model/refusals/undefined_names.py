"""The refusal of a model whose code uses a name that is not defined where the code runs.

A Lambda layer stores the code of its function and not the names around it. A file of custom layers may lack
an import. Every call of such a model fails in the same way, so that no check can say anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

import keras

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model.refusals.memory_errors import walk_chain
from keras_consistency_cli.text import clean, unstyled

__all__ = ["undefined_name_error"]

_UNDEFINED = re.compile(r"name '(\w+)' is not defined")
_PACKAGE = str(Path(__file__).resolve().parents[3])
_REBUILT_IN = "keras.src.utils.python_utils"
"""The module in which Keras rebuilds the functions that a file stores as code."""
_IMPORTS = {
    "tf": "import tensorflow as tf",
    "np": "import numpy as np",
    "jnp": "import jax.numpy as jnp",
    "F": "import torch.nn.functional as F",
    "K": "from keras import backend as K",
    **{name: f"from keras import {name}" for name in ("ops", "layers", "random", "activations")},
}
"""The import that usually defines a name."""


def undefined_name_error(problem: BaseException) -> RefusedError | None:
    """Return the refusal if code of the model uses an undefined name, None if something else is wrong.

    Args:
        problem: what loading or calling the model raised.
    """
    for error in walk_chain(problem):
        found = _UNDEFINED.search(unstyled(error)) if type(error) is NameError else None
        frames = list(_frames(error.__traceback__))
        if found is not None and not (frames and frames[-1].f_code.co_filename.startswith(_PACKAGE)):
            return _refusal(found[1], _frames_of_chain(problem))
    return None


def _refusal(name: str, frames: list[FrameType]) -> RefusedError:
    layer, is_stored = _find_layer(frames), any(_is_rebuilt(frame) for frame in frames)
    who = f"layer '{clean(layer.name, 60)}' ({clean(type(layer).__name__, 60)})" if layer else "the model"
    line = _IMPORTS.get(name, f"import {name}")
    if is_stored:
        return RefusedError(
            f"{who} cannot run: its function uses the name '{name}', which is not defined after loading",
            expected="a function that needs no name from outside: the file stores its code, not its imports",
            fix=f"write the function and '{line}' in a file, build the model with that function, copy the "
            "weights and save; then name the file: --custom-objects layers.py",
            cause="undefined-name",
        )
    return RefusedError(
        f"{who} cannot run: its code uses the name '{name}', which is not defined",
        expected="code that imports every name that it uses",
        fix=f"add the import to the file that defines it: {line}",
        cause="undefined-name",
    )


def _frames_of_chain(problem: BaseException) -> list[FrameType]:
    """The frames of an exception and its causes: Keras and TensorFlow hide some of each."""
    return [frame for error in walk_chain(problem) for frame in _frames(error.__traceback__)]


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _is_rebuilt(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == _REBUILT_IN and frame.f_code.co_name != "func_load"


def _find_layer(frames: list[FrameType]) -> keras.Layer | None:
    """The innermost layer that was running, a model only if there is no other."""
    running = [frame.f_locals.get("self") for frame in frames]
    layers = [each for each in running if isinstance(each, keras.Layer)]
    return next((each for each in layers if not isinstance(each, keras.Model)), next(iter(layers), None))
