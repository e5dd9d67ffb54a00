"""The functions of libraries that the reader knows, by library and name."""

from __future__ import annotations

from functools import cache

from keras_consistency_cli.checks.code.library.arrays import ARRAYS
from keras_consistency_cli.checks.code.library.axes import AXES
from keras_consistency_cli.checks.code.library.fits import FIT_FUNCTIONS
from keras_consistency_cli.checks.code.library.handlers import Handler, Handlers
from keras_consistency_cli.checks.code.library.images import IMAGES
from keras_consistency_cli.checks.code.library.keras_objects import KERAS
from keras_consistency_cli.checks.code.library.numbers import ELEMENTWISE, RANDOMNESS
from keras_consistency_cli.checks.code.library.plain import PLAIN
from keras_consistency_cli.checks.code.library.tables import TABLES
from keras_consistency_cli.checks.code.library.transformers import TRANSFORMERS
from keras_consistency_cli.checks.code.serving.web import WEB

__all__ = ["find_handler"]

_LIBRARY: Handlers = {
    **PLAIN,
    **ELEMENTWISE,
    **ARRAYS,
    **AXES,
    **TABLES,
    **IMAGES,
    **KERAS,
    **TRANSFORMERS,
    **WEB,
    **FIT_FUNCTIONS,
    **RANDOMNESS,
}
"""By "library.name": the first and the last part of the dotted name."""
_ROOT_OF_NAME = {key.rpartition(".")[2]: handler for key, handler in _LIBRARY.items()}


@cache
def find_handler(dotted: str) -> Handler | None:
    """Return what is known of a function of a library.

    A name that was not imported in this file ("?.load_model") is recognised if it is not a plain word.
    """
    parts = dotted.split(".")
    last = parts[-1]
    if parts[0] == "?":
        return _ROOT_OF_NAME.get(last) if last != last.lower() or "_" in last else None
    for root in _roots(parts):
        handler = _LIBRARY.get(f"{root}.{last}")
        if handler is not None:
            return handler
    return _LIBRARY.get(f"{parts[0]}.*")


def _roots(parts: list[str]) -> tuple[str, ...]:
    if "keras" in parts or parts[0] in ("tf_keras", "keras_core", "keras_preprocessing"):
        return ("keras",)
    if parts[0] in ("tensorflow", "tf"):
        return (
            ("tensorflow", "numpy")
            if len(parts) == 2 or "math" in parts or "numpy" in parts
            else ("tensorflow",)
        )
    aliases = {
        "np": "numpy",
        "jnp": "numpy",
        "jax": "numpy",
        "cupy": "numpy",
        "pd": "pandas",
        "cPickle": "pickle",
    }
    aliases |= {"dill": "pickle", "cloudpickle": "pickle", "st": "streamlit"}
    return (aliases.get(parts[0], parts[0]),)
