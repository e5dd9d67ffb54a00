"""The session of the float64 copy."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_consistency_cli.loading.model.copies.dequantised import Twin, build_dequantised_copy
from keras_consistency_cli.loading.model.copies.float64 import (
    Defaults,
    PrecisionCopyRefused,
    build_float64_copy,
    float64_defaults,
    float64_everywhere,
)
from keras_consistency_cli.loading.model.saved_layers import find_layers
from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.session import Session
from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession
from keras_consistency_cli.routes.trace import Rows

__all__ = ["Float64Session", "float64_session", "on_float64_copy"]

_NARROW = ("float16", "bfloat16")


class Float64Session(TensorFlowSession):
    """The float64 copy, called in the same ways as the model.

    Rows are first rounded to float32, as the model gets them, so that both compute on the same numbers.
    """

    _fewest_neighbours = 2
    """The copy takes four times as long as the model (ResNet50 on a CPU)."""
    original: Session
    """The session of the model itself."""
    twins: tuple[Twin, ...] = ()
    """The layers of the copy whose originals are quantised, with the numbers of their weights."""
    narrow_layers: Mapping[int, str] = MappingProxyType({})
    """By the identity of a layer of the copy: the 16-bit type that the original computes in."""
    defaults: Defaults = staticmethod(float64_defaults)
    """What lets the copy compute in float64 while it is traced and run."""

    def repeated_rows(self, rows: Rows) -> tuple[Rows, np.ndarray | None]:
        """Return the rows to run again in a different arrangement: of a heavy model, some.

        The model itself runs all of them.
        """
        return self.few_rows(rows)

    def cast(self, values: np.ndarray) -> Any:
        """Return floats as float64 numbers that float32 can hold, other kinds unchanged."""
        return super().cast(values).astype(np.float64) if is_float(values.dtype) else super().cast(values)

    def pack(self, rows: Rows, *, cast: bool = True) -> Any:
        """Return rows in the structure of the model's inputs.

        Whole numbers for an input of floats are rounded to float32 too: the model gets them so.
        """
        floats = {fact.name for fact in self.facts.inputs if fact.is_float}
        rounded = {
            name: values.astype(np.float32).astype(np.float64)
            if name in floats and values.dtype.kind in "iu"
            else values
            for name, values in rows.items()
        }
        return super().pack(rounded, cast=cast)

    def step(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run one compiled step; Keras casts to float64 while it is traced and run."""
        with self.defaults():
            return super().step(rows)

    _keeps_outputs = True

    def _repeats(self, rows: Rows) -> bool:
        with self.defaults():
            return super()._repeats(rows)

    def step_as_given(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run one compiled step on float64 rows without rounding them to float32 first."""
        with self.defaults():
            packed = keras.tree.map_structure(tf.convert_to_tensor, self.pack(rows, cast=False))
            return self.name_outputs(self._run_step(packed))

    def one_by_one(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run every row alone; Keras casts to float64 while it is traced and run."""
        with self.defaults():
            return super().one_by_one(rows)

    def call_once(self, rows: Rows, *, cast: bool = True, **kwargs: Any) -> dict[str, np.ndarray]:
        """Call the model eagerly except for long loops, which are traced while Keras casts to float64."""
        with self.defaults():
            return super().call_once(rows, cast=cast, **kwargs)

    def call(self, rows: Rows, *, cast: bool = True, **kwargs: Any) -> dict[str, np.ndarray]:
        """Call the model eagerly; Keras casts to float64 meanwhile."""
        with self.defaults():
            return super().call(rows, cast=cast, **kwargs)


def on_float64_copy(session: Session) -> Float64Session:
    """Return the session with the type that routes of this precision are given.

    Raises:
        TypeError: it is the session of the model itself.
    """
    if not isinstance(session, Float64Session):
        raise TypeError("this needs the session of a float64 copy")
    return session


def float64_session(session: Session, rows: Mapping[str, np.ndarray]) -> Float64Session:
    """Build the float64 copy of a session's model and check that it computes in float64.

    Raises:
        PrecisionCopyRefused: it cannot be built, or an operation in it stays below float64.
    """
    try:
        return _build(session, rows, float64_defaults)
    except Exception as problem:
        if not _may_name_float32(session):
            raise
        # Usually own code names float32. If that is not the reason, this fails like the first attempt.
        with contextlib.suppress(Exception):
            return _build(session, rows, float64_everywhere)
        raise problem


def _may_name_float32(session: Session) -> bool:
    """Whether own code of the model may name float32, and loses nothing by it."""
    return all(found.layer.compute_dtype != "float64" for found in find_layers(session.model))


def _build(session: Session, rows: Mapping[str, np.ndarray], defaults: Defaults) -> Float64Session:
    """Build the copy in this context; the arguments and errors are those of `float64_session`."""
    sample = first_batch(rows, session.facts.batch_size or 2)
    wide_sample = {
        name: values.astype(np.float64) if is_float(values.dtype) else values
        for name, values in sample.items()
    }
    source, twins = _dequantise(session, sample)
    model = build_float64_copy(
        source,
        custom_objects=dict(session.subject.custom_objects),
        sample=session.pack(wide_sample, cast=False),
        allow_unsafe=session.subject.files.allow_unsafe,
        defaults=defaults,
    )
    float64_copy = Float64Session(model, session.facts, session.options, session.subject)
    float64_copy.original, float64_copy.defaults = session, defaults
    if twins or session.facts.computes_in_16_bits:
        originals, copies = ([found.layer for found in find_layers(each)] for each in (source, model))
        pairs = list(zip(originals, copies, strict=False))  # a copy has its layers in the same order
        float64_copy.twins, float64_copy.narrow_layers = _find_twins(twins, pairs), _find_narrow(pairs)
    if source is session.model:
        session.snapshot.copy_to(float64_copy.snapshot)
    float64_copy.snapshot = type(float64_copy.snapshot)(model)
    with defaults():
        narrow = float64_copy.narrow_operations(sample)
    if narrow:
        raise PrecisionCopyRefused(
            f"{len(narrow)} operations compute below float64 and ignore the dtype policy; "
            f"the first is {narrow[0]}"
        )
    return float64_copy


def _dequantise(session: Session, sample: Rows) -> tuple[Any, tuple[Twin, ...]]:
    """Return the model, or the float copy of a quantised one and its layers that were quantised."""
    if not session.facts.quantised:
        return session.model, ()
    session.restore()
    dequantised = build_dequantised_copy(session.model, sample=session.pack(sample), **session.loading)
    session.restore()
    return dequantised.model, dequantised.twins


def _find_twins(twins: Sequence[Twin], pairs: Sequence[tuple[Any, Any]]) -> tuple[Twin, ...]:
    """Return the same layers in a copy of the float copy; `pairs` are layers and their copies."""
    copies = {id(layer): copy for layer, copy in pairs}
    return tuple(replace(twin, layer=copies[id(twin.layer)]) for twin in twins if id(twin.layer) in copies)


def _find_narrow(pairs: Sequence[tuple[Any, Any]]) -> dict[int, str]:
    """Return the copies of layers that compute in 16-bit floats; `pairs` are layers and their copies."""
    return {
        id(copy): layer.compute_dtype
        for layer, copy in pairs
        if layer.compute_dtype in _NARROW and not isinstance(layer, keras.Model)
    }
