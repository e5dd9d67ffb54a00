"""How causes in calls are confirmed: state, randomness, training flag, overridden methods."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    ConfirmationTest,
    first_confirmed,
    float32_noise,
    replacing_outputs_removes_difference,
)
from keras_consistency_cli.diagnosis.signatures import has_changed, overwrites_for_later_calls, repeat_differs
from keras_consistency_cli.measurement.negligible import NEGLIGIBLE_OF_DIFFERENCE
from keras_consistency_cli.measurement.rounding import MAX_FACTOR
from keras_consistency_cli.routes.calling.clock import HOLD_CLOCK, ClockDetails
from keras_consistency_cli.routes.calling.neighbours import NeighbourDetails
from keras_consistency_cli.routes.calling.training.bare_calls import BARE_CALL, BareCallDetails
from keras_consistency_cli.routes.calling.training.exported_training import EXPORTED_TRAINING
from keras_consistency_cli.routes.calling.xla_numbers import XLA_NUMBERS, XlaNumbersDetails
from keras_consistency_cli.routes.locating.interventions import InterventionDetails
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.text import format_count

__all__ = ["CALL_CONFIRMATIONS", "outputs_repeat_until_reload"]

_KIND_WORDS = {"seed": "random seeds", "state": "states", "weight": "variables"}
_FLOAT32_RESOLUTION = 1e-6


def state_reset_restores_outputs(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Two predicts, with states reset in between and without."""
    pairs = evidence.comparisons.get(("predict-reset", "predict"), ())
    if not pairs or not repeat_differs(evidence, "predict-again"):
        return None
    if all(each.identical for each in pairs):
        return ConfirmationResult(
            confirmed=True,
            explanation=(
                "with states reset in between, a second predict gives the same bits as the first; without "
                "the reset, it does not"
            ),
        )
    return ConfirmationResult(
        confirmed=False,
        explanation="resetting all states does not restore the first outputs: something else is kept too",
    )


