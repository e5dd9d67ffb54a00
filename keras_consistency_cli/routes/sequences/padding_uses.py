"""What layers do with padded time steps: each is called alone, with different values in the padding.

The first layer that lets padding in is seldom the last one. Each later layer is given the true time steps as
they are without padding, so that only its own use of the padding shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.locating.call_records import CallRecord, are_close, true_part
from keras_consistency_cli.routes.sequences.alignment.shortened_masks import find_shortened_mask
from keras_consistency_cli.routes.sequences.padding_detection import Side

__all__ = ["PaddingUse", "Use", "find_padding_uses"]

Use = Literal["filled", "averaged", "masked", "other"]
Array = npt.NDArray[Any]

_MOST_LAYERS = 6
_FAR, _FAR_IN_FLOAT16 = 1e9, 3e4


class PaddingUse(TypedDict):
    """How a layer uses padded time steps.

    `use` is "filled" if its outputs are those without padding once the padding holds `value`, "averaged" if
    it divides by the number of all time steps, "masked" if it takes a mask and was given none, else "other".
    `axes` are the axes of its input, `steps` its time steps, 0 if they are not on axis 1 alone; `mask_steps`
    are those of the mask. If these differ, every `stride`-th time step of the mask from `start` on is that of
    the input; a stride of 0 says that this is not known.
    """

    layer: str
    kind: str
    use: Use
    value: float | None
    axes: int
    steps: int
    mask_steps: int
    start: int
    stride: int


def find_padding_uses(
    padded: Sequence[CallRecord],
    cut: Sequence[CallRecord],
    side: Side,
    mask_steps: int,
    *,
    first: int = 0,
) -> list[PaddingUse]:
    """Return the layers whose outputs for true time steps depend on the padding, in order.

    Args:
        padded: calls with padding.
        cut: the same calls without padding.
        side: the side of the padding.
        mask_steps: the time steps of the padded rows.
        first: the number of the first call that is examined.
    """
    uses: list[PaddingUse] = []
    for place, (one, other) in enumerate(zip(padded[first:], cut[first:], strict=True), first):
        use = _find_use(one, other, side, mask_steps)
        if use is not None and use["layer"] not in {each["layer"] for each in uses}:
            if side == "right" and use["steps"] not in (0, mask_steps):
                start, stride = find_shortened_mask(padded[:place], mask_steps, use["steps"]) or (0, 0)
                use = {**use, "start": start, "stride": stride}
            uses.append(use)
        if len(uses) == _MOST_LAYERS:
            break
    return uses


def _find_use(one: CallRecord, other: CallRecord, side: Side, mask_steps: int) -> PaddingUse | None:
    series = _padded_series(one, other)
    if series is None or (one.takes_mask and one.given_mask):
        return None
    trial = _Trial(one, other, side)
    far = _FAR_IN_FLOAT16 if series[0].dtype.name == "float16" else _FAR
    try:
        is_used = not (trial.agrees(-far) and trial.agrees(far))
        use, value = ("masked", None) if one.takes_mask else trial.find_use(series, far)
    except Exception:  # a layer may need more than its tensors, such as the run of its model
        return None
    if not is_used:
        return None
    long, short = series
    is_time_first = [axis for axis in range(long.ndim) if long.shape[axis] != short.shape[axis]] == [1]
    return {
        "layer": one.layer,
        "kind": one.kind,
        "use": use,
        "value": value,
        "axes": long.ndim,
        "steps": long.shape[1] if is_time_first else 0,
        "mask_steps": mask_steps,
        "start": 0,
        "stride": 0,
    }


def _padded_series(one: CallRecord, other: CallRecord) -> tuple[Array, Array] | None:
    """The first input of floats with padding, and the same without; None if there is none."""
    pairs = zip(one.inputs, other.inputs, strict=False)
    fitting = (
        (long, short)
        for long, short in pairs
        if is_float(long.dtype) and long.ndim == short.ndim and long.shape != short.shape
    )
    return next(fitting, None)


class _Trial:
    """Calls of one layer with values of choice in the padding."""

    def __init__(self, one: CallRecord, other: CallRecord, side: Side) -> None:
        self._one, self._side = one, side
        self._pairs = list(zip(one.inputs, other.inputs, strict=True))
        self._expected = other.outputs

    def agrees(self, value: float) -> bool:
        """Whether the outputs for true time steps are those without padding."""
        return are_close(self._outputs(value), self._expected, self._side)

    def find_use(self, series: tuple[Array, Array], far: float) -> tuple[Use, float | None]:
        """Return how a layer without an argument for a mask uses the padding.

        0 is tried last: it leaves a maximum as it is if some numbers are above 0.
        """
        for value in (-far, far, 0.0):
            if self.agrees(value):
                return "filled", value
        share = max(long / short for long, short in zip(series[0].shape, series[1].shape, strict=True))
        averages = [values * np.asarray(share, values.dtype) for values in self._outputs(0.0)]
        is_over_time = averages[0].ndim >= series[0].ndim - 1
        is_average = is_over_time and are_close(averages, self._expected, self._side)
        return ("averaged" if is_average else "other"), None

    def _outputs(self, value: float) -> list[Array]:
        return self._one.call_again(list(self._fill(value)))

    def _fill(self, value: float) -> Iterator[Array]:
        for long, short in self._pairs:
            if long.shape == short.shape or long.ndim != short.ndim:
                yield short
                continue
            filled = np.full_like(long, value) if is_float(long.dtype) else long.copy()
            filled[true_part(long.shape, short.shape, self._side)] = short
            yield filled
