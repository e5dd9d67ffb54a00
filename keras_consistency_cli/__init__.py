"""kcheck: does a saved Keras model give the same outputs in every way it is called?

`check(model, x)` does from Python what `kcheck run` does in a shell; `record(model, path)` keeps what a
service feeds to its model. Importing the package imports neither NumPy nor Keras.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_consistency_cli.api.check import InconsistencyError, Report, check
    from keras_consistency_cli.checks.verdict import Status
    from keras_consistency_cli.loading.recording.record import record
    from keras_consistency_cli.reporting.version import __version__

__all__ = ["InconsistencyError", "Report", "Status", "__version__", "check", "record"]

_MODULES = {
    "__version__": "keras_consistency_cli.reporting.version",
    "record": "keras_consistency_cli.loading.recording.record",
    **dict.fromkeys(("InconsistencyError", "Report", "Status", "check"), "keras_consistency_cli.api.check"),
}
"""The module of each public name, imported when the name is first used."""


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
