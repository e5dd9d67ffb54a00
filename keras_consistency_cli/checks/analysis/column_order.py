"""The line of NumPy that brings columns, channels or axes back into the right order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["REVERSED_CHANNELS", "write_axes", "write_names", "write_order"]

_MOST_LISTED = 24
"""Columns of which the whole order is stated; of more, only those that change places."""
_MOST_NAMED = 16
REVERSED_CHANNELS = {0: 2, 1: 1, 2: 0}
"""Blue, green, red in the place of red, green, blue."""


def write_order(places: Mapping[int, int], features: int, name: str = "x") -> str | None:
    """Return the line that puts each column where it belongs; None if two belong to the same place.

    Args:
        places: for each wrong column, the place where it belongs.
        features: the number of columns.
        name: of the array.
    """
    if not places or set(places) != set(places.values()):
        return None
    sources = {there: here for here, there in places.items()}
    if features <= _MOST_LISTED:
        return f"{name} = {name}[..., {[sources.get(column, column) for column in range(features)]}]"
    return f"{name}[..., {list(places.values())}] = {name}[..., {list(places)}]"


def write_names(names: Sequence[str], source: str = "reference.columns") -> str:
    """Return the line of pandas that orders columns by name; many of them are those of the source."""
    listed = str(list(names)) if len(names) <= _MOST_NAMED else f"list({source})"
    return f"frame = frame[{listed}]"


def write_axes(order: Sequence[int], name: str = "x") -> str:
    """Return the line that undoes `transpose(0, *order)`."""
    back = [order.index(axis) + 1 for axis in range(1, len(order) + 1)]
    return f"{name} = {name}.transpose({', '.join(map(str, (0, *back)))})"
