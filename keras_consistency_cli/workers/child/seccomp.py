"""seccomp: on Linux a process can give up system calls.

A filter is a short program for the kernel's packet filter; see seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
from dataclasses import dataclass

__all__ = ["SeccompError", "forbid_calls", "program"]

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_OTHER_TABLES = 0x40000000
"""Numbers from here on are calls of x86-64's second table."""


class SeccompError(Exception):
    """seccomp is not available here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class _Calls:
    """Numbers of system calls on one architecture."""

    architecture: int
    socket: int
    forbidden: tuple[int, ...]
    ignored: tuple[int, ...]


_RING = 425  # io_uring_setup, which would open sockets past any filter
_TABLES = {
    # forbidden: ptrace, process_vm_writev, mount, keyctl, bpf, unshare, setns; ignored: setsid, setpgid
    "x86_64": _Calls(
        architecture=0xC000003E,
        socket=41,
        forbidden=(_RING, 101, 311, 165, 250, 321, 272, 308),
        ignored=(112, 109),
    ),
    "aarch64": _Calls(
        architecture=0xC00000B7,
        socket=198,
        forbidden=(_RING, 117, 271, 40, 219, 280, 97, 268),
        ignored=(157, 154),
    ),
}


def forbid_calls(*, local: bool) -> None:
    """Forbid this thread and its children to open sockets and to access other processes.

    It also stays in its process group. Connected pairs of sockets stay possible: threads use them to
    communicate.

    Args:
        local: whether local (Unix) sockets stay allowed.

    Raises:
        SeccompError: the kernel or the architecture cannot do it.
    """
    calls = _TABLES.get(platform.machine())
    if calls is None:
        raise SeccompError(f"no filter is known for {platform.machine()}")
    code = program(calls, local=local)
    instructions = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: how many instructions, and where.
    filter_ = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(instructions))
    kernel = ctypes.CDLL(None, use_errno=True)
    if (
        kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) < 0
        or kernel.prctl(_SET_SECCOMP, _FILTER, ctypes.c_char_p(filter_), 0, 0) < 0
    ):
        raise SeccompError(f"the kernel takes no filter of system calls ({os.strerror(ctypes.get_errno())})")


def program(calls: _Calls, *, local: bool) -> bytes:
    """Return the filter, eight bytes per instruction.

    Each forbidden call goes on to the next instruction, its answer; every other call skips it.
    """
    refused, ignored = _ERRNO | errno.EACCES, _ERRNO
    steps = [_step(_LOAD, _ARCHITECTURE), *_unless_equal(calls.architecture, refused), _step(_LOAD, _NUMBER)]
    steps += [_step(_JUMP_AT_LEAST, _OTHER_TABLES, missed=1), _step(_RETURN, refused)]
    steps += [step for number in calls.forbidden for step in _if_equal(number, refused)]
    steps += [step for number in calls.ignored for step in _if_equal(number, ignored)]
    steps += [_step(_JUMP_EQUAL, calls.socket, met=1), _step(_RETURN, _ALLOW)]
    if local:
        steps += [_step(_LOAD, _FIRST_ARGUMENT), *_if_equal(int(socket.AF_UNIX), _ALLOW)]
    return b"".join([*steps, _step(_RETURN, refused)])


def _if_equal(value: int, answer: int) -> tuple[bytes, bytes]:
    return _step(_JUMP_EQUAL, value, missed=1), _step(_RETURN, answer)


def _unless_equal(value: int, answer: int) -> tuple[bytes, bytes]:
    return _step(_JUMP_EQUAL, value, met=1), _step(_RETURN, answer)


def _step(code: int, value: int, *, met: int = 0, missed: int = 0) -> bytes:
    return struct.pack("HBBI", code, met, missed, value)
