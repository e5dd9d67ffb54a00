"""Routes of rounding: how much error float32 can make, where it grows, and which operations compute in less.

What goes into each layer or operation of the float64 copy is moved by half a unit in float32's last place, up or down by chance or always up (some
kernels are off to one side), and what comes out is rounded to float32. A model whose distance to its float64 copy is far above that does not differ from it
by rounding: it computes in less than float32 somewhere, or its float64 copy is another model, because the config that it was rebuilt from does not say all.
Before that is said, every single operation is rounded, for a layer may hide what it rounds within.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.tolerance import PLAUSIBLE_FACTOR
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.divergence import limit_entries
from keras_consistency_cli.routes.numerics.op_hooks import rounding_operations
from keras_consistency_cli.routes.session.batches import count, first
from keras_consistency_cli.routes.session.distances import rms_share
from keras_consistency_cli.routes.session.layer_hooks import Running, intercepted, path_of
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["ROUNDING_LOCATORS", "ROUNDING_ROUTES"]

_HALF_ULP = 2.0**-24
_ROWS = 8
_KEPT = 4096
"""Numbers that are kept of each layer's output, spread over it, so that memory does not grow with the model."""
_GROWN = 10.0
_MOST = 20

Change = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One layer or operation that finished, and some of the numbers that came out."""

    path: str
    kind: str
    custom: bool
    values: np.ndarray


@contextmanager
def _recorded(before: Change, after: Change) -> Iterator[list[_Step]]:
    """Change what goes into and comes out of every layer and every operation of a functional graph, and record it; models are left to their parts."""
    import keras

    steps: list[_Step] = []

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if isinstance(running[-1], keras.Model):
            return original(*args, **kwargs)
        outputs = keras.tree.map_structure(after, original(*keras.tree.map_structure(before, args), **kwargs))
        steps.extend(_steps(running, outputs))
        return outputs

    with intercepted(around):
        yield steps


def _steps(running: Running, outputs: Any) -> Iterator[_Step]:
    import keras

    path, kind = path_of(running), type(running[-1])
    for leaf in keras.tree.flatten(outputs):
        if _has_values(leaf) and "float" in str(leaf.dtype):
            values = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(leaf, "float64"))).ravel()
            kept = values[:: max(1, -(-values.size // _KEPT))].copy()
            yield _Step(
                path=path, kind=kind.__name__, custom=not kind.__module__.startswith("keras."), values=kept
            )


def _has_values(leaf: Any) -> bool:
    """Whether this is a tensor with numbers in it: inside a loop that is being traced there are none, and what comes out of the loop has some."""
    return hasattr(leaf, "numpy") and hasattr(leaf, "dtype") and not hasattr(leaf, "graph")


def _as_it_is(leaf: Any) -> Any:
    return leaf


def _moving(seed: int | None) -> Change:
    """Move numbers by half a unit in float32's last place: by chance, or all of them up where there is no seed."""
    random = np.random.default_rng(seed)

    def moved(leaf: Any) -> Any:
        if not _is_wide(leaf):
            return leaf
        return leaf * (
            1.0 + _HALF_ULP * (random.choice([-1.0, 1.0], leaf.shape) if seed is not None else 1.0)
        )

    return moved


def _to_float32(leaf: Any) -> Any:
    if not _is_wide(leaf):
        return leaf
    import keras

    return keras.ops.cast(keras.ops.cast(leaf, "float32"), "float64")


def _is_wide(leaf: Any) -> bool:
    return getattr(leaf, "dtype", None) == "float64" and _has_values(leaf)


def _rounded_layers(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    original = on_float64_copy(session).original
    batch = first(rows, session.batch_size)
    session.restore()
    exact, runs = session.step(batch), []
    for seed in (session.options.seed, None):
        session.restore()
        with _recorded(_moving(seed), _to_float32):
            runs.append(session.call(batch, training=False))
    outputs = _furthest(runs, exact)
    if not session.facts.low_precision and _beyond_layers(original, batch, exact, outputs):
        # What layers round within themselves is not seen from outside; rounding every operation takes long where there are many.
        session.restore()
        with rounding_operations():
            outputs = _furthest([outputs, session.call(batch, training=False)], exact)
    return Result(outputs=outputs, rows=np.arange(count(batch)))


def _furthest(runs: Sequence[Outputs], exact: Outputs) -> Outputs:
    return {
        name: max((run[name] for run in runs), key=lambda values: _apart(values, exact[name]))
        for name in exact
    }


def _beyond_layers(original: Session, batch: Rows, exact: Outputs, rounded: Outputs) -> bool:
    """Whether the model itself, called eagerly, is further from float64 than rounding between its layers takes it."""
    original.restore()
    own = original.call(batch, training=False)
    original.restore()
    return any(
        _apart(own[name], ideal) > PLAUSIBLE_FACTOR**2 * (_apart(rounded[name], ideal) + _half_ulps(ideal))
        for name, ideal in exact.items()
    )


def _half_ulps(exact: np.ndarray) -> float:
    """The sum of squares of half a unit in the last place, of the greatest of these numbers, for each of them."""
    if exact.dtype.kind != "f" or not exact.size:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.square(_HALF_ULP * np.nanmax(np.abs(exact), initial=0.0)) * exact.size)


