"""Landlock: on Linux a process can give up the right to write, except in some folders.

See the kernel's documentation, userspace-api/landlock.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

__all__ = ["LandlockError", "forbid_writing"]

# The same numbers on every architecture.
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

_WRITE_FILE = 1 << 1
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER = 1 << 13
_TRUNCATE = 1 << 14
_ALL = _WRITE_FILE | _REMOVE_AND_MAKE | _REFER | _TRUNCATE
_OF_FILES = _WRITE_FILE | _TRUNCATE
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
_TRUNCATE_SINCE, _SCOPES_SINCE = 3, 6


class LandlockError(Exception):
    """Landlock is not available here; the message says why."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_files", ctypes.c_uint64),
        ("handled_network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Rule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def forbid_writing(places: Iterable[str]) -> None:
    """Forbid this thread and its children to write files and to signal other processes.

    It cannot create, change, move or remove files, and can signal only processes that it has started.

    Args:
        places: folders and devices that stay writable; files that are already open stay open.

    Raises:
        LandlockError: the kernel cannot do it.
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    version = kernel.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    if version < 0:
        raise LandlockError(f"the kernel has no Landlock ({os.strerror(ctypes.get_errno())})")
    if version < _TRUNCATE_SINCE:
        raise LandlockError(
            f"the kernel's Landlock is too old (version {version}, {_TRUNCATE_SINCE} is needed)"
        )
    scopes = _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS if version >= _SCOPES_SINCE else 0
    ruleset = _Ruleset(handled_files=_ALL, scoped=scopes)
    size = ctypes.sizeof(ruleset) if scopes else _Ruleset.handled_network.offset
    rules = _checked(kernel.syscall(_CREATE, ctypes.byref(ruleset), ctypes.c_size_t(size), 0))
    try:
        for place in places:
            _allow(kernel, rules, place)
        _checked(kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _checked(kernel.syscall(_RESTRICT, rules, 0))
    finally:
        os.close(rules)


def _allow(kernel: ctypes.CDLL, rules: int, place: str) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # A file that does not exist needs no permission.
        return
    try:
        allowed = _ALL if stat.S_ISDIR(os.fstat(descriptor).st_mode) else _OF_FILES
        rule = _Rule(allowed=allowed, parent=descriptor)
        _checked(kernel.syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        raise LandlockError(f"Landlock was refused ({os.strerror(ctypes.get_errno())})")
    return result
