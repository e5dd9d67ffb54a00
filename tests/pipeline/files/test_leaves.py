"""Leaves: values are changed at any depth, and what holds none of them is not copied."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.pipeline.files.leaves import list_leaves, replace_leaves

Pair = namedtuple("Pair", "first second")


@dataclass(frozen=True)
class Box:
    """Any content."""

    content: object


def shout(leaf: object) -> object:
    return leaf.upper() if isinstance(leaf, str) and not leaf.isupper() else leaf


def test_every_kind_of_whole_keeps_its_type() -> None:
    tree = Box({"a": ["x", ("y", Pair("z", 1))], "b": Box(None)})
    changed = replace_leaves(tree, shout)
    assert changed == Box({"a": ["X", ("Y", Pair("Z", 1))], "b": Box(None)})
    assert list_leaves(tree) == ["x", "y", "z", 1, None]


def test_what_is_not_changed_is_the_same_object() -> None:
    kept, values = Box(("B",)), np.zeros(3)
    tree = (kept, values, Box("a"))
    changed = replace_leaves(tree, shout)
    assert changed[0] is kept
    assert changed[1] is values
    assert replace_leaves(kept, shout) is kept


def test_settings_keep_which_options_were_stated() -> None:
    settings = Settings(model=Path("m"), exports=("a.onnx",))  # type: ignore[arg-type]
    moved = replace_leaves(settings, lambda leaf: Path("there") / leaf if isinstance(leaf, Path) else leaf)
    assert (moved.model, moved.exports[0].path) == (Path("there/m"), Path("there/a.onnx"))
    assert moved.model_fields_set == settings.model_fields_set
