"""The session of the float64 copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_consistency_cli.loading.model.float64 import (
    Float64CopyRefused,
    build_float64_copy,
    float64_defaults,
)
from keras_consistency_cli.routes.session.batches import first
from keras_consistency_cli.routes.session.session import Session
from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession
from keras_consistency_cli.routes.trace import Rows

__all__ = ["Float64Session", "float64_session", "on_float64_copy"]


class Float64Session(TensorFlowSession):
    """The float64 copy, called as the model is. Rows are rounded to what the model is fed before they are widened: r answers the same question."""

    original: Session
    """The session of the model itself."""

    def cast(self, values: np.ndarray) -> Any:
        """Return rows as float64 holding float32 values; other kinds as they are."""
        return super().cast(values).astype(np.float64) if values.dtype.kind == "f" else super().cast(values)

    def step(self, rows: Rows) -> dict[str, np.ndarray]:
        """One compiled step, traced and run where Keras casts to float64."""
        with float64_defaults():
            return super().step(rows)

    def step_as_given(self, rows: Rows) -> dict[str, np.ndarray]:
        """One compiled step on float64 rows as they are, not rounded to float32 first."""
        with float64_defaults():
            packed = keras.tree.map_structure(tf.convert_to_tensor, self.pack(rows, cast=False))
            return self.name_outputs(self._compiled(packed))

    def one_by_one(self, rows: Rows) -> dict[str, np.ndarray]:
        """Every row alone, traced and run where Keras casts to float64."""
        with float64_defaults():
            return super().one_by_one(rows)

    def call(self, rows: Rows, *, cast: bool = True, **kwargs: Any) -> dict[str, np.ndarray]:
        """An eager call where Keras casts to float64."""
        with float64_defaults():
            return super().call(rows, cast=cast, **kwargs)


def on_float64_copy(session: Session) -> Float64Session:
    """Return the session as the one of a float64 copy that it is: routes of that precision are given no other.

    Raises:
        TypeError: it is the session of the model itself.
    """
    if not isinstance(session, Float64Session):
        raise TypeError("this needs the session of a float64 copy")
    return session


def float64_session(session: Session, rows: Mapping[str, np.ndarray]) -> Float64Session:
    """Build the float64 copy of a session's model and check that all of it computes in float64.

    Raises:
        ShadowRefused: it cannot be built, or an operation in it stays below float64.
    """
    few = first(rows, session.facts.batch_size or 2)
    wide = {
        name: values.astype(np.float64) if values.dtype.kind == "f" else values
        for name, values in few.items()
    }
    sample = session.pack(wide, cast=False)
    model = build_float64_copy(
        session.model,
        custom_objects=dict(session.subject.custom_objects),
        sample=sample,
        allow_unsafe=session.subject.files.allow_unsafe,
    )
    float64_copy = Float64Session(model, session.facts, session.options, session.subject)
    float64_copy.original = session
    session.snapshot.copy_to(float64_copy.snapshot)
    float64_copy.snapshot = type(float64_copy.snapshot)(model)
    with float64_defaults():
        narrow = float64_copy.narrow_operations(few)
    if narrow:
        raise Float64CopyRefused(
            f"{len(narrow)} operations compute below float64 whatever the dtype policy says, the first {narrow[0]}"
        )
    return float64_copy
