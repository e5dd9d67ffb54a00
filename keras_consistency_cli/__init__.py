"""kcheck: does a saved Keras model answer the same every way it is called?

`check(model, x)` does from Python what `kcheck run` does in a shell. Importing the package imports neither NumPy nor Keras.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_consistency_cli.api.check import InconsistencyError, Report, Status, check

__all__ = ["InconsistencyError", "Report", "Status", "__version__", "check"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("keras_consistency_cli.api.check"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
