"""Generated rows, for a user who gave none: seeded, and of the kind that the model expects.

The hints of loading/hints/input_hints.py say which values an input takes, such as word ids or pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.hints.input_hints import ANY_INPUT
from keras_consistency_cli.loading.hints.layer_hints import Hint
from keras_consistency_cli.measurement.distance import is_float_or_integer, is_numeric
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.text import clean

__all__ = ["describe", "make_rows"]

Array = npt.NDArray[Any]

TIME_STEPS = 12
"""The length of an axis of any length: enough for a recurrence or a kernel, and cheap."""
IMAGE_SIDE = 64
"""Height and width of images of any size: after five halvings, a 2 by 2 map remains."""
MAX_TEXT_WORDS = 8
PADDED_EVERY = 4
"""One row out of this many is padded at its end, if the model masks padding."""

_SHORT_WORDS = ("alpha", "beta", "gamma", "delta", "red", "green", "blue", "yes", "no", "")
_UNLISTED = "no vocabulary is known"
_BINARY = "safe for any embedding"
_LOOKED_UP = ("values", "text", "whole")
_MAX_LOOKED_UP_RANK = 3
"""A vocabulary of a subclassed model belongs to an input with fewer axes than an image."""


def make_rows(
    inputs: tuple[InputFact, ...], hints: Mapping[str, Hint], *, rows: int, seed: int, scale: float = 1.0
) -> dict[str, Array]:
    """Return `rows` rows for each input, by name, in the input's dtype.

    Floats are standard normal, integers 0 or 1 (inside every vocabulary) and strings short words, unless a
    hint says more. Axes of any length get 12 time steps, height and width of images 64. The rows of one input
    depend only on its name and the seed. A dtype that NumPy does not have, such as bfloat16, or an unknown
    one ("") becomes float32.

    Args:
        inputs: the model's inputs.
        hints: from `read_input_hints`; statistics of a scaler can be given as hints of kind "normal".
        rows: the number of rows.
        seed: the same seed generates the same rows.
        scale: of numbers around 0; a range, or statistics that a layer expects, are only narrowed.
    """
    generated = {}
    for fact in inputs:
        rng = np.random.default_rng([seed, zlib.crc32(fact.name.encode("utf-8", "replace"))])
        hint = _scale_hint(_choose_hint(fact, hints), scale)
        values = _GENERATORS[hint.kind](hint, (rows, *_choose_sizes(fact.shape)), rng)
        values = _put_ids(_cast(values, fact.dtype), hint, rng)
        generated[fact.name] = _pad(values, hint, rng)
    return generated


def describe(inputs: tuple[InputFact, ...], hints: Mapping[str, Hint], scale: float = 1.0) -> str:
    """Return one line about the rows of `make_rows`, such as "standard normal".

    Several inputs get one phrase each.
    """
    if scale != 1.0:
        return f"{describe(inputs, hints)}, scaled by {scale:g} so that they move the outputs"
    phrases = [_describe_input(fact, _choose_hint(fact, hints)) for fact in inputs]
    if len(phrases) == 1:
        return phrases[0]
    return "; ".join(f"{clean(fact.name)}: {phrase}" for fact, phrase in zip(inputs, phrases, strict=True))


def _choose_hint(wanted: InputFact, hints: Mapping[str, Hint]) -> Hint:
    """The hint for an input that agrees with its dtype; never of kind "plain"."""
    hint = hints.get(wanted.name) or _get_shared_hint(wanted, hints)
    if wanted.dtype == "string":
        return hint if _has_words(hint) else Hint(kind="values", values=_SHORT_WORDS, why=_UNLISTED)
    if hint.kind == "text" or any(isinstance(value, str) for value in hint.values):
        hint = Hint(kind="plain")
    if wanted.dtype == "bool":
        return Hint(kind="whole")
    is_integer = np.issubdtype(_find_dtype(wanted.dtype), np.integer)
    if hint.kind == "plain":
        default = Hint(kind="whole", why=_BINARY) if is_integer else Hint(kind="normal")
        return replace(default, padding=hint.padding, places=hint.places)
    # Pixels are whole numbers, in floats too.
    if hint.kind == "range" and (is_integer or (hint.low, hint.high) == (0.0, 255.0)):
        hint = _round_range(hint)
    return _limit_to_dtype(hint, wanted.dtype) if hint.kind == "whole" else hint


def _scale_hint(hint: Hint, scale: float) -> Hint:
    """The hint for numbers that vary `scale` times as much, inside its range."""
    narrower = min(scale, 1.0)
    if hint.kind == "normal":
        factor = narrower if hint.why else scale
        return replace(hint, std=tuple(deviation * factor for deviation in hint.std))
    if hint.kind == "range":
        return replace(hint, high=hint.low + narrower * (hint.high - hint.low))
    return hint


def _has_words(hint: Hint) -> bool:
    return hint.kind in ("values", "text") and all(isinstance(value, str) for value in hint.values)


def _get_shared_hint(wanted: InputFact, hints: Mapping[str, Hint]) -> Hint:
    """The hint of a model without a graph for all its inputs, if it can apply to this one."""
    hint = hints.get(ANY_INPUT)
    if hint is None or (hint.kind in _LOOKED_UP and len(wanted.shape) > _MAX_LOOKED_UP_RANK):
        return Hint(kind="plain")
    return hint


def _round_range(hint: Hint) -> Hint:
    low = float(np.ceil(hint.low))
    return replace(hint, kind="whole", low=low, high=max(float(np.floor(hint.high)), low))


def _limit_to_dtype(hint: Hint, dtype: str) -> Hint:
    """The range within which the dtype can distinguish whole numbers.

    float16 counts only to 2048, int8 to 127.
    """
    kind = _find_dtype(dtype)
    if np.issubdtype(kind, np.integer):
        low, high = float(np.iinfo(kind).min), float(np.iinfo(kind).max)
    else:
        high = float(2 ** (np.finfo(kind).nmant + 1))
        low = -high
    return replace(hint, low=max(hint.low, low), high=min(hint.high, high))


def _find_dtype(name: str) -> np.dtype[Any]:
    """NumPy's own dtype of this name, else float32.

    Extensions such as ml_dtypes do not count.
    """
    try:
        dtype = np.dtype(name or np.float32)
    except TypeError:
        return np.dtype(np.float32)
    return dtype if is_numeric(dtype) else np.dtype(np.float32)


def _choose_sizes(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """The lengths of the axes of one row, with a number for those of any length."""
    sides: tuple[int, ...] = ()
    if len(shape) == 4 and (shape[3] is not None or shape[1] is not None):
        sides = (1, 2) if shape[3] is not None else (2, 3)
    return tuple(
        size if size is not None else IMAGE_SIDE if axis in sides else TIME_STEPS
        for axis, size in enumerate(shape)
        if axis
    )


def _draw_values(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.choice(np.asarray(hint.values), size=shape)


def _write_texts(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Texts of one to eight words."""
    words = np.asarray(hint.values)
    lengths = rng.integers(1, MAX_TEXT_WORDS + 1, size=int(np.prod(shape)))
    texts = [" ".join(rng.choice(words, size=length)) for length in lengths]
    return np.asarray(texts, dtype=str).reshape(shape)


