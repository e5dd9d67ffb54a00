"""Served images that are right, but for the library that decoded their JPEG files.

TensorFlow, which Keras's own loader of folders uses, gives pixels that are some levels of 255 away from those
of Pillow and OpenCV. The rows are compared with both. A fault beside that, such as another order of channels,
is found with the right decoder.
"""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.routes.served.mistakes import Array, DecodedDetails, MatchDetails

__all__ = ["choose_decoder", "is_explained", "measure_decoding"]

_VAGUE = ("unknown", "nearly-resampled", "nearly-moved", "images-nearly-turned")
"""Kinds of mistakes that do not give the served values."""


def is_explained(match: MatchDetails) -> bool:
    """Whether a mistake is known in the served rows of an input."""
    return any(not mistake["kind"].startswith("unknown") for mistake in match.get("mistakes", ()))


def choose_decoder(accurate: MatchDetails, fast: MatchDetails) -> MatchDetails:
    """Return the match with the decoder that leaves fewer rows wrong, or gives their values."""
    is_better = fast["wrong_rows"] < accurate["wrong_rows"] or (
        _gives_values(fast) and not _gives_values(accurate)
    )
    return fast if is_better else accurate


def _gives_values(match: MatchDetails) -> bool:
    return not any(mistake["kind"].startswith(_VAGUE) for mistake in match.get("mistakes", ()))


def measure_decoding(decoded: Array, raw: Array, level: float) -> DecodedDetails:
    """Return how far the pixels of both decoders are apart.

    Args:
        decoded: the images as TensorFlow decodes them.
        raw: the same images as Pillow does.
        level: one level of 255 in these values.
    """
    difference = np.abs(np.subtract(decoded, raw, dtype=np.float64)) / level
    differs = difference.reshape(len(difference), -1).max(axis=1) > 0
    return {"largest": float(difference.max()), "usual": float(difference.mean()), "rows": int(differs.sum())}
