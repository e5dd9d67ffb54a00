"""Models that Keras 2 made, and the line that turns them into a file of Keras 3."""

from __future__ import annotations

import pathlib

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.text import clean

__all__ = ["OLD_KERAS", "hdf5_refusal", "is_keras_2", "keras_2_fix", "keras_2_words"]

OLD_KERAS = "made-by-keras-2"
"""The cause of the refusal."""


def is_keras_2(version: str) -> bool:
    """Whether a version that a file states is one of Keras 2."""
    return version.startswith("2.")


def keras_2_words(version: str) -> str:
    """Return what Keras 3 may do with a .keras file of Keras 2."""
    return f"made by Keras 2 ({clean(version, 40)}), whose .keras files Keras 3 does not always load"


def keras_2_fix(path: pathlib.Path) -> str:
    """Return the two lines for a .keras file: only Keras 2 reads all of it, and both read .h5."""
    stem = clean(path.stem, 60)
    return f"where it was made: model.save('{stem}.h5'); then with Keras 3: {_convert(f'{stem}.h5', stem)}"


def hdf5_refusal(path: pathlib.Path) -> RefusedError:
    """Return the refusal of a whole model in the format of Keras 2."""
    return RefusedError(
        "made by Keras 2, or saved in its format: an HDF5 file (.h5)",
        expected="a .keras file",
        fix=f"with Keras 3, if you trust the file: {_convert(clean(path.name, 60), clean(path.stem, 60))}",
        cause=OLD_KERAS,
    )


def _convert(name: str, stem: str) -> str:
    return f"keras.models.load_model('{name}', compile=False).save('{stem}.keras')"
