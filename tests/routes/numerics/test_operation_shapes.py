"""Shapes that depend on numbers, as where padding is cut to the longest row."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from keras_consistency_cli.routes.numerics.operation_shapes import changes_shapes
from tests.corpus.reports_batches_layers import Trimmed
from tests.helpers.live_models import session_of


def test_a_shape_that_depends_on_the_rows_is_found() -> None:
    short, long = np.zeros((2, 6), "int32"), np.ones((2, 6), "int32")
    short[:, :2] = 1
    for cut, expected in ((Trimmed(name="trimmed"), True), (layers.Identity(), False)):
        tokens = keras.Input((6,), dtype="int32", name="x")
        pooled = layers.GlobalMaxPooling1D()(layers.Embedding(3, 4)(cut(tokens)))
        session = session_of((keras.Model(tokens, layers.Dense(1)(pooled)), {"x": long}))
        assert changes_shapes(session, {"x": long}, [{"x": long}, {"x": short}]) is expected
