"""A task of a fleet: one model with its settings, or the reason why it has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.report import Report

__all__ = ["FleetTask", "memory_needed", "size_of"]

_BASE = 300 * 2**20
"""Bytes that the workers of a small model use together: twice what benchmarks/fleet.py measures."""
_COPIES = 10
"""How often the weights of a model are in memory: two workers, a float64 copy, and compiled functions."""
_ROW_COPIES = 2


def _unchanged(report: Report) -> Report:
    return report


@dataclass(frozen=True, kw_only=True)
class FleetTask:
    """One model of the fleet.

    Args:
        name: unique in the fleet.
        model: the path of the model, as in reports.
        settings: the validated settings; the error if they are not valid.
        config: the YAML file that the settings come from, if there is one.
        annotate: adds notes about files that were found to a report.
    """

    name: str
    model: Path
    settings: Settings | KcheckError
    config: Path | None = None
    annotate: Callable[[Report], Report] = _unchanged


def memory_needed(task: FleetTask) -> int:
    """Return an estimate of the bytes that all workers of a model use together.

    It only decides how many models run at the same time; the watchdog measures what they really use.
    """
    if isinstance(task.settings, KcheckError):
        return 0
    data = task.settings.data
    return _BASE + _COPIES * size_of(task.model) + (_ROW_COPIES * size_of(data) if data else 0)


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 if it cannot be read."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0
