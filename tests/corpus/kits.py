"""Kits: the files of a user for a model of a world, and the arguments that name them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

from tests.corpus.cases import Rows, save_rows
from tests.corpus.worlds import Array, World

__all__ = ["Kit", "Rework", "as_is", "lay_out"]

Rework = Callable[[World, Array], Array]
"""Turns raw rows of a world into served rows, or into the rows given as data."""


def as_is(world: World, rows: Array) -> Array:
    """Return the rows unchanged."""
    return rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Kit:
    """The files next to a model of this world.

    Args:
        world: the source of model and rows.
        rows: number of rows.
        data: creates the data from new raw rows.
        scaler: creates the scaler that is saved; None saves none.
        served: creates the served rows from the data; None gives none.
        reference: creates the reference from the raw training rows; None gives none.
        columns: names and order of the columns of a CSV; empty for a .npy.
        preprocess: source of a module with a function prepare(rows), in place of the scaler; {mean} and
            {scale} are filled in.
        facts: the owner's facts.
        options: of single checks, by check name.
        dtype: of the data.
        other_version: whether the file says that a different scikit-learn saved the scaler.
    """

    world: World
    rows: int = 70
    data: Rework = as_is
    scaler: Callable[[World], Any] | None = lambda world: world.fitted
    served: Rework | None = None
    reference: Rework | None = None
    columns: tuple[str, ...] = ()
    preprocess: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float64"
    other_version: bool = False

    def fresh(self, random: np.random.Generator) -> Array:
        """Return raw rows that neither scaler nor network has seen, in the form of the data."""
        return self.data(self.world, self.world.table(random, self.rows)).astype(self.dtype)

    def __call__(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write everything into the folder and return the arguments of the command."""
        rows = self.fresh(random)
        scaled = self.world.scaler is not None and self.scaler is not None and not self.preprocess
        return lay_out(
            folder,
            data=self._as_csv(rows) if self.columns else rows,
            scaler=self._pickled() if scaled else None,
            preprocess=self._source(),
            served=None if self.served is None else self.served(self.world, rows),
            reference=None if self.reference is None else self.reference(self.world, self.world.training),
            facts=self.facts,
            options=self.options,
        )

    def _as_csv(self, rows: Array) -> str:
        order = [self.world.columns.index(name) for name in self.columns]
        lines = [
            ",".join(self.columns),
            *(",".join(repr(float(value)) for value in row[order]) for row in rows),
        ]
        return "\n".join(lines) + "\n"

    def _pickled(self) -> bytes:
        assert self.scaler is not None
        content, running = pickle.dumps(self.scaler(self.world)), sklearn.__version__
        major, minor, rest = running.split(".", 2)
        # of the same length, because a pickle stores the length of its strings
        other = f"{major}.{'2' * len(minor)}.{rest}"
        return content.replace(running.encode(), other.encode()) if self.other_version else content

    def _source(self) -> str:
        if not self.preprocess:
            return ""
        scaler = self.world.fitted
        return self.preprocess.format(mean=scaler.mean_.tolist(), scale=scaler.scale_.tolist())


def lay_out(
    folder: Path,
    *,
    data: Rows | str,
    scaler: bytes | None = None,
    preprocess: str = "",
    served: Rows | None = None,
    reference: Rows | None = None,
    facts: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Write these files into the folder (text is a CSV) and return the arguments that name them."""
    args: list[str] = []
    if isinstance(data, str):
        args += ["--data", _written(folder / "data.csv", data.encode())]
    else:
        args += ["--data", str(save_rows(folder / "data", data))]
    if scaler is not None:
        args += ["--scaler", _written(folder / "scaler.pkl", scaler)]
    if preprocess:
        args += ["--preprocess", _written(folder / "serve.py", preprocess.encode()) + ":prepare"]
    if served is not None:
        args += ["--served", str(save_rows(folder / "served", served))]
    if reference is not None:
        args += ["--reference", str(save_rows(folder / "train", reference))]
    if facts or options:
        # JSON is YAML
        args += [
            "--config",
            _written(
                folder / "kcheck.yaml",
                json.dumps({"facts": dict(facts or {}), "checks": dict(options or {})}).encode(),
            ),
        ]
    return tuple(args)


def _written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)
