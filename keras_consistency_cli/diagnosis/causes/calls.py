"""Causes that make calls differ: state, randomness, overridden methods."""

from __future__ import annotations

import math

from keras_consistency_cli.checks.analysis.lost_digits import find_digit_loss
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.preconditions import differs_by_trace
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import EVERY_CALL, Cause, CauseTexts
from keras_consistency_cli.diagnosis.causes.files.repeats import is_unrepeatable_alone
from keras_consistency_cli.diagnosis.operation_layers import layer_that_reads_clock
from keras_consistency_cli.diagnosis.signatures import (
    carries_state,
    has_changed,
    has_hidden_state,
    is_random,
    last_stateful_layer,
    layer_with_changed_state,
    names_cause,
    repeat_differs,
)
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.trace import REPEATED, TRACED_AGAIN

__all__ = ["CALL_CAUSES", "CLOCK_CAUSE", "REPEAT_CAUSES"]


def _is_lost_state(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether hidden state can explain a verdict: KC801 only if it found untracked state."""
    is_lost = verdict.code != "KC801" or names_cause("untracked-state")(evidence, verdict)
    return is_lost and is_unrepeatable_alone(evidence, verdict)


def _is_carried_state(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether carried state can explain a verdict: KC502 names the cause if it is a different one."""
    if verdict.code == "KC802":
        return is_unrepeatable_alone(evidence, verdict)
    return verdict.findings.get("cause") in (None, "state-carry-over")


def _name_state_without_effect(evidence: Evidence) -> CauseTexts | None:
    """A state that changes although a second predict gives the same bits: each call is passed its own."""
    pairs = evidence.comparisons.get(("predict-again", "predict"), ())
    if not pairs or not all(each.identical for each in pairs):
        return None
    return CauseTexts(
        sentence="{layer} keeps a state that no output depends on: each call is given an initial_state",
        advice=(
            "build '{layer}' with stateful=False; or, if it is meant to go on from the state of the call "
            "before, do not pass initial_state in each call"
        ),
    )


def _name_changed_state(evidence: Evidence) -> CauseTexts | None:
    """The texts for state that predict changes, by the kind of the layer and by its effect on the outputs."""
    repeats = (REPEATED, *TRACED_AGAIN)
    is_read = any(repeat_differs(evidence, route) for route in repeats) or differs_by_trace(evidence)
    if is_read or has_changed(evidence, "weight"):
        return _name_stock_layer(evidence)
    return CauseTexts(
        sentence="{layer} changes its state in predict; in this run, no output depends on it",
        advice=(
            "if nothing will ever read that state, nothing is wrong; count where the model is called, or "
            "only if `training` is true: a compiled graph counts once, when it is traced"
        ),
    )


def _name_stock_layer(evidence: Evidence) -> CauseTexts | None:
    """A layer of Keras that changes its variables: only training mode does that."""
    located = evidence.details("locate-repeat", LocatedLayer)
    if located.get("custom", True) or not has_changed(evidence, "weight"):
        return None
    return CauseTexts(
        sentence="{layer} runs in training mode and changes its variables at each call",
        advice=(
            "'{layer}' is a layer of Keras, which changes variables in training mode only: pass the argument "
            "on where it is called, in place of training=True:\n"
            "    def call(self, x, training=None):\n"
            "        return self.inner(x, training=training)"
        ),
    )


_FINDINGS = {"cast", "lost"}
_MOSTLY = 100
"""How much more than its weights a model amplifies its inputs, if the rows are the reason."""


def _comes_from_rows(_evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a verdict is KC201, or KC604 says that inputs are amplified far more than weights."""
    factors = verdict.findings.get("amplification", {})
    return verdict.code == "KC201" or factors.get("inputs", 0.0) > _MOSTLY * factors.get("weights", math.inf)


def _name_lost_digits(evidence: Evidence) -> CauseTexts | None:
    """The texts for numbers that float32 does not hold, whether predict casts them or the caller."""
    if find_digit_loss(evidence) is None:
        return None
    return CauseTexts(
        sentence="numbers of the rows lose digits in float32 that the outputs depend on",
        advice=(
            "bring the numbers near 0 in float64, before the model gets them, in training and in serving:\n"
            "    x = (rows.astype('float64') - ORIGIN) / SCALE     # such as hours since a start\n"
            "or declare ids as whole numbers: keras.Input(shape, dtype='int64')"
        ),
    )


CLOCK_CAUSE = Cause(
    slug="clock-read",
    sentence="{layer} computes with the time of the call: the same rows get other outputs at another time",
    explanation=(
        "The graph reads the clock, as with tf.timestamp(), or code of a layer does, as with time.time() or "
        "datetime.now(), also inside tf.py_function; and outputs depend on an age, an hour or a weekday that "
        "is computed inside the model. Outside of py_function, predict keeps the time at which Keras traced "
        "it, and model(x) does not. A test that passed yesterday, a recorded output and a "
        "row that is predicted later cannot be reproduced; rows of the past get the time of now, not that "
        "of their event, in training as well."
    ),
    key=("KC203",),
    explains=(*EVERY_CALL, "KC202", "KC801", "KC802"),
    advice=(
        "give '{layer}' the time as an input, and store it with each row:\n"
        "    now = keras.Input((1,), name='now')          # in training, the time of the event\n"
        "    age = (now - last_login) / 3600.0\n"
        "take differences of times before the model, in float64: float32 rounds seconds since 1970 to 128"
    ),
    suspect=layer_that_reads_clock,
)
"""Before the causes in files and batches: their checks load and call the model at different times."""

REPEAT_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="state-carry-over",
        sentence="{layer} keeps its state from one batch to the next: outputs depend on earlier predictions",
        explanation=(
            "A recurrent layer with stateful=True keeps its state across predict calls, and predict never "
            "resets it. Independent rows are then treated as if each continued the one before. "
            "`model.reset_states()` no longer exists in Keras 3."
        ),
        key=("KC101", "KC104", "KC203", "KC502"),
        explains=("KC101", "KC104", "KC203", "KC201", "KC204", "KC502", "KC802"),
        fits=carries_state,
        covers=_is_carried_state,
        specific=_name_state_without_effect,
        advice=(
            "reset the state before every independent request:\n"
            "    for layer in model._flatten_layers():\n"
            "        if getattr(layer, 'stateful', False) and hasattr(layer, 'reset_state'):\n"
            "            layer.reset_state()\n"
            "or build the layer with stateful=False; if the rows do continue each other, set "
            "facts: {{stateful_rows: consecutive}} in the YAML"
        ),
        locator="locate-repeat",
        suspect=last_stateful_layer,
    ),
    Cause(
        slug="active-randomness",
        sentence="{layer} is random during prediction: the same row gives different outputs each time",
        explanation=(
            "Dropout, noise or augmentation stays on in predict, because a layer passes training=True, or "
            "because a custom call() has no `training` argument and so cannot pass it on. Or the model draws "
            "random numbers outside Keras."
        ),
        key=("KC203", "KC101", "KC102"),
        explains=(*EVERY_CALL, "KC202", "KC802"),
        fits=is_random,
        covers=is_unrepeatable_alone,
        advice=(
            "take training=None in call() and pass it on:\n"
            "    def call(self, x, training=None):\n"
            "        return self.dropout(x, training=training)\n"
            "if the randomness is intended (Monte Carlo dropout), average over many passes and report the "
            "spread"
        ),
        locator="locate-repeat",
    ),
    Cause(
        slug="hidden-state",
        sentence=(
            "{layer} keeps or freezes a value between calls: outputs depend on when the model was traced or "
            "how often it ran"
        ),
        explanation=(
            "call() updates a counter, a cache or a moving average; or a value from NumPy, Python or the "
            "clock was drawn once, when Keras traced the model."
        ),
        key=("KC203",),
        explains=(*EVERY_CALL, "KC202", "KC502", "KC801", "KC802"),
        fits=has_hidden_state,
        covers=_is_lost_state,
        suspect=layer_with_changed_state,
        advice=(
            "update variables and draw random numbers only if `training` is true; draw them with "
            "keras.random, never with numpy or random. A state that belongs to one sequence starts again in "
            "each call, or is an input and an output of the model"
        ),
        locator="locate-repeat",
        specific=_name_changed_state,
    ),
)
"""Most specific first; that of the training flag comes after them."""


def _overrides_predict(evidence: Evidence, _failing: object) -> bool:
    return bool(evidence.facts.overridden)


def _name_overridden(evidence: Evidence) -> CauseTexts | None:
    """The methods by name."""
    methods = " and ".join(evidence.facts.overridden)
    if not methods:
        return None
    sentence = f"the class of the model overrides {methods}: predict and model(x) are two different functions"
    return CauseTexts(sentence=sentence, advice=f"move the code of {methods} into a last layer of the model")


CALL_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="predict-overridden",
        sentence=(
            "the class of the model overrides a method of predict: predict and model(x) are two different "
            "functions"
        ),
        explanation=(
            "predict_step, make_predict_function or predict itself is overridden. predict then does "
            "something that a call, an export or a server does not do."
        ),
        key=("KC201",),
        explains=("KC101", "KC102", "KC104", "KC201", "KC204"),
        fits=_overrides_predict,
        advice="move the code of predict_step into a last layer of the model",
        specific=_name_overridden,
    ),
    Cause(
        slug="dtype-cast",
        sentence="predict casts the rows to float32 before the model gets them; model(x) does not",
        explanation=(
            "The data pipeline of predict casts NumPy floats to keras.config.floatx(). A model that computes "
            "in float64 then gets rounded rows. Numbers far from 0 lose their last digits: seconds since "
            "1970 are rounded to steps of 128, and whole numbers above 2^24 become equal."
        ),
        key=("KC201",),
        explains=("KC201", "KC604"),
        fits=lambda _evidence, failing: bool(_FINDINGS & failing["KC201"].findings.keys()),
        covers=_comes_from_rows,
        specific=_name_lost_digits,
        advice=(
            "save the rows as float32; for a model that computes in float64, call "
            "keras.config.set_floatx('float64') before predicting"
        ),
    ),
)
"""Most specific first."""
