"""Output of text: standard output, standard error and files. Chooses colour, width and character set.

A stream that is closed or full never causes a traceback.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Literal

from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.text import clean

__all__ = [
    "check_destination",
    "hold_standard_streams",
    "is_step_summary",
    "say",
    "settle_standard_streams",
    "speaks_ascii_only",
    "terminal_width",
    "wants_color",
    "write_bytes",
    "write_file",
    "write_stdout",
]

_SIGNS = "✓×—…"
_NARROWEST = 40


def hold_standard_streams() -> None:
    """Open /dev/null for closed descriptors 0 to 2, so that no file opened later becomes standard output."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def settle_standard_streams() -> None:
    """Flush the streams or drop what is buffered: a failing flush at exit would change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            try:
                stream.flush()
            except OSError:
                _silence(stream)


def say(message: str) -> None:
    """Print "kcheck: message" on standard error, further lines indented; does nothing if the stream is
    closed.
    """
    first, *others = message.splitlines() or [""]
    lines = [f"kcheck: {first}", *(f"        {line}" for line in others)]
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print("\n".join(lines), file=sys.stderr, flush=True)


def write_stdout(text: str, *, encoding: str | None = None) -> None:
    """Write text to standard output; characters that its encoding does not have are escaped.

    Args:
        text: the whole text, including its last newline.
        encoding: instead of the stream's own, for formats that require one (JSON is UTF-8).

    Raises:
        BrokenPipeError: the reader has closed the stream.
        NoVerdictError: the text could not be written, for example because the disk is full.
    """
    stream = sys.stdout
    if stream is None or stream.closed:
        raise BrokenPipeError(errno.EPIPE, "standard output is closed")
    try:
        stream.flush()
        if buffer := getattr(stream, "buffer", None):
            buffer.write(text.encode(encoding or stream.encoding, errors="backslashreplace"))
        else:  # a StringIO replaces the stream
            stream.write(text)
        stream.flush()
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EBADF):
            raise BrokenPipeError(errno.EPIPE, "standard output is closed") from None
        raise NoVerdictError(f"cannot write to standard output: {error.strerror}") from None


def _silence(stream: IO[str]) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def check_destination(path: Path, inputs: Iterable[Path], *, flag: str = "--output ") -> None:
    """Refuse a file that cannot be written or that is an input; `flag` is what the user wrote before it."""
    shown = f"{flag}{clean(path)}"
    try:
        path.is_dir()
    except OSError as error:
        raise UsageError(
            f"{shown} cannot be written: {clean(error.strerror)}", expected="a file in a folder that exists"
        ) from None
    if path.is_dir() or not path.parent.is_dir():
        reason = "is a folder" if path.is_dir() else f"cannot be written: no folder {clean(path.parent)}"
        raise UsageError(f"{shown} {reason}", expected="a file in a folder that exists")
    for taken in inputs:
        with contextlib.suppress(OSError):
            if path.samefile(taken):
                raise UsageError(f"{shown} would overwrite an input of this run", fix="give a different file")


def is_step_summary(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether a file is the summary of the running GitHub job step: each step appends to it."""
    summary = environ.get("GITHUB_STEP_SUMMARY")
    return bool(summary) and os.path.realpath(path) == os.path.realpath(summary or "")


def write_file(path: Path, text: str, *, add: bool = False) -> None:
    """Write text to a file in UTF-8, completely or not at all (except to a device or pipe).

    Args:
        path: the file.
        text: the whole text.
        add: append to the file instead of replacing it.

    Raises:
        NoVerdictError: the file could not be written; no partial file remains.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            before = path.read_bytes() if add and path.exists() else b""
            gap = b"\n" if before and not before.endswith(b"\n") else b""
            _replace(
                Path(os.path.realpath(path)), before + gap + text.encode("utf-8", errors="backslashreplace")
            )
    except OSError as error:
        raise NoVerdictError(f"cannot write the report to {clean(path)}: {error.strerror}") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file completely or not at all.

    Raises:
        NoVerdictError: the file could not be written; no partial file remains.
    """
    try:
        _replace(path, content)
    except OSError as error:
        raise NoVerdictError(f"cannot write {clean(path)}: {error.strerror}") from None


def _replace(path: Path, content: bytes) -> None:
    """Write next to the file and rename, so that a reader never sees half of it."""
    draft = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
    try:
        with draft.open("xb") as stream:
            stream.write(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def wants_color(
    choice: Literal["auto", "always", "never"], environ: Mapping[str, str], *, to_file: bool = False
) -> bool:
    """Decide whether to use colour: explicit choice, NO_COLOR, FORCE_COLOR, then whether it is a terminal."""
    if choice != "auto" or to_file:
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout is not None and sys.stdout.isatty() and environ.get("TERM") != "dumb"


def speaks_ascii_only() -> bool:
    """Whether the encoding of standard output does not have the signs used in reports."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        _SIGNS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def terminal_width() -> int:
    """Return the width in columns: of the terminal, from $COLUMNS, or 80."""
    return max(shutil.get_terminal_size((80, 24)).columns, _NARROWEST)
