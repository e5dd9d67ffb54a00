"""Models that Keras 2 made, and the line that turns them into a file of Keras 3.

Keras 3 does not find the modules of some classes of Keras 2, and refuses arguments that some layers had.
"""

from __future__ import annotations

import mmap
import pathlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.text import clean

__all__ = ["OLD_KERAS", "find_old_parts", "hdf5_refusal", "is_keras_2", "keras_2_fix", "keras_2_words"]

OLD_KERAS = "made-by-keras-2"
"""The cause of the refusal."""
_OLD_MODULES = ("keras.src.engine.", "keras.engine.", "tf_keras.")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN")
_WITHOUT_GROUPS = (
    *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
    *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
)
_OLD_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_RECURRENT, ("time_major",)),
    **dict.fromkeys(_WITHOUT_GROUPS, ("groups",)),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape", "softmax_robust_masking"),
}
"""By layer, the arguments in its config that Keras 3 refuses; their values are those that Keras 3 assumes."""
_REMOVED = ("time_major", "groups")
"""The arguments that can be taken out of the config of an .h5 file."""
_REBUILT = ("MultiHeadAttention", "SeparableConv1D", "SeparableConv2D")
"""Layers whose config of Keras 2 gives no layer of Keras 3, whatever is taken out; their weights fit."""


def is_keras_2(version: str) -> bool:
    """Whether a version that a file states is one of Keras 2."""
    return version.startswith("2.")


def find_old_parts(version: str, classes: Collection[str], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what Keras 3 does not load in a .keras file of Keras 2: classes, or arguments of layers.

    Args:
        version: the version of Keras that the file states.
        classes: the classes that its config names, with their modules.
        config: its config.
    """
    if not is_keras_2(version):
        return ()
    modules = [name for name in classes if name.startswith(_OLD_MODULES)]
    return tuple(dict.fromkeys((*modules, *_find_old_arguments(config))))


def _find_old_arguments(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the arguments that Keras 3 refuses, as "LSTM(time_major)"."""
    stack: list[Any] = [config]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            kind, settings = node.get("class_name"), node.get("config")
            refused = _OLD_ARGUMENTS.get(kind, ()) if isinstance(kind, str) else ()
            if isinstance(settings, Mapping):
                yield from (f"{kind}({name})" for name in refused if name in settings)
        children = node.values() if isinstance(node, Mapping) else node
        stack.extend(child for child in children if isinstance(child, Mapping | list))


def keras_2_words(version: str, old: Collection[str] = ()) -> str:
    """Return what Keras 3 does with a .keras file of Keras 2; `old` is what it is known not to load."""
    made = f"made by Keras 2 ({clean(version, 40)})"
    if not old:
        return f"{made}, whose .keras files Keras 3 does not always load"
    first = clean(next(iter(old)), 80)
    more = f" and {len(old) - 1} more" if len(old) > 1 else ""
    return f"{made}, and Keras 3 does not load it: {first}{more}"


def keras_2_fix(path: pathlib.Path, classes: Collection[str] = ()) -> str:
    """Return the two lines for a .keras file: only Keras 2 reads all of it, and both read .h5."""
    stem, kinds = clean(path.stem, 60), {name.rpartition(".")[2] for name in classes}
    convert = _convert(f"{stem}.h5", stem, has_removed=True, is_rebuilt=not kinds.isdisjoint(_REBUILT))
    return f"where it was made: model.save('{stem}.h5'); then with Keras 3: {convert}"


def hdf5_refusal(path: pathlib.Path) -> RefusedError:
    """Return the refusal of a whole model in the format of Keras 2."""
    has_removed = _names_one(path, [f'"{name}": ' for name in _REMOVED])
    is_rebuilt = _names_one(path, [f'"class_name": "{name}"' for name in _REBUILT])
    name, stem = clean(path.name, 60), clean(path.stem, 60)
    convert = _convert(name, stem, has_removed=has_removed, is_rebuilt=is_rebuilt)
    return RefusedError(
        "made by Keras 2, or saved in its format: an HDF5 file (.h5)",
        expected="a .keras file",
        fix=f"with Keras 3, if you trust the file: {convert}",
        cause=OLD_KERAS,
    )


def _names_one(path: pathlib.Path, texts: Collection[str]) -> bool:
    """Whether the bytes of a file hold one of these texts, as the config inside an .h5 file does."""
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(text.encode()) >= 0 for text in texts)
    except (OSError, ValueError):  # an empty file has no map
        return False


def _convert(name: str, stem: str, *, has_removed: bool, is_rebuilt: bool) -> str:
    """The line of Python that saves an .h5 file again.

    Arguments that Keras 3 refuses are taken out of the file. If that is not sufficient, the weights are read.
    """
    if is_rebuilt:
        return (
            f"build the model with its own code, without training, and read the weights: "
            f"model.load_weights('{name}'); model.save('{stem}.keras')"
        )
    load = f"keras.models.load_model('{name}', compile=False).save('{stem}.keras')"
    if not has_removed:
        return load
    pattern = rf', "({"|".join(_REMOVED)})": (false|1\b)'
    return (
        f"import re, h5py, keras; file = h5py.File('{name}', 'r+'); file.attrs['model_config'] = "
        f"re.sub(r'{pattern}', '', file.attrs['model_config']); file.close(); {load}"
    )
