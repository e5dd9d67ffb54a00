"""Files next to a model that belong to it by their names: `kcheck MODEL` uses them and reports it.

Only names are compared; no file is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
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


@dataclass(frozen=True, kw_only=True)
class AdjacentFiles:
    """One file for each option, and notes about options with several possible files."""

    files: Mapping[str, Path] = field(default_factory=dict)
    ambiguous: tuple[str, ...] = ()


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
    return AdjacentFiles(files=files, ambiguous=tuple(ambiguous))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
