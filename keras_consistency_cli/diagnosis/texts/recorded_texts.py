"""Sentence and advice of recorded outputs whose rows another vocabulary had numbered."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts
from keras_consistency_cli.routes.persistence.other_vocabularies import VOCABULARY
from keras_consistency_cli.routes.persistence.recorded import RecordedDetails

__all__ = ["specific_recording"]

_VOCABULARY = CauseTexts(
    sentence="the recorded outputs are those of another vocabulary: words had other ids",
    advice=(
        "use one vocabulary where the model is trained, recorded and served: save it with the model, and "
        "never build it again from other texts; give lookups and tokenizers the same mask_token, "
        "num_oov_indices and order of words:\n"
        "    layers.StringLookup(vocabulary=VOCABULARY_OF_TRAINING)     # in its own order, not sorted\n"
        "if the vocabulary of the file is the right one, record the outputs again"
    ),
)


def specific_recording(evidence: Evidence) -> CauseTexts | None:
    """Rows that another vocabulary numbers need no other preparation."""
    rows = evidence.details("recorded", RecordedDetails).get("rows", "")
    return _VOCABULARY if rows.startswith(VOCABULARY) else None
