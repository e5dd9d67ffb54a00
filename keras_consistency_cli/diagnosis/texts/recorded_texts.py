"""Sentence and advice of recorded outputs whose rows another vocabulary numbered, or a scaler scaled."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts
from keras_consistency_cli.routes.persistence.recorded import RecordedDetails
from keras_consistency_cli.routes.persistence.recordings.other_vocabularies import VOCABULARY
from keras_consistency_cli.routes.persistence.recordings.recorded_rows import RAW_ROWS

__all__ = ["specific_difference", "specific_recording"]

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
_NO_SCALER = CauseTexts(
    sentence="the recorded outputs are those of scaled rows: a scaler seems to be missing in this call",
    advice=(
        "give the scaler that training saved with --scaler: the rows of --data are raw. If serving "
        "really feeds these rows, it lacks the scaler as well:\n"
        "    x = scaler.transform(rows)      # the saved scaler, before each predict"
    ),
)
_WITHOUT_SCALER = CauseTexts(
    sentence="the recorded outputs are those of the rows without the scaler",
    advice=(
        "scale exactly once. If the rows of --data are scaled already, run without --scaler, or set facts: "
        "{{data_state: scaled}} in the YAML. If they are raw, the recording left the scaler out; record "
        "again:\n"
        "    np.save('expected.npy', model.predict(scaler.transform(rows)))"
    ),
)
_SINGLE_ROWS = CauseTexts(
    sentence="the outputs of single rows differ from the recorded ones; those of all others are equal",
    advice=(
        "the model is the one that was recorded. Compare the named rows of --data with those that were "
        "recorded: a value was changed or filled in since, or the recording was edited. Then record again:\n"
        "    np.save('expected.npy', model.predict(x))"
    ),
)


def specific_difference(evidence: Evidence) -> CauseTexts | None:
    """Where most rows are equal, the model is not the reason."""
    return _SINGLE_ROWS if evidence.details("recorded", RecordedDetails).get("single_rows") else None


def specific_recording(evidence: Evidence) -> CauseTexts | None:
    """Rows that another vocabulary numbers, or that a forgotten scaler scales, need no other preparation."""
    details = evidence.details("recorded", RecordedDetails)
    if details.get("unscaled"):
        return _NO_SCALER
    if details.get("rows") == RAW_ROWS:
        return _WITHOUT_SCALER
    return _VOCABULARY if details.get("rows", "").startswith(VOCABULARY) else None
