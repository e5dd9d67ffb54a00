"""Environment: the versions, devices and platform that outputs come from."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.pipeline.cpu import describe_cpu
from keras_consistency_cli.reporting.version import __version__

__all__ = ["describe_environment"]


def describe_environment(facts: Facts) -> dict[str, Any]:
    """Return versions, devices and platform, by the names of the JSON report."""
    return {
        "kcheck": __version__,
        "python": platform.python_version(),
        "keras": facts.keras,
        "saved_with_keras": facts.saved_with,
        "backend": facts.backend,
        "backend_version": facts.backend_version,
        "devices": list(facts.devices),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": describe_cpu(),
    }
