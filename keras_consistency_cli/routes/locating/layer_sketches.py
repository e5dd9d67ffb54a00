"""What two runs of a model have in common, layer by layer: digests tell whether they part, a few numbers of each layer tell how far.

A sketch is all that is kept of a tensor: a digest of every bit and at most 2048 numbers spread over it. Activations themselves live no longer
than the call that made them, so that memory grows with the number of layers and not with their size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "MOST_LAYERS",
    "Aside",
    "Sketch",
    "Step",
    "aside",
    "beyond_rounding",
    "bounded",
    "culprit",
    "deviations",
    "sketched",
]

MOST_LAYERS = 200
"""Layers that a report holds at most: those around the culprit, and others evenly spread."""
_KEPT = 2048
_HALF_ULP = 2.0**-24
_ROUNDING, NO_ROUNDING = 2.0**-18, 2.0**-14
"""Of the greatest number: how far kernels that add in another order may be apart after many layers, and what they are far from in one layer."""


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """What is kept of the tensors that go into a layer or come out of it; `total` is the sum of all `count` numbers, `size` the greatest."""

    digest: bytes
    finite: bool
    values: np.ndarray
    total: float = 0.0
    count: int = 0
    size: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Step:
    """One layer or operation that finished: the path and class to blame, what went in and what came out.

    `outermost` where it is itself what would be blamed, not a part of it; `model` where it is a model made of further layers.
    """

    path: str
    kind: str
    custom: bool
    inputs: Sketch
    outputs: Sketch
    outermost: bool = True
    model: bool = False
    aside: Aside | None = None


@dataclass(frozen=True, kw_only=True)
class Aside:
    """Digests of tensors without a batch axis: those that went in, and those that came out.

    `of_rows` where rows went in and nothing but such tensors came out: an operation over the batch.
    """

    given: tuple[bytes, ...]
    gave: tuple[bytes, ...]
    of_rows: bool


def aside(given: Sequence[Any], made: Sequence[Any], batch: int) -> Aside:
    """Return what goes past the rows in one call; a leading axis that holds the batch folded with others counts as one of rows."""

    def loose(leaves: Sequence[Any]) -> tuple[bytes, ...]:
        arrays = [values for leaf in leaves if (values := _array(leaf)) is not None]
        free = (values for values in arrays if not values.ndim or values.shape[0] % batch)
        return tuple(
            hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()
            for values in free
        )

    shaped = [leaf for leaf in made if hasattr(leaf, "shape")]
    without, gave = loose(given), loose(made)
    return Aside(
        given=without,
        gave=gave,
        of_rows=bool(gave) and len(gave) == len(shaped) and _rows_among(given, batch),
    )


def _rows_among(leaves: Sequence[Any], batch: int) -> bool:
    return any(len(leaf.shape) and leaf.shape[0] == batch for leaf in leaves if hasattr(leaf, "shape"))


def sketched(leaves: Sequence[Any], kept: np.ndarray | None, batch: int) -> Sketch:
    """Return what is kept of some tensors.

    Args:
        leaves: tensors or arrays; what has no shape is passed over.
        kept: which rows of a batch count, as a mask or by number in this order, None for all; tensors without a batch axis then do not count.
        batch: rows of the batch.
    """
    digest, arrays = hashlib.blake2b(digest_size=16), []
    finite = True
    for leaf in leaves:
        values = _array(leaf)
        if values is None:
            continue
        finite = finite and (values.dtype.kind != "f" or bool(np.isfinite(values).all()))
        by_row = kept is not None and values.ndim > 0 and values.shape[0] == batch
        counted = np.ascontiguousarray(
            values[kept] if by_row else values if kept is None else values.ravel()[:0]
        )
        digest.update(counted.tobytes())
        if counted.dtype.kind in "fiub":
            arrays.append(counted.ravel())
    return _kept_of(digest.digest(), finite, arrays)


def _array(leaf: Any) -> np.ndarray | None:
    """A tensor as an array; None for what holds no plain numbers or text, such as sparse and ragged tensors."""
    import keras

    if leaf is None or not hasattr(leaf, "shape"):
        return None
    try:
        values = np.asarray(keras.ops.convert_to_numpy(leaf))
    except Exception:
        return None
    # Python objects have addresses for bytes, and bfloat16 is nothing that NumPy knows.
    return (
        values.astype("S")
        if values.dtype.kind == "O"
        else values.astype(np.float32)
        if values.dtype.kind == "V"
        else values
    )


@np.errstate(invalid="ignore", over="ignore")
def _kept_of(digest: bytes, finite: bool, arrays: Sequence[np.ndarray]) -> Sketch:
    count = sum(values.size for values in arrays)
    stride = max(1, -(-count // _KEPT))
    kept = [values[::stride].astype(np.float64) for values in arrays]
    total = sum(float(values.sum(dtype=np.float64)) for values in arrays)
    size = max((float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) for values in kept), default=0.0)
    values = np.concatenate(kept).astype(np.float32) if kept else np.zeros(0, np.float32)
    return Sketch(digest=digest, finite=finite, values=values, total=total, count=count, size=size)


def culprit(base: Sequence[Step], other: Sequence[Step]) -> int | None:
    """Return which step is at fault: the first to finish that answers the same inputs differently, None where no step differs.

    Code between layers has no step of its own. The layers after it are given other inputs, and the layer or model that holds it is found when it
    finishes itself. Where every step that differs was given other inputs, the first of them is as near as one gets.
    """
    parted = [
        at
        for at, (mine, theirs) in enumerate(zip(base, other, strict=False))
        if mine.outputs.digest != theirs.outputs.digest
    ]
    alike = (at for at in parted if base[at].inputs.digest == other[at].inputs.digest)
    at = next(alike, parted[0] if parted else None)
    return at if at is None else _where_rows_met(base, other, at)


def _where_rows_met(base: Sequence[Step], other: Sequence[Step], at: int) -> int:
    """The operation over the batch whose result, which has no rows, came in beside the rows of the step at fault; else that step itself."""
    wanted = other[at].aside
    for back in range(at - 1, -1, -1):
        mine, theirs = base[back].aside, other[back].aside
        if (
            wanted is None
            or mine is None
            or theirs is None
            or not set(wanted.given) & set(theirs.gave)
            or mine.gave == theirs.gave
        ):
            continue
        if theirs.of_rows:
            return back
        wanted = theirs
    return at


def beyond_rounding(base: Sequence[Step], other: Sequence[Step]) -> int | None:
    """Return the first step to answer inputs that agree within rounding with outputs that do not, None where there is none."""
    for at, (mine, theirs) in enumerate(zip(base, other, strict=False)):
        if mine.path != theirs.path:
            return None
        if (
            _share(mine.outputs, theirs.outputs) > NO_ROUNDING
            and _share(mine.inputs, theirs.inputs) <= _ROUNDING
        ):
            return at
    return None


def deviations(base: Sequence[Step], other: Sequence[Step], at: int) -> list[dict[str, Any]]:
    """Return one entry for each layer in the order in which layers finish, bounded around the one at fault; plain data.

    Args:
        base: the steps of one run.
        other: those of the run that should agree with it.
        at: the step at fault.
    """
    found = []
    for order, (mine, theirs) in enumerate(zip(base, other, strict=False)):
        if mine.path != theirs.path:
            break  # from here on the runs take other ways, and nothing can be held against anything
        blamed = order == at
        if blamed or (theirs.outermost and not theirs.model):
            apart = {
                "inputs": _share(mine.inputs, theirs.inputs),
                "outputs": _share(mine.outputs, theirs.outputs),
            }
            found.append(
                {
                    "layer": theirs.path,
                    "kind": theirs.kind,
                    "depth": order + 1,
                    **apart,
                    "noise": None,
                    "culprit": blamed,
                }
            )
    return bounded(found)


@np.errstate(invalid="ignore", over="ignore")
def _share(mine: Sketch, theirs: Sketch) -> float:
    """The greatest distance among the numbers kept, as a share of the greatest number; infinite where one is finite on one side only."""
    if mine.digest == theirs.digest:
        return 0.0
    if mine.values.shape != theirs.values.shape or mine.finite != theirs.finite:
        return float("inf")
    both = np.isfinite(mine.values) & np.isfinite(theirs.values)
    apart = float(
        np.abs(np.where(both, mine.values.astype(np.float64) - theirs.values, 0.0)).max(initial=0.0)
    )
    if apart == 0.0 and mine.count:
        # None of the numbers kept moved: what all moved on average is the least that one of them did.
        apart = abs(mine.total - theirs.total) / mine.count
    size = max(mine.size, theirs.size)
    return max(apart / size if size and np.isfinite(apart) else 0.0, _HALF_ULP)


def bounded(entries: Sequence[Mapping[str, Any]], most: int = MOST_LAYERS) -> list[dict[str, Any]]:
    """Return at most so many entries: the nearer half around the culprit, the others evenly spread, first and last among them."""
    if len(entries) <= most:
        return [dict(each) for each in entries]
    centre = next((at for at, each in enumerate(entries) if each["culprit"]), 0)
    start = min(max(centre - most // 4, 0), len(entries) - most // 2)
    near = set(range(start, start + most // 2))
    far = [at for at in range(len(entries)) if at not in near]
    spread = {far[int(at)] for at in np.linspace(0, len(far) - 1, most - len(near))}
    return [dict(entries[at]) for at in sorted(near | spread)]
