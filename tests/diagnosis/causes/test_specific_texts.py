"""Texts that depend on the evidence: hidden state without an effect, wrong ids of inputs of whole numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.measurement.comparison import Comparison, count_by_size
from keras_consistency_cli.measurement.facts import InputFact

CAUSE = CAUSES["hidden-state"]


@pytest.mark.parametrize(
    ("changed", "differing", "is_claimed"),
    [
        (("pos/calls", "state"), (), False),
        (("pos/calls", "state"), ("predict-again",), True),
        (("pos/calls", "state"), ("fresh-process",), True),
        (("pos/mean", "weight"), (), True),
    ],
)
def test_outputs_depend_on_a_state_only_if_a_repeat_differs(
    evidence: Any, changed: tuple[str, str], differing: tuple[str, ...], is_claimed: bool
) -> None:
    texts = CAUSE.texts(evidence(changed={"predict": changed}, differing=differing))
    assert (texts.sentence == CAUSE.sentence, texts.advice == CAUSE.advice) == (is_claimed, is_claimed)


@pytest.mark.parametrize(("dtype", "is_general"), [("float32", True), ("int32", False)])
def test_inputs_of_whole_numbers_are_not_to_be_declared_so(
    evidence: Any, dtype: str, is_general: bool
) -> None:
    cause = CAUSES["wrong-ids"]
    texts = cause.texts(evidence(inputs=(InputFact(name="ids", shape=(None, 3), dtype=dtype),)))
    assert (texts.advice == cause.advice) is is_general
    assert texts.sentence == cause.sentence


@pytest.mark.parametrize(
    ("sizes", "is_general"), [((1e-9,) * 14 + (1.0,) * 6, True), ((0.01, 0.1, 1.0) * 7, False)]
)
def test_rows_that_float64_decides_otherwise_have_not_lost_their_digits(
    evidence: Any, sizes: tuple[float, ...], is_general: bool
) -> None:
    histogram = count_by_size(np.array(sizes))
    noise = Comparison(
        candidate="predict", reference="predict-float64", output="y", rows=len(sizes), max_abs=1.0, scale=1.0
    )
    known = replace(evidence(), noise={"y": replace(noise, row_histogram=histogram)})
    cause = CAUSES["ill-conditioned"]
    assert (cause.texts(known).sentence == cause.sentence) is is_general
