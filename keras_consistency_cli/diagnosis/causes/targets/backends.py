"""Causes of Keras backends that differ from the backend in use."""

from __future__ import annotations

from functools import partial

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts
from keras_consistency_cli.diagnosis.causes.targets.backend_evidence import (
    fits_backend,
    located_layer,
    own_code,
)

__all__ = ["BACKEND_CAUSES"]

_AGREEMENT = "KC607"


def _texts_of_own_code(slug: str, evidence: Evidence) -> CauseTexts | None:
    """The texts if no layer differs, but the code between layers."""
    kind = own_code(slug, evidence)
    if kind is None:
        return None
    return CauseTexts(
        sentence=f"the code of {kind} between its layers gives different outputs on this backend",
        advice=f"write call() of {kind} without functions that backends compute differently",
    )


def _backend_cause(slug: str, sentence: str, explanation: str, advice: str) -> Cause:
    """Return a cause of single backends; the check names it, or a measurement on the backend shows it."""
    return Cause(
        slug=slug,
        sentence=sentence,
        explanation=explanation,
        key=(_AGREEMENT,),
        explains=(_AGREEMENT,),
        advice=advice,
        fits=partial(fits_backend, slug),
        suspect=partial(located_layer, slug),
        specific=partial(_texts_of_own_code, slug),
    )


BACKEND_CAUSES: tuple[Cause, ...] = (
    _backend_cause(
        "backend-refuses-layer",
        "{layer} does not run on this backend",
        "Loading the model or calling it raises an error. A layer that calls TensorFlow itself runs on "
        "TensorFlow only; a few layers of Keras are not implemented on every backend, such as resizing with "
        "Lanczos kernels on PyTorch, or texts as inputs on JAX and PyTorch.",
        "write the layer with keras.ops instead of the functions of one backend, or replace '{layer}' by a "
        "layer that every backend has",
    ),
    _backend_cause(
        "backend-low-precision",
        "the backend computes in float32 where the model asks for float64",
        "JAX holds numbers of 32 bits unless 64 bits are switched on before it is imported, and Keras "
        "multiplies in float32 on PyTorch. A model or layer with the dtype float64 is computed in float32 "
        "without an error.",
        "use TensorFlow where digits below float32 matter\nor accept it: facts: {{low_precision: accepted}}",
    ),
    _backend_cause(
        "backend-cuts-integers",
        "the backend cuts whole numbers to 32 bits",
        "JAX holds whole numbers of 32 bits unless 64 bits are switched on before it is imported. Ids above "
        "2147483647, such as hashes and times, become different numbers without an error.",
        "switch 64 bits on before Keras is imported: JAX_ENABLE_X64=1\n"
        "or number the ids again, below 2147483647",
    ),
    _backend_cause(
        "backend-nan-differs",
        "{layer} treats NaN or infinity differently on this backend",
        "Only rows with NaN or infinity differ. Maxima and comparisons with NaN have no common rule: max "
        "pooling, for example, drops NaN on TensorFlow and returns it on PyTorch.",
        "replace or refuse missing values before the model:\n"
        "    rows = np.nan_to_num(rows)      # or: assert np.isfinite(rows).all()",
    ),
    _backend_cause(
        "backend-layer-differs",
        "{layer} gives different outputs for the same inputs on this backend",
        "Backends implement the layer with different kernels, which do not agree. Examples are average "
        "pooling with padding 'same' on PyTorch, bicubic resizing on JAX and PyTorch, and the order of equal "
        "numbers in top_k on PyTorch. Which of the two is right is not known: the model was trained with one "
        "of them.",
        "use the backend that the model was trained and validated on, or replace '{layer}' by a layer that "
        "all backends compute in the same way: padding='valid' after a ZeroPadding layer, "
        "interpolation='bilinear'",
    ),
)
"""In the order in which they are tried on a backend."""
