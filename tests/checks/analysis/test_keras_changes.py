"""The table of changes of Keras: which change concerns which model, and on which side of it the model is."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from keras_consistency_cli.checks.analysis.keras_changes import BEHAVIOURS, behaviours_of, release
from keras_consistency_cli.measurement.facts import Facts, LayerFact

MASKING = LayerFact(path="masking", kind="Masking", masks=0.0)
LSTM = LayerFact(path="lstm", kind="LSTM")
BOTH = LayerFact(path="both", kind="Bidirectional")
INSIDE = LayerFact(path="both/forward_lstm", kind="LSTM")
POOL = LayerFact(path="pool", kind="GlobalAveragePooling1D")
DENSE = LayerFact(path="dense", kind="Dense")


def facts_of(*layers: LayerFact, **known: Any) -> Facts:
    return Facts(
        name="m",
        kind="Functional",
        parameters=1,
        layers=layers,
        inputs=(),
        outputs=(),
        **{"keras": "3.15.1", **known},
    )


def sources(*layers: LayerFact) -> list[str]:
    return [each["source"].rpartition("/")[2] for each in behaviours_of(facts_of(*layers))]


@pytest.mark.parametrize(
    ("layers", "changes"),
    [
        ((DENSE,), []),
        ((LayerFact(path="bn", kind="BatchNormalization", baked_training=True),), ["23364"]),
        ((LayerFact(path="bn", kind="BatchNormalization", baked_training=False),), []),
        ((LayerFact(path="r", kind="Resizing", baked_training=True, default_training=True),), []),
        ((MASKING, LSTM, POOL), ["23235"]),
        ((MASKING, BOTH, INSIDE, POOL), ["23235"]),
        ((MASKING, BOTH, INSIDE, DENSE), []),
        ((MASKING, LSTM, DENSE), []),
        ((LSTM, POOL), []),
        ((LSTM, MASKING, POOL), []),
        ((MASKING, LayerFact(path="own", kind="LSTM", custom=True), DENSE), []),
        ((LayerFact(path="words", kind="TextVectorization"),), ["22119"]),
        ((MASKING, LayerFact(path="attend", kind="MultiHeadAttention")), ["21149"]),
        ((MASKING, LayerFact(path="attend", kind=keras.layers.GroupQueryAttention.__name__)), ["21149"]),
        (
            (MASKING, LSTM, LayerFact(path="attend", kind=keras.layers.GroupQueryAttention.__name__)),
            ["23235", "21149"],
        ),
        ((LayerFact(path="attend", kind="MultiHeadAttention"),), []),
    ],
)
def test_changes_that_concern_a_model(layers: tuple[LayerFact, ...], changes: list[str]) -> None:
    assert sources(*layers) == changes


@pytest.mark.parametrize(
    ("saved", "running", "state"),
    [
        ("3.15.1", "3.16.0", "crossed"),
        ("3.16.0", "3.15.1", "crossed"),
        ("2.15.0", "3.16.0", "crossed"),
        ("3.9.0", "3.15.1", "coming"),
        ("", "3.15.1", "coming"),
        ("", "3.16.0", "past"),
        ("3.16.1", "3.17.0", "past"),
        ("3.15.1", "", "past"),
        ("odd", "3.16.0.dev2026", "past"),
    ],
)
def test_the_state_of_a_change(saved: str, running: str, state: str) -> None:
    (found,) = behaviours_of(facts_of(MASKING, LSTM, POOL, saved_with=saved, keras=running))
    assert (found["layer"], found["since"], found["state"]) == ("lstm", "3.16", state)


def test_the_release_of_a_version() -> None:
    assert [release(text) for text in ("3.15.1", "3.16", "3.16.0.dev20260820")] == [(3, 15), (3, 16), (3, 16)]
    assert [release(text) for text in ("", "x", "9" * 99 + ".1")] == [None, None, None]


def test_the_newest_comes_first_and_each_has_its_source() -> None:
    assert [each.since for each in BEHAVIOURS] == sorted((each.since for each in BEHAVIOURS), reverse=True)
    assert all(each.source.startswith("https://github.com/keras-team/keras/pull/") for each in BEHAVIOURS)
