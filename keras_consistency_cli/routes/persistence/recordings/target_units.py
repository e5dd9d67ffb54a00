"""Recorded outputs in the units of the targets, compared with the scaler of the targets.

Services record predictions after `inverse_transform`. With the right scaler these are today's outputs; with
a scaler that was fitted on another column they follow a different line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.scalers.fitted_scaler import get_expected_features
from keras_consistency_cli.measurement.distance import is_float_or_integer
from keras_consistency_cli.routes.persistence.recordings.activations import close
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["TargetUnits"]

Floats = npt.NDArray[np.float64]

_SAME = 1e-3
"""Part of the spread of the recorded outputs up to which they follow the scaler."""
_MOST = 0.5
_ULPS = 4
"""Rounding of the recorded number and of its way through the scaler, in units of its last place."""
_FEWEST = 8
_STEP = 1e-3


@dataclass(frozen=True, kw_only=True)
class TargetUnits:
    """The scaler of the targets, for outputs with as many columns as it has."""

    scaler: Any
    width: int

    @classmethod
    def of(cls, session: Session) -> TargetUnits | None:
        """Return the scaler of the subject's targets; None if there is none that can be undone."""
        scaler = session.subject.target_scaler
        if not hasattr(scaler, "inverse_transform"):
            return None
        return cls(scaler=scaler, width=int(get_expected_features(scaler)[0]))

    @property
    def kind(self) -> str:
        """The class of the scaler."""
        return clean(type(self.scaler).__name__)

    def fits(self, recorded: np.ndarray, today: np.ndarray) -> bool:
        """Whether these may be outputs in the units of the targets, by their shape and dtype."""
        width = today.shape[-1] if today.ndim > 1 else 1
        return (
            recorded.shape == today.shape
            and width == self.width
            and is_float_or_integer(recorded.dtype)
            and today.dtype.kind == "f"
        )

    def is_followed(self, recorded: np.ndarray, today: np.ndarray) -> bool:
        """Whether most recorded outputs are today's in the units of the targets, and not today's own."""
        if not self.fits(recorded, today) or close(recorded, today):
            return False
        differences = np.abs(recorded - self.invert(today))
        return bool((differences <= _SAME * max(float(recorded.std()), 1e-300)).mean() > _MOST)

    def invert(self, outputs: np.ndarray) -> Floats:
        """Return outputs of the model in the units of the targets."""
        flat = self.scaler.inverse_transform(outputs.astype(np.float64).reshape(-1, self.width))
        return np.asarray(flat, dtype=np.float64).reshape(outputs.shape)

    def undo(self, recorded: np.ndarray, today: np.ndarray) -> np.ndarray:
        """Return recorded outputs in the units of the model.

        Rounding of the record does not count: today's outputs, moved by what is left of the difference.
        """
        exact = today.astype(np.float64)
        inverse = self.invert(exact)
        slopes = (self.invert(exact + _STEP) - inverse) / _STEP
        differences = recorded.astype(np.float64) - inverse
        size = np.maximum(np.abs(recorded), np.abs(self.invert(np.zeros_like(exact))))
        # A scaler computes in the precision of the model's outputs, whatever the record is stored in.
        stored = np.finfo(recorded.dtype).eps if recorded.dtype.kind == "f" else 0.0
        rounding = _ULPS * max(float(stored), float(np.finfo(today.dtype).eps)) * size
        left = np.sign(differences) * np.maximum(np.abs(differences) - rounding, 0.0)
        moved = exact + np.divide(left, slopes, out=np.full_like(left, np.nan), where=slopes != 0)
        return np.asarray(np.where(left == 0, today, moved).astype(today.dtype))

    def describe_contradiction(self, recorded: np.ndarray, today: np.ndarray) -> str | None:
        """Say which line the recorded outputs follow, if it is not that of the scaler; None if it is or none.

        Outputs that were recorded as the model gives them follow no line.
        """
        if not self.fits(recorded, today) or len(today) < _FEWEST or close(recorded, today):
            return None
        if self.is_followed(recorded, today):
            return None
        columns = today.reshape(-1, self.width).astype(np.float64)
        values = recorded.reshape(-1, self.width).astype(np.float64)
        if (columns.std(axis=0) == 0).any() or not np.isfinite(columns + values).all():
            return None
        lines = [np.polyfit(columns[:, at], values[:, at], 1) for at in range(self.width)]
        if not all(close(np.polyval(line, columns[:, at]), values[:, at]) for at, line in enumerate(lines)):
            return None
        offsets, middle, ends = self.invert(np.outer([0.0, 0.5, 1.0], np.ones(self.width)))
        factors = ends - offsets
        if not np.allclose(middle - offsets, factors / 2):
            return None
        at = int(np.argmax([abs(line[0] / factor - 1) for line, factor in zip(lines, factors, strict=True)]))
        followed, given = _words(lines[at][0], lines[at][1]), _words(factors[at], offsets[at])
        return f"recorded outputs are {followed}, the {self.kind} of --target-scaler gives {given}"


def _words(factor: float, offset: float) -> str:
    return f"outputs × {factor:.6g} {'+' if offset >= 0 else '-'} {abs(offset):.6g}"