def _draw_whole_numbers(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.integers(int(hint.low), int(hint.high), size=shape, endpoint=True)


def _draw_uniform(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.uniform(hint.low, hint.high, size=shape)


def _draw_normal(hint: Hint, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Normal around the mean of each feature.

    If the last axis has other features, normal around the average mean.
    """
    mean, std = np.asarray(hint.mean, dtype=np.float32), np.asarray(hint.std, dtype=np.float32)
    if len(mean) != shape[-1]:
        mean, std = mean.mean(), std.mean()
    values = rng.standard_normal(size=shape, dtype=np.float32)
    values *= std
    values += mean
    return values


_GENERATORS: dict[str, Callable[[Hint, tuple[int, ...], np.random.Generator], Array]] = {
    "values": _draw_values,
    "text": _write_texts,
    "whole": _draw_whole_numbers,
    "range": _draw_uniform,
    "normal": _draw_normal,
}


def _cast(values: Array, dtype: str) -> Array:
    """The values in the input's dtype, inside its range."""
    if dtype == "string":
        return values
    target = _find_dtype(dtype)
    if np.issubdtype(target, np.integer):
        limits = np.iinfo(target)
        values = np.clip(np.rint(values), limits.min, limits.max)
    elif target.kind == "f" and target.itemsize < 4:
        limit = np.finfo(target).max
        values = np.clip(values, -limit, limit)
    return values.astype(target)


def _put_ids(values: Array, hint: Hint, rng: np.random.Generator) -> Array:
    """Put ids of each table into the places that it reads, if they are among other numbers."""
    for places in hint.places if hint.kind != "whole" else ():
        if places.size is not None:
            ids = rng.integers(0, places.size, size=values.shape)
            values = np.where(places.among(values), ids, values).astype(values.dtype)
    return values


def _pad(values: Array, hint: Hint, rng: np.random.Generator) -> Array:
    """Pad the end of every fourth row along axis 1, if the model masks.

    At least one time step is kept.
    """
    has_steps = values.ndim > 1 and values.shape[1] > 1
    if hint.padding is None or not has_steps or not is_float_or_integer(values.dtype):
        return values
    padded = values[PADDED_EVERY - 1 :: PADDED_EVERY]
    lengths = rng.integers(1, values.shape[1], size=(len(padded), 1))
    padded[np.arange(values.shape[1]) >= lengths] = hint.padding
    return values


def _describe_input(wanted: InputFact, hint: Hint) -> str:
    source = f" ({hint.why})" if hint.why else ""
    phrases = {
        "values": f"words: {hint.why}"
        if wanted.dtype == "string"
        else f"whole numbers from a list of {len(hint.values)}{source}",
        "text": f"texts of 1 to {MAX_TEXT_WORDS} words{source}",
        "whole": f"whole numbers {hint.low:.0f}..{hint.high:.0f}{source}",
        "range": f"numbers {hint.low:g}..{hint.high:g}{source}",
        "normal": f"normal{source}" if hint.why else "standard normal",
    }
    phrase = "true or false" if wanted.dtype == "bool" else phrases[hint.kind]
    for places in hint.places if hint.kind != "whole" else ():
        if places.size is not None:
            phrase += f", with ids 0..{places.size - 1} of '{clean(places.table)}'"
    return phrase if hint.padding is None else f"{phrase}, every fourth row padded with {hint.padding:g}"
