"""Where the files of a program are: by their paths, and by the names in imports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["candidates", "file_key"]

_PARENT_FOLDERS = 3


def file_key(path: Path) -> str:
    """Return the same text for each way to write the path of a file; links are not followed."""
    return os.path.normpath(path.absolute())


def candidates(name: str, folder: Path) -> Iterator[Path]:
    """Yield the files that an import may stand for: next to the importer, or in the folders above."""
    level = len(name) - len(name.lstrip("."))
    parts = [part for part in name.lstrip(".").split(".") if part]
    starts = [Path(os.path.normpath(folder.joinpath(*[".."] * (level - 1))))]
    if not level:
        starts += list(Path(file_key(folder)).parents)[:_PARENT_FOLDERS]
    for start in starts:
        path = start.joinpath(*parts)
        if parts:
            yield path.with_name(f"{path.name}.py")
        yield path / "__init__.py"
