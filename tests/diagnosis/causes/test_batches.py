"""Texts of causes in batches that depend on the evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.diagnose import diagnose
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import LayerFact

GENERAL = {slug: (CAUSES[slug].sentence, CAUSES[slug].advice) for slug in CAUSES}


@pytest.mark.parametrize(
    ("located", "part"),
    [
        ({"looped": True}, "done"),
        ({"resized": True}, "fixed size"),
        ({"kind": "MelSpectrogram"}, "power_to_db=False"),
    ],
)
def test_a_layer_that_needs_more_than_an_axis_has_texts_of_its_own(
    evidence: Any, located: dict[str, Any], part: str
) -> None:
    given = evidence(located={"locate-companions": {"layer": "odd", "kind": "Odd", **located}})
    texts = CAUSES["cross-sample-dependence"].texts(given)
    assert texts != GENERAL["cross-sample-dependence"]
    assert part in texts.advice


def _with_equal_neighbours(known: Any) -> Any:
    """Evidence in which replaced neighbours change no bit."""
    same = Comparison(candidate="companions", reference="companions-baseline", output="y", rows=2, elements=2)
    compared = {**known.comparisons, ("companions", "companions-baseline"): (same,)}
    return replace(known, comparisons=compared)


@pytest.mark.parametrize(("batch", "is_own"), [(96, True), (32, False), (8, False)])
def test_the_size_of_the_batch_is_named_if_smaller_ones_are_not_mixed(
    evidence: Any, batch: int, is_own: bool
) -> None:
    located = {"layer": "odd", "kind": "Odd", "batch": batch}
    given = evidence(located={"locate-companions": located, "companions": {"sizes": [32, 5]}})
    texts = CAUSES["cross-sample-dependence"].texts(_with_equal_neighbours(given))
    assert (texts != GENERAL["cross-sample-dependence"]) is is_own
    assert ("96" in texts.sentence) is is_own


@pytest.mark.parametrize("layer", ["odd", ""])
def test_rows_that_mix_only_with_certain_others_have_texts_of_their_own(evidence: Any, layer: str) -> None:
    located = {**({"layer": layer, "kind": "Odd"} if layer else {}), "batch": 32, "mixed": True}
    given = evidence(located={"locate-companions": located, "companions": {"sizes": [32, 5]}})
    texts = CAUSES["cross-sample-dependence"].texts(_with_equal_neighbours(given))
    assert "certain rows" in texts.sentence
    assert "where" in texts.advice


def test_rows_that_are_known_to_mix_are_enough_without_a_layer(evidence: Any, verdict: Any) -> None:
    known = {"locate-companions": {"mixed": True, "batch": 32}}
    (found,) = diagnose(evidence(located=known), [verdict("KC101")])
    assert (found.cause, found.layer) == ("cross-sample-dependence", None)


def test_outputs_with_a_column_for_each_row_need_other_outputs(evidence: Any) -> None:
    located = {"layer": "odd", "kind": "Odd", "batch": 8, "compared": True}
    texts = CAUSES["cross-sample-dependence"].texts(evidence(located={"locate-companions": located}))
    assert "axis" not in texts.advice
    assert "predict" in texts.advice


def test_nothing_is_said_of_neighbours_that_were_not_replaced(evidence: Any) -> None:
    texts = CAUSES["batch-size-dependence"].texts(evidence())
    assert "neighbours" not in texts.sentence
    assert "neighbours" in CAUSES["batch-size-dependence"].sentence


@pytest.mark.parametrize(
    ("layer", "custom", "is_drawing"), [("thin", True, True), ("thin", False, False), ("other", True, False)]
)
def test_a_layer_that_draws_from_a_fixed_seed_is_told_to_draw_in_training(
    evidence: Any, layer: str, custom: bool, is_drawing: bool
) -> None:
    details = {"drawing": ["functional_1/thin_1/stateless_dropout/StatelessRandomUniformV2"]}
    located = {"predict": details, "locate-batching": {"layer": layer, "kind": "Thinned"}}
    facts = (LayerFact(path="thin", kind="Thinned", custom=custom), LayerFact(path="other", kind="Other"))
    texts = CAUSES["batch-size-dependence"].texts(evidence(located=located, layers=facts))
    assert ("if not training" in texts.advice) is is_drawing


@pytest.mark.parametrize(
    ("path", "custom", "is_own"),
    [("odd/mean", True, True), ("odd/mean", False, False), ("even/mean", True, False)],
)
def test_numbers_that_a_layer_keeps_of_the_first_rows_have_texts_of_their_own(
    evidence: Any, path: str, custom: bool, is_own: bool
) -> None:
    layers = tuple(LayerFact(path=name, kind="Kept", custom=True) for name in ("odd", "even"))
    located = {"locate-companions": {"layer": "odd", "kind": "Kept", "custom": custom}}
    given = evidence(located=located, changed={"predict": (path, "state")}, layers=layers)
    assert ("came first" in CAUSES["cross-sample-dependence"].texts(given).sentence) is is_own
