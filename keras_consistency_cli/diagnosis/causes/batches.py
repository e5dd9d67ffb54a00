"""Causes in batches: neighbours, batch size and position, and the number of output rows."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import EVERY_CALL, Cause, CauseTexts
from keras_consistency_cli.diagnosis.layers.mixing import mixes_neighbours, texts_of_mixing
from keras_consistency_cli.diagnosis.operation_layers import drawing_layers, layer_that_refused_batch
from keras_consistency_cli.diagnosis.signatures import (
    depends_on_batch,
    is_caused_by_batch,
    last_stateful_layer,
    located,
    loses_rows,
    short_batch_grows,
    uses_batch_statistics,
)
from keras_consistency_cli.routes.locating.layers import LocatedLayer

__all__ = ["BATCH_CAUSES", "ROW_COUNT_CAUSES"]

_PADDED_TO_LONGEST = CauseTexts(
    sentence=(
        "the size of the output of {layer} depends on the other rows of the batch, and later layers count "
        "the padding as data"
    ),
    advice=(
        "give '{layer}' a fixed size: TextVectorization(output_sequence_length=…), to_tensor(shape=(None, "
        "…)); or hide the padding from the layers after it: Embedding(mask_zero=True), and only layers that "
        "use the mask. Train again with what is served"
    ),
)
_LOOPS_FOR_ALL_ROWS = CauseTexts(
    sentence=(
        "a loop in {layer} takes as many steps as the whole batch needs: the output of a row depends on its "
        "neighbours"
    ),
    advice=(
        "let each row end by itself in the loop of '{layer}': keep what is finished, "
        "ops.where(done, old, new), and choose the size of a step for each row, not with a mean or max over "
        "all; or take a fixed number of steps"
    ),
)
_LOUDEST_OF_BATCH = CauseTexts(
    sentence=(
        "{layer} cuts off what is quieter than the loudest row of the batch by top_db: the output of a row "
        "depends on its neighbours"
    ),
    advice=(
        "take the logarithm after '{layer}', for each value by itself, and train again:\n"
        "    mel = keras.layers.MelSpectrogram(…, power_to_db=False)(wave)\n"
        "    mel = 10 * keras.ops.log10(keras.ops.maximum(mel, 1e-10))"
    ),
)
_UNTRIED_NEIGHBOURS = CauseTexts(
    sentence="{layer} depends on the size of the batch or on the position of a row in it",
    advice=(
        "look for x.shape[0], ops.shape(x)[0], arange over the batch, or a fixed size in the call() of "
        "custom layers. If the rows are parts of one whole, such as the nodes of a graph, give the model an "
        "axis for them, (graphs, nodes, features), or predict all of them in one batch and in one order: "
        "model.predict(x, batch_size=len(x))"
    ),
)
_FIXED_SEED = CauseTexts(
    sentence=(
        "{layer} draws random numbers from a fixed seed at inference: they depend on the size of the batch "
        "and on the position of a row in it"
    ),
    advice=(
        "dropout, noise and augmentation belong to training: let '{layer}' draw only if `training` is true, "
        "and train again if it was always on:\n"
        "    def call(self, x, training=None):\n"
        "        if not training:\n"
        "            return x\n"
        "        return keras.random.dropout(x, self.rate, seed=self.seeds)  # a SeedGenerator\n"
        "numbers that inference needs are the same for each row: draw them once, for a single row"
    ),
)


def _texts_of_layer(locator: str, evidence: Evidence) -> CauseTexts | None:
    """Return the texts for layers that need more than an axis: they pad, loop or measure for all rows."""
    details = evidence.details(locator, LocatedLayer)
    if details.get("looped"):
        return _LOOPS_FOR_ALL_ROWS
    if details.get("resized"):
        return _PADDED_TO_LONGEST
    return _LOUDEST_OF_BATCH if details.get("kind") == "MelSpectrogram" else None


def _texts_of_mixing(evidence: Evidence) -> CauseTexts | None:
    return _texts_of_layer("locate-companions", evidence) or texts_of_mixing(evidence)


def _texts_of_size(evidence: Evidence) -> CauseTexts | None:
    """Return the texts that say nothing of neighbours, if these could not be replaced."""
    if located(evidence, "locate-batching", "layer") in drawing_layers(evidence):
        return _FIXED_SEED
    were_replaced = evidence.comparisons.get(("companions", "companions-baseline"))
    return _texts_of_layer("locate-batching", evidence) or (None if were_replaced else _UNTRIED_NEIGHBOURS)


BATCH_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="batch-statistics-in-inference",
        sentence="{layer} normalizes with the statistics of the current batch instead of those from training",
        explanation=(
            "A BatchNormalization layer runs with training=True during prediction, because a custom call() "
            "passes it. The output of a row then depends on its neighbours, the output of a single row is "
            "constant, and every prediction changes the stored statistics."
        ),
        key=("KC103",),
        explains=(*EVERY_CALL, "KC202"),
        fits=uses_batch_statistics,
        advice=(
            "pass the flag on in call():\n"
            "    def call(self, x, training=None):\n"
            "        return self.norm(x, training=training)\n"
            "or freeze the layer: layer.trainable = False"
        ),
        locator="locate-companions",
    ),
    Cause(
        slug="cross-sample-dependence",
        sentence="{layer} mixes the rows of a batch: the output of a row depends on its neighbours",
        explanation=(
            "An operation works along axis 0: mean, max, softmax, attention, sorting, cumsum, roll or a "
            "reshape over the batch. Or a layer pads all rows to the longest one of the batch, as "
            "TextVectorization without output_sequence_length does, and no mask hides the padding. Or a loop "
            "ends when all rows are done, and goes on changing those that were done before. The output of a "
            "row then depends on the rows that happen to share its batch, and a single row gives yet another "
            "output."
        ),
        key=("KC103", "KC101", "KC102", "KC104"),
        explains=("KC101", "KC102", "KC103", "KC104"),
        fits=mixes_neighbours,
        advice=(
            "in '{layer}' give the operation a feature axis (axis=-1, or 1), and keep the batch axis first "
            "in every reshape: reshape((-1, …)). If a transpose has moved the batch axis before that, as for "
            "the heads of attention, transpose it back first. What needs the whole batch in training, such "
            "as a statistic of GANs or the capacity of experts, belongs under `if training`"
        ),
        locator="locate-companions",
        specific=_texts_of_mixing,
    ),
    Cause(
        slug="batch-size-dependence",
        sentence=(
            "{layer} depends on the size of the batch or on the position of a row in it, not on the "
            "neighbours"
        ),
        explanation=(
            "Code in call() reads the batch size or assumes a fixed one, and treats other sizes differently "
            "or refuses them. Examples are a branch on x.shape[0], a static reshape, a cast or a shortcut "
            "for large or small batches, and code that numbers the rows. Random numbers from a fixed seed "
            "have the same effect: each position in the batch always gets the same ones. Replacing the "
            "neighbours changes nothing; changing their number or the order of the rows does."
        ),
        key=("KC101", "KC102", "KC104"),
        explains=("KC101", "KC102", "KC104", "KC204"),
        fits=depends_on_batch,
        covers=is_caused_by_batch,
        advice=(
            "look for x.shape[0], ops.shape(x)[0], arange over the batch, a fixed size or a fixed seed in "
            "the call() of custom layers"
        ),
        locator="locate-batching",
        suspect=layer_that_refused_batch,
        specific=_texts_of_size,
    ),
)
"""Most specific first."""

ROW_COUNT_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="state-batch-mismatch",
        sentence=(
            "{layer} keeps its state per position in the batch: rows continue from the state of the wrong "
            "rows"
        ),
        explanation=(
            "A stateful layer is built for one batch size: each row continues from the row at the same "
            "position of the batch before. A last batch of one row is broadcast against all states: 9 rows "
            "at batch size 4 give 12 outputs, without an error. If the rows are one sequence, a row in a "
            "batch of 4 continues from the row four before it."
        ),
        key=("KC102", "KC502"),
        explains=("KC102", "KC502"),
        fits=short_batch_grows,
        advice=(
            "if the rows are one sequence, build the model with batch_size=1 and the same weights; otherwise "
            "pad the rows to a multiple of the batch size before predict and cut the outputs, or drop the "
            "rows of the last batch"
        ),
        suspect=last_stateful_layer,
    ),
    Cause(
        slug="outputs-not-per-sample",
        sentence="an output does not have one row for each input row",
        explanation=(
            "A reduction without an axis, or a reshape, removes or mixes the batch axis. A squeeze without "
            "an axis removes it for a single row."
        ),
        key=("KC102", "KC501"),
        explains=(*EVERY_CALL, "KC202", "KC501"),
        fits=loses_rows,
        advice=(
            "reduce over axis=1 or later, squeeze a named axis, and keep the batch axis first: reshape((-1, "
            "…)), squeeze(x, axis=-1)"
        ),
    ),
)
"""Most specific first."""
