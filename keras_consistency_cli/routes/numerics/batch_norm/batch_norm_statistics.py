"""The route that measures what reaches each BatchNormalization layer, in one pass over the rows.

The rows are reference rows if there are any, because the moving statistics are those of training.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.numerics.batch_norm.feature_statistics import FeatureStatistics
from keras_consistency_cli.routes.numerics.batch_norm.heavy_tails import TailSums
from keras_consistency_cli.routes.session.batches import count_rows, first_batch, split_batches
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["BATCH_NORM_ROUTES", "BatchNormDetails", "LayerStatistics"]

Floats = npt.NDArray[np.float64]

_ROWS = 256
_FEWEST_ROWS = 32
"""Rows for which the mean of a batch is near that of all rows."""
_MOST_POSITIONS = 2**13
"""Positions of one batch whose values are added up."""


class LayerStatistics(TypedDict):
    """How far the statistics of one layer are from those of the rows that reach it.

    `distance` is the mean over the features of the squared Hellinger distance: 0 if equal, 1 if disjoint. A
    feature with heavy tails counts as 0 if its middle values fit, and as 1 if they do not.
    `size` is the median size of the normalized values, 1 for the rows of training. `stored` and `seen` are
    the means of the `feature` that differs most. `far` of the `live` features, those whose values vary, lie
    far outside of the moving statistics. `initial_share` is the share of the 0 and 1 of the start in the
    moving statistics, None if they are not a mixture of these and the statistics of the rows. `untouched`
    says that the layer still has the statistics it was created with.
    """

    path: str
    distance: float
    size: float
    feature: int
    stored: float
    seen: float
    live: int
    far: int
    initial_share: float | None
    untouched: bool


class BatchNormDetails(TypedDict, total=False):
    """Details of the route: the layers that can be judged, in the order in which the rows reach them.

    `source` is "reference" or "data"; `reason` says why nothing was measured. `effect` is the root mean
    square of the difference that statistics of the rows make to an output, as a share of its standard
    deviation. It is measured if the start is a part of the moving statistics, and the model is not heavy.
    """

    source: str
    rows: int
    effect: float
    layers: list[LayerStatistics]
    reason: str


@dataclass(kw_only=True)
class _Sums:
    """Sums over the values of each feature that reached a layer."""

    layer: Any
    path: str
    count: float = 0.0
    total: Floats = field(default_factory=lambda: np.zeros(1))
    squares: Floats = field(default_factory=lambda: np.zeros(1))
    tails: TailSums = field(default_factory=TailSums)

    def add(self, values: Floats, weights: Floats | None) -> None:
        """Add values of shape (positions, features); masked positions have the weight 0."""
        kept = values if weights is None else values[weights > 0]
        self.count += len(kept)
        self.total = self.total + kept.sum(axis=0)
        self.squares = self.squares + np.einsum("ij,ij->j", kept, kept)
        self.tails.add(kept)

    def finish(self) -> LayerStatistics:
        """Compare the stored statistics with those of the values."""
        mean, variance = _to_numpy(self.layer.moving_mean), _to_numpy(self.layer.moving_variance)
        seen = self.total / max(self.count, 1.0)
        seen_variance = np.maximum(self.squares / max(self.count, 1.0) - seen**2, 0.0)
        epsilon = float(self.layer.epsilon)
        features = FeatureStatistics(
            mean=mean, variance=variance, seen=seen, seen_variance=seen_variance, epsilon=epsilon
        )
        known, stored, shown = features.known, variance + epsilon, seen_variance + epsilon
        is_heavy = self.tails.are_heavy()
        distances = np.where(is_heavy, ~self.tails.agree(mean, np.sqrt(stored)), features.distances())
        far = features.are_far(distances)
        sizes = np.sqrt(((seen - mean) ** 2 + seen_variance) / stored)[known]
        shifts = np.where(known, np.abs(seen - mean) / np.sqrt(np.maximum(stored, shown)), 0.0)
        shifts = np.where(is_heavy & (distances == 0), 0.0, shifts)
        feature = int(shifts.argmax())
        return LayerStatistics(
            path=self.path,
            distance=float(distances.mean()),
            size=float(np.median(sizes)) if len(sizes) else 1.0,
            feature=feature,
            stored=float(mean[feature]),
            seen=float(seen[feature]),
            live=int(features.live.sum()),
            far=int(far.sum()),
            initial_share=features.initial_share(far),
            untouched=_is_untouched(self.layer),
        )


def _is_judged(layer: Any) -> bool:
    """Whether a layer normalizes with statistics of rows, or was trained and should.

    A scale or an offset was trained if it varies: no initializer that is usual for them gives features
    different values.
    """
    if not _is_untouched(layer):
        return bool(layer.trainable)
    return any(_varies(weight) for weight in (layer.gamma, layer.beta))


def _is_untouched(layer: Any) -> bool:
    """Whether a layer still has the statistics it was created with."""
    mean, variance = _to_numpy(layer.moving_mean), _to_numpy(layer.moving_variance)
    return not mean.any() and bool((variance == 1).all())


def _varies(weight: Any) -> bool:
    """Whether features have different values; False for a layer without this weight."""
    return weight is not None and bool(np.ptp(_to_numpy(weight)) > 0)


def _to_numpy(tensor: Any) -> Floats:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")), dtype=np.float64)


def _find_layers(model: Any) -> dict[int, _Sums]:
    """Return the BatchNormalization layers by identity, an empty sum for each."""
    import keras

    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    return {
        id(layer): _Sums(layer=layer, path=path)
        for path, layer in walk_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    }


def _sample_positions(inputs: Any, axis: int, mask: Any) -> tuple[Floats, Floats | None]:
    """Return values of shape (positions, features) and the weights of the positions, None if all are 1.

    Of very many positions, as in an image, some random ones are enough.
    """
    import keras

    values = np.moveaxis(keras.ops.convert_to_numpy(inputs), axis, -1)
    is_masked = mask is not None and tuple(mask.shape) == values.shape[:-1]
    weights = _to_numpy(mask).reshape(-1) if is_masked else None
    values = values.reshape(-1, values.shape[-1])
    if len(values) > _MOST_POSITIONS:
        chosen = np.random.default_rng(len(values)).choice(len(values), _MOST_POSITIONS, replace=False)
        values, weights = values[chosen], None if weights is None else weights[chosen]
    return values.astype(np.float32).astype(np.float64), weights


@contextmanager
def _replacing_call(call_layer: Callable[..., Any]) -> Iterator[None]:
    """Call BatchNormalization layers by a function of (call, layer, inputs, training, mask)."""
    import keras

    original = keras.layers.BatchNormalization.call

    def call(self: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return call_layer(original, self, inputs, training, mask)

    keras.layers.BatchNormalization.call = call
    try:
        yield
    finally:
        keras.layers.BatchNormalization.call = original


@contextmanager
def _recording_inputs(layers: dict[int, _Sums]) -> Iterator[list[_Sums]]:
    """Add up what reaches these layers; yields them in the order in which they are reached."""
    reached: list[_Sums] = []

    def record(call: Callable[..., Any], layer: Any, inputs: Any, training: bool | None, mask: Any) -> Any:
        sums = layers.get(id(layer))
        if sums is not None and not hasattr(inputs, "graph"):
            sums.add(*_sample_positions(inputs, int(layer.axis), mask))
            if sums not in reached:
                reached.append(sums)
        return call(layer, inputs, training=training, mask=mask)

    with _replacing_call(record):
        yield reached


def _measure_effect(session: Session, batch: Rows, layers: Container[int]) -> float:
    """Return how much outputs change if these layers use the statistics of a batch, as in training.

    It is the root mean square of the differences, as a share of the standard deviation over the rows; 0 if
    there are not enough rows for statistics.
    """

    def call_in_training(
        call: Callable[..., Any], layer: Any, inputs: Any, training: bool | None, mask: Any
    ) -> Any:
        return call(layer, inputs, training=training or id(layer) in layers, mask=mask)

    if count_rows(batch) < _FEWEST_ROWS:
        return 0.0
    usual = session.call(batch, training=False)
    with _replacing_call(call_in_training):
        session.restore()
        other = session.call(batch, training=False)
    session.restore()
    pairs = [(usual[name], other[name]) for name in usual if usual[name].dtype.kind == "f"]
    return max((_relative_change(*pair) for pair in pairs), default=0.0)


def _relative_change(usual: np.ndarray, other: np.ndarray) -> float:
    a, b = usual.astype(np.float64), other.astype(np.float64)
    if a.shape != b.shape or not np.isfinite(a - b).all():
        return 0.0
    deviation = max(float((values - values.mean(axis=0)).std()) for values in (a, b))
    return float(np.sqrt(np.mean((a - b) ** 2))) / deviation if deviation else 0.0


def _run(session: Session, rows: Rows) -> Result:
    layers = _find_layers(session.model)
    if not layers:
        return _without("the model has no BatchNormalization layer")
    layers = {key: sums for key, sums in layers.items() if _is_judged(sums.layer)}
    if not layers:
        return _without("every BatchNormalization layer is frozen, or still as it was created")
    if session.subject.sources.data is None and not session.subject.sources.reference_length:
        return _without("no rows given: generated rows are not those of training")
    source, chosen = _choose_rows(session, rows)
    size = session.affordable_batch
    batches = [batch for batch in split_batches(chosen, size) if _is_full(batch, session.facts.batch_size)]
    with _recording_inputs(layers) as reached:
        for batch in batches:
            session.call(batch, training=False)
    details: BatchNormDetails = {
        "source": source,
        "rows": sum(len(next(iter(batch.values()))) for batch in batches),
        "layers": [sums.finish() for sums in reached],
    }
    has_start = any(layer["initial_share"] and not layer["untouched"] for layer in details["layers"])
    if has_start and not session.is_heavy:
        batch = first_batch(chosen, session.facts.batch_size or count_rows(chosen))
        details["effect"] = _measure_effect(session, batch, layers)
    return Result(outputs={}, details=details)


def _without(reason: str) -> Result:
    details: BatchNormDetails = {"reason": reason}
    return Result(outputs={}, details=details)


def _is_full(batch: Rows, size: int | None) -> bool:
    """Whether a model that was built for one batch size takes this batch."""
    return size is None or len(next(iter(batch.values()))) == size


def _choose_rows(session: Session, rows: Rows) -> tuple[str, Rows]:
    """Return reference rows as the model takes them, else the rows to check.

    If the data are scaled already, it is not known whether the reference rows are.
    """
    subject = session.subject
    length = subject.sources.reference_length
    if not length or (subject.files.data_state == "scaled" and subject.files.scales):
        return "data", rows
    numbers = np.unique(np.linspace(0, length - 1, min(_ROWS, length)).astype(np.int64))
    scaled = subject.scaled(subject.sources.reference(numbers))
    return "reference", {name: scaled[name] for name in rows}


BATCH_NORM_ROUTES: tuple[Route, ...] = (
    Route(
        name="batch-norm-statistics",
        summary="statistics of what reaches each BatchNormalization layer",
        run=_run,
        moves=True,
    ),
)
