"""Find the files to read: Python files and notebooks below folders, without tests and environments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["Collected", "collect"]

_ENDINGS = (".py", ".ipynb")
_SKIPPED_FOLDERS = frozenset(
    {
        "__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist", "tests", "test",
        "migrations",
    }
)  # fmt: skip
_MOST_FILES = 50_000


@dataclass(frozen=True, kw_only=True)
class Collected:
    """The files to read, and how many tests were left out."""

    files: tuple[Path, ...]
    tests: int = 0


def collect(paths: Sequence[Path], exclude: Sequence[str] = ()) -> Collected:
    """Return the files at these paths, sorted, each once.

    Files that are named are always read; below folders, tests and hidden folders are left out.

    Args:
        paths: files and folders.
        exclude: patterns of files to leave out below folders, such as "notebooks/*".

    Raises:
        UsageError: a path does not exist, or a file is neither Python nor a notebook.
    """
    found: dict[str, Path] = {}
    tests = 0
    for path in paths:
        _check(path)
        if path.is_file():
            found.setdefault(os.path.realpath(path), path)
            continue
        for file in _below(path):
            if _matches(file, path, exclude):
                continue
            if _is_test(file):
                tests += 1
            else:
                found.setdefault(os.path.realpath(file), file)
    return Collected(files=tuple(found.values()), tests=tests)


def _check(path: Path) -> None:
    try:
        exists = path.exists()
    except OSError:
        exists = False
    if not exists:
        try:
            near = did_you_mean(path.name, [each.name for each in path.parent.iterdir()])
        except OSError:
            near = ""
        raise UsageError(f"{clean(path)}: there is no such file or folder{near}")
    if path.is_file() and path.suffix not in _ENDINGS:
        raise UsageError(f"{clean(path)} is not code", expected="a .py file, a notebook (.ipynb) or a folder")


def _below(folder: Path) -> Iterator[Path]:
    amount = 0
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS and name[0] != ".")
        for name in sorted(files):
            if name.endswith(_ENDINGS):
                amount += 1
                if amount > _MOST_FILES:
                    raise UsageError(f"{clean(folder)} holds more than {_MOST_FILES:,} files of code")
                yield Path(top, name)


def _is_test(file: Path) -> bool:
    return file.name.startswith("test_") or file.name.endswith("_test.py") or file.name == "conftest.py"


def _matches(file: Path, folder: Path, exclude: Sequence[str]) -> bool:
    relative = file.relative_to(folder).as_posix()
    return any(fnmatch(relative, pattern) or fnmatch(file.name, pattern) for pattern in exclude)