def restored_variables_repeat_outputs(*kinds: str) -> ConfirmationTest:
    """Return a test: two runs from the same variables of these kinds give the same bits."""

    def test(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
        details = evidence.details("companions", NeighbourDetails)
        is_tested = "deterministic" in details and repeat_differs(evidence, "predict-again")
        if not is_tested or not has_changed(evidence, *kinds):
            return None
        names = " and ".join(_KIND_WORDS[kind] for kind in kinds if has_changed(evidence, kind))
        if details["deterministic"]:
            return ConfirmationResult(
                confirmed=True,
                explanation=f"with {names} restored, two runs give the same bits; without, they do not",
            )
        return ConfirmationResult(
            confirmed=False,
            explanation=f"with {names} restored, two runs still differ: something else changes too",
        )

    return test


def outputs_repeat_until_reload(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Outputs that repeat until predict is traced, or the file is loaded, again."""
    pairs = evidence.comparisons.get(("predict-again", "predict"), ())
    if not pairs or repeat_differs(evidence, "predict-again"):
        return None
    for route, event in (
        ("predict-retraced", "predict is traced again"),
        ("fresh-process", "a new process loads the file"),
    ):
        if repeat_differs(evidence, route):
            return ConfirmationResult(
                confirmed=True, explanation=f"outputs have the same bits until {event}; then they differ"
            )
    return None


def keras_predict_agrees(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """The predict of Keras in place of the overridden methods."""
    details = evidence.details("plain-predict", InterventionDetails)
    if "left" not in details:
        return None
    names, left = ", ".join(evidence.facts.overridden), details["left"]
    most = max(MAX_FACTOR * float32_noise(evidence), _FLOAT32_RESOLUTION * details["scale"])
    if left <= most and left < details["before"]:
        return ConfirmationResult(
            confirmed=True,
            explanation=f"with the {names} of Keras, predict gives the same outputs as model(x)",
        )
    return ConfirmationResult(
        confirmed=False,
        explanation=f"with the {names} of Keras, predict and model(x) still differ by {left:.2g}",
    )


def explicit_cast_removes_difference(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The rows cast before the call, and not; or in float64, rounded to float32 and not."""
    if "KC201" in failing and failing["KC201"].findings.get("lost"):
        return ConfirmationResult(
            confirmed=True,
            explanation="in float64, the same weights give different outputs for the rows as they are",
        )
    with_cast = evidence.comparisons.get(("call", "predict"), ())
    without_cast = evidence.comparisons.get(("call-as-given", "call"), ())
    if not with_cast or all(each.identical for each in without_cast):
        return None
    left = max(each.max_abs for each in with_cast)
    if left <= NEGLIGIBLE_OF_DIFFERENCE * max(each.max_abs for each in without_cast):
        return ConfirmationResult(
            confirmed=True,
            explanation=(
                "with the rows cast to float32 before the call, model(x) gives the same outputs as predict"
            ),
        )
    return ConfirmationResult(
        confirmed=False,
        explanation=(
            f"with the rows cast to float32 before the call, model(x) and predict still differ by {left:.2g}"
        ),
    )


_layer_output_is_first = replacing_outputs_removes_difference(
    "hold-repeat", "with the output of {layers} replaced", "repeated calls give the same bits"
)
_inference_flag_is_passed = replacing_outputs_removes_difference(
    "hold-training",
    "with training=False passed to {layers} only",
    "a call without the training argument gives the same bits as inference",
)


def _flag_keeps_later_outputs(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """The same calls with training=False, and without it but with the variables restored."""
    details = evidence.details(BARE_CALL, BareCallDetails)
    if not overwrites_for_later_calls(evidence) or not details["moved"]:
        return None
    count = format_count(details["calls"], "call")
    left = max(details["with_flag"], details["restored"])
    if left <= NEGLIGIBLE_OF_DIFFERENCE * details["moved"]:
        same = f"after {count} with training=False, and with the variables restored, outputs are the same"
        return ConfirmationResult(
            confirmed=True, explanation=f"{same}; after {count} without it they are not"
        )
    explanation = f"after {count} with training=False, outputs differ by {left:.2g}, too"
    return ConfirmationResult(confirmed=False, explanation=explanation)


def second_call_runs_new_layers(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Layers with weights in the second of two calls that the first did not run."""
    if not evidence.details("locate-created", LocatedLayer):
        return None
    explanation = "of two calls, the second one runs layers with weights that the first did not have"
    return ConfirmationResult(confirmed=True, explanation=explanation)


def optimizer_makes_difference(_evidence: Evidence, _failing: Failing) -> ConfirmationResult:
    """The layer alone, in a graph with and without the optimizer: the signature is this experiment."""
    return ConfirmationResult(
        confirmed=True,
        explanation=(
            "in a graph without TensorFlow's optimizer, the layer alone gives the outputs of eager "
            "execution; with it, others"
        ),
    )


def generator_removes_difference(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Run the function that XLA compiles with the generator that TensorFlow chooses without XLA."""
    details = evidence.details(XLA_NUMBERS, XlaNumbersDetails)
    if "left" not in details or not details["plain"]:
        return None
    plain, left = details["plain"], details["left"]
    return ConfirmationResult(
        confirmed=left <= NEGLIGIBLE_OF_DIFFERENCE * plain,
        explanation=(
            f"with the same generator of random numbers under XLA and without it, {left:.1e} of a difference "
            f"of {plain:.1e} is left"
        ),
    )


def stopped_clock_repeats_outputs(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Calls at one time that give the same bits, and calls at other times that do not."""
    details = evidence.details(HOLD_CLOCK, ClockDetails)
    if "held" not in details:
        return None
    held, moved = details["held"], details["moved"]
    if held:
        explanation = f"with the clock stopped, two calls still differ by {held:.1e}: more than that changes"
        return ConfirmationResult(confirmed=False, explanation=explanation)
    if not moved:
        explanation = "hours, days and months later, the same rows get the same outputs: a rarer time matters"
        return ConfirmationResult(confirmed=False, explanation=explanation)
    explanation = (
        "with the clock stopped, two calls give the same bits; hours, days and months later, outputs differ "
        f"by up to {moved:.2g}"
    )
    return ConfirmationResult(confirmed=True, explanation=explanation)


CALL_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "seed-differs-under-xla": Confirmation(
        how="the model is compiled with XLA again, with the generator of random numbers of a graph",
        test=generator_removes_difference,
    ),
    "clock-read": Confirmation(
        how="the clock is stopped, and the model called twice; then it is called at other times",
        test=stopped_clock_repeats_outputs,
        routes=(HOLD_CLOCK,),
    ),
    "constants-combined": Confirmation(
        how="the layer alone is run in a graph with TensorFlow's optimizer and without it",
        test=optimizer_makes_difference,
    ),
    "layers-created-in-call": Confirmation(
        how="the layers with weights that run in a second call are compared with those of the first",
        test=second_call_runs_new_layers,
    ),
    "state-carry-over": Confirmation(
        how="states are reset between two predicts; or the layer is given its output from the first call",
        test=first_confirmed(state_reset_restores_outputs, _layer_output_is_first),
        routes=("hold-repeat",),
    ),
    "active-randomness": Confirmation(
        how="the layer is given its output from the first call; or the seeds are restored",
        test=first_confirmed(_layer_output_is_first, restored_variables_repeat_outputs("seed")),
        routes=("hold-repeat",),
    ),
    "hidden-state": Confirmation(
        how=(
            "the layer is given its earlier output, or its state is restored; or outputs repeat until the "
            "model is traced or loaded again"
        ),
        test=first_confirmed(
            _layer_output_is_first,
            restored_variables_repeat_outputs("weight", "state"),
            outputs_repeat_until_reload,
        ),
        routes=("hold-repeat",),
    ),
    "training-flag-default": Confirmation(
        how=(
            "in a call without the training argument, training=False is passed to this layer only; or, if "
            "only later outputs change, the calls are made with training=False"
        ),
        test=first_confirmed(_flag_keeps_later_outputs, _inference_flag_is_passed),
        routes=("hold-training", EXPORTED_TRAINING),
    ),
    "predict-overridden": Confirmation(
        how="the overridden methods are replaced by those of Keras",
        test=keras_predict_agrees,
        routes=("plain-predict",),
    ),
    "dtype-cast": Confirmation(
        how="the rows are cast explicitly before the call; or the float64 copy runs on unrounded rows",
        test=explicit_cast_removes_difference,
    ),
}
