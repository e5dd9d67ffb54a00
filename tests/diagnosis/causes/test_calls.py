"""Texts of hidden state: whether outputs depend on the state that predict changes."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.diagnosis.causes.table import CAUSES

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
