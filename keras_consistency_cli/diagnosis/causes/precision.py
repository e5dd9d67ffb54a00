"""Causes in how numbers are computed: rounding, precision, devices and kernels."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.near_ties import EQUAL_SCORES
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts, Failing
from keras_consistency_cli.diagnosis.layers.low_precision_texts import texts_of_raised_layers
from keras_consistency_cli.diagnosis.operation_layers import layer_of_operation
from keras_consistency_cli.diagnosis.signatures import (
    any_evidence,
    fails_by_rounding_only,
    located,
    names_cause,
    only_xla_differs,
)
from keras_consistency_cli.measurement.jumps import decided_rows
from keras_consistency_cli.measurement.rounding import rows_without_digit
from keras_consistency_cli.routes.numerics.rounding import LowOperations
from keras_consistency_cli.routes.trace import FLOAT64_COPY

__all__ = ["NUMBER_CAUSES", "ROUNDED_BY_KERNELS", "ROUNDING_CAUSE"]

_EQUAL_SCORES = CauseTexts(
    sentence="some rows have scores that are equal, or differ by less than rounding: their order may change",
    advice=EQUAL_SCORES,
)


def _texts_of_equal_scores(evidence: Evidence) -> CauseTexts | None:
    """Return the texts for rows that are decided differently although no class of theirs changes."""
    changed = [
        comparison
        for name in ("changed-inputs", "changed-weights")
        for comparison in evidence.comparisons.get((name, FLOAT64_COPY), ())
    ]
    is_order = any(map(decided_rows, changed)) and not any(each.flipped for each in changed)
    return _EQUAL_SCORES if is_order else None


def _name_lost_outputs(evidence: Evidence) -> CauseTexts | None:
    """Return the texts for outputs without a right digit."""
    if not any(rows_without_digit(noise) and not decided_rows(noise) for noise in evidence.noise.values()):
        return None
    return CauseTexts(
        sentence="{layer} amplifies rounding so much that no digit of the outputs is right",
        advice=(
            "subtract large numbers that cancel in float64, before the model gets the rows; compute "
            "variances and distances in '{layer}' from differences, not as differences of squares; or "
            "normalize before it"
        ),
    )


_EAGER_OR_GRAPH = ("KC201", "KC204")


def _differs_in_graph(evidence: Evidence, failing: Failing) -> bool:
    """Whether a layer was found; what only XLA computes differently is no difference of eager execution."""
    only_xla = only_xla_differs(*(failing[code] for code in _EAGER_OR_GRAPH if code in failing))
    return not only_xla and bool(located(evidence, "locate-execution", "layer"))


def _low_precision_layer(evidence: Evidence) -> str | None:
    """The layer of the first operation that computes in half precision."""
    operation = next(iter(evidence.details("low-operations", LowOperations).get("low", ())), "")
    return layer_of_operation(evidence, operation.partition(" ")[0])


ROUNDED_BY_KERNELS = (
    "KC101",
    "KC102",
    "KC104",
    "KC201",
    "KC202",
    "KC204",
    "KC502",
    "KC503",
    "KC504",
    "KC601",
    "KC605",
    "KC802",
)
"""Checks that compare two ways to compute the same outputs.

