"""Every trial of an advice, and the advice that cannot be tried, with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from tests.diagnosis.advice import (
    trials_batches,
    trials_calls,
    trials_data,
    trials_files,
    trials_nonfinite,
    trials_padding,
    trials_precision,
    trials_recorded,
    trials_scaling,
    trials_sequences,
)
from tests.diagnosis.advice.trial import Trial

__all__ = ["FAMILIES", "UNTRIED"]

FAMILIES: Mapping[str, tuple[Trial, ...]] = {
    "batches": trials_batches.TRIALS,
    "calls": trials_calls.TRIALS,
    "files": trials_files.TRIALS,
    "numbers": (*trials_nonfinite.TRIALS, *trials_precision.TRIALS, *trials_recorded.TRIALS),
    "scaling": trials_scaling.TRIALS,
    "data": trials_data.TRIALS,
    "sequences": trials_sequences.TRIALS,
    "padding": trials_padding.TRIALS,
}

UNTRIED: Mapping[str, str] = {**trials_files.UNTRIED, **trials_precision.UNTRIED}
"""Why the advice of a cause cannot be tried by a test, by cause."""
