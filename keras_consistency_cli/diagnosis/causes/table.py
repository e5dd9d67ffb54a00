"""CAUSES: the table of known causes, most specific first. Each says how it is recognised and what to change."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.causes.data import DATA_CAUSES
from keras_consistency_cli.diagnosis.causes.precision import FILE_CAUSES, NUMBER_CAUSES, ROUNDING_CAUSE
from keras_consistency_cli.diagnosis.causes.scaling import SCALING_CAUSES, UNREPEATABLE_CAUSE
from keras_consistency_cli.diagnosis.causes.sequences import SEQUENCE_CAUSES
from keras_consistency_cli.diagnosis.signatures import (
    always,
    baked_layer,
    batch_statistics,
    but_for_compilers,
    by_its_batch,
    by_lost_numbers,
    carried_state,
    changing_layer,
    found,
    held_by_rows,
    hidden_state,
    made_nonfinite,
    named_by,
    neighbours,
    randomness,
    refusing_layer,
    rows_lost,
    short_tail_grows,
    stateful_layer,
)

__all__ = ["CAUSES"]

_OF_NAN = ("KC101", "KC102", "KC201", "KC202", "KC204", "KC701")
_ALL = ("KC101", "KC102", "KC103", "KC104", "KC201", "KC203", "KC204")

_TABLE = (
    Cause(
        slug="batch-statistics-in-inference",
        sentence="{layer} normalises with the statistics of the batch at hand instead of those learned in training",
        explanation=(
            "A BatchNormalization layer runs with training=True during prediction, because a custom call() says so. A row "
            "is then answered according to its neighbours, a single row comes out constant, and every prediction moves the "
            "stored statistics."
        ),
        key=("KC103",),
        explains=(*_ALL, "KC202"),
        fits=batch_statistics,
        advice=(
            "forward the flag in call():\n"
            "    def call(self, x, training=None):\n"
            "        return self.norm(x, training=training)\n"
            "or freeze the layer: layer.trainable = False"
        ),
        locator="locate-companions",
    ),
    Cause(
        slug="cross-sample-dependence",
        sentence="{layer} mixes the rows of a batch: a row's answer depends on its neighbours",
        explanation=(
            "Some operation works along axis 0: mean, max, softmax, attention, sorting, cumsum, roll or a reshape over the "
            "batch. The answer then depends on which rows happen to share a batch; on a single row it is something else "
            "again."
        ),
        key=("KC103", "KC102"),
        explains=("KC101", "KC102", "KC103", "KC104"),
        fits=neighbours,
        advice=(
            "in '{layer}' give the operation a feature axis (axis=-1, or 1), and keep the batch axis first in every reshape: reshape((-1, …))"
        ),
        locator="locate-companions",
    ),
    Cause(
        slug="batch-size-dependence",
        sentence="{layer} goes by the size of a batch, or by the place of a row in it, and not by its neighbours",
        explanation=(
            "Code in call() asks for the batch size, or has one written into it, and other sizes are answered otherwise or refused: a branch on "
            "x.shape[0], a static reshape, a cast or a shortcut for large or small batches, or numbers the rows. Random numbers from a fixed seed "
            "are another way to number them: each place in the batch always gets the same ones. Replacing the neighbours changes nothing, changing "
            "their number or the order of the rows does."
        ),
        key=("KC101", "KC102", "KC104"),
        explains=("KC101", "KC102", "KC104", "KC204"),
        fits=by_its_batch,
        covers=but_for_compilers,
        advice="look for x.shape[0], ops.shape(x)[0], arange over the batch, a fixed size or a fixed seed in the call() of custom layers",
        locator="locate-batching",
        suspect=refusing_layer,
    ),
    Cause(
        slug="state-carry-over",
        sentence="{layer} carries its state from one batch into the next: answers depend on what was predicted before",
        explanation=(
            "A recurrent layer with stateful=True keeps its state across predict calls; predict never resets it. "
            "Independent rows are then answered as if they continued one another. `model.reset_states()` no longer exists "
            "in Keras 3."
        ),
        key=("KC101", "KC104", "KC203", "KC502"),
        explains=("KC101", "KC104", "KC203", "KC201", "KC204", "KC502"),
        fits=carried_state,
        advice=(
            "reset before every independent request:\n"
            "    for layer in model._flatten_layers():\n"
            "        if getattr(layer, 'stateful', False) and hasattr(layer, 'reset_state'):\n"
            "            layer.reset_state()\n"
            "or rebuild the layer with stateful=False; where carrying over is meant, say facts: {{stateful_rows: "
            "consecutive}} in the YAML"
        ),
        locator="locate-repeat",
        suspect=stateful_layer,
    ),
    Cause(
        slug="active-randomness",
        sentence="{layer} is random during prediction: the same row gets other answers each time",
        explanation=(
            "Dropout, noise or augmentation stays on in predict, because a layer passes training=True, or because a custom "
            "call() takes no `training` argument and so never passes it on; or the model draws random numbers outside "
            "Keras."
        ),
        key=("KC203", "KC101", "KC102"),
        explains=(*_ALL, "KC202"),
        fits=randomness,
        advice=(
            "take training=None in call() and forward it:\n"
            "    def call(self, x, training=None):\n"
            "        return self.dropout(x, training=training)\n"
            "If randomness is meant (Monte Carlo dropout), average over many passes and report the spread"
        ),
        locator="locate-repeat",
    ),
    Cause(
        slug="hidden-state",
        sentence="{layer} keeps or freezes something between calls: answers depend on when the model was traced or how often it ran",
        explanation=(
            "A counter, a cache or a moving average is updated in call(), or a value from NumPy, Python or the clock was "
            "drawn once when Keras traced the model."
        ),
        key=("KC203",),
        explains=(*_ALL, "KC202", "KC502", "KC801"),
        fits=hidden_state,
        covers=lambda evidence, verdict: (
            verdict.code != "KC801" or named_by("untracked-state")(evidence, verdict)
        ),
        suspect=changing_layer,
        advice=(
            "update variables only where `training` is true; draw random numbers with keras.random, never with numpy or random, inside call()"
        ),
        locator="locate-repeat",
    ),
    Cause(
        slug="training-flag-default",
        sentence="{layer} treats a bare model(x) as training",
        explanation=(
            "Augmentation and noise layers may take training=True by default, and a functional graph can have "
            "`training=True` written into it. predict passes False and is not touched; model(x), tf.function(model) and an "
            "export are."
        ),
        key=("KC202",),
        explains=("KC202",),
        fits=always,
        advice=(
            "call model(x, training=False) everywhere outside training; take `training=True` out of the graph; leave "
            "augmentation out of the model that is exported"
        ),
        locator="locate-training",
        suspect=baked_layer,
    ),
    Cause(
        slug="state-batch-mismatch",
        sentence="{layer} is built for one batch size: a row goes on from the same place of the batch before, and a short last batch goes wrong",
        explanation=(
            "A stateful layer broadcasts a last batch of one row against its states: 9 rows at batch size 4 give 12 outputs, silently."
        ),
        key=("KC102", "KC502"),
        explains=("KC102", "KC502"),
        fits=short_tail_grows,
        advice="pad the rows to a multiple of the batch size and cut the answers, or drop the tail",
        suspect=stateful_layer,
    ),
    Cause(
        slug="outputs-not-per-sample",
        sentence="an output does not have one row for each input row",
        explanation=(
            "A reduction without an axis, or a reshape, drops or mixes the batch axis. A squeeze without an axis does so where a row comes alone."
        ),
        key=("KC102", "KC501"),
        explains=(*_ALL, "KC501"),
        fits=rows_lost,
        advice="reduce over axis=1 or later, squeeze a named axis, and keep the batch axis first: reshape((-1, …)), squeeze(x, axis=-1)",
    ),
    Cause(
        slug="nan-hidden",
        sentence="predict turns NaN into an ordinary number where model(x) says NaN",
        explanation=(
            "With oneDNN, Dense or Conv2D fused with relu answers 0.0 for NaN (tensorflow#119628); max pooling and argmax "
            "swallow it too. A bad row then looks like a good one."
        ),
        key=("KC701",),
        explains=_OF_NAN,
        fits=lambda evidence, failing: (
            found("hidden")(evidence, failing) and not made_nonfinite(evidence, failing)
        ),
        advice=(
            "clean the rows before the model:\n"
            "    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)\n"
            "TF_ENABLE_ONEDNN_OPTS=0 shows the NaN in predict too"
        ),
    ),
    Cause(
        slug="non-finite-input",
        sentence="rows of the data hold NaN or infinity",
        explanation=(
            "Missing values reached the model. Its answers for those rows mean nothing, and in a model that mixes rows or "
            "carries state they spoil others."
        ),
        key=("KC701",),
        explains=("KC701",),
        fits=held_by_rows,
        advice="impute or drop those rows before the model, in training and in serving alike",
    ),
    Cause(
        slug="non-finite-output",
        sentence="{layer} turns finite numbers into NaN or infinity",
        explanation=(
            "A weight that is NaN, the logarithm or root of something negative, a division by zero, or an overflow of a "
            "narrow type. From there on every number of that row is lost."
        ),
        key=("KC701",),
        explains=_OF_NAN,
        fits=made_nonfinite,
        covers=by_lost_numbers,
        advice="in '{layer}' guard the division, logarithm or root with a small number, and look at its weights for NaN",
        locator="locate-nonfinite",
    ),
    Cause(
        slug="predict-overridden",
        sentence="the model's class changes what predict does: predict and model(x) are two different functions",
        explanation=(
            "predict_step, make_predict_function or predict itself is overridden. predict applies something that a call, an"
            " export or a server does not."
        ),
        key=("KC201",),
        explains=("KC101", "KC102", "KC104", "KC201", "KC204"),
        fits=lambda evidence, _failing: bool(evidence.facts.overridden),
        advice="move what predict_step adds into a last layer of the model",
    ),
    Cause(
        slug="dtype-cast",
        sentence="predict casts the rows to float32 before the model sees them; model(x) does not",
        explanation=(
            "NumPy floats are cast to keras.config.floatx() by predict's data pipeline. A model that computes in float64 "
            "then answers rounded rows, and whole numbers above 2^24 kept as floats collapse."
        ),
        key=("KC201",),
        explains=("KC201",),
        fits=lambda _evidence, failing: bool(failing["KC201"].findings.get("cast")),
        advice="save the rows as float32, or call keras.config.set_floatx('float64') before predicting",
    ),
)

CAUSES: Mapping[str, Cause] = {
    cause.slug: cause
    for cause in (
        ROUNDING_CAUSE,
        UNREPEATABLE_CAUSE,
        *FILE_CAUSES,
        *_TABLE,
        *SCALING_CAUSES,
        *DATA_CAUSES,
        *SEQUENCE_CAUSES,
        *NUMBER_CAUSES,
    )
}
