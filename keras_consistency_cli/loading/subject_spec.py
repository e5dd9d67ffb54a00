"""Subject files: where a subject comes from, as the parent tells a worker, and what its rows must look like before they are scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.loading.scalers.multi_input import EVERY_INPUT
from keras_consistency_cli.measurement.facts import InputFact

__all__ = ["SubjectFiles", "raw_inputs"]


@dataclass(frozen=True, kw_only=True)
class SubjectFiles:
    """Where a subject comes from; crosses the border to the worker as JSON."""

    model: str
    model_sha256: str = ""
    saved_with: str = ""
    data: str | None = None
    scaler: str | None = None
    custom_objects: Sequence[str] = ()
    trust_scaler: bool = False
    allow_unsafe: bool = False
    compiled: bool = True
    generated_rows: int = 0
    seed: int = 0
    preprocess: str | None = None
    reference: str | None = None
    served: str | None = None
    expected: str | None = None
    target_scaler: str | None = None
    data_state: Literal["raw", "scaled"] = "raw"
    scaler_input: str | None = None
    feature_names: Sequence[str] | None = None
    value_range: Sequence[float] | None = None
    lengths: str | None = None

    @property
    def scales(self) -> bool:
        """Whether something comes between the rows and the model."""
        return self.scaler is not None or self.preprocess is not None


def raw_inputs(
    files: SubjectFiles, inputs: tuple[InputFact, ...], source: RowSource
) -> tuple[InputFact, ...]:
    """Return what rows must look like as the user gives them.

    Before a scaler any number of features will do, for the scaler says itself how many it takes; before a preprocess function any shape.
    """
    if not files.scales or files.data_state == "scaled":
        return inputs
    open_to_any = (None, EVERY_INPUT) if files.preprocess is not None else (None,)
    return tuple(
        _before_scaling(fact, files, source) if files.scaler_input in (*open_to_any, fact.name) else fact
        for fact in inputs
    )


def _before_scaling(fact: InputFact, files: SubjectFiles, source: RowSource) -> InputFact:
    if files.preprocess is None:
        return InputFact(name=fact.name, shape=(*fact.shape[:-1], None), dtype=fact.dtype)
    lone = next(iter(source.arrays.values())) if len(source.arrays) == 1 else None
    array = source.arrays.get(fact.name, lone)
    return fact if array is None else InputFact(name=fact.name, shape=(None,) * array.ndim, dtype="")
