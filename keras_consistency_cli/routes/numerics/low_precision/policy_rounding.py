"""Rounding of the float64 copy to the number types of the model's dtype policies.

A layer of mixed_float16 rounds its inputs and its results to 10 bits. How often it rounds depends on the way
of calling: predict may add the bias before it rounds the result of a convolution, an eager call rounds twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from keras_consistency_cli.measurement.rounding import ULP
from keras_consistency_cli.routes.numerics.layer_outputs import move_by_half_ulp, round_to
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls

__all__ = ["rounding_to_policies"]


@contextmanager
def rounding_to_policies(narrow: Mapping[int, str], seed: int | None) -> Iterator[None]:
    """Round inputs and results of the layers with a narrow type inside the context, each to its own type.

    Args:
        narrow: by the identity of a layer of the copy: the type that its original computes in.
        seed: of the random directions in which results move by half a unit in the last place before they are
            rounded; None moves all of them up.
    """
    moves = {dtype: move_by_half_ulp(seed, ULP[dtype] / 2) for dtype in set(narrow.values())}

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        import keras

        dtype = narrow.get(id(running[-1]))
        if dtype is None:
            return original(*args, **kwargs)
        rounding, move = partial(round_to, dtype), moves[dtype]
        outputs = original(*keras.tree.map_structure(rounding, args), **kwargs)
        return keras.tree.map_structure(lambda leaf: rounding(move(leaf)), outputs)

    with intercept_calls(around):
        yield
