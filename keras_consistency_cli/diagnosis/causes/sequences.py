"""Causes in shapes, sequences and states; those of padding are in `padding`.

Checks recognize them and name them in `findings["cause"]`.
"""

from __future__ import annotations

from collections.abc import Callable

from keras_consistency_cli.checks.analysis.ids.id_problems import (
    find_input_dtype,
    read_id_tables,
    suggest_whole_numbers,
)
from keras_consistency_cli.checks.analysis.ids.lost_ids import read_lost_ids
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts
from keras_consistency_cli.diagnosis.causes.padding import PADDING_CAUSES
from keras_consistency_cli.routes.calling.ids.table_ids import IdProblems
from keras_consistency_cli.routes.sequences.series import RECURRENT
from keras_consistency_cli.routes.sequences.stepping import StepDetails

__all__ = ["SEQUENCE_CAUSES"]

_SHARED_EMBEDDING = "different ids share an embedding, because a dtype of floats does not hold them"


def _first_layer_of(*kinds: str) -> Callable[[Evidence], str | None]:
    """Return a suspect: the first layer of one of these classes."""
    return lambda evidence: next((layer.path for layer in evidence.facts.layers if layer.kind in kinds), None)


def _table(problem: str) -> Callable[[Evidence], str | None]:
    """Return a suspect: the first table whose ids have this problem."""
    return lambda evidence: next(
        (table for table, details in read_id_tables(evidence).items() if details.get(problem)), None
    )


def _table_of_wrong_ids(evidence: Evidence) -> str | None:
    """The first table that does not have ids of the rows, or the first encoding."""
    return _table("wrong")(evidence) or next(iter(read_lost_ids(evidence)), None)


def _name_rounding(evidence: Evidence) -> CauseTexts | None:
    """The dtype that holds these ids, and where it must be declared: of the input, or of the rows."""
    details = _rounded_ids(evidence)
    if details is None:
        return None
    return CauseTexts(
        sentence=_SHARED_EMBEDDING,
        advice=suggest_whole_numbers(details, find_input_dtype(details, evidence)),
    )


def _rounded_ids(evidence: Evidence) -> IdProblems | None:
    return next((each for each in read_id_tables(evidence).values() if each.get("rounded")), None)


