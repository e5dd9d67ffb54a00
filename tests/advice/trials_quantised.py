"""Advice of causes in quantised models."""

from __future__ import annotations

from typing import Any

from tests.advice.edits import give_facts, give_model, rebuild
from tests.advice.found import corpus_case
from tests.advice.trial import Trial
from tests.corpus.reports_quantised import calling, dense, perceptron, regressor, tagger, wrapped

__all__ = ["TRIALS"]

IN_STEPS = corpus_case("int8, a softmax in TimeDistributed")
IN_CODE = corpus_case("int8, call() of the layer inside")
COARSE = corpus_case("int4, a perceptron")
LARGE = corpus_case("float8, inputs of thousands")


def _is_not_inside(layer: Any) -> bool:
    return bool(layer.name not in ["inside"])


TRIALS: tuple[Trial, ...] = (
    Trial(
        slug="quantisation-broken",
        tries="leave the layer inside TimeDistributed in floats",
        faulty=IN_STEPS,
        fix=give_model(rebuild(tagger("int8", wrapped(5, "softmax"), filters=_is_not_inside))),
    ),
    Trial(
        slug="quantisation-broken",
        tries="Dense in place of TimeDistributed(Dense)",
        faulty=IN_STEPS,
        fix=give_model(rebuild(tagger("int8", dense(5, "softmax")))),
    ),
    Trial(
        slug="quantisation-broken",
        tries="call the layer inside itself",
        faulty=IN_CODE,
        fix=give_model(rebuild(calling(directly=False))),
    ),
    Trial(
        slug="quantisation-broken",
        tries="choose int8",
        faulty=LARGE,
        fix=give_model(rebuild(regressor("int8"))),
    ),
    Trial(
        slug="quantisation-coarse",
        tries="quantise the float model to int8",
        faulty=COARSE,
        fix=give_model(rebuild(perceptron("int8"))),
    ),
    Trial(
        slug="quantisation-coarse",
        tries="set facts: {low_precision: accepted}",
        faulty=COARSE,
        fix=lambda files: give_facts(files, low_precision="accepted"),
    ),
)
