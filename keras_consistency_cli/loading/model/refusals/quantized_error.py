"""The refusal of a quantised file that Keras wrote and cannot load."""

from __future__ import annotations

import re
from pathlib import Path

from keras_consistency_cli.errors import KcheckError, RefusedError
from keras_consistency_cli.loading.model_file.archive import list_first, read_archive
from keras_consistency_cli.loading.model_file.stored.quantized_layers import find_quantized_layers
from keras_consistency_cli.text import clean, unstyled

__all__ = ["quantized_error"]

_MISFIT = re.compile(r"expected \d+ variables, but received \d+ variables during loading")
"""What Keras says if the weights of a quantised layer do not fit the float layer that it has built."""
_NO_ZERO_POINTS = re.compile(
    r"Layer '(\S+)' (expected \d+ variables, but received \d+ variables during loading)\. "
    r"Expected: \[[^]]*'kernel_zero', [^]]*'g_idx'"
)
"""What Keras says of a layer that GPTQ or AWQ has quantised: save() leaves its zero points out."""
_WRAPPED = re.compile(r"Cannot convert \S+ to EagerTensor of dtype u?int8")
"""What Keras says if a wrapper computes with the weights of a quantised layer (SpectralNormalization)."""


def quantized_error(path: Path, problem: Exception) -> RefusedError | None:
    """Return the refusal if Keras cannot load the quantised layers of a file, otherwise None.

    Args:
        path: the file, which has passed `read_archive`.
        problem: what Keras raised.
    """
    text = " ".join(unstyled(problem).split())
    if without := _NO_ZERO_POINTS.search(text):
        return _refuse(
            path,
            f"Keras saves GPTQ and AWQ without zero points, such as in {clean(without[1], 60)}",
            without[2],
        )
    misfit, wrapped = _MISFIT.search(text), _WRAPPED.search(text)
    found = misfit or wrapped
    if found is None:
        return None
    try:
        archive = read_archive(path, custom_objects=True, allow_unsafe=True, loads=False)
    except KcheckError:
        return None
    layers = find_quantized_layers(archive.weights, wrapped=misfit is None)
    if not layers:
        return None
    named = list_first([clean(name, 60) for name in layers])
    return _refuse(path, f"it builds quantised layers as float layers, in {named}", found[0])


def _refuse(path: Path, reason: str, said: str) -> RefusedError:
    return RefusedError(
        f"{clean(path)} was quantised, and Keras cannot load its own file: {reason} ({clean(said, 100)})",
        fix="save the model before quantize(), and quantise after loading: "
        "model = keras.models.load_model('float.keras'); model.quantize('int8'); "
        "kcheck checks the float file, and check(model, x) the quantised model",
        cause="quantized-not-loadable",
    )
