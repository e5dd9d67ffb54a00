"""Texts of quantised layers that depend on the evidence."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.diagnosis.causes.table import CAUSES


@pytest.mark.parametrize(
    ("policies", "is_advised"),
    [
        (("int8_from_float32",), False),
        (("int4_from_float32",), True),
        (("int8_from_float32", "int4_from_float32"), True),
    ],
)
@pytest.mark.parametrize("in_floats", [["mix"], []])
def test_int8_is_no_advice_for_a_model_in_int8(
    evidence: Any, policies: tuple[str, ...], is_advised: bool, in_floats: list[str]
) -> None:
    details = {"layer": "mix", "kind": "Dense", "in_floats": in_floats}
    known = evidence(located={"coarse-layers": details}, low_precision=policies)
    advice = CAUSES["quantisation-coarse"].texts(known).advice
    assert ("model.quantize('int8')" in advice) is is_advised
    assert ("filters" in advice) is bool(in_floats)
