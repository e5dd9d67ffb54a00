"""Sent files: settings that carry the bytes of their files to a machine that cannot see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from keras_consistency_cli.config.remote.urls import RemotePath
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.loading.exports.kinds import export_companions
from keras_consistency_cli.pipeline.files.leaves import replace_leaves
from keras_consistency_cli.text import clean, format_bytes

__all__ = ["SentPath", "send_files"]

_MOST_BYTES = 2**28
"""Of all files of one task: they are held by the scheduler and by a worker until the task is done."""
_FIX = "put it into a folder that all workers see, or behind a URL, and leave out --send-files"


class SentPath(RemotePath):
    """A file or folder that travels with its content; `content` is by the names of the files inside.

    A file has the empty name.
    """

    content: Mapping[str, bytes]

    @classmethod
    def of(cls, path: str, content: Mapping[str, bytes]) -> Self:
        """Return the path with its content."""
        sent = cls(path)
        sent.content = content
        return sent

    def __reduce__(self) -> tuple[object, ...]:  # type: ignore[override]
        return type(self).of, (str(self), self.content)

    def unpack(self, copy: Path) -> None:
        """Write the content.

        Args:
            copy: a path in a folder that exists.

        Raises:
            NoVerdictError: it cannot be written.
        """
        try:
            for name, content in self.content.items():
                target = copy / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        except OSError as error:
            reason = clean(error.strerror or error)
            raise NoVerdictError(f"{clean(self)}, which was sent, cannot be written: {reason}") from None


def send_files(settings: Settings) -> Settings:
    """Return settings whose files travel with them; URLs stay as they are.

    Raises:
        UsageError: a file cannot be read or sent, or all are larger than 256 MiB together.
    """
    _check_alone(settings)
    lengths = settings.facts.lengths
    named = dict.fromkeys([*settings.input_files(), *([lengths] if lengths else [])])
    try:
        files = {path: _list_files(path) for path in named if not isinstance(path, RemotePath)}
        size = sum(file.stat().st_size for inner in files.values() for file in inner.values())
        if size > _MOST_BYTES:
            what = f"the files of {clean(settings.model)} have {format_bytes(size)}"
            raise UsageError(f"{what}; at most {format_bytes(_MOST_BYTES)} are sent", fix=_FIX)
        sent = {
            path: SentPath.of(str(path), {name: file.read_bytes() for name, file in inner.items()})
            for path, inner in files.items()
        }
    except OSError as error:
        what = f"{clean(error.filename)} cannot be sent: {clean(error.strerror or error)}"
        raise UsageError(what) from None
    return replace_leaves(settings, lambda leaf: sent.get(leaf, leaf) if isinstance(leaf, Path) else leaf)


def _list_files(path: Path) -> dict[str, Path]:
    """Return the files by their names in a folder; links and devices in it are left out."""
    if path.is_dir():
        inside = (file for file in sorted(path.rglob("*")) if file.is_file() and not file.is_symlink())
        return {str(file.relative_to(path)): file for file in inside}
    if path.exists() and not path.is_file():
        raise UsageError(f"{clean(path)} cannot be sent: it is not a regular file")
    return {"": path}


def _check_alone(settings: Settings) -> None:
    """Refuse files that need others beside them."""
    if (settings.preprocess or "").rpartition(":")[0].endswith(".py"):
        raise UsageError(
            f"--preprocess {clean(settings.preprocess)} is not sent: it may import other files",
            fix="install it as a module on every worker, and name it as module:function",
        )
    for export in settings.exports:
        if not isinstance(export.path, RemotePath) and export_companions(export.path):
            what = f"{clean(export.path)} (--export) is not sent: it has weights in another file"
            raise UsageError(what, fix=_FIX)