def _comes_from_rounded_ids(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a verdict is KC501, or warns of a precision in which ids are other ids."""
    details = _rounded_ids(evidence)
    is_low = details is not None and details["rounded"]["dtype"] in ("float16", "bfloat16")
    return verdict.code == "KC501" or is_low


_WRONG_IDS = (
    "the rows contain ids that the embedding does not have: Keras raises no error, or only for some of them "
    "on some devices"
)
_CHECK_IDS = "check before predicting: assert x.min() >= 0 and x.max() < vocabulary"
_WRONG_WHOLE_IDS = CauseTexts(
    sentence=_WRONG_IDS,
    advice=f"find out where these ids come from, such as a newer vocabulary, and {_CHECK_IDS}",
)


def _name_wrong_ids(evidence: Evidence) -> CauseTexts | None:
    """The texts for an encoding that makes zeros of ids, and for inputs that have no fractions."""
    if _table("wrong")(evidence) or not read_lost_ids(evidence):
        has_floats = any(fact.is_float for fact in evidence.facts.inputs)
        return None if has_floats or not evidence.facts.inputs else _WRONG_WHOLE_IDS
    return CauseTexts(
        sentence="{layer} makes zeros of ids that it has no entry for, without an error",
        advice=(
            "build {layer} with an entry for each id, num_tokens or num_classes = largest id + 1, and train "
            "again; or subtract 1 from ids that begin with 1, in training and in serving"
        ),
    )


def _stepwise_layer(evidence: Evidence) -> str | None:
    """The layer that needs later time steps, or that forgets its state between two of them."""
    details = evidence.details("steps", StepDetails)
    layer = details.get("layer") or details.get("decoder")
    return layer or _first_layer_of(*RECURRENT, "Conv1D", "MultiHeadAttention")(evidence)


def _name_look_ahead(evidence: Evidence) -> CauseTexts | None:
    """The layer that uses later time steps, if that is the reason."""
    if "layer" not in evidence.details("steps", StepDetails):
        return None
    return CauseTexts(
        sentence=(
            "{layer} uses later time steps: fed step by step, the model does not give the outputs of the "
            "whole sequence"
        ),
        advice=(
            "feed whole sequences; or build '{layer}' so that it uses earlier time steps only, and train "
            "again: Conv1D(padding='causal'), MultiHeadAttention with use_causal_mask=True, a recurrent "
            "layer without Bidirectional, LayerNormalization() over the features in place of a "
            "normalization over time"
        ),
    )


_SHAPE_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="wrong-rank",
        sentence="the rows have an axis too few or too many",
        explanation=(
            "If the last axis of an input has length one, Keras adds it to rows without it, and drops a "
            "surplus one. A single series of shape (20, 1) then counts as 20 rows of one time step, with 20 "
            "outputs."
        ),
        key=("KC501",),
        explains=("KC501",),
        advice=(
            "add the batch axis to a single row: model.predict(x[None]); add the last axis to rows of one "
            "feature: x[..., None]"
        ),
    ),
    Cause(
        slug="wrong-length",
        sentence="the rows do not have the length that the model was trained on",
        explanation=(
            "A Sequential model does not compare rows with the length that it declares. It accepts a single "
            "time step or a longer window. A Functional model would refuse both."
        ),
        key=("KC501",),
        explains=("KC501",),
        advice=(
            "check before predicting: assert x.shape[1:] == model.input_shape[1:]; cut or pad windows as in "
            "training"
        ),
    ),
    Cause(
        slug="wrong-features",
        sentence="the rows have a different number of features than the model was trained on",
        explanation=(
            "A column was added, dropped or encoded differently after training, or the rows belong to a "
            "different model. Keras refuses them if the model declares its features. If columns are cut or "
            "filled until the model accepts them, its outputs are about the wrong features."
        ),
        key=("KC501",),
        explains=("KC501",),
        advice=(
            "select the columns by name, in the order of training:\n"
            "    x = frame[training_columns].to_numpy()"
        ),
    ),
    Cause(
        slug="axes-swapped",
        sentence="two axes of the rows are exchanged",
        explanation=(
            "The axes are time and features, or channels first and channels last. Both orders fit if the "
            "axes have the same length, are declared as None, or are not enforced. The model then reads "
            "features as time steps, without an error. Otherwise Keras refuses the rows."
        ),
        key=("KC501",),
        explains=("KC501",),
        advice=(
            "bring the axes into the order of training where the rows are created: x = x.transpose(0, 2, 1) "
            "for series with time last, x.transpose(0, 2, 3, 1) for images with channels first; facts: "
            "{{time_axis: 1}} states that the time axis is correct"
        ),
    ),
    Cause(
        slug="ids-rounded",
        sentence=_SHARED_EMBEDDING,
        explanation=(
            "An Input without a dtype is float32, which holds whole numbers exactly up to 2^24 = 16,777,216 "
            "only; float16 does up to 2048, and bfloat16 up to 256: under mixed_bfloat16, any layer between "
            "a float Input and the table rounds the ids. Above that, neighbouring ids become the same number "
            "before the table reads them, without an error."
        ),
        key=("KC501",),
        explains=("KC501", "KC602", "KC603", "KC604"),
        covers=_comes_from_rounded_ids,
        suspect=_table("rounded"),
        specific=_name_rounding,
        advice="declare the input with whole numbers: keras.Input(..., dtype='int32'), or 'int64'",
    ),
    Cause(
        slug="wrong-ids",
        sentence=_WRONG_IDS,
        explanation=(
            "Fractions are cut to whole ids, and -1 reads the last row of the table. On TensorFlow, ids "
            "beyond the table, at either end, raise an error on a CPU and read zeros on a GPU. Above the "
            "last row, JAX returns NaN and torch raises an IndexError."
        ),
        key=("KC501",),
        explains=("KC501", "KC701"),
        suspect=_table_of_wrong_ids,
        specific=_name_wrong_ids,
        advice=f"declare keras.Input(..., dtype='int32'), and {_CHECK_IDS}",
    ),
)

_STEP_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="stepwise-differs",
        sentence="fed step by step, the model does not give the outputs of the whole sequence",
        explanation=(
            "A layer without stateful=True starts every time step from zero state, so single time steps are "
            "right only for the first one. Bidirectional layers, attention without a causal mask and centred "
            "convolutions need later time steps, which a prefix does not have."
        ),
        key=("KC503",),
        explains=("KC503",),
        suspect=_stepwise_layer,
        specific=_name_look_ahead,
        advice=(
            "feed growing prefixes if no layer uses later time steps, or one time step at a time to a "
            "stateful copy of the model (stateful=True, batch_size=1, set_weights), or whole sequences; "
            "causal layers are Conv1D(padding='causal') and MultiHeadAttention with use_causal_mask=True"
        ),
    ),
    Cause(
        slug="state-not-carried",
        sentence="{layer} forgets its state after every row, although each row continues the one before",
        explanation=(
            "The YAML states that rows are successive pieces of one sequence. Without stateful=True, a "
            "recurrent layer starts every row from zeros, as if nothing came before it."
        ),
        key=("KC502",),
        explains=("KC502",),
        suspect=_first_layer_of(*RECURRENT),
        advice=(
            "build the model again with a fixed batch and the same weights:\n"
            "    series = keras.Input((None, features), batch_size=1)\n"
            "    layers.LSTM(units, stateful=True)(series)\n"
            "or pass the whole sequence in one row"
        ),
    ),
    Cause(
        slug="time-distributed-dynamic",
        sentence=(
            "TimeDistributed over a time axis of any length: after predict has run with two lengths, it "
            "fails or its outputs are wrong"
        ),
        explanation=(
            "With TensorFlow, if predict is traced for a time axis of any length, TimeDistributed uses the "
            "batch size as the number of time steps. Rows of 7 time steps in a batch of 4 give 4 outputs "
            "each, or an error. predict traces in this way as soon as it has run with a second length."
        ),
        key=("KC501",),
        explains=("KC501",),
        suspect=_first_layer_of("TimeDistributed"),
        advice=(
            "Dense and other layers work on the last axis without a wrapper: use layers.Dense(n) instead of "
            "TimeDistributed(layers.Dense(n)); or declare the length, keras.Input((20, 3)); or set "
            "model.predict_function = None before rows of a different length"
        ),
    ),
)

SEQUENCE_CAUSES: tuple[Cause, ...] = (*_SHAPE_CAUSES, *PADDING_CAUSES, *_STEP_CAUSES)
"""Most specific first."""
