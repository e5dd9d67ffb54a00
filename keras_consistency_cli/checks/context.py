"""What checks may know about the rows without any route: files, settings, statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from keras_consistency_cli.config.setting_types import DriftOptions, OwnerFacts
from keras_consistency_cli.loading.rows.axes import AxisLooks, MovedAxes
from keras_consistency_cli.measurement.data_facts import DataFacts

__all__ = ["DataContext", "GivenRows", "ReferenceRows", "RefusedRows"]


@dataclass(frozen=True, kw_only=True)
class GivenRows:
    """The rows given for one input: their shape, and the shape that the model declares."""

    shape: tuple[int, ...]
    expected: tuple[int | None, ...]
    looks: AxisLooks | None = None
    """Measured for series whose two axes the model would accept in either order."""
    smooth: tuple[float, ...] = ()
    """By axis after the first, for images whose channels the model would accept first or last."""


@dataclass(frozen=True, kw_only=True)
class ReferenceRows:
    """The shape of the reference rows of one input, and what their axes look like."""

    shape: tuple[int, ...]
    looks: AxisLooks


@dataclass(frozen=True, kw_only=True)
class RefusedRows:
    """Rows of a shape that the model refuses, and the code that repairs them, if known."""

    input: str
    shape: tuple[int, ...]
    expected: tuple[int | None, ...]
    fix: str | None
    served: bool = False
    """Whether these are the served rows; else the rows to check."""


@dataclass(frozen=True, kw_only=True)
class DataContext:
    """Everything that checks may read about rows, files and the owner's facts.

    `rows_given` and `reference_rows` are by input, empty for generated rows. `input_orders` says by evidence
    ("served", "reference", "surplus", "keys") which input's rows stand in the place of which input.
    """

    description: DataFacts = field(default_factory=DataFacts)
    owner: OwnerFacts = field(default_factory=OwnerFacts)
    drift_limits: DriftOptions = field(default_factory=DriftOptions)
    batch_size: int = 1
    scaler_saved_with: str | None = None
    """The scikit-learn version that saved the scaler."""
    nonfinite_weights: tuple[str, ...] = ()
    nonfinite_rows: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """By input, the numbers of rows that reach the model with NaN or infinity."""
    rows_given: Mapping[str, GivenRows] = field(default_factory=dict)
    reference_rows: Mapping[str, ReferenceRows] = field(default_factory=dict)
    moved_axes: Mapping[str, MovedAxes] = field(default_factory=dict)
    """By input, axes of images that are exchanged or rotated, by the mean of the reference rows."""
    input_orders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    endpoint_rows: Mapping[str, str] = field(default_factory=dict)
    """By label of a service, the rows that it is stated to take: auto, raw or scaled."""
    refused: RefusedRows | None = None
    """Set if the model refuses the rows: then no route has run."""
