"""An audit hook that forbids actions which reading a file must never cause.

These are running code, looking up names outside a list, starting processes, using the network, and writing
outside one folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["Forbidden", "watch"]

_FORBIDDEN_EVENTS = (
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "socket.",
    "ctypes.",
    "shutil.",
    "webbrowser.",
    "urllib.",
)
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGE_EVENTS = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.truncate",
)
_ALLOWED_MODULES = (
    "numpy",
    "sklearn.",
    "scipy.",
    "copyreg",
    "copy_reg",
    "collections",
    "joblib.",
    "_codecs",
    "builtins",
    "__builtin__",
)
_ALLOWED_BUILTINS = frozenset(
    {
        "set",
        "frozenset",
        "slice",
        "object",
        "bytearray",
        "complex",
        "int",
        "float",
        "str",
        "bool",
        "list",
        "dict",
        "tuple",
        "bytes",
    }
)


class Forbidden(BaseException):
    """An action that no file may cause; not an Exception, so that no handler catches it by accident."""


class _Guard:
    """An audit hook with a switch, because Python cannot remove an audit hook."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.armed = str(folder.resolve()) + os.sep, False
        self.code_origins = (
            *{str(Path(path).resolve()) for path in sys.path if path},
            "<frozen",
            "<__array_function__",
        )

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.armed and (reason := self._objection(event, arguments)):
            raise Forbidden(reason)

    def _objection(self, event: str, arguments: tuple[object, ...]) -> str | None:
        if event.startswith(_FORBIDDEN_EVENTS):
            return f"{event} {arguments!r}"[:200]
        if event == "exec":
            origin = getattr(arguments[0], "co_filename", "?")
            return None if origin.startswith(self.code_origins) else f"exec of code from {origin}"
        if event == "pickle.find_class":
            return self._disallowed_name(str(arguments[0]), str(arguments[1]))
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITE_FLAGS:
            return self._outside_folder(arguments[0])
        return self._outside_folder(arguments[0]) if event.startswith(_CHANGE_EVENTS) else None

    def _disallowed_name(self, module: str, name: str) -> str | None:
        is_builtin = module in ("builtins", "__builtin__")
        is_allowed = module.startswith(_ALLOWED_MODULES) and (not is_builtin or name in _ALLOWED_BUILTINS)
        return None if is_allowed else f"a pickle looked up {module}.{name}"

    def _outside_folder(self, path: object) -> str | None:
        shown = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
        is_inside = (
            isinstance(path, int) or os.path.realpath(shown).startswith(self.folder) or shown == os.devnull
        )
        return None if is_inside else f"write outside the folder: {shown[:200]}"


def watch(folder: Path) -> _Guard:
    """Install the hook in this process and return it; setting `armed` switches it on.

    Writing is allowed only below `folder`.
    """
    guard = _Guard(folder)
    sys.addaudithook(guard)
    return guard
