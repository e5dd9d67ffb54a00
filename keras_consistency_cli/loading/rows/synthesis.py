"""Rows where the user gave none: seeded, and of the kind that the model expects. Pure NumPy."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.model.input_hints import ANY_INPUT, read_input_hints
from keras_consistency_cli.loading.model.layer_hints import Hint
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.text import clean

__all__ = ["Hint", "describe", "make_rows", "read_input_hints"]

Array = npt.NDArray[Any]

TIME_STEPS = 12
"""The length of an axis that may have any: long enough for a recurrence or a kernel, and cheap."""
IMAGE_SIDE = 64
"""Height and width of images of any size: backbones that halve five times still have a 2 by 2 map left."""
MAX_TEXT_WORDS = 8
PADDED_EVERY = 4
"""One row out of this many is padded at its end where the model masks padding."""

_SHORT_WORDS = ("alpha", "beta", "gamma", "delta", "red", "green", "blue", "yes", "no", "")
_UNLISTED = "no vocabulary is known"
_BINARY = "safe for any embedding"
_LOOKED_UP = ("values", "text", "whole")
_MAX_LOOKED_UP_RANK = 3
"""Images are not looked up: in a subclassed model a vocabulary belongs to an input of fewer axes than they have."""


def make_rows(
    inputs: tuple[InputFact, ...], hints: Mapping[str, Hint], *, rows: int, seed: int
) -> dict[str, Array]:
    """Return `rows` rows for each input, by name, in the input's dtype.

    Floats are standard normal, integers 0 or 1 (inside every vocabulary) and strings short words, unless a hint says more. Axes of any length get
    12 steps; height and width of images 64. The rows of one input depend on its name and the seed only. A dtype that NumPy lacks, such as
    bfloat16, or one that is not known ("") becomes float32.

    Args:
        inputs: what the model takes.
        hints: from `read_input_hints`; a scaler's statistics can be given as hints of kind "normal".
        rows: how many.
        seed: the same seed makes the same rows.
    """
    made = {}
    for each in inputs:
        rng = np.random.default_rng([seed, zlib.crc32(each.name.encode("utf-8", "replace"))])
        hint = _settled(each, hints)
        values = _MAKERS[hint.kind](hint, (rows, *_sizes(each.shape)), rng)
        made[each.name] = _padded(_cast(values, each.dtype), hint, rng)
    return made


def describe(inputs: tuple[InputFact, ...], hints: Mapping[str, Hint]) -> str:
    """Say in one line what `make_rows` makes: "standard normal", or one phrase for each input where there are several."""
    phrases = [_phrase(each, _settled(each, hints)) for each in inputs]
    if len(phrases) == 1:
        return phrases[0]
    return "; ".join(f"{clean(each.name)}: {phrase}" for each, phrase in zip(inputs, phrases, strict=True))


def _settled(wanted: InputFact, hints: Mapping[str, Hint]) -> Hint:
    """The hint that holds for an input once its dtype has had its say; never of kind "plain"."""
    given = hints.get(wanted.name) or _shared(wanted, hints)
    if wanted.dtype == "string":
        worded = given.kind in ("values", "text") and all(isinstance(value, str) for value in given.values)
        return given if worded else Hint(kind="values", values=_SHORT_WORDS, why=_UNLISTED)
    if given.kind == "text" or any(isinstance(value, str) for value in given.values):
        given = Hint(kind="plain")
    if wanted.dtype == "bool":
        return Hint(kind="whole")
    integer = np.issubdtype(_dtype(wanted.dtype), np.integer)
    if given.kind == "plain":
        settled = Hint(kind="whole", why=_BINARY) if integer else Hint(kind="normal")
        return replace(settled, padding=given.padding)
    if given.kind == "range" and (
        integer or (given.low, given.high) == (0.0, 255.0)
    ):  # pixels are whole numbers, in floats too
        given = replace(
            given,
            kind="whole",
            low=float(np.ceil(given.low)),
            high=max(float(np.floor(given.high)), float(np.ceil(given.low))),
        )
    return _within(given, wanted.dtype) if given.kind == "whole" else given


def _shared(wanted: InputFact, hints: Mapping[str, Hint]) -> Hint:
    """What a model without a graph says of all its inputs, where it can be meant for this one."""
    hint = hints.get(ANY_INPUT)
    if hint is None or (hint.kind in _LOOKED_UP and len(wanted.shape) > _MAX_LOOKED_UP_RANK):
        return Hint(kind="plain")
    return hint


def _within(hint: Hint, dtype: str) -> Hint:
    """Whole numbers that the dtype can tell apart: float16 counts to 2048 only, int8 to 127."""
    kind = _dtype(dtype)
    if np.issubdtype(kind, np.integer):
        low, high = float(np.iinfo(kind).min), float(np.iinfo(kind).max)
    else:
        high = float(2 ** (np.finfo(kind).nmant + 1))
        low = -high
    return replace(hint, low=max(hint.low, low), high=min(hint.high, high))


def _dtype(name: str) -> np.dtype[Any]:
    """NumPy's own dtype of this name, float32 where it has none; extensions such as ml_dtypes do not count."""
    try:
        found = np.dtype(name or np.float32)
    except TypeError:
        return np.dtype(np.float32)
    return found if found.kind in "fiub" else np.dtype(np.float32)


