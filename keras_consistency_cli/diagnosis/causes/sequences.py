"""Causes in sequences, shapes, states and padding: the checks of KC5 name them themselves, as `findings["cause"]`."""

from __future__ import annotations

from collections.abc import Callable

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.signatures import says
from keras_consistency_cli.routes.sequences.series import RECURRENT

__all__ = ["SEQUENCE_CAUSES"]


def _layer_of(*kinds: str) -> Callable[[Evidence], str | None]:
    """Return the suspect that is the first layer of one of these classes."""
    return lambda evidence: next((layer.path for layer in evidence.facts.layers if layer.kind in kinds), None)


def _end_of_mask(evidence: Evidence) -> str | None:
    ends, ignored = evidence.details("masks"), evidence.details("unpadded").get("unheeded", {})
    return next((str(place["layer"]) for place in (ends, ignored) if "layer" in place), None)


def _masking_layer(evidence: Evidence) -> str | None:
    return next((layer.path for layer in evidence.facts.layers if layer.masks is not None), None)


def _looking_ahead_or_forgetting(evidence: Evidence) -> str | None:
    found = evidence.details("steps")
    told = found.get("layer") or found.get("decoder")
    return str(told) if told else _layer_of(*RECURRENT, "Conv1D", "MultiHeadAttention")(evidence)


