"""Causes of outputs that depend on the mode in which a model runs.

Compiled or with an optimized graph; or in training mode, if no training argument is passed.
"""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts, Failing
from keras_consistency_cli.diagnosis.signatures import (
    is_random,
    layer_in_training_mode,
    located,
    loses_rows,
    only_xla_differs,
    overwrites_for_later_calls,
)
from keras_consistency_cli.routes.calling.training.bare_calls import (
    BARE_CALL,
    BareCallDetails,
    moves_later_outputs,
)
from keras_consistency_cli.routes.calling.training.exported_training import (
    EXPORTED_TRAINING,
    ExportedTrainingDetails,
    PathEffect,
)
from keras_consistency_cli.routes.calling.xla_numbers import XLA_NUMBERS
from keras_consistency_cli.routes.locating.execution import ExecutionDetails
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.text import clean, format_count

__all__ = ["COMPILED_CAUSES", "TRAINING_FLAG_CAUSE"]


def _draws_from_seed(evidence: Evidence, failing: Failing) -> bool:
    """Whether only XLA differs, and a layer draws numbers that are the same in each call."""
    draws = bool(located(evidence, XLA_NUMBERS, "layer")) and not is_random(evidence, failing)
    return draws and only_xla_differs(failing["KC204"])


def _differs_by_optimizer(evidence: Evidence, _failing: Failing) -> bool:
    return evidence.details("locate-execution", ExecutionDetails).get("by_optimizer", False)


