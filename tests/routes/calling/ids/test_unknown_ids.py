"""What each backend does with unknown ids, in words."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.calling.ids.unknown_ids import Kind, describe_unknown_ids

KINDS: tuple[Kind, ...] = ("negative", "too low", "too high")


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch", "openvino", ""])
def test_words_follow_the_backend(backend: str, wording: SnapshotAssertion) -> None:
    words = [describe_unknown_ids(kind, backend) for kind in KINDS]
    assert all(words)
    assert words == wording


def test_tensorflow_does_what_the_words_say() -> None:
    table = keras.layers.Embedding(50, 2)
    model = keras.Sequential([keras.Input((1,), dtype="int32"), table])
    for given, row in ((-1, 49), (-50, 0)):
        outputs = model.predict(np.array([[given]], "int32"), verbose=0)
        assert np.array_equal(outputs[0, 0], np.asarray(table.embeddings)[row])
    for given in (-51, 50):
        with pytest.raises(Exception, match=r"indices|slice|not in"):
            model.predict(np.array([[given]], "int32"), verbose=0)