def _apart(values: np.ndarray, exact: np.ndarray) -> float:
    if values.dtype.kind != "f" or values.shape != exact.shape:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.nansum(np.square(values - exact)))


def _locate(session: Session, rows: Rows) -> Result:
    """The first layer that is further from float64 than rounding takes it, else the one at which the error grows most."""
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    original = on_float64_copy(session).original
    batch = first(rows, session.facts.batch_size or _ROWS)
    ways = (
        (session, _as_it_is, _as_it_is),
        (session, _moving(session.options.seed), _to_float32),
        (original, _as_it_is, _as_it_is),
    )
    runs = []
    for copy, before, after in ways:
        copy.restore()
        with _recorded(before, after) as steps:
            copy.call(batch, training=False)
        runs.append(steps)
    original.restore()
    exact, rounded, own = runs
    if not len(exact) == len(rounded) == len(own) or any(
        a.values.shape != b.values.shape for a, b in zip(exact, own, strict=True)
    ):
        return Result(outputs={}, details={})
    errors = [
        (rms_share(mine.values, ideal.values), rms_share(float32.values, ideal.values))
        for ideal, float32, mine in zip(*runs, strict=True)
    ]
    return Result(outputs={}, details=_told(own, errors, _beyond(errors)))


def _beyond(errors: list[tuple[float, float]]) -> int | None:
    return next(
        (
            at
            for at, (mine, rounding) in enumerate(errors)
            if mine > PLAUSIBLE_FACTOR * (rounding + _HALF_ULP)
        ),
        None,
    )


def _told(steps: list[_Step], errors: list[tuple[float, float]], beyond: int | None) -> dict[str, Any]:
    """The layer as plain data, with the relative error of every layer that stands out; no layer where the error grows nowhere."""
    sizes = [_HALF_ULP, *(max(mine, _HALF_ULP) for mine, _ in errors)]
    growth = [later / earlier for earlier, later in pairwise(sizes)]
    at = beyond if beyond is not None else int(np.argmax(growth)) if growth and max(growth) > _GROWN else None
    largest = sorted(range(len(growth)), key=lambda number: -growth[number])[:_MOST]
    details: dict[str, Any] = {
        "growth": [
            {"layer": steps[n].path, "error": errors[n][0], "grown": growth[n]} for n in sorted(largest)
        ]
    }
    if at is None:
        return details
    named = {
        "layer": steps[at].path,
        "kind": steps[at].kind,
        "custom": steps[at].custom,
        "order": at + 1,
        "steps": len(steps),
    }
    return {
        **details,
        **named,
        "beyond_rounding": beyond is not None,
        "grown": growth[at],
        "depth": _along(steps, errors, at),
    }


def _along(steps: list[_Step], errors: list[tuple[float, float]], at: int) -> list[dict[str, Any]]:
    """Every layer's error and how many times it is what rounding alone would give, in the order in which layers finish."""
    found, before = [], 0.0
    for order, (step, (mine, rounding)) in enumerate(zip(steps, errors, strict=True)):
        apart = {"inputs": before, "outputs": mine, "noise": mine / max(rounding, _HALF_ULP)}
        found.append(
            {"layer": step.path, "kind": step.kind, "depth": order + 1, **apart, "culprit": order == at}
        )
        before = mine
    return limit_entries(found)


def _low_operations(session: Session, rows: Rows) -> Result:
    """Operations of the compiled step that produce float16 or bfloat16 although no policy asks for it."""
    from keras_consistency_cli.routes.session.tensorflow import on_tensorflow

    narrow = on_tensorflow(session).narrow_operations(first(rows, session.batch_size))
    found = [each for each in narrow if "float16" in each]
    return Result(outputs={}, details={"low": found[:_MOST]})


def _low_on_purpose(facts: Facts) -> str | None:
    if facts.low_precision:
        return f"the model's own policies ask for {', '.join(facts.low_precision)}"
    return (
        None
        if facts.backend == "tensorflow"
        else f"graphs are read on TensorFlow; the backend is {facts.backend}"
    )


ROUNDING_ROUTES: tuple[Route, ...] = (
    Route(
        name="rounded-layers",
        summary="the float64 copy, rounded to float32 layer by layer",
        run=_rounded_layers,
        precision="float64",
        placement="shadow",
    ),
    Route(
        name="low-operations",
        summary="operations below float32 in the compiled step",
        run=_low_operations,
        unavailable=_low_on_purpose,
    ),
)

ROUNDING_LOCATORS: tuple[Route, ...] = (
    Route(
        name="locate-rounding",
        summary="the layer at which rounding errors grow most",
        run=_locate,
        precision="float64",
        placement="shadow",
    ),
)
