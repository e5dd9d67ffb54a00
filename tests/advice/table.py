"""Every trial of an advice, and the advice that cannot be tried, with the reason."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from tests.advice import (
    trials_backends,
    trials_batches,
    trials_calls,
    trials_data,
    trials_endpoints,
    trials_exports,
    trials_files,
    trials_nonfinite,
    trials_padding,
    trials_precision,
    trials_quantised,
    trials_recorded,
    trials_scaling,
    trials_sequences,
    trials_served,
)
from tests.advice.trial import Trial
from tests.advice.trials_endpoints import ServiceTrial

__all__ = ["CHOSEN", "CHOSEN_SERVICES", "FAMILIES", "SERVICES", "UNTRIED", "UNTRIED_PARTS"]

FAMILIES: Mapping[str, tuple[Trial, ...]] = {
    "batches": trials_batches.TRIALS,
    "calls": trials_calls.TRIALS,
    "files": trials_files.TRIALS,
    "numbers": (*trials_nonfinite.TRIALS, *trials_precision.TRIALS, *trials_recorded.TRIALS),
    "quantised": trials_quantised.TRIALS,
    "scaling": (*trials_scaling.TRIALS, *trials_served.TRIALS),
    "data": trials_data.TRIALS,
    "sequences": trials_sequences.TRIALS,
    "padding": trials_padding.TRIALS,
    "exports": trials_exports.TRIALS,
}

SERVICES: tuple[ServiceTrial, ...] = trials_endpoints.TRIALS
"""Trials of advice that changes the code of a service."""


_SERVICES_IN_CI = 6


def _place(trial: Trial | ServiceTrial) -> int:
    """A number that depends on the words of the trial only."""
    return zlib.crc32(f"{trial.slug}: {trial.tries}".encode())


CHOSEN: tuple[Trial, ...] = tuple(min(family, key=_place) for family in FAMILIES.values())
"""The trials of CI: one of each family."""

CHOSEN_SERVICES: tuple[ServiceTrial, ...] = tuple(sorted(SERVICES, key=_place)[:_SERVICES_IN_CI])
"""The trials of services in CI."""

UNTRIED: Mapping[str, str] = {
    **trials_files.UNTRIED,
    **trials_precision.UNTRIED,
    **trials_exports.UNTRIED,
    **trials_backends.UNTRIED,
}
"""Why the advice of a cause cannot be tried by a test, by cause."""

UNTRIED_PARTS: Mapping[str, str] = {
    "active-randomness": "an average over many passes leaves the model random, as it is meant to be",
    "kernel-dependent": "KC605 sets TF_ENABLE_ONEDNN_OPTS itself, to compare outputs with and without oneDNN",
    "near-ties": "code after predict decides whether a row is undecided; the outputs stay the same",
    "scaler-version": "a different version of scikit-learn needs a package index",
}
"""Why one sentence of an advice cannot be tried, by cause; the others are."""
