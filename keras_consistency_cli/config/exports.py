"""Settings of exports: which files to compare with the model, and which kinds to make from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from keras_consistency_cli.config.setting_types import FilePath, Options, Word

__all__ = ["ExportFile", "ExportFiles", "ExportName", "labels", "numbered"]

ExportName = Literal["litert", "onnx", "tf_saved_model", "openvino"]
"""Formats of Keras's `model.export`."""


class ExportFile(Options):
    """An export that the user has."""

    path: FilePath = Field(description="a path to an export")
    signature: str = Field(default="", description="the name of a signature")
    input_names: Mapping[Word, Word] = Field(
        default={}, description="a mapping from the model's input names to the export's"
    )

    def __str__(self) -> str:
        """Return it as --export takes it."""
        return f"{self.path}#{self.signature}" if self.signature else str(self.path)

    @property
    def name(self) -> str:
        """Its name in reports."""
        return f"{self.path.name}#{self.signature}" if self.signature else self.path.name


def _as_mapping(value: Any) -> Any:
    """Read FILE or FILE#SIGNATURE."""
    if not isinstance(value, str | Path):
        return value
    path, hash_sign, signature = str(value).rpartition("#")
    if not hash_sign or Path(value).exists():
        return {"path": value}
    return {"path": path, "signature": signature}


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str | Path | Mapping) else value


ExportFiles = Annotated[
    tuple[Annotated[ExportFile, BeforeValidator(_as_mapping)], ...], BeforeValidator(_as_tuple)
]


def labels(files: Sequence[ExportFile], made: Sequence[str], *, taken: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of all exports in reports: files first; equal names, and those taken, get a number."""
    return tuple(numbered([*taken, *(file.name for file in files), *made]))[len(taken) :]


def numbered(names: Sequence[str]) -> Iterator[str]:
    """Yield the names; one that was there before gets a number."""
    taken: set[str] = set()
    for name in names:
        candidates = (name, *(f"{name}-{number}" for number in range(2, len(names) + 2)))
        label = next(each for each in candidates if each not in taken)
        taken.add(label)
        yield label
