"""Which models and inputs have a time axis."""

from __future__ import annotations

import pytest

from keras_consistency_cli.measurement.facts import Facts, InputFact, LayerFact
from keras_consistency_cli.routes.sequences.series import explain_no_padding, explain_no_time_axis

IDS, FLOATS = "int32", "float32"


def facts_of(shape: tuple[int | None, ...], dtype: str = FLOATS, *kinds: str, stated: bool = False) -> Facts:
    return Facts(
        name="m",
        kind="Functional",
        parameters=1,
        layers=tuple(LayerFact(path=kind, kind=kind) for kind in kinds),
        inputs=(InputFact(name="x", shape=(None, *shape), dtype=dtype),),
        outputs=(),
        time_stated=stated,
        backend="tensorflow",
    )


MODELS = {
    "ids of any number": (facts_of((None,), IDS, "Embedding"), True, True),
    "series of any length": (facts_of((None, 3)), True, True),
    "numbers of any count": (facts_of((None,)), False, False),
    "grey images of any size": (facts_of((None, None)), False, False),
    "images of any size": (facts_of((None, None, 3), FLOATS, "Conv2D"), False, False),
    "images of any height": (facts_of((None, 32, 3), FLOATS, "Conv2D"), False, False),
    "a fixed number of ids": (facts_of((5,), IDS, "Embedding"), False, True),
    "a single id": (facts_of((1,), IDS, "Embedding"), False, False),
    "series of one length": (facts_of((9, 3), FLOATS, "Dense"), False, False),
    "series of one length, stated": (facts_of((9, 3), FLOATS, "Dense", stated=True), True, True),
    "a layer along time": (facts_of((9, 3), FLOATS, "Conv1D"), True, True),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_with_a_time_axis(name: str) -> None:
    facts, has_time, can_be_padded = MODELS[name]
    assert (explain_no_time_axis(facts) is None, explain_no_padding(facts) is None) == (
        has_time,
        can_be_padded,
    )
