"""The description of a subject that the parent process sends to a worker.

Nothing here loads a model, so that the parent needs neither Keras nor scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_consistency_cli.loading.images import ImageForm
from keras_consistency_cli.loading.rows.reading import Reading
from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.loading.scalers.multi_input import EVERY_INPUT
from keras_consistency_cli.measurement.facts import InputFact

__all__ = ["InMemoryInputs", "SubjectFiles", "raw_inputs"]


@dataclass(frozen=True, kw_only=True)
class SubjectFiles:
    """The files and settings of a subject; sent to the worker as JSON."""

    model: str
    model_sha256: str = ""
    saved_with: str = ""
    data: str | None = None
    scaler: str | None = None
    custom_objects: Sequence[str] = ()
    packages: Sequence[str] = ()
    """Known packages that register classes of the model when they are imported."""
    stored: Sequence[str] | None = None
    """The groups of the weights file that contain weights, None if they are not known."""
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
    padding_value: float | None = None
    padding_side: Literal["left", "right"] | None = None
    time_stated: bool = False
    """Whether the facts that the owner states say that axis 1 is time."""
    columns: Sequence[str] = ()
    drop: Sequence[str] = ()
    window: Sequence[int] | None = None
    image_shape: Sequence[int] | None = None
    image_dtype: str = "float32"
    exports: Sequence[Mapping[str, Any]] = ()
    """The exports to compare, as fields of `ExportSpec`."""

    @property
    def reading(self) -> Reading:
        """How the data and the reference rows are read."""
        window = (self.window[0], self.window[1]) if self.window else None
        return Reading(
            columns=tuple(self.columns),
            drop=tuple(self.drop),
            window=window,
            images=self._image_form,
            texts="coded" if self.scales else "mixed",
        )

    @property
    def _image_form(self) -> ImageForm | None:
        if self.image_shape is None:
            return None
        height, width, channels = self.image_shape
        stated = (self.value_range[0], self.value_range[1]) if self.value_range else None
        return ImageForm(shape=(height, width, channels), value_range=stated, dtype=self.image_dtype)

    @property
    def scales(self) -> bool:
        """Whether a scaler or preprocess function changes the rows before the model gets them."""
        return self.scaler is not None or self.preprocess is not None


@dataclass(frozen=True, kw_only=True)
class InMemoryInputs:
    """Objects of the calling process that take the place of files.

    `rows` are row sources under "data", "reference", "served" and "expected".
    """

    rows: Mapping[str, RowSource] = field(default_factory=dict)
    scaler: Any = None
    preprocess: Callable[[Any], Any] | None = None


def raw_inputs(
    files: SubjectFiles, inputs: tuple[InputFact, ...], source: RowSource
) -> tuple[InputFact, ...]:
    """Return the inputs as rows must look before scaling.

    Before a scaler any number of features is accepted, because the scaler itself checks it; before a
    preprocess function any shape is.
    """
    if not files.scales or files.data_state == "scaled":
        return inputs
    every_input = (None, EVERY_INPUT) if files.preprocess is not None else (None,)
    return tuple(
        _unscaled_input(fact, files, source) if files.scaler_input in (*every_input, fact.name) else fact
        for fact in inputs
    )


def _unscaled_input(fact: InputFact, files: SubjectFiles, source: RowSource) -> InputFact:
    if files.preprocess is None:
        dtype = "" if source.words else fact.dtype
        return InputFact(name=fact.name, shape=(*fact.shape[:-1], None), dtype=dtype)
    only_array = next(iter(source.arrays.values())) if len(source.arrays) == 1 else None
    array = source.arrays.get(fact.name, only_array)
    return fact if array is None else InputFact(name=fact.name, shape=(None,) * array.ndim, dtype="")