def _comes_from_predict(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a verdict compares ways to call, or is a consequence of NaN that predict alone makes."""
    pairs = evidence.comparisons.get(("call", "predict"), ())
    is_nonfinite = any(each.nonfinite_reference > each.nonfinite_candidate for each in pairs)
    return verdict.code in ("KC201", "KC204") or is_nonfinite


COMPILED_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="constants-combined",
        sentence="TensorFlow combines constants of {layer} when it optimizes a graph: outputs change",
        explanation=(
            "The optimizer of graphs reorders arithmetic: x * 30000 * -30 becomes x * (30000 * -30). In "
            "float16 that constant is infinite, and 0 times infinity is NaN, in predict, in an export and "
            "under XLA; model(x) computes from left to right. Constants such as 1e30 do so in float32. "
            "Measured with TensorFlow 2.21."
        ),
        key=("KC701", "KC201", "KC204"),
        explains=("KC701", "KC201", "KC204", "KC205", "KC602", "KC603"),
        fits=_differs_by_optimizer,
        covers=_comes_from_predict,
        advice=(
            "write one constant in '{layer}' in place of several, small enough for the dtype; for a mask:\n"
            "    scores = ops.where(mask, scores, ops.cast(-30000.0, scores.dtype))"
        ),
        locator="locate-execution",
    ),
    Cause(
        slug="seed-differs-under-xla",
        sentence=("a fixed seed in {layer} gives other random numbers under XLA than eagerly and in a graph"),
        explanation=(
            "keras.random draws the same numbers in each call if its seed is an integer. But TensorFlow "
            "chooses another generator in a function that is compiled with XLA, and the same seed then gives "
            "other numbers: with jit_compile=True, the model gives other outputs than predict."
        ),
        key=("KC204",),
        explains=("KC204",),
        fits=_draws_from_seed,
        advice=(
            "dropout, noise and augmentation belong to training: let '{layer}' draw only if `training` is "
            "true. Numbers that inference needs are kept as a weight, which is saved with the model; SEED is "
            "the number that the layer uses now:\n"
            "    self.noise = self.add_weight(shape=shape, trainable=False,\n"
            "        initializer=keras.initializers.RandomNormal(stddev=1.0, seed=SEED))\n"
            "or name the generator; these are the numbers of keras.random.normal(shape, seed=SEED):\n"
            "    tf.random.stateless_normal(shape, seed=(SEED, 0), alg='philox')"
        ),
        locator=XLA_NUMBERS,
    ),
)


_IN_TRAINING = "{layer} runs in training mode if the model is called without a training argument"
_OWN_DEFAULT = (
    "in the class of '{layer}', let training=None mean inference:\n"
    "    def call(self, x, training=None):\n"
    "        if training: ...\n"
)
_TRAINING_FALSE = (
    "call model(x, training=False) everywhere outside training; remove `training=True` from the "
    "graph; leave augmentation out of the exported model, or export with training=False:\n"
    "    archive = keras.export.ExportArchive()\n"
    "    archive.track(model)\n"
    "    signature = [keras.InputSpec(shape=model.input_shape, dtype='float32')]\n"
    "    archive.add_endpoint('serve', lambda x: model(x, training=False), signature)\n"
    "    archive.write_out('exported')"
)

_UPDATE_IN_TRAINING = (
    "in the class of '{layer}', let training=None mean inference, and update variables in training only:\n"
    "    def call(self, x, training=None):\n"
    "        ...\n"
    "        if training:  # not: if training is not False\n"
    "            self.variable.assign(...)\n"
    "call model(x, training=False) everywhere outside training; a model that was called without it is "
    "changed until its file is loaded again"
)


def _keeps_rows(evidence: Evidence, failing: Failing) -> bool:
    """Whether outputs have one row for each input row; if not, no two calls give the same shape."""
    return not loses_rows(evidence, failing)


def _name_paths(evidence: Evidence) -> CauseTexts | None:
    """The paths on which the layer runs in training mode, as they were measured."""
    details = evidence.details(EXPORTED_TRAINING, ExportedTrainingDetails)
    if "call" not in details:
        return None
    paths = [*_name_source(evidence), _describe_path("model(x)", details["call"])]
    if "saved_model" in details:
        paths.append(_describe_path("the exported SavedModel", details["saved_model"]))
    if "failure" in details:
        paths.append(f"its export fails ({details['failure']})")
    operations = details.get("random_operations")
    if operations:
        # Measured in docs/behaviours.md: most are refused, RandomCrop becomes a fixed crop.
        refused = f"cannot be loaded, as ONNX has no {operations[-1]}"
        paths.append(f"a file in ONNX {refused}, or keeps the numbers drawn at the export")
    elif details.get("saved_model", details["call"])["changed"]:
        paths.append("a file in ONNX runs it in training mode, too")
    paths.append(_describe_predict(evidence.details(BARE_CALL, BareCallDetails)))
    sentence = f"{_IN_TRAINING}: {'; '.join(paths)}".replace("{", "{{")
    sentence = sentence.replace("}", "}}").replace("{{layer}}", "{layer}", 1)
    is_custom = evidence.details("locate-training", LocatedLayer).get("custom", False)
    advice = f"{_OWN_DEFAULT if is_custom else ''}{_TRAINING_FALSE}{_describe_trial(details)}"
    return CauseTexts(sentence=sentence, advice=advice)


def _name_source(evidence: Evidence) -> Iterator[str]:
    """Yield where the flag comes from, if the layer itself has none: a functional graph hands it on."""
    path = evidence.details("locate-training", LocatedLayer).get("layer")
    own = next((layer for layer in evidence.facts.layers if layer.path == path), None)
    source = next((layer for layer in evidence.facts.layers if layer.default_training), None)
    if own is not None and source is not None and not (own.default_training or own.baked_training):
        named = f"'{clean(source.path, 60)}' ({clean(source.kind, 40)})"
        yield f"training=True is the default of {named} in front of it, and reaches the layers behind"


def _describe_predict(details: BareCallDetails) -> str:
    """What predict gives, which runs in inference mode, also after bare calls if these were measured."""
    if not moves_later_outputs(details):
        return "predict is not affected"
    count = format_count(details["calls"], "such call")
    return f"predict runs in inference mode, but differs by up to {details['moved']:.2g} after {count}"


def _name_overwritten(evidence: Evidence) -> CauseTexts | None:
    """A variable that a bare call overwrites, if only later outputs show it."""
    if not overwrites_for_later_calls(evidence):
        return None
    details = evidence.details(BARE_CALL, BareCallDetails)
    exported = evidence.details(EXPORTED_TRAINING, ExportedTrainingDetails).get("saved_model")
    too = ", and so do those of the exported SavedModel" if exported and not exported["repeats"] else ""
    moved = (
        f"differ by up to {details['moved']:.2g}" if details["moved"] else "are the same, but depend on them"
    )
    sentence = (
        "{layer} overwrites its variables if the model is called without a training argument: after "
        f"{format_count(details['calls'], 'such call')}, the outputs of predict {moved}{too}"
    )
    layer = layer_in_training_mode(evidence)
    is_custom = any(fact.custom for fact in evidence.facts.layers if fact.path == layer)
    return CauseTexts(sentence=sentence, advice=_UPDATE_IN_TRAINING if is_custom else _TRAINING_FALSE)


def _describe_path(path: str, effect: PathEffect) -> str:
    if effect["changed"] is None:
        return f"{path} gives outputs of shape {tuple(effect['shape'])}"
    if not effect["changed"]:
        return f"{path} is the same on these rows"
    again = "" if effect["repeats"] else ", differently at each call"
    return f"{path} differs by up to {effect['changed']:.2g}{again}"


def _describe_trial(details: ExportedTrainingDetails) -> str:
    if "with_flag" not in details or details["with_flag"]["changed"] is None:
        return ""
    left = details["with_flag"]["changed"]
    return f"\n(tried: the SavedModel then differs from model(x, training=False) by {left:.2g})"


TRAINING_FLAG_CAUSE = Cause(
    slug="training-flag-default",
    sentence=_IN_TRAINING,
    explanation=(
        "Augmentation and noise layers, Resizing and CenterCrop use training=True by default, and hand it on "
        "to the layers behind, such as BatchNormalization; and a functional graph can "
        "contain `training=True`, which predict ignores in Keras 3.3 to 3.15. predict passes False, so "
        "it is not affected. model(x), tf.function(model) and an exported SavedModel are: images are "
        "flipped or rotated differently at each call, and BatchNormalization also updates its "
        "statistics. A custom layer that updates a variable with `if training is not False` does so in a "
        "bare call, too: the call itself may be right, and all later outputs change. In the same way, fit "
        "overrides `training=False` in the graph."
    ),
    key=("KC202",),
    explains=("KC202",),
    fits=_keeps_rows,
    advice=_TRAINING_FALSE,
    locator="locate-training",
    suspect=layer_in_training_mode,
    specific=lambda evidence: _name_overwritten(evidence) or _name_paths(evidence),
)
