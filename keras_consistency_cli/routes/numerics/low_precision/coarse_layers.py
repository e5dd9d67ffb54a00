"""The search for the layers of a mixed precision model that lose the digits of its outputs.

Where errors become visible is not always where they arise: a layer in bfloat16 that counts up to a thousand
has errors of the size that its dtype explains, and the layer after it may be the first that stands out. What
counts is the experiment: copies of the model with some layers in float32 are compared with the float64 copy.
All layers up to one are raised together, because a layer in float32 gains nothing from rounded inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["CLOSER", "MOST_LAYERS", "find_coarse_layers"]

CLOSER = 0.1
"""The share of its distance from float64 that may be left if these layers are the cause."""
MOST_LAYERS = 6
"""If more layers than these are needed, the precision of the whole model is too low."""

Distance = Callable[[Sequence[str]], float]
"""Returns the distance from float64 of a copy with these layers in float32."""


def find_coarse_layers(suspect: str, layers: Sequence[str], before: float, distance: Distance) -> list[str]:
    """Return the layers that have to compute in float32, in the order in which they run.

    The last one is where the digits are lost; those before it compute what it gets. They are all layers if
    many are needed, and only the suspect if float32 does not help at all.

    Args:
        suspect: the layer to try first.
        layers: all layers of lower precision, in the order in which they run.
        before: the distance from float64 without any of them in float32.
        distance: measures copies.
    """

    def is_close(raised: Sequence[str]) -> bool:
        return distance(raised) <= CLOSER * before

    if is_close([suspect]) or not is_close(layers):
        return [suspect]
    end = _first_true(len(layers), lambda at: is_close(layers[: at + 1]))
    needed = list(layers[: end + 1])
    # The shortest run of layers before the end: this one first, then with the layer before it, and so on.
    longer = _first_true(len(needed), lambda count: is_close(needed[-count - 1 :]))
    needed = needed[-longer - 1 :]
    if len(needed) > 2 * MOST_LAYERS:
        return list(layers)
    for layer in needed[:-1]:
        fewer = [each for each in needed if each != layer]
        needed = fewer if is_close(fewer) else needed
    return needed if len(needed) <= MOST_LAYERS else list(layers)


def _first_true(count: int, test: Callable[[int], bool]) -> int:
    """Return the first of these positions for which a test holds; it is known to hold for the last one."""
    first, last = 0, count - 1
    while first < last:
        middle = (first + last) // 2
        first, last = (first, middle) if test(middle) else (middle + 1, last)
    return last
