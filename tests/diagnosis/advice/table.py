"""Every trial of an advice, and the advice that cannot be tried, with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from tests.diagnosis.advice import (
    trials_batches,
    trials_calls,
    trials_data,
    trials_files,
    trials_numbers,
    trials_padding,
    trials_scaling,
    trials_sequences,
)
from tests.diagnosis.advice.trial import Trial

__all__ = ["FAMILIES", "UNTRIED"]

FAMILIES: Mapping[str, tuple[Trial, ...]] = {
    "batches": trials_batches.TRIALS,
    "calls": trials_calls.TRIALS,
    "files": trials_files.FILES,
    "refused files": trials_files.REFUSED,
    "NaN and infinity": trials_numbers.NONFINITE,
    "precision": trials_numbers.PRECISION,
    "recorded outputs": trials_numbers.RECORDED,
    "scaling": trials_scaling.TRIALS,
    "data": trials_data.TRIALS,
    "shapes": trials_sequences.SHAPES,
    "time steps": trials_sequences.STEPS,
    "padding": trials_padding.TRIALS,
}

UNTRIED: Mapping[str, str] = {**trials_files.UNTRIED, **trials_numbers.UNTRIED}
"""Why the advice of a cause cannot be tried by a test, by cause."""
