"""Causes in padding and masks.

Checks recognize them and name them in `findings["cause"]`.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.padding.place import find_padding_place
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts
from keras_consistency_cli.diagnosis.texts.served_texts import specific_padding

__all__ = ["PADDING_CAUSES"]


def _padding_place(evidence: Evidence) -> str | None:
    """The layer at which padding gets into the outputs."""
    place = find_padding_place(evidence)
    return place.layer if place is not None else None


def _name_wrong_mask(evidence: Evidence) -> CauseTexts | None:
    """The texts if a mask is made that does not fit, in place of one that is not reversed."""
    place = find_padding_place(evidence)
    if place is None or place.fault != "wrong-mask":
        return None
    return CauseTexts(
        sentence="{layer} makes a mask that does not fit the time steps: later layers read the padding",
        advice=(
            "'{layer}' runs in compute_mask() of a layer, or in the graph. The mask needs True at each true "
            "time step of the outputs, and False at the padding. A layer that puts a token in front of the "
            "others also puts True in front:\n"
            "    def compute_mask(self, x, mask=None):\n"
            "        return ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)"
        ),
    )


def _name_code(evidence: Evidence) -> CauseTexts | None:
    """The texts if the code of the model drops the mask between two layers."""
    place = find_padding_place(evidence)
    if place is None or place.fault != "drops-in-code":
        return None
    return CauseTexts(
        sentence="the code before {layer} drops the mask: the layer gets none, and uses the padding",
        advice="pass the mask to '{layer}' in the call() of the model: x = self.layer(x, mask=mask)",
    )


def _masking_layer(evidence: Evidence) -> str | None:
    return next((layer.path for layer in evidence.facts.layers if layer.masks is not None), None)


PADDING_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="mask-lost",
        sentence="{layer} drops the mask, or uses the padding in spite of it: padding changes the outputs",
        explanation=(
            "A mask travels with the tensor. Convolutions, plain operations and custom layers without "
            "supports_masking drop it, operations without a warning. A mean over time then counts the "
            "padding too. So does a layer that gets the mask and does not use it, or that has no argument "
            "for one, such as GlobalMaxPooling1D. A mask that the model computes itself hides nothing on the "
            "wrong axis, such as the queries of attention. The outputs then depend on the amount of padding."
        ),
        key=("KC504",),
        explains=("KC504",),
        suspect=_padding_place,
        advice=(
            "if '{layer}' treats each time step separately, let it pass the mask on:\n"
            "    def __init__(self, **kwargs):\n"
            "        super().__init__(**kwargs)\n"
            "        self.supports_masking = True\n"
            "if it mixes time steps, take `mask` in call() too, and set the padding to 0 first:\n"
            "    x = x * ops.cast(mask, x.dtype)[..., None]\n"
            "an average then divides by the number of true time steps; for a maximum, set the padding to -1e9"
        ),
        specific=_name_code,
    ),
    Cause(
        slug="padding-moved",
        sentence="{layer} changes the padding before the mask is made: the model treats padding as data",
        explanation=(
            "Masking and Embedding(mask_zero=True) compare what they are given with one value. A layer "
            "before them, such as Normalization, changes the padding like any other value. It then differs "
            "from the masked value, and the mask hides nothing."
        ),
        key=("KC504",),
        explains=("KC504",),
        suspect=_padding_place,
        advice=(
            "make the mask from the input, before '{layer}', pass it to the layers that need it, and train "
            "again:\n"
            "    mask = keras.ops.any(keras.ops.not_equal(series, 0.0), axis=-1)\n"
            "    x = layers.LSTM(units)(normalization(series), mask=mask)\n"
            "statistics of '{layer}', if it has any, come from the true time steps only"
        ),
    ),
    Cause(
        slug="positions-count-padding",
        sentence="{layer} counts positions from the padded end: padding changes the outputs",
        explanation=(
            "Positions that are counted from the first time step, such as ops.arange, count the padding of "
            "rows that are padded on the left. The first true time step then has a different position for "
            "every amount of padding."
        ),
        key=("KC504",),
        explains=("KC504",),
        suspect=_padding_place,
        advice=(
            "compute the positions from the mask in '{layer}', or pad on the right:\n"
            "    def call(self, x, mask=None):\n"
            "        positions = ops.maximum(ops.cumsum(ops.cast(mask, 'int32'), axis=1) - 1, 0)\n"
            "        return x + self.table(positions)"
        ),
    ),
    Cause(
        slug="mask-misplaced",
        sentence="{layer} reverses the time steps and not the mask: later layers read the padding",
        explanation=(
            "A recurrent layer with go_backwards=True and return_sequences=True returns its last time step "
            "first, so that the padding is at the other end. Keras passes the mask on as it was; an "
            "operation such as flip drops it. Later layers then skip true time steps and read padding. "
            "Bidirectional puts its second half back in order."
        ),
        key=("KC504",),
        explains=("KC504",),
        suspect=_padding_place,
        advice=(
            "reverse the mask too, and give it to the layers after '{layer}'. Rows without padding keep "
            "their outputs:\n"
            "    mask = embedding.compute_mask(ids)        # or that of the Masking layer\n"
            "    x = layers.LSTM(units)(x, mask=keras.ops.flip(mask, axis=1))"
        ),
        specific=_name_wrong_mask,
    ),
    Cause(
        slug="padding-unmasked",
        sentence="the model treats padding as data",
        explanation=(
            "Either no layer declares a mask, or the rows are padded with a different value than the masked "
            "one, for example because a scaler changes the zeros after padding."
        ),
        key=("KC504", "KC301"),
        explains=("KC504", "KC301", "KC303", "KC305", "KC702"),
        suspect=_masking_layer,
        specific=specific_padding,
        advice=(
            "pad after scaling, and mask the value that you pad with: layers.Masking(mask_value=0.0) first, "
            "or Embedding(..., mask_zero=True). Layers such as Conv1D and Flatten do not pass a mask on: "
            "before these it does not help, and a model with them needs rows padded to the length of training"
        ),
    ),
    Cause(
        slug="fully-masked-row",
        sentence="the outputs of rows that consist of padding only are NaN",
        explanation=(
            "An average over the unmasked time steps divides by zero. For such rows, recurrent layers and "
            "attention return their bias."
        ),
        key=("KC504",),
        explains=("KC504", "KC701"),
        advice="drop rows without a time step before predicting: x = x[(x != mask_value).any(axis=(1, 2))]",
        locator="locate-nonfinite",
    ),
)
"""Most specific first."""