def _sizes(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """The axes of one row, open ones filled in."""
    sides: tuple[int, ...] = ()
    if len(shape) == 4 and (shape[3] is not None or shape[1] is not None):
        sides = (1, 2) if shape[3] is not None else (2, 3)
    return tuple(
        size if size is not None else IMAGE_SIDE if axis in sides else TIME_STEPS
        for axis, size in enumerate(shape)
        if axis
    )


def _choose(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.choice(np.asarray(hint.values), size=shape)


def _write(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Texts of one to eight words."""
    words = np.asarray(hint.values)
    lengths = rng.integers(1, MAX_TEXT_WORDS + 1, size=int(np.prod(shape)))
    return np.asarray([" ".join(rng.choice(words, size=length)) for length in lengths], dtype=str).reshape(
        shape
    )


def _count(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.integers(int(hint.low), int(hint.high), size=shape, endpoint=True)


def _spread(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.uniform(hint.low, hint.high, size=shape)


def _scatter(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Normal around the mean of each feature; around their average where the last axis does not hold those features."""
    mean, std = np.asarray(hint.mean, dtype=np.float32), np.asarray(hint.std, dtype=np.float32)
    if len(mean) != shape[-1]:
        mean, std = mean.mean(), std.mean()
    values = rng.standard_normal(size=shape, dtype=np.float32)
    values *= std
    values += mean
    return values


_MAKERS: dict[str, Callable[[Hint, tuple[int, ...], np.random.Generator], Array]] = {
    "values": _choose,
    "text": _write,
    "whole": _count,
    "range": _spread,
    "normal": _scatter,
}


def _cast(values: Array, dtype: str) -> Array:
    """The values in the input's dtype, inside its range."""
    if dtype == "string":
        return values
    target = _dtype(dtype)
    if np.issubdtype(target, np.integer):
        limits = np.iinfo(target)
        values = np.clip(np.rint(values), limits.min, limits.max)
    elif target.kind == "f" and target.itemsize < 4:
        limit = np.finfo(target).max
        values = np.clip(values, -limit, limit)
    return values.astype(target)


def _padded(values: Array, hint: Hint, rng: np.random.Generator) -> Array:
    """Pad the end of every fourth row along axis 1 where the model masks; at least one step is kept."""
    if hint.padding is None or values.ndim < 2 or values.shape[1] < 2 or values.dtype.kind not in "fiu":
        return values
    late = values[PADDED_EVERY - 1 :: PADDED_EVERY]
    kept = rng.integers(1, values.shape[1], size=(len(late), 1))
    late[np.arange(values.shape[1]) >= kept] = hint.padding
    return values


def _phrase(wanted: InputFact, hint: Hint) -> str:
    source = f" ({hint.why})" if hint.why else ""
    phrases = {
        "values": f"words: {hint.why}"
        if wanted.dtype == "string"
        else f"whole numbers from {len(hint.values)}{source}",
        "text": f"texts of 1 to {MAX_TEXT_WORDS} words{source}",
        "whole": f"whole numbers {hint.low:.0f}..{hint.high:.0f}{source}",
        "range": f"numbers {hint.low:g}..{hint.high:g}{source}",
        "normal": f"normal{source}" if hint.why else "standard normal",
    }
    phrase = "true or false" if wanted.dtype == "bool" else phrases[hint.kind]
    return phrase if hint.padding is None else f"{phrase}, every fourth row padded with {hint.padding:g}"
