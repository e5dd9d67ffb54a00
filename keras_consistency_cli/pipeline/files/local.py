"""Local files: what settings name elsewhere is copied to this machine, and reports name the originals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from keras_consistency_cli.config.remote.urls import RemotePath
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.pipeline.files.leaves import list_leaves, replace_leaves
from keras_consistency_cli.pipeline.files.remote import copy_url
from keras_consistency_cli.pipeline.files.sent import SentPath
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.signals import on_exit, signals_deferred
from keras_consistency_cli.workers.supervision.scratch_dir import ScratchDir

__all__ = ["LocalFiles", "local_files"]

_Tree = TypeVar("_Tree")
_LONGEST_NAME = 2000


@dataclass(frozen=True, kw_only=True)
class LocalFiles:
    """Settings whose files are all on this machine; `names` are the originals by the path of the copy."""

    settings: Settings
    names: Mapping[str, str] = field(default_factory=dict)

    def name_originals(self, tree: _Tree) -> _Tree:
        """Return a report with the names of the originals in every text."""
        return replace_leaves(tree, self._name_original) if self.names else tree

    def name_originals_in(self, error: KcheckError) -> None:
        """Name the originals in an error."""
        error.what = self._name_original(error.what)
        error.expected, error.fix = self._name_original(error.expected), self._name_original(error.fix)

    def _name_original(self, leaf: _Tree) -> _Tree:
        text: object = leaf
        for copy, name in self.names.items():
            if isinstance(text, str) and copy in text:
                text = text.replace(copy, name)
        return text  # type: ignore[return-value]


@contextmanager
def local_files(
    settings: Settings, deadline: Deadline, observe: Observer = NULL_OBSERVER
) -> Iterator[LocalFiles]:
    """Copy the files that are not on this machine; remove the copies at exit, or when a signal ends the run.

    Errors inside name the originals.

    Args:
        settings: validated settings.
        deadline: the time limits of the run.
        observe: receives what is copied.

    Raises:
        UsageError: a file does not exist, or cannot be read with what is installed.
        NoVerdictError: a storage does not answer, the disk is too small, or the time of the run is over.
    """
    paths = {str(leaf): leaf for leaf in list_leaves(settings) if isinstance(leaf, RemotePath)}
    if not paths:
        yield LocalFiles(settings=settings)
        return
    with signals_deferred():
        scratch = ScratchDir()
        on_exit(scratch.remove)
    copies: dict[str, Path] = {}
    try:
        for name, path in paths.items():
            folder = scratch.path / str(len(copies))
            folder.mkdir()
            copy = folder / (path.name if path.name not in ("", "..") else "rows")
            if isinstance(path, SentPath):
                path.unpack(copy)
            else:
                copy_url(name, copy, deadline, observe)
            copies[name] = copy
        files = LocalFiles(
            settings=replace_leaves(settings, lambda leaf: _local(leaf, copies)),
            names={str(copy): clean(name, _LONGEST_NAME) for name, copy in copies.items()},
        )
        try:
            yield files
        except KcheckError as error:
            files.name_originals_in(error)
            raise
    finally:
        scratch.remove()


def _local(leaf: object, copies: Mapping[str, Path]) -> object:
    return copies[str(leaf)] if isinstance(leaf, RemotePath) else leaf