SEQUENCE_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="wrong-rank",
        sentence="the rows have an axis too few or too many",
        explanation=(
            "Where an input ends in an axis of one, Keras adds a missing last axis or drops a surplus one. A single series of shape (20, 1) is "
            "then taken for 20 rows of one step and answered 20 times."
        ),
        key=("KC501",),
        explains=("KC501",),
        fits=says("wrong-rank"),
        advice="a single row needs its batch axis: model.predict(x[None]); rows of one feature need theirs: x[..., None]",
    ),
    Cause(
        slug="wrong-length",
        sentence="the rows are not of the length that the model was trained on",
        explanation=(
            "A Sequential model does not hold rows against the length that it declares: one step, or a longer window, goes through all the same. "
            "A Functional model would refuse it."
        ),
        key=("KC501",),
        explains=("KC501",),
        fits=says("wrong-length"),
        advice="check before predicting: assert x.shape[1:] == model.input_shape[1:]; cut windows or pad them as in training",
    ),
    Cause(
        slug="wrong-features",
        sentence="the rows have another number of features than the model was trained on",
        explanation=(
            "A column was added, dropped or encoded otherwise since training, or these are the rows of another model. Keras refuses them where the "
            "model declares its features; cutting or filling columns until it answers gives answers about the wrong features."
        ),
        key=("KC501",),
        explains=("KC501",),
        fits=says("wrong-features"),
        advice="select the columns by name, in the order of training:\n    x = frame[training_columns].to_numpy()",
    ),
    Cause(
        slug="axes-swapped",
        sentence="axes of the rows are in each other's place",
        explanation=(
            "Time and features, or channels first and last. Both orders fit where the axes are equally long, declared as None, or not enforced: the "
            "model then reads features as steps, and answers. Elsewhere Keras refuses the rows."
        ),
        key=("KC501",),
        explains=("KC501",),
        fits=says("axes-swapped"),
        advice="bring the axes into the order of training, wherever rows are made: x = x.transpose(0, 2, 1) for series with time last, "
        "x.transpose(0, 2, 3, 1) for images with channels first; facts: {{time_axis: 1}} says that time is where it should be",
    ),
    Cause(
        slug="input-order",
        sentence="inputs of the same shape are in each other's place",
        explanation=(
            "A list is matched by position, a dict by name, and an extra key that sorts first can feed the wrong tensor with no more than a "
            "warning (keras#23258). The shapes agree, so nothing crashes."
        ),
        key=("KC501",),
        explains=("KC501",),
        fits=says("input-order"),
        advice="name the inputs when building, keras.Input(shape, name='left'), and always feed a dict with exactly those names",
    ),
    Cause(
        slug="wrong-ids",
        sentence="ids that the embedding does not know are looked up without a word",
        explanation=(
            "Fractions are cut to whole ids, negative ids count from the end of the table, and ids beyond it read zeros on a GPU and raise on a CPU."
        ),
        key=("KC501",),
        explains=("KC501", "KC701"),
        fits=says("wrong-ids"),
        suspect=_layer_of("Embedding"),
        advice="declare keras.Input(..., dtype='int32'), and check before predicting: assert x.min() >= 0 and x.max() < vocabulary",
    ),
    Cause(
        slug="mask-lost",
        sentence="{layer} loses the mask or does not use it: padding is computed on",
        explanation=(
            "A mask travels with the tensor. Convolutions, plain operations and custom layers without supports_masking drop it, operations without a "
            "warning; a mean over time counts the padding in, and so does a layer that is given the mask and makes nothing of it. Answers then "
            "depend on how far a row was padded."
        ),
        key=("KC504",),
        explains=("KC504",),
        fits=says("mask-lost"),
        suspect=_end_of_mask,
        advice=(
            "where '{layer}' leaves steps apart, let it hand the mask on:\n"
            "    def __init__(self, **kwargs):\n"
            "        super().__init__(**kwargs)\n"
            "        self.supports_masking = True\n"
            "where it mixes steps, take `mask` in call() and zero the padding first: x * ops.cast(mask, x.dtype)[..., None]"
        ),
    ),
    Cause(
        slug="padding-unmasked",
        sentence="padding is computed on as if it were data",
        explanation=(
            "Either no layer declares a mask, or rows are filled up with another value than the one that is masked, as happens where a scaler moves "
            "zeros after padding."
        ),
        key=("KC504",),
        explains=("KC504",),
        fits=says("padding-unmasked"),
        suspect=_masking_layer,
        advice="pad after scaling and mask what you pad with: layers.Masking(mask_value=0.0) first, or Embedding(..., mask_zero=True)",
    ),
    Cause(
        slug="fully-masked-row",
        sentence="rows that are nothing but padding are answered with NaN",
        explanation="An average over the unmasked steps divides by none. Recurrent layers and attention answer such rows with their bias.",
        key=("KC504",),
        explains=("KC504", "KC701"),
        fits=says("fully-masked-row"),
        advice="drop rows without a single step before predicting: x = x[(x != mask_value).any(axis=(1, 2))]",
        locator="locate-nonfinite",
    ),
    Cause(
        slug="stepwise-differs",
        sentence="fed the way it is going to be, step by step, the model does not give the answers of the whole sequence",
        explanation=(
            "A layer without stateful=True starts every step from nothing, so single steps are right only for step 0. Both directions, attention "
            "without a causal mask and centred convolutions need later steps, which a prefix does not have."
        ),
        key=("KC503",),
        explains=("KC503",),
        fits=says("stepwise-differs"),
        suspect=_looking_ahead_or_forgetting,
        advice=(
            "feed growing prefixes where nothing looks ahead, a stateful copy of the model (stateful=True, batch_size=1, set_weights) one step at a "
            "time, or whole sequences; causal layers are Conv1D(padding='causal') and MultiHeadAttention with use_causal_mask=True"
        ),
    ),
    Cause(
        slug="state-not-carried",
        sentence="{layer} forgets its state after every row, although the rows go on from one another",
        explanation=(
            "The owner says that rows are successive pieces of one sequence. Without stateful=True a recurrent layer starts every row from zeros, "
            "and answers as if nothing had come before."
        ),
        key=("KC502",),
        explains=("KC502",),
        fits=says("state-not-carried"),
        suspect=_layer_of(*RECURRENT),
        advice=(
            "rebuild it with a fixed batch and the same weights:\n"
            "    series = keras.Input((None, features), batch_size=1)\n"
            "    layers.LSTM(units, stateful=True)(series)\n"
            "or hand the whole sequence over in one row"
        ),
    ),
    Cause(
        slug="time-distributed-dynamic",
        sentence="TimeDistributed over a time axis of any length: once predict has seen two lengths, it answers with the wrong number of steps",
        explanation=(
            "With TensorFlow, a predict traced for a free time axis makes TimeDistributed take the batch size for the number of steps: rows of 7 "
            "steps in a batch of 4 get 4 answers each, or an error. predict traces that way as soon as it has seen a second length."
        ),
        key=("KC501",),
        explains=("KC501",),
        fits=says("time-distributed-dynamic"),
        suspect=_layer_of("TimeDistributed"),
        advice=(
            "Dense and other layers work on the last axis by themselves: use layers.Dense(n) instead of TimeDistributed(layers.Dense(n)); or declare "
            "the length, keras.Input((20, 3)); or set model.predict_function = None before rows of another length"
        ),
    ),
)
"""Most specific first."""
