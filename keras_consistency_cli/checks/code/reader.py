"""Files of code, each read and parsed once, under the names that the user wrote."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_consistency_cli.checks.code.engine.locations import candidates, file_key
from keras_consistency_cli.checks.code.engine.program import Parsed
from keras_consistency_cli.checks.code.reading.sources import (
    Source,
    UnreadableError,
    import_names,
    parse,
    read_source,
)
from keras_consistency_cli.checks.code.values.value import Site
from keras_consistency_cli.text import clean

__all__ = ["Notice", "ReadFile", "Reader"]

_SERVES = re.compile(
    r"load_model|saved_model|TFSMLayer|load_weights|joblib|pickle|GradientTape|imagenet"
    r"|\.save\(|\.save_weights\(|\.post\("
)

_MOST_IMPORTED = 500
"""Modules that are followed although the user does not name them."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A file that could not be read, or not all of it, and why."""

    path: str
    message: str
    is_partial: bool = False
    """Whether the rest of the file was read."""


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """A file with its text and its tree."""

    source: Source
    parsed: Parsed


class Reader:
    """Reads each file once; files that cannot be read become notices."""

    def __init__(self, named: Sequence[Path]) -> None:
        self.notices: dict[str, Notice] = {}
        self._known: dict[str, ReadFile | None] = {}
        self._unrelated: set[str] = set()
        self._names = {file_key(path): str(path) for path in named}
        self._packages = {_installed_package(key) for key in self._names}
        self._imported: set[str] = set()

    def show(self, path: Path) -> str:
        """Return the path of a file as the user wrote it."""
        return self._names.get(file_key(path), str(path))

    def source(self, shown: str) -> Source | None:
        """Return the text of a file that was read."""
        found = self._known.get(file_key(Path(shown)))
        return found.source if found is not None else None

    def read(self, path: Path, *, is_imported: bool = False) -> ReadFile | None:
        """Return a file with its tree, None if it cannot be read, or if it has nothing to do with models and
        is not imported by a file that has.
        """
        key = file_key(path)
        if key not in self._known or (is_imported and key in self._unrelated):
            self._unrelated.discard(key)
            self._known[key] = self._try_to_read(path, is_imported=is_imported)
        return self._known[key]

    def importers(self, others: Sequence[Path], related: Sequence[Path]) -> list[Path]:
        """Return the files that import one that has to do with models, directly or through further ones.

        Args:
            others: files that do not mention models: routes may only call a service that does.
            related: files that do.
        """
        wanted = {file_key(path) for path in related}
        waiting = {path: self._imported_files(path) for path in others}
        found: list[Path] = []
        while grown := [path for path, files in waiting.items() if not wanted.isdisjoint(files)]:
            found += grown
            wanted |= {file_key(path) for path in grown}
            for path in grown:
                del waiting[path]
        return found

    def _imported_files(self, path: Path) -> set[str]:
        """The files that the imports of a file may stand for; only its text is read."""
        if file_key(path) not in self._unrelated or path.suffix != ".py":
            return set()
        names = import_names(path)
        return {file_key(file) for name in names for file in candidates(name, path.parent)}

    def _try_to_read(self, path: Path, *, is_imported: bool) -> ReadFile | None:
        try:
            source = read_source(path, is_imported=is_imported)
            if source is None:
                self._unrelated.add(file_key(path))
                return None
            tree, left_out = parse(source)
            if left_out:
                cells = f"cell{'s' * (len(left_out) > 1)} {', '.join(map(str, left_out))}"
                self.note(path, f"{cells} left out: not Python", is_partial=True)
            parsed = Parsed(tree=tree, has_model=bool(_SERVES.search(source.text)))
            return ReadFile(source=source, parsed=parsed)
        except UnreadableError as error:
            self.note(path, str(error))
            return None

    def describe(self, site: Site, seen_from: Site | None = None) -> str:
        """Return the words for a place: "line 12" if it is seen from the same file, or "train.py:12"."""
        cell, line = self.position(site)
        if seen_from is not None and seen_from.path == site.path:
            return f"cell {cell}, line {line}" if cell else f"line {line}"
        return f"{clean(site.path, 120)}:{f'cell {cell}:' if cell else ''}{line}"

    def position(self, site: Site) -> tuple[int, int]:
        """Return the number of the cell and of the line in it; the cell is 0 in a Python file."""
        source = self.source(site.path)
        unknown = 0, site.line
        return source.cells.get(site.line, unknown) if source is not None else unknown

    def note(self, path: Path, message: str, *, is_partial: bool = False) -> None:
        """Keep in mind that a file, or a part of it, cannot be read, and why."""
        self.notices[file_key(path)] = Notice(
            path=clean(self.show(path)), message=message, is_partial=is_partial
        )

    def parsed(self, path: Path) -> Parsed | None:
        """Return a module that another one imports."""
        key = file_key(path)
        is_named = key in self._names
        if not is_named and (self._is_library(key) or not _is_file(path) or not self._has_room(key)):
            return None
        found = self.read(path, is_imported=True)
        if not is_named:
            self.notices.pop(key, None)
        return found.parsed if found is not None else None

    def _is_library(self, key: str) -> bool:
        """Whether a file is of an installed package of which the user names no file."""
        package = _installed_package(key)
        return bool(package) and package not in self._packages

    def _has_room(self, key: str) -> bool:
        """Whether one more imported module is followed; the first that is not is noted."""
        if key in self._imported or len(self._imported) < _MOST_IMPORTED:
            self._imported.add(key)
            return True
        first = Path(next(iter(self._names.values()), key))
        message = f"imports of more than {_MOST_IMPORTED} modules are not followed"
        if file_key(first) not in self.notices:
            self.note(first, message, is_partial=True)
        return False


def _installed_package(key: str) -> str:
    """Return the folder of the installed package that a file belongs to, "" if it belongs to none."""
    found = re.match(r".*/(?:site|dist)-packages/[^/]+", key.replace(os.sep, "/"))
    return found[0] if found else ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name in the import is longer than names of files can be
        return False
