"""Vocabularies that a model folder has lost.

Keras writes the vocabulary that a layer learnt in adapt() to assets/. `model.save(path, zipped=False)` does
so only for an absolute path: for a relative one, the files are written to a temporary folder and deleted
(Keras 3.15.1). Such a folder loads without an error, and each call fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from keras_consistency_cli.loading.model_file.zip_members import ASSETS
from keras_consistency_cli.text import clean

__all__ = ["find_lost_vocabularies"]

_CLASSES = frozenset({"IntegerLookup", "StringLookup", "TextVectorization"})


def find_lost_vocabularies(config: Mapping[str, Any], names: Collection[str]) -> tuple[str, ...]:
    """Return the layers whose vocabulary is neither in the config nor in a file.

    Args:
        config: config.json, parsed.
        names: the members of the folder. If any of them is an asset, all were written.
    """
    if any(name.startswith(ASSETS) for name in names):
        return ()
    return tuple(dict.fromkeys(_adapted_layers(config)))


def _adapted_layers(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of text and id layers without a vocabulary in their config."""
    stack: list[Any] = [config]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            settings: Any = node.get("config")
            is_lookup = isinstance(settings, dict) and node.get("class_name") in _CLASSES
            if is_lookup and settings.get("vocabulary") is None:
                yield clean(settings.get("name") or node["class_name"], 80)
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
