"""Files next to a model that belong to it by their names: `kcheck MODEL` uses them and reports it.

Only names are compared; no file is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

from keras_consistency_cli.text import clean

__all__ = ["NAMES", "AdjacentFiles", "find_adjacent_files"]

_TABLES = ("npy", "npz", "csv", "parquet")
_SCALERS = ("skops", "joblib", "pkl")


def _tables(*stems: str) -> tuple[str, ...]:
    return tuple(f"{stem}.{ending}" for stem, ending in product(stems, _TABLES))


NAMES: Mapping[str, tuple[str, ...]] = {
    "config": ("kcheck.yaml", "kcheck.yml"),
    "data": _tables("x", "data", "data/x", "data/data"),
    "scaler": tuple(f"scaler.{ending}" for ending in _SCALERS),
    "reference": _tables("reference", "data/reference"),
    "served": _tables("served", "data/served"),
    "expected": _tables("expected", "data/expected"),
    "target_scaler": tuple(f"target_scaler.{ending}" for ending in _SCALERS),
}
"""By option, the file names that belong to it in the model's folder. Files with code have none: they run only
if named.
"""


_MOST_FILES = 1000
"""Entries of the folder that are looked at."""
_SPLIT_NAME = re.compile(r"[^a-z0-9]+")
_TARGETS = {"y", "label", "labels", "target", "targets", "output", "outputs"}
_TRANSFORMERS = re.compile(r"preprocess|transformer|pipeline|normali[sz]er|imputer|\bct\b")
_WORDS: Mapping[str, str] = {
    "served": "served",
    "expected": "expected",
    "reference": "reference",
    "train": "reference",
    "training": "reference",
}
"""By word in the name of a table, the option that it suits."""
_IMAGES = {"image", "images", "pictures", "photos"}
"""Words in the names of folders of images."""
_TEXTS = {"text", "texts", "test", "data", "train", "training", "reviews", "sentences", "samples"}
"""Words in the names of .txt files with rows; most other ones are notes."""
_NO_TEXTS = {"requirements", "log", "notes", "readme", "license"}


@dataclass(frozen=True, kw_only=True)
class AdjacentFiles:
    """One file for each option, and notes about options with several possible files.

    `others` are files that suit an option by their kind, but do not have one of its names.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    ambiguous: tuple[str, ...] = ()
    others: tuple[tuple[Path, str], ...] = ()


def find_adjacent_files(model: Path) -> AdjacentFiles:
    """Return the files that belong to a model by name and folder; an option with two possible files gets
    none.
    """
    files: dict[str, Path] = {}
    ambiguous = []
    for option, names in NAMES.items():
        paths = [path for name in names if _is_file(path := model.parent / name) and path != model]
        if len(paths) == 1:
            files[option] = paths[0]
        elif paths:
            both = " or ".join(clean(path, 100) for path in paths[:2])
            flag = f"--{option.replace('_', '-')}"
            ambiguous.append(f"not used from the model's folder: {flag} could be {both}")
    return AdjacentFiles(files=files, ambiguous=tuple(ambiguous), others=tuple(_find_others(model)))


def _find_others(model: Path) -> Iterator[tuple[Path, str]]:
    """Yield what lies in the model's folder and belongs to no option by name, with the option that it suits.

    These are files, and folders of images.
    """
    known = {name for names in NAMES.values() for name in names}
    try:
        with os.scandir(model.parent) as entries:
            found = sorted((entry.name, entry.is_file()) for entry in islice(entries, _MOST_FILES))
    except (OSError, ValueError):
        return
    for name, is_file in found:
        option = None if name in known else _guess_option(name.lower(), is_file=is_file)
        if option is not None:
            yield model.parent / name, option


def _guess_option(name: str, *, is_file: bool) -> str | None:
    """The option that a file or folder suits by its ending and the words of its name; targets suit none."""
    stem, _, ending = name.rpartition(".") if is_file else (name, "", "")
    words = _SPLIT_NAME.split(stem)
    is_target = not _TARGETS.isdisjoint(words)
    if ending in _SCALERS:
        if "scaler" in stem:
            return "target_scaler" if is_target else "scaler"
        return "scaler" if _TRANSFORMERS.search(stem) and not is_target else None
    is_texts = ending == "txt" and not _TEXTS.isdisjoint(words) and _NO_TEXTS.isdisjoint(words)
    is_data = is_texts or ending in _TABLES if is_file else not _IMAGES.isdisjoint(words)
    if not is_data or is_target:
        return None
    return next((_WORDS[word] for word in words if word in _WORDS), "data")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
