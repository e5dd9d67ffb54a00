"""The session on TensorFlow: one traced predict step serves every batch size, and one row at a time costs microseconds instead of a predict call."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_consistency_cli.routes.session.session import Session
from keras_consistency_cli.routes.trace import Rows

__all__ = ["TensorFlowSession", "on_tensorflow"]

_PARALLEL_ROWS = 8
_RANDOM = re.compile(r"Random(?!Dataset|SeedGenerator)|Multinomial|ParameterizedTruncatedNormal")


def on_tensorflow(session: Session) -> TensorFlowSession:
    """Return the session as the one on TensorFlow that it is: routes that need it are unavailable on other backends.

    Raises:
        TypeError: it runs on another backend.
    """
    if not isinstance(session, TensorFlowSession):
        raise TypeError("this needs a session on TensorFlow")
    return session


class TensorFlowSession(Session):
    """A model on TensorFlow. The compiled step runs `predict_step` as predict does and gives the same bits (tests/routes/test_tensorflow.py)."""

    def step(self, rows: Rows) -> dict[str, np.ndarray]:
        """One compiled predict step on all rows at once."""
        if self.model.run_eagerly:
            return super().step(rows)
        return self.name_outputs(self._compiled(self._tensors(rows)))

    def one_by_one(self, rows: Rows) -> dict[str, np.ndarray]:
        """Every row as a request of its own: batch-1 kernels inside one tf.function, or a loop where running the model changes it."""
        if self.model.run_eagerly or self.changes_itself or self.facts.batch_size:
            return super().one_by_one(rows)
        packed = self._tensors(rows)
        try:
            return self.name_outputs(self._each(packed)(packed))
        except Exception:
            # py_function, ragged or data-dependent outputs cannot be traced in a map, and a map within a map may not run: the loop runs the same
            # kernels, slower, and raises what the model itself raises.
            return super().one_by_one(rows)

    @cached_property
    def changes_itself(self) -> bool:
        """Whether running changes the model, found out on the first row asked for by `watch`."""
        return bool(self.facts.stateful_layers)

    def watch(self, changed: bool) -> None:
        """Tell the session that a route changed variables: rows must then be kept from one another."""
        if changed:
            self.__dict__["changes_itself"] = True

    def graph(self, rows: Rows, *, jit_compile: bool) -> dict[str, np.ndarray]:
        """`tf.function(model)` on all rows at once, with XLA or without."""
        return self.tracing(jit_compile=jit_compile)(rows)

    def tracing(self, *, jit_compile: bool = False) -> Callable[[Rows], dict[str, np.ndarray]]:
        """Return `tf.function(model)` for many batches: a trace of its own for every shape, so that none is relaxed to fit two."""
        function = tf.function(lambda x: self.model(x, training=False), jit_compile=jit_compile)
        return lambda rows: self.name_outputs(function(self._tensors(rows)))

    def random_operations(self, rows: Rows) -> list[str] | None:
        """Kinds of operations in the traced step that draw random numbers; None where the model is not traced."""
        if self.model.run_eagerly:
            return None
        definition = self._compiled.get_concrete_function(self._tensors(rows)).graph.as_graph_def()
        bodies = (definition.node, *(function.node_def for function in definition.library.function))
        return sorted({node.op for body in bodies for node in body if _RANDOM.search(node.op)})

    def narrow_operations(self, rows: Rows) -> list[str]:
        """Operations of the traced step that compute below float64."""
        from keras_consistency_cli.loading.model.float64 import narrow_operations

        return list(narrow_operations(self._compiled.get_concrete_function(self._tensors(rows)).graph))

    def _tensors(self, rows: Rows) -> Any:
        return keras.tree.map_structure(tf.convert_to_tensor, self.pack(rows))

    def _step(self, x: Any) -> Any:
        return self.model.predict_step((x,))

    @cached_property
    def _compiled(self) -> Any:
        step = (
            tf.function(self._step, reduce_retracing=True, jit_compile=True)
            if self.model.jit_compile
            else self._step
        )
        return tf.function(step, reduce_retracing=True)

    def _each(self, packed: Any) -> Any:
        key = str(keras.tree.map_structure(lambda tensor: (tensor.shape[1:], tensor.dtype), packed))
        known: dict[str, Any] = self.__dict__.setdefault("_each_by_shape", {})
        if key not in known:
            known[key] = self._trace_each(packed)
        return known[key]

    def _trace_each(self, packed: Any) -> Any:
        one = keras.tree.map_structure(lambda tensor: tensor[:1], packed)
        answer = self._compiled.get_concrete_function(one).structured_outputs
        if any(
            leaf.shape.rank in (None, 0) or leaf.shape[0] not in (None, 1)
            for leaf in keras.tree.flatten(answer)
        ):
            raise ValueError("an output has no row axis")
        signature = keras.tree.map_structure(lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), answer)
        spec = keras.tree.map_structure(
            lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype), packed
        )

        def alone(row: Any) -> Any:
            outputs = self._compiled(keras.tree.map_structure(lambda tensor: tensor[None], row))
            return keras.tree.map_structure(lambda leaf: leaf[0], outputs)

        def all_rows(rows: Any) -> Any:
            return tf.map_fn(alone, rows, parallel_iterations=_PARALLEL_ROWS, fn_output_signature=signature)

        each = tf.function(all_rows, input_signature=[spec])
        each.get_concrete_function()
        return each
