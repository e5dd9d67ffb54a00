"""Session: one copy of the model in one process, and the few ways to call it. Works with every Keras backend; tensorflow.py has the fast one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypedDict

import keras
import numpy as np

from keras_consistency_cli.loading.model.facts import input_names
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.session.batches import batches, count, first, keep_rows, stack
from keras_consistency_cli.routes.session.snapshot import Snapshot
from keras_consistency_cli.routes.trace import Outputs, Rows

__all__ = ["LoadingOptions", "RunOptions", "Session"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What routes may be told: batch size in use, sizes to try, the seed, and the greatest number of bytes one probe may hold."""

    batch_size: int = 32
    sizes: tuple[int, ...] = (2, 3, 7, 32)
    seed: int = 0
    budget: int = 64 * 2**20
    padding_side: str | None = None
    """Where rows are filled up, as their owner says."""
    padding_value: float | None = None
    """What they are filled up with, before any scaler."""


class LoadingOptions(TypedDict):
    """Keyword arguments of the functions that load a copy of the model."""

    custom_objects: Mapping[str, Any]
    allow_unsafe: bool


class Session:
    """A live model and the ways to call it, each leaving side effects that `restore` undoes.

    Args:
        model: the model, or its float64 copy.
        facts: facts of the model as saved.
        options: sizes and seeds.
        subject: the scaler, the rows as the user gave them, and the served ones; without it, a subject that has no files.
    """

    def __init__(self, model: Any, facts: Facts, options: RunOptions, subject: Subject | None = None) -> None:
        self.model, self.facts, self.options = model, facts, options
        self.floatx = "float32"
        self.anchored = False
        """Whether the compiled step has given predict's own bits, and may stand in for it where rows stream."""
        self.snapshot = Snapshot(model)
        self.subject = subject or Subject(files=SubjectFiles(model=""), model=model, facts=facts)
        self.row_numbers = np.zeros(0, np.int64)
        """The numbers, in the subject's data, of the rows that the running route is given."""

    @property
    def batch_size(self) -> int:
        """The batch size in use: the one the model was built for, else the user's."""
        return self.facts.batch_size or self.options.batch_size

    @property
    def loading(self) -> LoadingOptions:
        """How the user lets this model be loaded, as keyword arguments of what makes copies of it."""
        return {
            "custom_objects": self.subject.custom_objects,
            "allow_unsafe": self.subject.files.allow_unsafe,
        }

    def on_copy(self, model: Any, facts: Facts | None = None) -> Self:
        """Return a session of the same kind on a copy of the model, whose facts are the same unless others are given."""
        return type(self)(model, facts or self.facts, self.options, self.subject)

    def start_run(self, row_numbers: np.ndarray) -> None:
        """Put the model back for a route that is given the rows of these numbers."""
        self.row_numbers = row_numbers
        self.restore()

    def cast(self, values: np.ndarray) -> Any:
        """Return rows as `model.predict` would feed them: floats as floatx, strings as tensors."""
        if values.dtype.kind == "f":
            return values.astype(self.floatx, copy=False)
        return keras.ops.convert_to_tensor(values.astype(object)) if values.dtype.kind in "US" else values

    def pack(self, rows: Rows, *, cast: bool = True) -> Any:
        """Return rows in the structure that the model takes: one array, a list in the order of its inputs, or a dict."""
        arrays = {
            name: self.cast(values) if cast or values.dtype.kind in "US" else values
            for name, values in rows.items()
        }
        if any(values.dtype.kind in "US" for values in rows.values()):
            # Strings have to be tensors, and Keras takes no mixture of tensors and arrays.
            arrays = {name: keras.ops.convert_to_tensor(values) for name, values in arrays.items()}
        wants_dict = isinstance(getattr(self.model, "_inputs_struct", None), dict) or self._built_on_dict()
        if wants_dict:
            keys = input_names(self.model) or list(arrays)
            return dict(zip(keys, arrays.values(), strict=True))
        return next(iter(arrays.values())) if len(arrays) == 1 else list(arrays.values())

    def _built_on_dict(self) -> bool:
        try:
            return isinstance((self.model.get_build_config() or {}).get("input_shape"), dict)
        except Exception:
            return False

    def name_outputs(self, outputs: Any) -> dict[str, np.ndarray]:
        """Flatten a model's outputs, and name them as the facts do or by their place in the structure."""
        leaves = keras.tree.flatten_with_path(outputs)
        declared = [fact.name for fact in self.facts.outputs]
        if not isinstance(outputs, dict) and len(declared) == len(leaves):
            names = declared
        else:
            names = ["/".join(str(step) for step in path) or "output" for path, _ in leaves]
        return {name: as_array(leaf) for name, (_, leaf) in zip(names, leaves, strict=True)}

    def predict(self, rows: Rows, batch_size: int | None = None) -> dict[str, np.ndarray]:
        """Literally `model.predict(rows)`."""
        outputs = self.model.predict(
            self.pack(rows, cast=False), batch_size=batch_size or self.batch_size, verbose=0
        )
        return self.name_outputs(outputs)

    def forget_traces(self) -> None:
        """Make the next predict trace anew: Keras keeps `predict_function` across shapes, relaxed ones included."""
        self.model.predict_function = None

    def call(self, rows: Rows, *, cast: bool = True, **kwargs: Any) -> dict[str, np.ndarray]:
        """Literally `model(rows, …)`, eager, on all rows at once; with `cast` the floats are those that predict would feed."""
        return self.name_outputs(self.model(self.pack(rows, cast=cast), **kwargs))

    def step(self, rows: Rows) -> dict[str, np.ndarray]:
        """One compiled predict step on all rows at once, with the kernels that predict uses for a batch of that size."""
        return self.name_outputs(self.model.predict_on_batch(self.pack(rows)))

    def steps(self, rows: Rows, batch_size: int) -> dict[str, np.ndarray]:
        """Compiled steps over batches, the last one possibly short."""
        return stack([self.step(batch) for batch in batches(rows, batch_size)])

    def one_by_one(self, rows: Rows) -> dict[str, np.ndarray]:
        """Every row as a request of its own, from the state in which the model was loaded."""
        parts = [self.fresh_step(row) for row in batches(rows, 1)]
        self._held_against_two(parts[0], rows)
        return stack(parts)

    def _held_against_two(self, alone: Outputs, rows: Rows) -> None:
        """Refuse outputs of a lone row that have an axis less than those of two: a squeeze without an axis takes the rows' own."""
        odd = [name for name, values in alone.items() if values.ndim == 0 or len(values) != 1]
        if odd and count(rows) > 1 and self.facts.batch_size is None:
            two = self.fresh_step(first(rows, 2))
            for name in odd:
                keep_rows(name, {alone[name].shape, two[name].shape})

    def fresh_step(self, rows: Rows) -> dict[str, np.ndarray]:
        """One compiled predict step from the state in which the model was loaded."""
        self.restore()
        return self.step(rows)

    def tracing(self) -> Callable[[Rows], dict[str, np.ndarray]]:
        """Return `model(x, training=False)` for many batches; a backend that can compile it does."""
        return lambda rows: self.call(rows, training=False)

    def random_operations(self, _rows: Rows) -> list[str] | None:
        """Operations that draw random numbers; None: this backend does not tell."""
        return None

    def watch(self, changed: bool) -> None:
        """Take note that a route changed the model; the generic session keeps rows apart anyway."""

    def restore(self) -> None:
        """Put the model back into the state in which it was loaded."""
        self.snapshot.restore()


def as_array(leaf: Any) -> np.ndarray:
    """A backend tensor as NumPy; bfloat16 and float8, which NumPy lacks, as float32."""
    values = np.asarray(keras.ops.convert_to_numpy(leaf)) if not isinstance(leaf, np.ndarray) else leaf
    if values.dtype.kind == "O":
        return values.astype(str)
    return values.astype(np.float32) if values.dtype.kind == "V" else values
