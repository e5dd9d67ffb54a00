"""A scaler that loads and cannot transform because a different scikit-learn saved it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.scalers.scaler import ScalerFile

__all__ = ["naming_scaler_version"]


@contextmanager
def naming_scaler_version(scaler: ScalerFile | None) -> Iterator[None]:
    """Name both versions of scikit-learn as the cause if the scaler fails and they differ."""
    try:
        yield
    except RefusedError as refusal:
        saved, running = scaler.sklearn_version if scaler else None, _running_version()
        if refusal.cause != "scaler-unusable" or not saved or saved.split(".")[:2] == running.split(".")[:2]:
            raise
        what = refusal.what.splitlines()[0]
        raise RefusedError(
            f"{what}; scikit-learn {saved} saved it, {running} runs",
            expected=refusal.expected,
            fix=f"pip install scikit-learn=={saved}, or fit and save the scaler again with {running}",
            cause="scaler-version",
        ) from refusal


def _running_version() -> str:
    try:
        return importlib.metadata.version("scikit-learn")
    except importlib.metadata.PackageNotFoundError:
        return ""
