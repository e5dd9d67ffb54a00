"""What lies beside a model and by its name belongs to it: `kcheck MODEL` takes it, and says so. Names are looked at, nothing is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from keras_consistency_cli.text import clean

__all__ = ["NAMES", "Neighbours", "neighbours"]

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
"""By option the names that stand for it, in the folder of the model. Files that hold code have none: they are run only when they are named."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """What was found: one file by option, and in words what was left because several could be meant."""

    files: Mapping[str, Path] = field(default_factory=dict)
    unclear: tuple[str, ...] = ()


def neighbours(model: Path) -> Neighbours:
    """Return what belongs to a model by name and place; an option for which two files could be meant gets none."""
    files: dict[str, Path] = {}
    unclear = []
    for option, names in NAMES.items():
        found = [path for name in names if _is_file(path := model.parent / name) and path != model]
        if len(found) == 1:
            files[option] = found[0]
        elif found:
            both = " or ".join(clean(path, 100) for path in found[:2])
            unclear.append(
                f"not taken from beside the model, for --{option.replace('_', '-')} could be {both}"
            )
    return Neighbours(files=files, unclear=tuple(unclear))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
