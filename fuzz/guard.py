"""What reading a file must never do, watched by an audit hook: run code, look up names, start processes, use
the network, write elsewhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["Forbidden", "watch"]

_NEVER = (
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
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGING = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.truncate",
)
_KNOWN_MODULES = (
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
_ORDINARY_BUILTINS = frozenset(
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
    """Something that no file may bring about; not an Exception, so that nobody swallows it."""


class _Guard:
    """The hook, which cannot be removed once it is there, and its switch."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.armed = str(folder.resolve()) + os.sep, False
        self.code = (
            *{str(Path(path).resolve()) for path in sys.path if path},
            "<frozen",
            "<__array_function__",
        )

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.armed and (why := self._objection(event, arguments)):
            raise Forbidden(why)

    def _objection(self, event: str, arguments: tuple[object, ...]) -> str | None:
        if event.startswith(_NEVER):
            return f"{event} {arguments!r}"[:200]
        if event == "exec":
            origin = getattr(arguments[0], "co_filename", "?")
            return None if origin.startswith(self.code) else f"exec of code from {origin}"
        if event == "pickle.find_class":
            return self._name(str(arguments[0]), str(arguments[1]))
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            return self._outside(arguments[0])
        return self._outside(arguments[0]) if event.startswith(_CHANGING) else None

    def _name(self, module: str, name: str) -> str | None:
        is_builtin = module in ("builtins", "__builtin__")
        fine = module.startswith(_KNOWN_MODULES) and (not is_builtin or name in _ORDINARY_BUILTINS)
        return None if fine else f"a pickle got hold of {module}.{name}"

    def _outside(self, path: object) -> str | None:
        shown = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
        inside = (
            isinstance(path, int) or os.path.realpath(shown).startswith(self.folder) or shown == os.devnull
        )
        return None if inside else f"writing outside the folder: {shown[:200]}"


def watch(folder: Path) -> _Guard:
    """Install the hook in this process and return its switch (`armed`); writing is allowed below `folder`
    alone.
    """
    guard = _Guard(folder)
    sys.addaudithook(guard)
    return guard
