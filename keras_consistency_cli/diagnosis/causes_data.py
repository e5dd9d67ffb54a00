"""Causes that lie in what scalers and layers remember, and in the rows themselves: the checks name them, as `findings["cause"]`."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.causes_scaling import says

__all__ = ["DATA_CAUSES"]


def _named_layer(code: str) -> Cause:  # pragma: no cover
    raise NotImplementedError(code)


DATA_CAUSES: tuple[Cause, ...] = ()
