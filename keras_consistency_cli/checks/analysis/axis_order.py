"""Whether axes of rows look swapped: time is smooth, features have their own levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.context import GivenRows, ReferenceRows
from keras_consistency_cli.loading.rows.axes import AxisLooks
from keras_consistency_cli.text import shape_text

__all__ = ["SwappedAxes", "find_channels_first", "find_swapped_axes"]

_SMOOTH, _ROUGH = 0.7, 0.3
"""Correlations of adjacent values above which an axis looks like time, and below which it does not."""
_LEVELS, _LEVEL = 0.5, 0.1
"""Shares of the variance above which positions of an axis look like features, and below which they do not."""
_SAME, _DIFFERENT = 0.98, 0.5
"""Correlations of means above which two axes are the same, and below which they are not."""


@dataclass(frozen=True, kw_only=True)
class SwappedAxes:
    """Why the two axes of a series look swapped, and whether the reference rows prove it."""

    reason: str
    proven: bool


def find_swapped_axes(
    given: GivenRows, reference: ReferenceRows | None, *, along_time: bool
) -> SwappedAxes | None:
    """Return why time and features look swapped, None if they do not.

    Args:
        given: the rows.
        reference: the reference rows of the same input.
        along_time: whether the model has layers that work along time.
    """
    if given.looks is None:
        return None
    proof = _unlike_reference(given.shape, given.looks, reference) if reference is not None else None
    if proof is not None:
        return SwappedAxes(reason=proof, proven=True)
    reason = _unlike_time(given.looks) if along_time else None
    return SwappedAxes(reason=reason, proven=False) if reason is not None else None


def _unlike_reference(shape: Sequence[int], looks: AxisLooks, reference: ReferenceRows) -> str | None:
    """Why axis 1 is what axis 2 is in the reference rows, None if it is not."""
    axes, reference_axes = tuple(shape[1:]), reference.shape[1:]
    if axes != reference_axes:
        swapped = axes[0] == reference_axes[1] and axes[1] != reference_axes[1]
        return f"the reference rows have shape {shape_text(reference.shape)}" if swapped else None
    features = reference.looks.centres[1]
    first, second = (_correlation(centres, features) for centres in looks.centres)
    if reference.looks.levels[1] > _LEVEL and first > _SAME and second < _DIFFERENT:
        return "axis 1 has the levels that axis 2 has in the reference rows"
    smooth = reference.looks.smooth
    if smooth[0] > _SMOOTH > _ROUGH > smooth[1] and looks.smooth[1] > _SMOOTH > _ROUGH > looks.smooth[0]:
        return "the reference rows are smooth along axis 1, these rows along axis 2"
    return None


def _unlike_time(looks: AxisLooks) -> str | None:
    """Why axis 2 looks like time or axis 1 like features, None if they do not."""
    smooth, levels = looks.smooth, looks.levels
    if smooth[1] > _SMOOTH and smooth[0] < _ROUGH:
        return (
            f"adjacent values along axis 2 are similar (correlation {smooth[1]:.2f}), "
            f"along axis 1 they are not ({smooth[0]:.2f})"
        )
    if levels[0] > _LEVELS and levels[1] < _LEVEL and smooth[0] < _ROUGH:
        return f"{levels[0]:.0%} of the variance lies between the positions of axis 1, as between features"
    return None


def find_channels_first(smooth: Sequence[float]) -> str | None:
    """Return why the channels of images look to be on axis 1, None if they do not.

    Args:
        smooth: correlation of adjacent values along each axis after the first; empty if not measured.
    """
    if not smooth or smooth[-1] < _SMOOTH or smooth[0] > _ROUGH or min(smooth[1:]) < _SMOOTH:
        return None
    return (
        f"adjacent values along the last axis are similar (correlation {smooth[-1]:.2f}), as in an image, "
        f"along axis 1 they are not ({smooth[0]:.2f}), as between channels"
    )


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson's correlation; 0 if one of the two does not vary."""
    if len(first) != len(second) or len(first) < 2:
        return 0.0
    left, right = _centred(first), _centred(second)
    scale = (sum(value * value for value in left) * sum(value * value for value in right)) ** 0.5
    return sum(a * b for a, b in zip(left, right, strict=True)) / scale if scale else 0.0


def _centred(values: Sequence[float]) -> list[float]:
    mean = sum(values) / len(values)
    return [value - mean for value in values]
