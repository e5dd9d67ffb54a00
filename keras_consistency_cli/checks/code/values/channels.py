"""The order of the channels of a picture: exchanged, taken apart, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keras_consistency_cli.checks.code.values.value import Mark, Site, Value

__all__ = [
    "TURNED",
    "chosen_planes",
    "flipped_channels",
    "joined_planes",
    "plane_of",
    "planes_of",
    "replaced_plane",
    "reversed_at",
]

_EXCHANGED = {"bgr": "rgb", "rgb": "bgr"}
TURNED = ("reversed",)
"""Of the order blue, green, red: the code has made it from red, green, blue."""
_ORDERS = ("bgr", "rgb")
_CHANNELS = 3


def flipped_channels(value: Value) -> Value:
    """Return a picture with its channels in the opposite order."""
    return replace(value, marks=frozenset(map(_flipped, value.marks)), items=None)


def _flipped(mark: Mark) -> Mark:
    """The order after an exchange; the names of the mark say that it was exchanged in the program."""
    names = TURNED if mark.kind == "rgb" else ()
    return mark._replace(kind=_EXCHANGED[mark.kind], names=names) if mark.kind in _EXCHANGED else mark


def reversed_at(before: Value, after: Value, site: Site) -> Value:
    """Return a picture that may have become blue, green, red at a place: that is where the fault is then."""
    made = [mark for mark in after.of("bgr") if mark not in before.marks]
    return after.without("bgr").marked(Mark("bgr", site, names=("reversed",))) if made else after


def _reordered(value: Value, order: Sequence[int]) -> Value:
    """A picture of the channels with these numbers; of any further order, nothing is known."""
    numbers = [number % _CHANNELS for number in order]
    if numbers == [2, 1, 0]:
        return flipped_channels(value)
    return value if numbers == [0, 1, 2] else value.without(*_ORDERS)


def chosen_planes(value: Value, index: Value) -> Value:
    """Return a picture of chosen channels: x[..., [2, 1, 0]], np.take(x, [2, 1, 0], axis=-1)."""
    order = [each.ref for each in index.items or () if type(each.ref) is int]
    if not order or len(order) != len(index.items or ()):
        return value
    return replace(_reordered(value, order), items=None)


def plane_of(value: Value, number: int) -> Value:
    """Return one channel of a picture: x[..., 0]."""
    if not any(map(value.has, _ORDERS)):
        return value
    return replace(value.without("plane").marked(Mark("plane", None, number % _CHANNELS)), items=None)


def planes_of(value: Value) -> Value:
    """Return the three channels of a picture: cv2.split(x)."""
    planes = [plane_of(replace(value, rank=2, kind="array"), number) for number in range(_CHANNELS)]
    return Value(kind="tuple", marks=value.marks, items=tuple(planes))


def joined_planes(whole: Value, parts: Value) -> Value:
    """Return a picture that is put together from channels: cv2.merge([r, g, b])."""
    known = [_number_of(part) for part in parts.items or ()]
    numbers = [number for number in known if number is not None]
    joined = _reordered(whole, numbers) if numbers and len(numbers) == len(known) else whole.without(*_ORDERS)
    return replace(joined.without("plane"), items=None)


def _number_of(part: Value) -> int | None:
    """The number of the channel that a value is, None if it is none, or more than one."""
    planes = part.of("plane")
    return planes[0].about if len(planes) == 1 else None


def replaced_plane(picture: Value, number: int, plane: Value) -> Value:
    """Return a picture after x[..., 0] = plane: with another channel in the place, its order is not known."""
    moved = _number_of(plane)
    return picture if moved in (None, number % _CHANNELS) else picture.without(*_ORDERS)
