"""The session on TensorFlow: one traced predict step serves every batch size.

One row at a time takes microseconds this way, instead of a predict call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_consistency_cli.loading.model.copies.float64 import narrow_operations
from keras_consistency_cli.routes.session.batches import count_rows, first_batch
from keras_consistency_cli.routes.session.compiled_loops import compiled_loops
from keras_consistency_cli.routes.session.graph_places import (
    clock_places,
    drawing_places,
    draws_numbers,
    iterate_nodes,
    reads_clock,
)
from keras_consistency_cli.routes.session.session import Session
from keras_consistency_cli.routes.session.trace_timer import tracing_seconds
from keras_consistency_cli.routes.trace import Rows

__all__ = ["TensorFlowSession", "on_tensorflow", "random_operations"]

_PARALLEL_ROWS = 8
_MOST_KNOWN = 3
_MANY_STEPS = 64
"""Tracing the loop of a recurrent layer takes as long as about so many eager steps."""
_SMALL = frozenset(int(each.as_datatype_enum) for each in (tf.int8, tf.uint8, tf.int16, tf.uint16))
_ARITHMETIC = frozenset({"Add", "AddV2", "Cast", "Mul", "Neg", "Prod", "Square", "Sub", "Sum"})


def on_tensorflow(session: Session) -> TensorFlowSession:
    """Return the session with the type of the one on TensorFlow.

    Routes that use it are unavailable on other backends.

    Raises:
        TypeError: it runs on a different backend.
    """
    if not isinstance(session, TensorFlowSession):
        raise TypeError("this needs a session on TensorFlow")
    return session


class TensorFlowSession(Session):
    """A model on TensorFlow.

    The compiled step runs `predict_step` as predict does and gives the same bits
    (tests/routes/session/test_tensorflow.py).
    """

    _is_traced = False

    def step(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run one compiled predict step on all rows at once."""
        if self.model.run_eagerly:
            return super().step(rows)
        return self.name_outputs(self._run_step(self.tensors(rows)))

    def steps(self, rows: Rows, batch_size: int) -> dict[str, np.ndarray]:
        """Run compiled steps over batches.

        The same batches of a heavy model, or of a float64 copy, run once if nothing in its graph can give
        them different outputs: in a small sample, most batch sizes are the whole sample.
        """
        size = min(batch_size, count_rows(rows))
        if size < min(self.batch_size, count_rows(rows)) or not (self._keeps_outputs and self._repeats(rows)):
            return super().steps(rows, batch_size)
        key = (size, *(_digest(values) for values in rows.values()))
        if key not in self._known:
            if len(self._known) == _MOST_KNOWN:
                self._known.popitem()  # those of predict stay
            self._known[key] = super().steps(rows, batch_size)
        return dict(self._known[key])

    @property
    def _keeps_outputs(self) -> bool:
        return self.is_heavy

    def _repeats(self, rows: Rows) -> bool:
        return self.is_repeatable(first_batch(rows, self.batch_size))

    @cached_property
    def _known(self) -> dict[tuple[object, ...], dict[str, np.ndarray]]:
        """Outputs of batches that were run."""
        return {}

    def one_by_one(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run every row as a separate request: kernels for one row inside one tf.function.

        A model that changes when it is run is called in a loop instead, and so is a heavy one: few rows of it
        take less time than the function does to be compiled.
        """
        if self.is_heavy or self.model.run_eagerly or self.changes_itself or self.facts.batch_size:
            return super().one_by_one(rows)
        packed = self.tensors(rows)
        try:
            return self.name_outputs(self._row_map(packed)(packed))
        except Exception:
            # py_function, ragged or data-dependent outputs cannot be traced in a map, and a map inside a map
            # may not run: the loop runs the same kernels more slowly, and raises the errors of the model.
            return super().one_by_one(rows)

    @cached_property
    def changes_itself(self) -> bool:
        """Whether running changes the model: it has stateful layers, or a route changed it."""
        return bool(self.facts.stateful_layers)

    def watch(self, changed: bool) -> None:
        """Note whether a route changed variables: then rows have to be isolated from each other."""
        if changed:
            self.__dict__["changes_itself"] = True

    def tracing(self, *, jit_compile: bool = False) -> Callable[[Rows], dict[str, np.ndarray]]:
        """Return `tf.function(model)` for many batches, with XLA or without.

        Every shape has its own trace, so that no shape is relaxed to fit two batches.
        """
        function = tf.function(lambda x: self.model(x, training=False), jit_compile=jit_compile)
        return lambda rows: self.name_outputs(function(self.tensors(rows)))

    def xla_step(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run the traced step, compiled with XLA; the model is not traced again."""
        packed = self.tensors(rows)
        step = self._traced_step(packed)
        return self.name_outputs(tf.function(step, jit_compile=True, autograph=False)(packed))

    def call_once(self, rows: Rows, *, cast: bool = True, **kwargs: Any) -> dict[str, np.ndarray]:
        """Call the model eagerly, except the loops of Keras's recurrent layers over many time steps."""
        with self.fast_loops(rows):
            return self.call(rows, cast=cast, **kwargs)

    def fast_loops(self, rows: Rows) -> AbstractContextManager[None]:
        """Return a context in which Keras's recurrent layers compile their loops, if that is faster."""
        return compiled_loops(self.model) if self._has_long_loops(rows) else nullcontext()

    def single_call(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run the model on one batch as predict does; long loops are traced in any case."""
        return self.step(rows) if self._has_long_loops(rows) else super().single_call(rows)

    def _has_long_loops(self, rows: Rows) -> bool:
        return not self.model.run_eagerly and self.loop_steps(rows) >= _MANY_STEPS

    def tracing_seconds(self) -> float:
        """Return the seconds in which this process has traced functions into graphs so far."""
        return tracing_seconds()

    def random_operations(self, rows: Rows) -> list[str] | None:
        """Return the operations in the traced step that draw random numbers.

        None if the model is not traced.
        """
        if self.model.run_eagerly:
            return None
        return random_operations(self._step_graph(rows))

    def drawing_places(self, rows: Rows) -> list[str]:
        """Return the names of the operations in the traced step that draw random numbers."""
        return [] if self.model.run_eagerly else drawing_places(self._step_graph(rows))

    def clock_places(self, rows: Rows) -> list[str]:
        """Return the names of the operations in the traced step that read the clock for an output."""
        return [] if self.model.run_eagerly else clock_places(self._step_graph(rows))

    def looks_for_nan(self, rows: Rows) -> bool:
        """Whether the traced step has an operation that looks for NaN or infinity."""
        if self.model.run_eagerly:
            return False
        batch = first_batch(rows, self.facts.batch_size or 1)
        # A model that cannot be traced fails in the routes that run it.
        with suppress(Exception):
            return self.has_operations(batch, {"IsFinite", "IsInf", "IsNan"})
        return False

    def loops_until_numbers_agree(self, rows: Rows) -> bool:
        """Whether the condition of a loop in the traced step reads floats; loops of a fixed length do not."""
        if self.model.run_eagerly or not self.has_own_code:
            return False
        return _has_open_loop(self._step_graph(rows))

    def is_repeatable(self, rows: Rows) -> bool:
        """Whether the traced step gives the same outputs each time.

        It has nothing random, no clock, no state and no Python.
        """
        if self.model.run_eagerly or self.changes_itself:
            return False
        operations = _operations(self._step_graph(rows))
        return not any(draws_numbers(op) or reads_clock(op) or "PyFunc" in op for op in operations)

    def narrow_operations(self, rows: Rows) -> list[str]:
        """Return the operations of the traced step that compute below float64."""
        return list(narrow_operations(self._step_graph(rows)))

    def has_small_integers(self, rows: Rows) -> bool:
        """Whether the traced step computes with integers of 8 or 16 bits, or casts to them.

        True if it is not traced.
        """
        return self.model.run_eagerly or any(_computes_small_integers(self._step_graph(rows)))

    def has_operations(self, rows: Rows, kinds: Collection[str]) -> bool:
        """Whether the traced step holds an operation of these kinds; True if it is not traced."""
        return self.model.run_eagerly or not _operations(self._step_graph(rows)).isdisjoint(kinds)

    def _step_graph(self, rows: Rows) -> Any:
        packed = self.tensors(rows)
        return self._traced_step(packed).get_concrete_function(packed).graph

    def tensors(self, rows: Rows) -> Any:
        """Return rows as tensors, in the structure of the model's inputs."""
        return keras.tree.map_structure(tf.convert_to_tensor, self.pack(rows))

    def _step(self, x: Any) -> Any:
        return self.model.predict_step((x,))

    @cached_property
    def _compiled(self) -> Any:
        # Without AutoGraph, as in predict: Keras converts none of the model's code either.
        step = (
            tf.function(self._step, reduce_retracing=True, jit_compile=True, autograph=False)
            if self.model.jit_compile
            else self._step
        )
        return tf.function(step, reduce_retracing=True, autograph=False)

    def _run_step(self, packed: Any) -> Any:
        return self._traced_step(packed)(packed)

    def _traced_step(self, packed: Any) -> Any:
        """Return the compiled step, which the first call traces for batches of every size."""
        if not self._is_traced:
            self._is_traced = True
            if not self.facts.batch_size:
                # A model that refuses an unknown number of rows may take a known one.
                with suppress(Exception):
                    self._compiled.get_concrete_function(_with_free_batch_axis(packed))
        return self._compiled

    @cached_property
    def _row_maps(self) -> dict[str, Any]:
        return {}

    def _row_map(self, packed: Any) -> Any:
        """Return the tf.function that maps the step over rows of these shapes and dtypes."""
        key = str(keras.tree.map_structure(lambda tensor: (tensor.shape[1:], tensor.dtype), packed))
        if key not in self._row_maps:
            self._row_maps[key] = self._trace_row_map(packed)
        return self._row_maps[key]

    def _trace_row_map(self, packed: Any) -> Any:
        row = keras.tree.map_structure(lambda tensor: tensor[:1], packed)
        outputs = self._traced_step(packed).get_concrete_function(row).structured_outputs
        if any(
            leaf.shape.rank in (None, 0) or leaf.shape[0] not in (None, 1)
            for leaf in keras.tree.flatten(outputs)
        ):
            raise ValueError("an output has no row axis")
        signature = keras.tree.map_structure(lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), outputs)
        spec = _with_free_batch_axis(packed)

        def run_row(row: Any) -> Any:
            outputs = self._compiled(keras.tree.map_structure(lambda tensor: tensor[None], row))
            return keras.tree.map_structure(lambda leaf: leaf[0], outputs)

        def run_rows(rows: Any) -> Any:
            return tf.map_fn(run_row, rows, parallel_iterations=_PARALLEL_ROWS, fn_output_signature=signature)

        row_map = tf.function(run_rows, input_signature=[spec], autograph=False)
        row_map.get_concrete_function()
        return row_map


def _digest(values: np.ndarray) -> bytes:
    return hashlib.sha256(values.tobytes()).digest()


def random_operations(graph: Any) -> list[str]:
    """Return the operations of a TensorFlow graph that draw random numbers."""
    return sorted(filter(draws_numbers, _operations(graph)))


def _operations(graph: Any) -> set[str]:
    return {node.op for node in iterate_nodes(graph)}


def _computes_small_integers(graph: Any) -> Iterator[bool]:
    for node in iterate_nodes(graph):
        yield node.attr["DstT" if node.op == "Cast" else "T"].type in _SMALL and node.op in _ARITHMETIC


def _has_open_loop(graph: Any) -> bool:
    definition = graph.as_graph_def()
    bodies = {function.signature.name: function.node_def for function in definition.library.function}
    nodes = (node for body in (definition.node, *bodies.values()) for node in body)
    conditions = {node.attr["cond"].func.name for node in nodes if node.op in ("While", "StatelessWhile")}
    return any(_compares_floats(bodies[name]) for name in conditions if name in bodies)


def _compares_floats(nodes: Any) -> bool:
    """Whether the condition of a loop works on floats, which it may also pass on only."""
    return any(
        node.op != "Identity" and tf.as_dtype(node.attr["T"].type).is_floating
        for node in nodes
        if node.attr["T"].type
    )


def _with_free_batch_axis(packed: Any) -> Any:
    """Return the specification of rows like these, as many as one likes."""
    return keras.tree.map_structure(
        lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype), packed
    )
