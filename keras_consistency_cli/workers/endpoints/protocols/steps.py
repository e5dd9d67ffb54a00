"""Steps of sequences: a number in each request says which earlier requests it continues."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from keras_consistency_cli.config.endpoints import SEQUENCE
from keras_consistency_cli.workers.endpoints.protocols.wire import Json

__all__ = ["CONFIGURATION", "SEQUENCES", "SEQUENCE_BATCHING", "Step", "fill_sequence", "sequence_numbers"]

SEQUENCES, CONFIGURATION = "sequence", "model_configuration"
"""Names of extensions of V2."""
SEQUENCE_BATCHING = "sequence_batching"
"""The part of a model's configuration that makes its requests steps of sequences."""
_HIGHEST = 2**31


@dataclass(frozen=True, kw_only=True)
class Step:
    """A request of a sequence: the number of the sequence, and whether it is the first or the last one."""

    sequence: int
    is_first: bool = True
    is_last: bool = True

    def parameters(self) -> dict[str, Json]:
        """Return the parameters of the sequence extension of V2."""
        return {
            "sequence_id": self.sequence,
            "sequence_start": self.is_first,
            "sequence_end": self.is_last,
        }


def sequence_numbers() -> Iterator[int]:
    """Return new numbers without end, not from 1 on: a service may remember those of an earlier run."""
    return itertools.count(secrets.randbelow(_HIGHEST) + 1)


def fill_sequence(template: Json, step: Step) -> Json:
    """Return a template with the number of the sequence, as a text, which services also read as a number."""
    if template == SEQUENCE:
        return str(step.sequence)
    if isinstance(template, dict):
        return {key: fill_sequence(value, step) for key, value in template.items()}
    return [fill_sequence(value, step) for value in template] if isinstance(template, list) else template