If the same kernels run twice, as in KC103, KC203 and KC801, nothing rounds differently.
"""

ROUNDING_CAUSE = Cause(
    slug="rounding",
    sentence="the differences are rounding only: the stated limit is stricter than float32 can keep",
    explanation=(
        "For a different batch size, device or compiler, kernels add numbers in a different order, and so "
        "round differently. With --exact, or with limits below the rounding noise of the model, a check then "
        "fails although nothing is wrong: on the float64 copy, the same two routes agree."
    ),
    key=ROUNDED_BY_KERNELS,
    explains=ROUNDED_BY_KERNELS,
    fits=any_evidence,
    covers=fails_by_rounding_only,
    advice=(
        "drop --exact, or --rtol and --atol: limits are then measured from the rounding noise of the model; "
        "or state a limit that passes"
    ),
)
"""It comes first: rounding alone must not be taken for a fault with a similar signature."""

NUMBER_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="eager-differs",
        sentence=(
            "{layer} computes differently in eager execution than in a graph: model(x) and predict differ"
        ),
        explanation=(
            "For the same inputs, this layer gives different outputs inside and outside a tf.function. Keras "
            "rounds resized uint8 images to whole numbers in eager execution only; code that asks whether a "
            "tensor is eager, or that calls NumPy, can differ too. predict, tf.function and an export are "
            "graphs; model(x) is not."
        ),
        key=_EAGER_OR_GRAPH,
        explains=_EAGER_OR_GRAPH,
        fits=_differs_in_graph,
        advice=(
            "serve the model the way it was validated: model.predict(x), or a call inside a graph:\n"
            "    step = tf.function(lambda x: model(x, training=False))\n"
            "or build the model with inputs that '{layer}' treats alike both ways, such as float32 images:\n"
            "    keras.Input(shape, dtype='float32')     # rows are cast to the dtype of the Input"
        ),
        locator="locate-execution",
    ),
    Cause(
        slug="device-precision",
        sentence="{layer} gives different outputs on the accelerator and on the CPU",
        explanation=(
            "By default, accelerators multiply matrices in TF32 or less. They also add in a different order "
            "and have kernels of their own. If this changes outputs by more than the rounding noise of the "
            "model, a result that was validated on one machine does not hold on a different one."
        ),
        key=("KC601",),
        explains=("KC601",),
        advice=(
            "multiply in full float32, and validate on the machine that serves the model:\n"
            "    tf.config.experimental.enable_tensor_float_32_execution(False)     # TensorFlow\n"
            "    torch.set_float32_matmul_precision('highest')                      # torch\n"
            "    jax.config.update('jax_default_matmul_precision', 'highest')       # JAX"
        ),
        locator="locate-rounding",
    ),
    Cause(
        slug="kernel-dependent",
        sentence="the outputs depend on the CPU kernels: oneDNN or the number of threads changes them",
        explanation=(
            "TensorFlow chooses kernels by processor, by oneDNN and by threads. They round differently, "
            "within the rounding noise of the model. A larger difference means that a kernel treats some "
            "values differently: oneDNN turns NaN into 0.0 after a fused relu. KC605 says which setting "
            "changes the outputs."
        ),
        key=("KC605",),
        explains=("KC605", "KC701"),
        advice=(
            "search the rows for NaN and infinity; set TF_ENABLE_ONEDNN_OPTS=0 if equal outputs matter more "
            "than speed"
        ),
    ),
    Cause(
        slug="low-precision",
        sentence="{layer} computes in less than float32",
        explanation=(
            "float16, bfloat16 and TF32 keep about three digits. If a dtype policy asks for that, it is a "
            "choice. If a layer casts by itself, or the backend does, outputs are coarser than the model "
            "states, and two ways to call it may differ by that much."
        ),
        key=("KC602", "KC603"),
        explains=("KC602", "KC603"),
        advice=(
            "compute '{layer}' in float32: give it dtype='float32' if a policy such as mixed_float16 applies "
            "to it, or remove its own cast; declare lower precision that is wanted with a dtype policy"
        ),
        locator="locate-rounding",
        decided_by="raise-precision",
        suspect=_low_precision_layer,
        specific=texts_of_raised_layers,
    ),
    Cause(
        slug="ill-conditioned",
        sentence="{layer} amplifies rounding: the last digits of the outputs mean nothing",
        explanation=(
            "Inputs far from zero, nearly singular layers or great depth make tiny rounding differences "
            "large. Nothing is broken, but outputs vary between machines."
        ),
        key=("KC602", "KC604", *ROUNDED_BY_KERNELS),
        explains=("KC602", "KC604", *ROUNDED_BY_KERNELS),
        covers=names_cause("ill-conditioned"),
        advice=(
            "scale the rows in float64, before the model gets them; if numbers far from zero arise inside "
            "the model, normalize before '{layer}', or leave out large numbers that cancel"
        ),
        locator="locate-rounding",
        specific=_name_lost_outputs,
    ),
    Cause(
        slug="near-ties",
        sentence=(
            "some decisions depend on the last digit: two classes, or an output and its threshold, differ by "
            "less than rounding"
        ),
        explanation=(
            "The numbers are correct, but argmax or a threshold turns a small difference into a decision. A "
            "different machine, batch size or kernel may change that decision."
        ),
        key=("KC604", *ROUNDED_BY_KERNELS),
        explains=("KC604", *ROUNDED_BY_KERNELS),
        covers=names_cause("near-ties"),
        advice=(
            "treat a row as undecided if its best two classes differ by less than the limit, or train for a "
            "wider margin"
        ),
        specific=_texts_of_equal_scores,
    ),
)
"""These come last."""
