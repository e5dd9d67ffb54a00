"""Session: one copy of the model in one process, and the few ways to call it.

It works with every Keras backend; tensorflow.py has the fast one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Self, TypedDict

import keras
import numpy as np

from keras_consistency_cli.loading.model.input_structure import pack_inputs, unpack_outputs
from keras_consistency_cli.loading.model.layer_walk import walk_layers
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.measurement.distance import is_float, is_text
from keras_consistency_cli.measurement.facts import BATCH_WORK, FEWEST_NEIGHBOURS, Facts
from keras_consistency_cli.routes.session.batches import (
    check_row_axis,
    choose_batch,
    count_rows,
    count_steps,
    first_batch,
    join_outputs,
    select_rows,
    split_batches,
)
from keras_consistency_cli.routes.session.snapshot import Snapshot
from keras_consistency_cli.routes.trace import Change, Outputs, Rows

__all__ = ["LoadingOptions", "RunOptions", "Session"]

_FEWEST_ROWS = 2
"""The rows of the smallest batch for a question without neighbours."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Settings of a run that routes use.

    Args:
        batch_size: the batch size in use.
        sizes: further batch sizes to try.
        seed: seed of all random numbers.
        budget: the greatest number of bytes of outputs that one route may collect.
        padding_side: the side on which rows are padded, if the user stated it.
        padding_value: the value that rows are padded with before any scaler, if the user stated it.
    """

    batch_size: int = 32
    sizes: tuple[int, ...] = (2, 3, 7, 32)
    seed: int = 0
    budget: int = 64 * 2**20
    padding_side: str | None = None
    padding_value: float | None = None


class LoadingOptions(TypedDict):
    """Keyword arguments of the functions that load a copy of the model."""

    custom_objects: Mapping[str, Any]
    allow_unsafe: bool


class Session:
    """A live model and the ways to call it; `restore` undoes the side effects of each.

    Args:
        model: the model, or its float64 copy.
        facts: facts of the model as saved.
        options: batch sizes, seed and budget.
        subject: the scaler, the rows as the user gave them, and the served rows; by default a subject without
            files.
    """

    _fewest_neighbours = FEWEST_NEIGHBOURS

    def __init__(self, model: Any, facts: Facts, options: RunOptions, subject: Subject | None = None) -> None:
        self.model, self.facts, self.options = model, facts, options
        self.step_equals_predict = False
        """Whether the compiled step gave the same bits as predict and may replace it."""
        self.snapshot = Snapshot(model)
        self.subject = subject or Subject(files=SubjectFiles(model=""), model=model, facts=facts)
        self.row_numbers = np.zeros(0, np.int64)
        """The numbers, in the subject's data, of the rows that the running route is given."""
        self.given: Outputs = {}
        """The outputs of the route that the running route needs."""

    @property
    def batch_size(self) -> int:
        """The batch size in use: the one that the model was built for, else the user's."""
        return self.facts.batch_size or self.options.batch_size

    @property
    def small_batch(self) -> int:
        """The rows of a batch that answers one question: the batch size, less for a heavy model."""
        most = self.facts.rows_for_work(BATCH_WORK, fewest=self._fewest_neighbours)
        return self.facts.batch_size or min(self.batch_size, most)

    @property
    def is_heavy(self) -> bool:
        """Whether even the smallest batch takes more than a question should: no repetitions then."""
        return self.facts.is_heavy

    @property
    def has_own_code(self) -> bool:
        """Whether code that is not of Keras itself may run in the model, or in the one it is a copy of."""
        return self.facts.own_code or bool(self.subject.custom_objects)

    @property
    def affordable_batch(self) -> int:
        """The batch size in use, less for a heavy model."""
        return self.small_batch if self.is_heavy else self.batch_size

    @property
    def question_batch(self) -> int:
        """The rows of a batch for a question without neighbours: `small_batch`, less for a heavy model."""
        return self.facts.batch_size or (_FEWEST_ROWS if self.is_heavy else self.small_batch)

    def one_batch(self, rows: Rows) -> tuple[Rows, np.ndarray]:
        """Return a batch for a question that one batch answers, and the positions of its rows.

        Rows of a heavy model are as few as show that they differ; neighbours need more (`small_batch`).
        """
        return self._choose_rows(rows, min(self.question_batch, count_rows(rows)))

    def repeated_rows(self, rows: Rows) -> tuple[Rows, np.ndarray | None]:
        """Return the rows to run again in a different arrangement, and their positions; None if it is all."""
        return rows, None

    def few_rows(self, rows: Rows) -> tuple[Rows, np.ndarray | None]:
        """Return all rows, or a few of a heavy model, and their positions; None if these are all rows."""
        return self.some_rows(rows, FEWEST_NEIGHBOURS if self.is_heavy else count_rows(rows))

    def some_rows(self, rows: Rows, most: int) -> tuple[Rows, np.ndarray | None]:
        """Return at most so many rows, and their positions; None if these are all rows."""
        return (rows, None) if count_rows(rows) <= most else self._choose_rows(rows, most)

    def _choose_rows(self, rows: Rows, size: int) -> tuple[Rows, np.ndarray]:
        """Return rows with a few of NaN or infinity, and their positions.

        For a model that keeps state from batch to batch they are the first ones, as predict runs them.
        """
        positions = np.arange(size) if self.facts.stateful_layers else choose_batch(rows, size)
        return select_rows(rows, positions), positions

    @property
    def loading(self) -> LoadingOptions:
        """How the user allows this model to be loaded."""
        return {
            "custom_objects": self.subject.custom_objects,
            "allow_unsafe": self.subject.files.allow_unsafe,
        }

    def on_copy(self, model: Any, facts: Facts | None = None) -> Self:
        """Return a session of the same kind on a copy of the model.

        Its facts are the same by default.
        """
        return type(self)(model, facts or self.facts, self.options, self.subject)

    def start_run(self, numbers: np.ndarray, given: Outputs | None = None, *, restored: bool = False) -> None:
        """Restore the model for a route that is given the rows with these numbers, and what it needs.

        Nothing is restored if the caller knows that the model is.
        """
        self.row_numbers, self.given = numbers, given or {}
        if not restored:
            self.restore()

    def end_run(self) -> tuple[Change, ...]:
        """Restore the model after a route, and return what the route had changed in it."""
        return self.snapshot.take_changes()

    def cast(self, values: np.ndarray) -> Any:
        """Return rows as `model.predict` would feed them: floats as float32, strings as tensors."""
        if is_float(values.dtype):
            return values.astype(np.float32, copy=False)
        return keras.ops.convert_to_tensor(values.astype(object)) if is_text(values.dtype) else values

    def pack(self, rows: Rows, *, cast: bool = True) -> Any:
        """Return rows in the structure of the model's inputs.

        An array, a list in the order of the inputs, or a dict.
        """
        arrays = {
            name: self.cast(values) if cast or is_text(values.dtype) else values
            for name, values in rows.items()
        }
        if any(is_text(values.dtype) for values in rows.values()):
            # Strings have to be tensors, and Keras does not accept a mixture of tensors and arrays.
            arrays = {name: keras.ops.convert_to_tensor(values) for name, values in arrays.items()}
        return pack_inputs(self.model, arrays)

    def name_outputs(self, outputs: Any) -> dict[str, np.ndarray]:
        """Flatten a model's outputs.

        They are named as in the facts, or by their path in the structure.
        """
        return unpack_outputs(outputs, [fact.name for fact in self.facts.outputs])

    def predict(self, rows: Rows, batch_size: int | None = None) -> dict[str, np.ndarray]:
        """Call `model.predict(rows)`."""
        outputs = self.model.predict(
            self.pack(rows, cast=False), batch_size=batch_size or self.batch_size, verbose=0
        )
        return self.name_outputs(outputs)

    def forget_traces(self) -> None:
        """Make the next predict trace again.

        Keras keeps `predict_function` across shapes, relaxed shapes included.
        """
        self.model.predict_function = None

    def call(self, rows: Rows, *, cast: bool = True, **kwargs: Any) -> dict[str, np.ndarray]:
        """Call `model(rows, …)` eagerly on all rows at once.

        With `cast`, floats are cast as predict casts them.
        """
        return self.name_outputs(self.model(self.pack(rows, cast=cast), **kwargs))

    def loop_steps(self, rows: Rows) -> int:
        """Return over how many time steps recurrent layers loop; 0 if the model has none."""
        is_recurrent = any(isinstance(layer, keras.layers.RNN) for _, layer in walk_layers(self.model))
        return count_steps(rows) if is_recurrent else 0

    def fast_loops(self, _rows: Rows) -> AbstractContextManager[None]:
        """Return a context in which eager loops over time steps are faster, if the backend has one."""
        return nullcontext()

    def call_once(self, rows: Rows, *, cast: bool = True, **kwargs: Any) -> dict[str, np.ndarray]:
        """Call the model eagerly on all rows at once; a backend may speed up loops over time steps."""
        return self.call(rows, cast=cast, **kwargs)

    def single_call(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run the model on one batch as predict does, for a model that runs a few times only.

        Tracing takes as long as a dozen eager calls. Two copies of a model give the same bits in either way.
        """
        return self.step(rows) if self.facts.overridden else self.call_once(rows, training=False)

    def step(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run one compiled predict step on all rows at once.

        It uses the kernels that predict uses for this batch size.
        """
        return self.name_outputs(self.model.predict_on_batch(self.pack(rows)))

    def steps(self, rows: Rows, batch_size: int) -> dict[str, np.ndarray]:
        """Run compiled steps over batches; the last one may be shorter."""
        return join_outputs([self.step(batch) for batch in split_batches(rows, batch_size)])

    def calls(self, rows: Rows, batch_size: int, **kwargs: bool) -> dict[str, np.ndarray]:
        """Call the model eagerly over batches; the last one may be shorter."""
        return join_outputs([self.call(batch, **kwargs) for batch in split_batches(rows, batch_size)])

    def one_by_one(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run every row as a separate request, each from the state in which the model was loaded."""
        parts = [self.fresh_step(row) for row in split_batches(rows, 1)]
        self._check_row_axis(parts[0], rows)
        return join_outputs(parts)

    def _check_row_axis(self, single: Outputs, rows: Rows) -> None:
        """Refuse outputs of a single row that have fewer axes than those of two rows.

        A squeeze without an axis removes the row axis of a single row.
        """
        suspects = [name for name, values in single.items() if values.ndim == 0 or len(values) != 1]
        if suspects and count_rows(rows) > 1 and self.facts.batch_size is None:
            double = self.fresh_step(first_batch(rows, 2))
            for name in suspects:
                check_row_axis(name, {single[name].shape, double[name].shape})

    def fresh_step(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run one compiled predict step from the state in which the model was loaded."""
        self.restore()
        return self.step(rows)

    def tracing(self) -> Callable[[Rows], dict[str, np.ndarray]]:
        """Return a function that runs `model(x, training=False)`, compiled if possible."""
        return lambda rows: self.call(rows, training=False)

    def random_operations(self, _rows: Rows) -> list[str] | None:
        """Return the operations that draw random numbers; None if the backend cannot list them."""
        return None

    def drawing_places(self, _rows: Rows) -> list[str]:
        """Return the names of the operations that draw random numbers, as far as the backend lists them."""
        return []

    def clock_places(self, _rows: Rows) -> list[str]:
        """Return the names of the operations that read the clock, as far as the backend lists them."""
        return []

    def looks_for_nan(self, _rows: Rows) -> bool:
        """Whether the model has an operation that looks for NaN or infinity, as one that fills them in."""
        return False

    def loops_until_numbers_agree(self, _rows: Rows) -> bool:
        """Whether a loop of the model ends when numbers meet a condition, which NaN may never do."""
        return False

    def tracing_seconds(self) -> float:
        """Return the seconds in which this process has traced functions so far; 0 if that is not known."""
        return 0.0

    def watch(self, changed: bool) -> None:
        """Note whether a route changed the model; the generic session isolates rows in any case."""

    def restore(self) -> None:
        """Restore the state in which the model was loaded."""
        self.snapshot.restore()
